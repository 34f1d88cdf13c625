//! The conformance suite on the memory store, and the runtime and clock that other harnesses share.

use std::{future::Future, time::Duration};

use actix_typed_session::{
    record::Timestamp,
    store::{AnyStore, ManualClock, MemoryStore, SessionStore, conformance::Harness},
};

/// The first time that every test's clock shows.
pub(crate) const BEGIN: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// Polls on one thread, for stores that wait for nothing but each other.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

struct Memory<S> {
    clock: ManualClock,
    make: fn(MemoryStore) -> S,
}

impl<S> Memory<S> {
    fn new(make: fn(MemoryStore) -> S) -> Self {
        Self { clock: ManualClock::at(BEGIN), make }
    }
}

impl<S: SessionStore + Clone> Harness for Memory<S> {
    type Store = S;

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        block_on(future)
    }

    async fn store(&self) -> S {
        (self.make)(MemoryStore::unbounded().with_clock(self.clock.clone()))
    }

    async fn pass(&self, _: &S, by: Duration) {
        self.clock.advance(by);
    }

    async fn step_back(&self, _: &S, by: Duration) -> bool {
        let now = actix_typed_session::store::Clock::now(&self.clock);
        self.clock.set(Timestamp::from_millis(now.as_millis() - u64::try_from(by.as_millis()).unwrap()));
        true
    }

    async fn sibling(&self, store: &S) -> Option<S> {
        Some(store.clone())
    }
}

mod memory {
    actix_typed_session::conformance_tests!(super::Memory::new(|store| store));
}

mod any {
    use super::AnyStore;
    actix_typed_session::conformance_tests!(super::Memory::new(AnyStore::new));
}

/// A clock that the harness does not move: the rules must also hold, and be decidable, by a server's own time.
mod running_clock {
    use super::*;

    struct Running;

    impl Harness for Running {
        type Store = MemoryStore;

        fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
            block_on(future)
        }

        async fn store(&self) -> MemoryStore {
            MemoryStore::unbounded()
        }

        async fn pass(&self, _: &MemoryStore, by: Duration) {
            tokio::time::sleep(by).await;
        }

        fn stands_still(&self) -> bool {
            false
        }
    }

    actix_typed_session::conformance_tests!(Running);
}

/// The rules compare records for equality, which is fair only if text gives back what `Record::create` made.
#[test]
fn a_record_is_the_same_after_a_store_kept_it() {
    use actix_typed_session::{
        change::{Change, NewRecord},
        id::VerifierHash,
        record::{Limits, Meta, Outcome, Record},
    };
    for odd in [Duration::MAX, Duration::from_nanos(1_000_999_999), Duration::from_millis(u64::MAX)] {
        let limits = Limits::new(odd, odd);
        let record = Record::create(&NewRecord::new(VerifierHash::from_bytes([1; 32]), limits), BEGIN);
        assert_eq!(Meta::from_text(&record.meta().to_text().unwrap()).as_ref(), Ok(record.meta()));
        let mut change = Change::default();
        change.limits = Some(limits);
        let Outcome::Done(next) = record.apply(&change, BEGIN) else { panic!("it lives for ever") };
        assert_eq!(Meta::from_text(&next.meta().to_text().unwrap()).as_ref(), Ok(next.meta()));
    }
}

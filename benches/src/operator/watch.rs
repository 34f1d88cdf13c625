//! What another visitor notices while a store is busy with one user.
//!
//! In: a store. Out: the longest time that a load, a write or a sign-in of somebody else took. Never: more than one call at a time.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use actix_typed_session::{
    change::Change,
    id::Selector,
    store::{AnyStore, SessionStore},
};
use actix_web::rt::{System, time::sleep};

use super::user::{principal, signed_in};

/// Short beside what is noticed, and long enough that the watch itself is no load.
const PAUSE: Duration = Duration::from_millis(1);

pub(super) struct Watch {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Watch {
    /// Begins to load and write, again and again, on a thread of its own.
    pub(super) fn begin(store: &AnyStore) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (store, ends) = (store.clone(), Arc::clone(&over));
        let thread = thread::spawn(move || {
            System::new().block_on(async {
                let (somebody, mut longest) = (Selector::from_bytes([1; 16]), Duration::ZERO);
                // It may be there already.
                assert!(store.create(&somebody, &signed_in("somebody", None)).await.is_ok());
                let (mut touch, mut sign_in) = (Change::default(), Change::default());
                touch.touch = true;
                (sign_in.principal, sign_in.authenticated) = (Some(Some(principal("somebody"))), true);
                while !ends.load(Ordering::SeqCst) {
                    let begun = Instant::now();
                    let loaded = store.load(&somebody).await;
                    longest = longest.max(begun.elapsed());
                    assert!(loaded.is_ok(), "{loaded:?}");
                    for change in [&touch, &sign_in] {
                        let begun = Instant::now();
                        let updated = store.update(&somebody, change).await;
                        longest = longest.max(begun.elapsed());
                        assert!(updated.is_ok(), "{updated:?}");
                    }
                    sleep(PAUSE).await;
                }
                longest
            })
        });
        Self { over, thread }
    }

    /// The longest call, in milliseconds.
    pub(super) fn end(self) -> Result<f64, Box<dyn Error>> {
        self.over.store(true, Ordering::SeqCst);
        let longest = self.thread.join().map_err(|_| "a call failed")?;
        Ok(longest.as_secs_f64() * 1e3)
    }
}

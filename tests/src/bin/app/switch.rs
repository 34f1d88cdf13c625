//! A store that a test can turn off or make hang, and whose calls it can count.
//!
//! In: calls, and the states that a test sets. Out: the answers of the inner store, or failures. Never: passes a call on while the store is
//! off or hangs.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use actix_typed_session::{
    change::{Change, NewRecord},
    id::Selector,
    record::Principal,
    store::{Abilities, AnyStore, Created, Loaded, SessionStore, StoreError, StoreErrorKind, Updated},
};
use tokio::sync::watch;

use crate::gates::Counter;

/// The treatment of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    On,
    /// The call fails at once and changes nothing.
    Off,
    /// The call waits until the state changes.
    Hang,
    /// The call takes effect and its answer is lost. Later calls are answered again.
    MuteOnce,
}

impl State {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "on" => Some(Self::On),
            "off" => Some(Self::Off),
            "hang" => Some(Self::Hang),
            "mute-once" => Some(Self::MuteOnce),
            _ => None,
        }
    }
}

/// The treatment of loads, and that of all other calls.
#[derive(Clone, Copy)]
pub(crate) struct Mode {
    pub(crate) loads: State,
    pub(crate) writes: State,
}

#[derive(Clone)]
pub(crate) struct Switched(Arc<Inner>);

struct Inner {
    store: AnyStore,
    mode: watch::Sender<Mode>,
    calls: AtomicUsize,
    waiting: Counter,
}

impl Switched {
    pub(crate) fn over(store: AnyStore) -> Self {
        let mode = watch::Sender::new(Mode { loads: State::On, writes: State::On });
        Self(Arc::new(Inner { store, mode, calls: AtomicUsize::new(0), waiting: Counter::default() }))
    }

    pub(crate) fn turn(&self, mode: Mode) {
        self.0.mode.send_replace(mode);
    }

    /// The number of calls since the last time.
    pub(crate) fn take_calls(&self) -> usize {
        self.0.calls.swap(0, Ordering::SeqCst)
    }

    /// The number of calls that are waiting.
    pub(crate) fn waiting(&self) -> usize {
        self.0.waiting.now()
    }

    async fn call<T>(
        &self,
        which: fn(&Mode) -> State,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        let mut mode = self.0.mode.subscribe();
        let now = which(&mode.borrow_and_update());
        let state = if now == State::Hang {
            let _waiting = self.0.waiting.up();
            mode.wait_for(|mode| which(mode) != State::Hang).await.map(|mode| which(&mode))
        } else {
            Ok(now)
        };
        match state {
            Ok(State::On) => call.await,
            Ok(State::MuteOnce) => {
                self.turn(Mode { loads: State::On, writes: State::On });
                call.await?;
                Err(StoreError::new(StoreErrorKind::UnknownOutcome))
            }
            _ => Err(StoreError::new(StoreErrorKind::Unavailable).with_source("turned off")),
        }
    }
}

impl SessionStore for Switched {
    async fn load(&self, key: &Selector) -> Result<Option<Loaded>, StoreError> {
        self.call(|mode| mode.loads, self.0.store.load(key)).await
    }

    async fn create(&self, key: &Selector, record: &NewRecord) -> Result<Created, StoreError> {
        self.call(|mode| mode.writes, self.0.store.create(key, record)).await
    }

    async fn update(&self, key: &Selector, change: &Change) -> Result<Updated, StoreError> {
        self.call(|mode| mode.writes, self.0.store.update(key, change)).await
    }

    async fn delete(&self, key: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        self.call(|mode| mode.writes, self.0.store.delete(key, only_if)).await
    }

    /// The inner store's abilities, whose calls are neither switched nor counted.
    fn abilities(&self) -> Abilities<'_> {
        self.0.store.abilities()
    }
}

//! A store that tests turn off, stop, or count.
//!
//! In: calls, and what a test wants of them. Out: the answers of the store inside, or a failure. Never: a call that is passed on
//! while it is off or stopped.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use actix_typed_session::{
    change::{Change, NewRecord},
    id::Selector,
    record::Principal,
    store::{
        AnyStore, Created, Index, LoadOptions, Loaded, SessionStore, StoreError, StoreErrorKind, Updated,
    },
};
use tokio::sync::watch;

use crate::gates::Counter;

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    On,
    /// It fails at once; nothing was changed.
    Off,
    /// It waits until this changes.
    Hang,
    /// It is done, and its answer is lost; later calls are answered again.
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

/// What becomes of loads, and of everything else.
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

    /// How many calls there were since this was last asked.
    pub(crate) fn take_calls(&self) -> usize {
        self.0.calls.swap(0, Ordering::SeqCst)
    }

    /// How many calls wait.
    pub(crate) fn waiting(&self) -> usize {
        self.0.waiting.now()
    }

    async fn call<T>(
        &self,
        which: fn(&Mode) -> State,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        let waiting = self.0.waiting.up();
        let mut mode = self.0.mode.subscribe();
        let state = mode.wait_for(|mode| which(mode) != State::Hang).await.map(|mode| which(&mode));
        drop(waiting);
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
    async fn load(&self, key: &Selector, options: &LoadOptions) -> Result<Option<Loaded>, StoreError> {
        self.call(|mode| mode.loads, self.0.store.load(key, options)).await
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

    /// Asked as it is: neither switched nor counted.
    fn index(&self) -> Option<Index<'_>> {
        self.0.store.index()
    }
}

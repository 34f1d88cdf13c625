//! Deadlines for every call to a store.
//!
//! In: any store. Out: an answer in time, or an error that says whether a write may have happened; an error at once while the store answers
//! no calls at all. Never sends a `create` or an `update` twice. A `load` or a `delete` that fails in time is sent once more, because a
//! second one changes nothing.

use std::{
    future::poll_fn,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use super::{
    abilities::Boxed,
    any::AnyStore,
    breaker::Breaker,
    contract::{Created, Loaded, SessionStore, Updated},
    error::{StoreError, StoreErrorKind},
    index::{Listed, Page},
};
use crate::{
    events::{
        Events,
        event::{Event, StoreCall},
    },
    id::public::{PublicId, Selector},
    record::{
        change::{Change, NewRecord},
        meta::Principal,
    },
};

/// How long a request waits for its store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    pub(crate) load: Duration,
    pub(crate) save: Duration,
}

/// A store whose calls all end in time.
#[derive(Clone, Debug)]
pub(crate) struct BoundedStore {
    store: AnyStore,
    deadlines: Deadlines,
    events: Events,
    /// One breaker each, because a store may serve reads while it refuses writes.
    breakers: Arc<Breakers>,
}

#[derive(Debug)]
struct Breakers {
    loads: Breaker,
    writes: Breaker,
}

impl BoundedStore {
    pub(crate) fn new(store: AnyStore, deadlines: Deadlines, events: Events) -> Self {
        let breakers = Breakers { loads: Breaker::new("loads"), writes: Breaker::new("writes") };
        Self { store, deadlines, events, breakers: Arc::new(breakers) }
    }

    /// Whether it answers no calls at the moment; that has been told.
    pub(crate) fn is_down(&self) -> bool {
        self.breakers.loads.is_open() || self.breakers.writes.is_open()
    }

    /// Loads a record. All loads for one request share one deadline, which counts from `begun`.
    pub(crate) async fn load(
        &self,
        begun: Instant,
        selector: &Selector,
    ) -> Result<Option<Loaded>, StoreError> {
        let load = || {
            let call = self.store.as_dyn().dyn_load(selector);
            within(begun, self.deadlines.load, call, StoreErrorKind::Unavailable)
        };
        let has_time = || begun.elapsed() < self.deadlines.load;
        let tried = async || match load().await {
            Err(error) if error.kind() == StoreErrorKind::Unavailable && has_time() => load().await,
            answer => answer,
        };
        self.breakers.loads.ask(|| self.told(StoreCall::Load, Some(selector), tried())).await
    }

    /// Creates a record. All writes of a commit share one deadline, which counts from `begun`.
    pub(crate) async fn create(
        &self,
        begun: Instant,
        selector: &Selector,
        new: &NewRecord,
    ) -> Result<Created, StoreError> {
        let call = || self.write(begun, self.store.as_dyn().dyn_create(selector, new));
        self.breakers.writes.ask(|| self.told(StoreCall::Create, Some(selector), call())).await
    }

    pub(crate) async fn update(
        &self,
        begun: Instant,
        selector: &Selector,
        change: &Change,
    ) -> Result<Updated, StoreError> {
        let call = || self.write(begun, self.store.as_dyn().dyn_update(selector, change));
        self.breakers.writes.ask(|| self.told(StoreCall::Update, Some(selector), call())).await
    }

    pub(crate) async fn delete(
        &self,
        begun: Instant,
        selector: &Selector,
        only_if: Option<&Principal>,
    ) -> Result<(), StoreError> {
        let delete = || self.write(begun, self.store.as_dyn().dyn_delete(selector, only_if));
        let call = || twice(begun, self.deadlines.save, delete);
        self.breakers.writes.ask(|| self.told(StoreCall::Delete, Some(selector), call())).await
    }

    /// A write that has no answer in time may have been stored, so its outcome is unknown.
    async fn write<T>(&self, begun: Instant, call: Boxed<'_, T>) -> Result<T, StoreError> {
        within(begun, self.deadlines.save, call, StoreErrorKind::UnknownOutcome).await
    }

    pub(crate) fn has_index(&self) -> bool {
        self.store.abilities().has_index()
    }

    pub(crate) async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        let abilities = self.store.abilities();
        self.look(|| Box::pin(async move { abilities.sessions_of(principal).await })).await
    }

    pub(crate) async fn sessions_page(
        &self,
        principal: &Principal,
        after: Option<&Selector>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let abilities = self.store.abilities();
        self.look(|| Box::pin(async move { abilities.sessions_page(principal, after, limit).await })).await
    }

    pub(crate) async fn count_of(&self, principal: &Principal) -> Result<u64, StoreError> {
        let abilities = self.store.abilities();
        self.look(|| Box::pin(async move { abilities.count_of(principal).await })).await
    }

    /// A call that reads the index.
    async fn look<'a, T>(&'a self, call: impl Fn() -> Boxed<'a, T>) -> Result<T, StoreError> {
        let begun = Instant::now();
        let look = || within(begun, self.deadlines.load, call(), StoreErrorKind::Unavailable);
        let call = || twice(begun, self.deadlines.load, look);
        self.breakers.loads.ask(|| self.told(StoreCall::List, None, call())).await
    }

    pub(crate) async fn delete_all(
        &self,
        principal: &Principal,
        except: Option<&Selector>,
    ) -> Result<u64, StoreError> {
        let (begun, abilities) = (Instant::now(), self.store.abilities());
        let delete =
            || self.write(begun, Box::pin(async move { abilities.delete_all(principal, except).await }));
        let call = || twice(begun, self.deadlines.save, delete);
        self.breakers.writes.ask(|| self.told(StoreCall::DeleteAll, None, call())).await
    }

    /// Tells how the store answered `call`, which is about the session of `selector`. What the breaker refuses is no answer of it.
    async fn told<T>(
        &self,
        call: StoreCall,
        selector: Option<&Selector>,
        made: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let begun = self.events.are_measured().then(Instant::now);
        let answer = made.await;
        let took = begun.map(|begun| begun.elapsed());
        match (&answer, selector, took) {
            (Ok(_), _, Some(took)) => self.events.tell(Event::StoreAnswered { call, took }),
            (Ok(_), _, None) => {}
            (Err(error), Some(selector), _) if error.is_unreadable() => {
                self.events.tell(Event::Unreadable { id: PublicId::of(*selector) });
            }
            // Nobody reads a time that was not taken.
            (Err(error), ..) => {
                self.events.tell(Event::StoreFailed { call, took: took.unwrap_or_default(), error });
            }
        }
        answer
    }
}

/// Makes a call that changes nothing the second time, and makes it again if it fails and there is time left: one that was too late
/// would only double the load of a store that is slow already.
async fn twice<T, F: Future<Output = Result<T, StoreError>>>(
    begun: Instant,
    longest: Duration,
    call: impl Fn() -> F,
) -> Result<T, StoreError> {
    let answer = match call().await {
        Err(_) if begun.elapsed() < longest => call().await,
        answer => answer,
    };
    answer.map_err(StoreError::of_a_repeatable_call)
}

/// The answer of `call`, or an error of the kind `late` if there is none `longest` after `begun`.
async fn within<T>(
    begun: Instant,
    longest: Duration,
    mut call: Boxed<'_, T>,
    late: StoreErrorKind,
) -> Result<T, StoreError> {
    // A store in memory answers at once and needs no timer.
    if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await {
        return answer;
    }
    let left = longest.saturating_sub(begun.elapsed());
    tokio::time::timeout(left, call)
        .await
        .unwrap_or_else(|_| Err(StoreError::new(late).with_source("no answer before the deadline")))
}

//! What bounds every call to where records are kept.
//!
//! In: calls. Out: an answer in time, or an error that says whether a write may have happened; an error at once while no calls are answered
//! at all. Never sends a write twice. A call that changes nothing the second time, and fails in time, is sent once more.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use super::{
    breaker::Breaker,
    error::{StoreError, StoreErrorKind},
};
use crate::{
    events::{
        Events,
        event::{Event, StoreCall},
    },
    id::public::{PublicId, Selector},
};

/// How long a request waits for its store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    pub(crate) load: Duration,
    pub(crate) save: Duration,
}

/// Deadlines and breakers. Clones share the breakers.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
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

/// What a call comes to: a future that may be polled where it is, as a boxed one.
pub(crate) trait Answer<T>: Future<Output = Result<T, StoreError>> + Unpin {}

impl<T, F: Future<Output = Result<T, StoreError>> + Unpin> Answer<T> for F {}

impl Bounds {
    pub(crate) fn new(deadlines: Deadlines, events: Events) -> Self {
        let breakers = Breakers { loads: Breaker::new("loads"), writes: Breaker::new("writes") };
        Self { deadlines, events, breakers: Arc::new(breakers) }
    }

    /// Whether no calls are answered at the moment; that has been told.
    pub(crate) fn is_down(&self) -> bool {
        self.breakers.loads.is_open() || self.breakers.writes.is_open()
    }

    /// How much time a write has left that counts from `begun`.
    pub(crate) fn left_to_save(&self, begun: Instant) -> Duration {
        self.deadlines.save.saturating_sub(begun.elapsed())
    }

    /// Loads the record of `selector`. All loads for one request share one deadline, which counts from `begun`.
    pub(crate) async fn load<T, A: Answer<T>>(
        &self,
        begun: Instant,
        selector: &Selector,
        call: impl Fn() -> A,
    ) -> Result<T, StoreError> {
        let load = || within(begun, self.deadlines.load, call(), StoreErrorKind::Unavailable);
        let has_time = || begun.elapsed() < self.deadlines.load;
        let tried = async || match load().await {
            Err(error) if error.kind() == StoreErrorKind::Unavailable && has_time() => load().await,
            answer => answer,
        };
        self.breakers.loads.ask(|| self.told(StoreCall::Load, Some(selector), tried())).await
    }

    /// Makes a write. All writes of a commit share one deadline, which counts from `begun`.
    pub(crate) async fn write<T, A: Answer<T>>(
        &self,
        begun: Instant,
        what: StoreCall,
        selector: &Selector,
        call: impl FnOnce() -> A,
    ) -> Result<T, StoreError> {
        let call = || self.writing(begun, call());
        self.breakers.writes.ask(|| self.told(what, Some(selector), call())).await
    }

    /// Makes a write that changes nothing the second time.
    pub(crate) async fn write_again<T, A: Answer<T>>(
        &self,
        begun: Instant,
        what: StoreCall,
        selector: Option<&Selector>,
        call: impl Fn() -> A,
    ) -> Result<T, StoreError> {
        let call = || twice(begun, self.deadlines.save, || self.writing(begun, call()));
        self.breakers.writes.ask(|| self.told(what, selector, call())).await
    }

    /// A write that has no answer in time may have been stored, so its outcome is unknown.
    async fn writing<T>(&self, begun: Instant, call: impl Answer<T>) -> Result<T, StoreError> {
        within(begun, self.deadlines.save, call, StoreErrorKind::UnknownOutcome).await
    }

    /// Makes a call that reads the index.
    pub(crate) async fn look<T, A: Answer<T>>(&self, call: impl Fn() -> A) -> Result<T, StoreError> {
        let begun = Instant::now();
        let look = || within(begun, self.deadlines.load, call(), StoreErrorKind::Unavailable);
        let call = || twice(begun, self.deadlines.load, look);
        self.breakers.loads.ask(|| self.told(StoreCall::List, None, call())).await
    }

    /// Tells how `call` was answered, which is about the session of `selector`. What the breaker refuses is no answer.
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
    mut call: impl Answer<T>,
    late: StoreErrorKind,
) -> Result<T, StoreError> {
    // A store in memory answers at once and needs no timer.
    if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(Pin::new(&mut call).poll(context))).await {
        return answer;
    }
    let left = longest.saturating_sub(begun.elapsed());
    tokio::time::timeout(left, call)
        .await
        .unwrap_or_else(|_| Err(StoreError::new(late).with_source("no answer before the deadline")))
}

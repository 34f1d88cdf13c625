//! Stops asking a store that does not answer.
//!
//! In: how calls ended. Out: whether to make another one. Never: a wait. While a store is down, requests fail at once and not after
//! a deadline each, and a store that comes back is not met by everybody at once.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use super::error::{StoreError, StoreErrorKind};

/// So many calls in a row must fail before one is not made. All that fail together count as one: many calls share one connection,
/// and a connection that breaks says little about the store.
const FAILURES: u32 = 3;

/// How often a store that does not answer is asked again, by one call.
const ASK_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(crate) struct Breaker {
    /// What the calls do, for the log.
    calls: &'static str,
    /// In a row.
    failures: AtomicU32,
    times: Mutex<Times>,
}

#[derive(Debug)]
struct Times {
    /// When a failure was last counted.
    counted: Instant,
    ask_again: Instant,
}

impl Breaker {
    pub(crate) fn new(calls: &'static str) -> Self {
        let now = Instant::now();
        let times = Times { counted: now, ask_again: now };
        Self { calls, failures: AtomicU32::new(0), times: Mutex::new(times) }
    }

    /// Makes `call`, unless the store has not answered the last ones; then only one now and then.
    pub(crate) async fn ask<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let begun = Instant::now();
        if self.failures.load(Ordering::Relaxed) >= FAILURES && !self.is_due(begun) {
            return Err(StoreError::new(StoreErrorKind::Unavailable)
                .with_source("it did not answer the last calls, and is asked again in a moment"));
        }
        let answer = call.await;
        match answer.as_ref().err().map(StoreError::kind) {
            Some(StoreErrorKind::Unavailable | StoreErrorKind::UnknownOutcome) => self.failed(begun),
            _ => self.answered(),
        }
        answer
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_due(&self, now: Instant) -> bool {
        let mut times = self.times();
        let due = now >= times.ask_again;
        if due {
            times.ask_again = now + ASK_EVERY;
        }
        due
    }

    fn failed(&self, begun: Instant) {
        let mut times = self.times();
        // It was under way when another one failed.
        if begun < times.counted {
            return;
        }
        times.counted = Instant::now();
        if self.failures.fetch_add(1, Ordering::Relaxed) + 1 == FAILURES {
            times.ask_again = times.counted;
            tracing::warn!(
                calls = self.calls,
                "the session store does not answer; requests fail at once until it does"
            );
        }
    }

    fn answered(&self) {
        if self.failures.load(Ordering::Relaxed) > 0 && self.failures.swap(0, Ordering::Relaxed) >= FAILURES {
            tracing::info!(calls = self.calls, "the session store answers again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The breaker's answer to one call; `None`: it was not made.
    fn ask(breaker: &Breaker, answer: Result<(), StoreErrorKind>) -> Option<Result<(), StoreErrorKind>> {
        let asked = std::cell::Cell::new(false);
        let call = std::pin::pin!(breaker.ask(async {
            asked.set(true);
            answer.map_err(StoreError::new)
        }));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let std::task::Poll::Ready(answer) = call.poll(&mut context) else { return None };
        asked.get().then(|| answer.map_err(|error| error.kind()))
    }

    const DOWN: Result<(), StoreErrorKind> = Err(StoreErrorKind::Unavailable);
    const LOST: Result<(), StoreErrorKind> = Err(StoreErrorKind::UnknownOutcome);

    fn broken() -> Breaker {
        let breaker = Breaker::new("loads");
        for _ in 0..FAILURES {
            assert_eq!(ask(&breaker, DOWN), Some(DOWN));
        }
        breaker
    }

    fn later(breaker: &Breaker) {
        breaker.times().ask_again -= ASK_EVERY;
    }

    #[test]
    fn a_store_that_does_not_answer_is_asked_now_and_then_until_it_does() {
        let breaker = broken();
        assert_eq!(ask(&breaker, LOST), Some(LOST), "the first is asked at once");
        for _ in 0..10 {
            assert_eq!(ask(&breaker, Ok(())), None);
        }
        later(&breaker);
        assert_eq!(ask(&breaker, LOST), Some(LOST));
        assert_eq!(ask(&breaker, Ok(())), None, "one call was allowed, and it failed");
        later(&breaker);
        assert_eq!(ask(&breaker, Ok(())), Some(Ok(())));
        assert_eq!(ask(&breaker, Ok(())), Some(Ok(())), "it answers again");
    }

    #[test]
    fn a_call_that_was_given_up_is_followed_by_another() {
        let breaker = broken();
        drop(breaker.ask(std::future::pending::<Result<(), StoreError>>()));
        assert_eq!(ask(&breaker, Ok(())), Some(Ok(())));
    }

    #[test]
    fn failures_with_answers_in_between_stop_nothing() {
        let breaker = Breaker::new("loads");
        // It answers, if not as one would wish.
        let damaged = Err(StoreErrorKind::Unreadable);
        for _ in 0..10 {
            for _ in 1..FAILURES {
                ask(&breaker, DOWN);
            }
            assert_eq!(ask(&breaker, damaged), Some(damaged));
        }
        assert_eq!(ask(&breaker, Ok(())), Some(Ok(())));
    }

    /// One connection breaks, and fifty calls with it.
    #[test]
    fn what_fails_together_counts_once() {
        let breaker = Breaker::new("writes");
        for _ in 1..FAILURES {
            let begun = Instant::now();
            for _ in 0..50 {
                breaker.failed(begun);
            }
            // Calls of the next connection begin later.
            while Instant::now() <= breaker.times().counted {}
        }
        for _ in 0..10 {
            assert_eq!(ask(&breaker, Ok(())), Some(Ok(())));
        }
    }
}

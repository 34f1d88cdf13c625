//! Stops asking a store that does not answer.
//!
//! In: how calls ended. Out: whether to make another one. Never: a wait. While a store is down, requests fail at once and not after
//! a deadline each, and a store that comes back is not met by everybody at once.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use super::{StoreError, StoreErrorKind};

/// So many calls in a row must fail before one is not made. One connection that breaks fails fewer.
const FAILURES: u32 = 5;
/// How often a store that does not answer is asked again, by one call.
const ASK_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(crate) struct Breaker {
    /// What the calls do, for the log.
    calls: &'static str,
    /// In a row.
    failures: AtomicU32,
    ask_again: Mutex<Instant>,
}

impl Breaker {
    pub(crate) fn new(calls: &'static str) -> Self {
        Self { calls, failures: AtomicU32::new(0), ask_again: Mutex::new(Instant::now()) }
    }

    /// Makes `call`, unless the store has not answered the last ones; then only one now and then.
    pub(crate) async fn ask<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if self.failures.load(Ordering::Relaxed) >= FAILURES && !self.is_due(Instant::now()) {
            return Err(StoreError::new(StoreErrorKind::Unavailable)
                .with_source("it did not answer the last calls, and is asked again in a moment"));
        }
        let answer = call.await;
        self.learn(answer.as_ref().err().map(StoreError::kind));
        answer
    }

    fn is_due(&self, now: Instant) -> bool {
        let mut ask_again = self.ask_again.lock().unwrap_or_else(PoisonError::into_inner);
        let due = now >= *ask_again;
        if due {
            *ask_again = now + ASK_EVERY;
        }
        due
    }

    fn learn(&self, failure: Option<StoreErrorKind>) {
        if let Some(StoreErrorKind::Unavailable | StoreErrorKind::UnknownOutcome) = failure {
            let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            if failures == FAILURES {
                self.is_due(Instant::now());
                tracing::warn!(
                    calls = self.calls,
                    "the session store does not answer; requests fail at once until it does"
                );
            }
        } else if self.failures.load(Ordering::Relaxed) > 0
            && self.failures.swap(0, Ordering::Relaxed) >= FAILURES
        {
            tracing::info!(calls = self.calls, "the session store answers again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(breaker: &Breaker, answer: Result<(), StoreErrorKind>) -> Option<StoreErrorKind> {
        let asked = std::cell::Cell::new(false);
        let call = std::pin::pin!(breaker.ask(async {
            asked.set(true);
            answer.map_err(StoreError::new)
        }));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let std::task::Poll::Ready(answer) = call.poll(&mut context) else { return None };
        // What was not asked is told apart by its reason.
        let kind = answer.err().map(|error| error.kind());
        if asked.get() { kind } else { Some(StoreErrorKind::TooNew) }
    }

    const NOT_ASKED: Option<StoreErrorKind> = Some(StoreErrorKind::TooNew);

    #[test]
    fn a_store_that_does_not_answer_is_asked_now_and_then_until_it_does() {
        let breaker = Breaker::new("loads");
        let down = Err(StoreErrorKind::Unavailable);
        for _ in 0..FAILURES {
            assert_eq!(ask(&breaker, down), Some(StoreErrorKind::Unavailable));
        }
        for _ in 0..10 {
            assert_eq!(ask(&breaker, Ok(())), NOT_ASKED);
        }
        let later = |breaker: &Breaker| {
            *breaker.ask_again.lock().unwrap_or_else(PoisonError::into_inner) -= ASK_EVERY;
        };
        later(&breaker);
        assert_eq!(ask(&breaker, Err(StoreErrorKind::UnknownOutcome)), Some(StoreErrorKind::UnknownOutcome));
        assert_eq!(ask(&breaker, Ok(())), NOT_ASKED, "one call was allowed, and it failed");
        later(&breaker);
        assert_eq!(ask(&breaker, Ok(())), None);
        assert_eq!(ask(&breaker, Ok(())), None, "it answers again");
    }

    #[test]
    fn a_call_that_was_given_up_is_followed_by_another() {
        let breaker = Breaker::new("loads");
        for _ in 0..FAILURES {
            breaker.learn(Some(StoreErrorKind::Unavailable));
        }
        *breaker.ask_again.lock().unwrap_or_else(PoisonError::into_inner) -= ASK_EVERY;
        drop(breaker.ask(std::future::pending::<Result<(), StoreError>>()));
        assert_eq!(ask(&breaker, Ok(())), None);
    }

    #[test]
    fn failures_with_answers_in_between_stop_nothing() {
        let breaker = Breaker::new("loads");
        for _ in 0..10 {
            for _ in 1..FAILURES {
                breaker.learn(Some(StoreErrorKind::Unavailable));
            }
            // It answers, if not as one would wish.
            assert_eq!(ask(&breaker, Err(StoreErrorKind::Unreadable)), Some(StoreErrorKind::Unreadable));
        }
        assert_eq!(ask(&breaker, Ok(())), None);
    }
}

//! A circuit breaker: stops calling a store that does not answer.
//!
//! In: calls, and how they ended. Out: the call's answer, or an error at once. Never waits.
//!
//! While a store is down, requests fail at once, not after a deadline each, and a store that comes back is not hit by all of them together. After
//! [`FAILURES`] failures in a row the breaker is open: one call per [`ASK_EVERY`] is made, and the others fail. The first call that is
//! answered closes it.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use super::error::{StoreError, StoreErrorKind};

/// How many calls in a row must fail before the breaker opens. Calls that fail together count as one failure, because many calls share a
/// connection, and one broken connection says little about the store.
const FAILURES: u32 = 3;

/// How often one call is made while the breaker is open.
const ASK_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(crate) struct Breaker {
    /// The name of the calls, for log messages.
    calls: &'static str,
    /// Failures in a row.
    failures: AtomicU32,
    times: Mutex<Times>,
}

#[derive(Debug)]
struct Times {
    /// When the last failure was counted.
    counted: Instant,
    /// While the breaker is open, when to make the next call.
    ask_again: Instant,
}

impl Breaker {
    pub(crate) fn new(calls: &'static str) -> Self {
        let now = Instant::now();
        let times = Times { counted: now, ask_again: now };
        Self { calls, failures: AtomicU32::new(0), times: Mutex::new(times) }
    }

    /// Makes `call`, or fails at once if the breaker is open and no call is due. Then `call` is not even begun: a store may start to
    /// work before its future is polled.
    pub(crate) async fn ask<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        call: impl FnOnce() -> F,
    ) -> Result<T, StoreError> {
        let begun = Instant::now();
        if self.is_open() && !self.is_due(begun) {
            return Err(StoreError::new(StoreErrorKind::Unavailable)
                .with_source("the last calls had no answer; the store is tried again in a moment"));
        }
        let answer = call().await;
        match answer.as_ref().err().map(StoreError::kind) {
            Some(StoreErrorKind::Unavailable | StoreErrorKind::UnknownOutcome) => self.failed(begun),
            _ => self.answered(),
        }
        answer
    }

    pub(crate) fn is_open(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= FAILURES
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
        // The call was under way when another failure was counted, so it failed together with that one.
        if begun < times.counted {
            return;
        }
        times.counted = Instant::now();
        if self.failures.fetch_add(1, Ordering::Relaxed) + 1 == FAILURES {
            times.ask_again = times.counted;
            tracing::error!(
                calls = self.calls,
                "the session store does not answer; requests fail at once until it answers again"
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

    /// The breaker's answer to one call; `None` if the call was not made.
    fn ask(breaker: &Breaker, answer: Result<(), StoreErrorKind>) -> Option<Result<(), StoreErrorKind>> {
        let asked = std::cell::Cell::new(false);
        let call = std::pin::pin!(breaker.ask(|| {
            asked.set(true);
            std::future::ready(answer.map_err(StoreError::new))
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
        drop(breaker.ask(std::future::pending::<Result<(), StoreError>>));
        assert_eq!(ask(&breaker, Ok(())), Some(Ok(())));
    }

    #[test]
    fn failures_with_answers_in_between_stop_nothing() {
        let breaker = Breaker::new("loads");
        // An error about a record is an answer too.
        let damaged = Err(StoreErrorKind::Unreadable);
        for _ in 0..10 {
            for _ in 1..FAILURES {
                ask(&breaker, DOWN);
            }
            assert_eq!(ask(&breaker, damaged), Some(damaged));
        }
        assert_eq!(ask(&breaker, Ok(())), Some(Ok(())));
    }

    /// One connection breaks, and fifty calls fail with it.
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

//! Keeps the log short where strangers decide how many lines there would be.
//!
//! In: the wish to write a line. Out: whether to write it, and how many were left out since the one before. Never allocates or waits.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

/// One line a second: enough to see that something goes on, and at what rate.
const PAUSE: u64 = 1000;

/// So many may come at once after a quiet time, so that a handful of different problems is seen in full.
const AT_ONCE: u64 = 5;

/// One kind of line, at most [`AT_ONCE`] at a time and one per [`PAUSE`] milliseconds in the long run.
#[derive(Debug, Default)]
pub(crate) struct Sparse {
    /// When the allowance will be whole again.
    whole: AtomicU64,
    left_out: AtomicU64,
}

impl Sparse {
    pub(crate) const fn new() -> Self {
        Self { whole: AtomicU64::new(0), left_out: AtomicU64::new(0) }
    }

    /// Whether to write a line now: how many were left out since the last one.
    pub(crate) fn due(&self) -> Option<u64> {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        self.due_at(u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn due_at(&self, now: u64) -> Option<u64> {
        let spend = |whole: u64| {
            let whole = whole.max(now).saturating_add(PAUSE);
            (whole <= now.saturating_add(AT_ONCE * PAUSE)).then_some(whole)
        };
        if self.whole.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok() {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// The kinds of lines that requests to one application can cause.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) too_many: Sparse,
    /// What a handler did that cannot be saved.
    pub(crate) unsaved: Sparse,
    /// Responses that are errors of the session.
    pub(crate) answers: Sparse,
    /// The same where they are no news: mistakes of clients, and what an outage does.
    pub(crate) expected: Sparse,
    /// Requests of other sites' pages.
    pub(crate) cross_origin: Sparse,
    /// Whether it was told that a `Secure` cookie went out over plain HTTP.
    pub(crate) plain_http: AtomicBool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_writes_a_line_a_second_and_every_line_left_out_is_counted() {
        let line = Sparse::new();
        let (mut written, mut counted) = (0, 0);
        for now in 0..60_000 {
            for left_out in [line.due_at(now), line.due_at(now)].into_iter().flatten() {
                written += 1;
                counted += left_out;
            }
        }
        assert_eq!(written, AT_ONCE + 59);
        assert_eq!(written + counted + line.left_out.load(Ordering::Relaxed), 120_000);
    }

    #[test]
    fn a_few_lines_after_a_quiet_time_are_all_written() {
        let line = Sparse::new();
        for start in [0, 10_000, u64::MAX / 2] {
            let due: Vec<_> = (0..AT_ONCE).map(|_| line.due_at(start)).collect();
            assert!(due.iter().all(Option::is_some) && due.ends_with(&[Some(0); 4]), "{due:?}");
            assert_eq!(line.due_at(start), None);
        }
    }
}

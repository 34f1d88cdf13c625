//! Tells of what happens to sessions.
//!
//! Read in this order:
//!
//! * `event`: what can happen, as values, and who may be told.
//! * `log`, `meter`: two readers of events: the log, and counters and histograms (feature `metrics`).
//! * this file: the one place that tells all readers.
//!
//! Never: what opens a session, a value, a user; a decision.

pub(crate) mod event;
mod log;
#[cfg(feature = "metrics")]
mod meter;

#[cfg(test)]
mod tests;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
};

use self::{
    event::{Event, Observer},
    log::Log,
};
use crate::sparse::Sparse;

/// Whom an application, or a store, tells of events. Clones tell the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events(Arc<Readers>);

#[derive(Debug, Default)]
struct Readers {
    log: Log,
    observer: OnceLock<Arc<dyn Observer>>,
}

impl Events {
    /// From now on `observer` is told too, unless another one is already.
    pub(crate) fn observed_by(&self, observer: Arc<dyn Observer>) {
        // Two middlewares over one store must not be told of one sweep twice.
        let _ = self.0.observer.set(observer);
    }

    /// Whether anybody wants to know how long calls of the store take: the log does not.
    pub(crate) fn are_measured(&self) -> bool {
        cfg!(feature = "metrics") || self.0.observer.get().is_some()
    }

    /// Tells of expired sessions that a store has removed.
    pub(crate) fn swept(&self, count: u64) {
        if count > 0 {
            self.tell(Event::Swept { count });
        }
    }

    /// Tells everyone of `event`.
    pub(crate) fn tell(&self, event: Event<'_>) {
        self.0.log.read(&event);
        #[cfg(feature = "metrics")]
        meter::read(&event);
        if let Some(observer) = self.0.observer.get() {
            observe(&**observer, &event);
        }
    }
}

/// A commit may be half done, so a panic of the observer must not end it.
fn observe(observer: &dyn Observer, event: &Event<'_>) {
    static LINES: Sparse = Sparse::new();
    if catch_unwind(AssertUnwindSafe(|| observer.observe(event))).is_err()
        && let Some(left_out) = LINES.due()
    {
        tracing::error!(event = event.name(), left_out, "the observer of sessions panicked");
    }
}

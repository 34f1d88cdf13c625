//! The clock of stores whose engine has none.
//!
//! In: nothing. Out: [`Clock`], by which sessions expire. Never: a wait.

use std::{fmt::Debug, time::SystemTime};

use crate::record::time::Timestamp;

/// Tells a store the time.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
}

/// A clock that stands still until a test moves it. Clones share the time.
#[cfg(feature = "testing")]
#[derive(Clone, Debug)]
pub struct ManualClock(std::sync::Arc<std::sync::atomic::AtomicU64>);

#[cfg(feature = "testing")]
impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(std::sync::Arc::new(now.as_millis().into()))
    }

    /// Sets the clock to `now`, which may be earlier.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), std::sync::atomic::Ordering::SeqCst);
    }

    /// Moves the clock forwards.
    pub fn advance(&self, by: std::time::Duration) {
        self.set(self.now().saturating_add(by));
    }
}

#[cfg(feature = "testing")]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

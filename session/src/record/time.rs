//! The store's clock, and how long a session lives by it.
//!
//! In: milliseconds, durations. Out: [`Timestamp`], [`Limits`]. Never: a clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// An instant of the *store's* clock: milliseconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The instant `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This instant moved on by `by`, at most to the end of time.
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis(by)))
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl From<SystemTime> for Timestamp {
    /// Times before the Unix epoch count as the epoch.
    fn from(time: SystemTime) -> Self {
        Self(millis(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
    }
}

impl From<Timestamp> for SystemTime {
    /// The time of the store's clock as if it were this machine's, to show it to people.
    fn from(time: Timestamp) -> Self {
        let since = Duration::from_millis(time.0);
        // A platform whose clock ends earlier shows its last time; on all known ones there is room.
        UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

mod as_millis {
    use super::{Duration, millis};
    use serde::{Deserialize, Deserializer, Serializer};

    #[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
    pub(super) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(millis(*value))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

/// How long a session lives, in whole milliseconds.
///
/// It ends at `min(touched + idle, (authenticated, else created) + absolute)`.
/// Sources: OWASP ASVS 5.0 7.3.1 (inactivity), 7.3.2 (absolute lifetime).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Longest silence of the browser.
    #[serde(with = "as_millis")]
    pub idle: Duration,
    /// Longest life since sign-in, or since the session began while nobody is signed in.
    #[serde(with = "as_millis")]
    pub absolute: Duration,
}

impl Limits {
    /// As a store keeps them; a record says the same before it was stored and after.
    pub(super) fn in_whole_millis(self) -> Self {
        let whole = |duration| Duration::from_millis(millis(duration));
        Self { idle: whole(self.idle), absolute: whole(self.absolute) }
    }
}

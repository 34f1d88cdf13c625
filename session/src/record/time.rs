//! The store's clock, and how long a session lives by it.
//!
//! In: milliseconds, durations. Out: [`Timestamp`], [`Limits`]. Never: a clock.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// An instant of the *store's* clock: milliseconds since the Unix epoch, which is also what serde writes.
///
/// `Display` shows it to people as RFC 3339 does, in UTC and to the second.
///
/// ```
/// use actix_typed_session::record::Timestamp;
///
/// assert_eq!(Timestamp::from_millis(951_782_400_999).to_string(), "2000-02-29T00:00:00Z");
/// ```
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

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = (self.0 / 1000).min(LAST_SECOND);
        let (days, second) = (seconds / 86400, seconds % 86400);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        // In one piece, so that a width pads it.
        f.pad(&format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
    }
}

/// 9999-12-31T23:59:59Z, because RFC 3339 has years of four digits. An endless life is shown as this.
const LAST_SECOND: u64 = 253_402_300_799;

/// The year, month and day that lie `days` after 1970-01-01, in the Gregorian calendar.
/// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
const fn civil(days: u64) -> (u64, u64, u64) {
    // Days since 0000-03-01: a year that begins in March has its leap day at the end.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (era * 400 + year + (month <= 2) as u64, month, day)
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// How long a session lives, in whole milliseconds.
///
/// It ends at `min(touched + idle, (authenticated, else created) + absolute)`.
/// Sources: OWASP ASVS 5.0 7.3.1 (inactivity), 7.3.2 (absolute lifetime).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Longest silence of the browser.
    pub idle: Duration,
    /// Longest life since sign-in, or since the session began while nobody is signed in.
    pub absolute: Duration,
}

impl Limits {
    /// At most `idle` without a request, and `absolute` in all.
    #[must_use]
    pub const fn new(idle: Duration, absolute: Duration) -> Self {
        Self { idle, absolute }
    }

    /// As a store keeps them; a record says the same before it was stored and after.
    pub(super) fn in_whole_millis(self) -> Self {
        let whole = |duration| Duration::from_millis(millis(duration));
        Self { idle: whole(self.idle), absolute: whole(self.absolute) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_as_rfc_3339() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399_999, "2000-02-28T23:59:59Z"),
            (951_868_800_000, "2000-03-01T00:00:00Z"),
            (1_709_210_096_000, "2024-02-29T12:34:56Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ];
        for (millis, text) in cases {
            assert_eq!(Timestamp::from_millis(millis).to_string(), text, "{millis}");
        }
    }

    #[test]
    fn each_day_is_the_one_after_the_day_before() {
        let mut before = civil(0);
        for days in 1..=2_932_896 {
            let (year, month, day) = civil(days);
            let next_month = if before.1 == 12 { (before.0 + 1, 1, 1) } else { (before.0, before.1 + 1, 1) };
            assert!(
                (year, month, day) == (before.0, before.1, before.2 + 1) || (year, month, day) == next_month,
                "{before:?} and {:?}",
                (year, month, day)
            );
            before = (year, month, day);
        }
        assert_eq!(before, (9999, 12, 31));
    }
}

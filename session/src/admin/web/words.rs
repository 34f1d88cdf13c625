//! Numbers and times as people read them.
//!
//! In: counts, times, durations. Out: texts, and a time as HTML. Never: a text of a visitor.

use std::time::Duration;

use crate::record::time::Timestamp;

/// A number as people read it: `12,000`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its unit: `1 session`, `12,000 sessions`.
pub(super) fn count_of(count: u64, unit: &str) -> String {
    format!("{} {unit}{}", number(count), if count == 1 { "" } else { "s" })
}

/// A duration in its largest whole unit.
pub(super) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => count_of(seconds, "second"),
        120..7200 => count_of(seconds / 60, "minute"),
        7200..172_800 => count_of(seconds / 3600, "hour"),
        _ => count_of(seconds / 86400, "day"),
    }
}

/// A time for people, with the same for machines.
pub(super) fn time(time: Timestamp) -> String {
    let text = time.to_string();
    format!("<time datetime=\"{text}\">{}</time>", to_the_second(&text))
}

/// A time as its distance from `now`: `5 minutes ago`, `in 2 hours`. The exact one is its title.
pub(super) fn distance(now: Timestamp, time: Timestamp) -> String {
    let text = time.to_string();
    let shown = if time > now {
        format!("in {}", span(time.since(now)))
    } else {
        format!("{} ago", span(now.since(time)))
    };
    format!("<time datetime=\"{text}\" title=\"{}\">{shown}</time>", to_the_second(&text))
}

fn to_the_second(text: &str) -> String {
    text.replace('T', " ").replace('Z', " UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas() {
        let texts = [0, 7, 999, 1000, 12_000, 1_234_567].map(number);
        assert_eq!(texts, ["0", "7", "999", "1,000", "12,000", "1,234,567"]);
    }

    #[test]
    fn a_distance_says_on_which_side_of_now_a_time_is() {
        let at = Timestamp::from_millis;
        let now = at(1_000_000);
        assert!(distance(now, at(700_000)).ends_with(">5 minutes ago</time>"));
        assert!(distance(now, now).ends_with(">0 seconds ago</time>"));
        assert!(distance(now, at(1_001_000)).ends_with(">in 1 second</time>"));
        assert!(distance(now, at(0)).contains("title=\"1970-01-01 00:00:00 UTC\""));
    }
}

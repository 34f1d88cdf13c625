//! The page of what happened in the last hour.

use std::fmt::Write;

use super::super::{html::page, minutes::Hours, words::number};

/// The events of this process, or where they come from if nobody counts them.
pub(crate) fn events(hours: Option<&Hours>) -> String {
    let contents = match hours {
        None => {
            "<p>Nobody counts the events of this application. Give an <code>admin::EventsPerMinute</code> to \
             <code>SessionMiddlewareBuilder::observer</code>, and a clone of it to <code>AdminScope::events</code>.</p>"
                .to_owned()
        }
        Some(hours) if hours.is_empty() => "<p class=\"soft\">None in the last hour.</p>".to_owned(),
        Some(hours) => {
            let rows: String = hours.iter().map(|(name, counts)| row(name, counts)).collect();
            format!(
                "<div class=\"scrolls\" tabindex=\"0\" role=\"region\" aria-labelledby=\"caption\"><table class=\"events\">\
                 <caption id=\"caption\">In the last hour, in this process; each chart is to its own scale</caption>\
                 <thead><tr><th scope=\"col\">Event</th><th scope=\"col\">Minute by minute</th><th scope=\"col\" class=\"number\">In all</th>\
                 <th scope=\"col\" class=\"number\">Most in a minute</th></tr></thead><tbody>{rows}</tbody></table></div>"
            )
        }
    };
    page("Events", None, &contents)
}

const HIGHEST: u64 = 32;

/// The numbers beside the chart say what it shows to people who do not see it.
fn row(name: &str, counts: &[u64]) -> String {
    let (all, most) = (counts.iter().sum::<u64>(), counts.iter().copied().max().unwrap_or_default());
    let mut bars = String::new();
    for (minute, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        // What happened once is seen, whatever the scale.
        let high = (count * HIGHEST / most.max(1)).max(1);
        let _ = write!(
            bars,
            "<rect class=\"bar\" x=\"{}\" y=\"{}\" width=\"3\" height=\"{high}\"/>",
            minute * 4,
            HIGHEST - high
        ); // into a string
    }
    format!(
        "<tr><th scope=\"row\"><code>{name}</code></th><td><svg viewBox=\"0 0 {} {HIGHEST}\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         {bars}</svg></td><td class=\"number\">{}</td><td class=\"number\">{}</td></tr>",
        counts.len() * 4,
        number(all),
        number(most),
    )
}

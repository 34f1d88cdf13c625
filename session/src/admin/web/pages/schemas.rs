//! The page that counts sessions, users and versions of schemas.

use std::fmt::Write;

use super::super::{
    html::{Text, page},
    words::{count_of, number},
};
use crate::tools::tally::{SchemaTally, Tally};

/// How many sessions there are, and which versions of the schemas can read them.
pub(crate) fn schemas(tally: &Tally) -> String {
    let numbers = [
        ("live sessions", tally.sessions),
        ("with a user", tally.signed_in),
        ("users", tally.users()),
        ("damaged", tally.damaged),
        ("of a later release", tally.of_later_releases),
    ];
    let numbers = numbers.iter().fold(String::new(), |mut list, (name, count)| {
        let _ = write!(list, "<div><dt>{name}</dt><dd>{}</dd></div>", number(*count)); // into a string
        list
    });
    let part = if tally.complete {
        "<p class=\"soft\">All sessions were counted.</p>".to_owned()
    } else {
        format!(
            "<p class=\"soft\">This is a sample: the first {} in the order of the store, which says nothing about their age. \
             <code>session-admin census</code> counts all.</p>",
            count_of(tally.found(), "session")
        )
    };
    let charts: String = tally.schemas.iter().map(|(name, schema)| chart(name, schema)).collect();
    page("Schemas", None, &format!("{part}<dl class=\"numbers\">{numbers}</dl>{charts}"))
}

/// A bar for each version, under a text that says the same, so that the bars need no words of their own.
fn chart(name: &str, schema: &SchemaTally) -> String {
    const WIDEST: u64 = 400;
    let mut bars = String::new();
    for (version, count) in &schema.readable_from {
        let from = version.map_or_else(
            || "no version we know".to_owned(),
            |version| format!("version {version} and later"),
        );
        let wide = count * WIDEST / schema.sections.max(1);
        let _ = write!(
            bars,
            "<li><span>{from}</span> <strong>{}</strong><svg viewBox=\"0 0 {WIDEST} 12\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
             <rect class=\"all\" width=\"{WIDEST}\" height=\"12\"/><rect class=\"bar\" width=\"{wide}\" height=\"12\"/></svg></li>",
            number(*count),
        );
    }
    format!(
        "<figure><figcaption><strong>{name}</strong>: {sections}, {bytes} bytes. Each can be read by</figcaption><ul>{bars}</ul></figure>",
        name = Text(name),
        sections = count_of(schema.sections, "session"),
        bytes = number(schema.bytes),
    )
}

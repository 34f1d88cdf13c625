//! The pages that say how it went.

use std::time::Duration;

use super::super::{
    html::{Text, page},
    words::count_of,
};
use crate::store::error::{StoreError, StoreErrorKind};

/// Whether the store answers.
pub(crate) fn health(answer: &Result<(), StoreError>, took: Duration) -> String {
    let millis = took.as_secs_f64() * 1000.0;
    let text = match answer {
        Ok(()) => format!("<p>The store answers. One read took {millis:.1} ms.</p>"),
        Err(error) => format!("<p class=\"alarm\">The store does not answer: {}</p>", Text(error)),
    };
    page("Health", None, &text)
}

/// A call to the store failed.
pub(crate) fn failed(error: &StoreError) -> String {
    let text = match error.kind() {
        StoreErrorKind::Unsupported => "<p>The store cannot do this.</p>".to_owned(),
        _ => format!("<p class=\"alarm\">{}</p>", Text(error)),
    };
    page("The store failed", None, &text)
}

/// What was searched for is neither a user nor a session.
pub(crate) fn not_found(text: &str) -> String {
    let contents = format!(
        "<p>“{}” is neither a user, such as <code>shop.user=7</code>, nor the public id of a session, which has 22 characters.</p>",
        Text(text)
    );
    page("Nothing found", None, &contents)
}

/// The notice on a list after sessions were ended.
pub(crate) fn ended(count: u64) -> String {
    format!("{} ended.", count_of(count, "session"))
}

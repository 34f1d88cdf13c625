//! The entries of an index.
//!
//! In: a reply. Out: [`Entry`]. Never: I/O. [`index`](super::index) explains the states.

use super::{layout, resp::Reply};
use crate::id::public::PublicId;

/// An entry as it was seen: the selector as text, a colon, a state and a time.
#[derive(Clone)]
pub(super) struct Entry(String);

impl Entry {
    /// The entry that a script replied.
    pub(super) fn of(reply: &Reply) -> Option<Self> {
        layout::text(reply).map(|text| Self(text.to_owned()))
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    pub(super) fn selector(&self) -> &str {
        self.0.split_once(':').map_or(&*self.0, |(selector, _)| selector)
    }

    pub(super) fn id(&self) -> Option<PublicId> {
        self.selector().parse().ok()
    }

    pub(super) fn is_doomed(&self) -> bool {
        self.0.split_once(':').is_some_and(|(_, state)| state.starts_with(['x', 'y']))
    }

    /// When its session signed in, in milliseconds.
    pub(super) fn since(&self) -> u64 {
        let time = self.0.split_once(':').and_then(|(_, state)| state.get(1..)?.parse().ok());
        time.unwrap_or_default()
    }
}

/// The entries in the array at `at` of a script's reply.
pub(super) fn nested(values: &[Reply], at: usize) -> Vec<Entry> {
    match values.get(at) {
        Some(Reply::Array(entries)) => entries.iter().filter_map(Entry::of).collect(),
        _ => Vec::new(),
    }
}

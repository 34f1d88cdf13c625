//! Every record, some at a time.
//!
//! In: where the last answer ended. Out: keys, and where to go on. Never: what stands under a key.

use crate::id::public::{PublicId, RecordKey};

/// Where a scan goes on: text that means something to the store that gave it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cursor(String);

impl Cursor {
    /// A cursor of this text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last key of an answer that was [`in_order`](Scanned::in_order).
    #[must_use]
    pub fn last_key(&self) -> Option<RecordKey> {
        self.0.parse().ok().map(PublicId::key)
    }
}

/// The answer to [`SessionStore::scan`](super::SessionStore::scan).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Scanned {
    /// Some of the keys under which records are stored, in any order. What has ended may be among them, and a key may come twice.
    pub keys: Vec<RecordKey>,
    /// Where the rest begins; `None`: that was all.
    pub next: Option<Cursor>,
}

impl Scanned {
    /// These keys, and where the rest begins.
    #[must_use]
    pub const fn new(keys: Vec<RecordKey>, next: Option<Cursor>) -> Self {
        Self { keys, next }
    }

    /// The answer of a store that goes through its keys in their order, these being the first `limit` after
    /// [`Cursor::last_key`]: after a full page there may be more.
    #[must_use]
    pub fn in_order(keys: Vec<RecordKey>, limit: u32) -> Self {
        let full = u32::try_from(keys.len()).is_ok_and(|found| found >= limit);
        let next = keys.last().filter(|_| full).map(|last| Cursor(PublicId::of(*last).to_string()));
        Self { keys, next }
    }
}

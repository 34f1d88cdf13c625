//! Every record, some at a time.
//!
//! In: where the last answer ended. Out: selectors, and where to go on. Never: a record.

use crate::id::public::{PublicId, Selector};

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
    pub fn last_selector(&self) -> Option<Selector> {
        self.0.parse().ok().map(PublicId::selector)
    }
}

/// The answer to [`SessionStore::scan`](super::SessionStore::scan).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Scanned {
    /// Some of the selectors of the stored records, in any order. What has ended may be among them, and a selector may come twice.
    pub selectors: Vec<Selector>,
    /// Where the rest begins; `None`: that was all.
    pub next: Option<Cursor>,
}

impl Scanned {
    /// These selectors, and where the rest begins.
    #[must_use]
    pub const fn new(selectors: Vec<Selector>, next: Option<Cursor>) -> Self {
        Self { selectors, next }
    }

    /// The answer of a store that goes through its selectors in their order, these being the first `limit` after
    /// [`Cursor::last_selector`]: after a full page there may be more.
    #[must_use]
    pub fn in_order(selectors: Vec<Selector>, limit: u32) -> Self {
        let full = u32::try_from(selectors.len()).is_ok_and(|found| found >= limit);
        let next = selectors.last().filter(|_| full).map(|last| Cursor(PublicId::of(*last).to_string()));
        Self { selectors, next }
    }
}

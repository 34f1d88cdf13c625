//! The ability to go through all records, a page at a time.
//!
//! In: where the last page ended. Out: selectors, and where the next page begins. Never: a record; there is one way to read one,
//! [`SessionStore::load`](super::SessionStore::load).

use std::sync::Arc;

use super::error::StoreError;
use crate::id::public::{PublicId, Selector};

/// Where a scan continues: text that only the store that made it understands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cursor(String);

impl Cursor {
    /// A cursor with this text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last selector of a page made by [`Scanned::in_order`]; `None` for any other cursor.
    #[must_use]
    pub fn last_selector(&self) -> Option<Selector> {
        self.0.parse().ok().map(PublicId::selector)
    }
}

/// One page of a [`Scan`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Scanned {
    /// Selectors of stored records, in any order. A selector may occur twice, and its record may have expired.
    pub selectors: Vec<Selector>,
    /// Where the next page begins; `None` after the last page.
    pub next: Option<Cursor>,
}

impl Scanned {
    /// A page of these selectors.
    #[must_use]
    pub const fn new(selectors: Vec<Selector>, next: Option<Cursor>) -> Self {
        Self { selectors, next }
    }

    /// A page of a store that goes through its selectors in ascending order. `selectors` are the first `limit` after
    /// [`Cursor::last_selector`]; if there are that many, another page follows.
    #[must_use]
    pub fn in_order(selectors: Vec<Selector>, limit: u32) -> Self {
        let full = u32::try_from(selectors.len()).is_ok_and(|found| found >= limit);
        let next = selectors.last().filter(|_| full).map(|last| Cursor(PublicId::of(*last).to_string()));
        Self { selectors, next }
    }
}

/// A store that can list the selectors of all records, as a [`census`](crate::census()) needs.
///
/// It announces the ability with [`Abilities::with_scan`](super::Abilities::with_scan).
pub trait Scan: Send + Sync {
    /// A page of about `limit` selectors (at least 1), from the beginning or from where the last page ended.
    ///
    /// A record that is stored from the first page to the last is on one of them.
    ///
    /// # Errors
    /// When the engine cannot be reached.
    fn scan(
        &self,
        from: Option<&Cursor>,
        limit: u32,
    ) -> impl Future<Output = Result<Scanned, StoreError>> + Send;
}

impl<S: Scan> Scan for Arc<S> {
    async fn scan(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        (**self).scan(from, limit).await
    }
}

//! Goes through all sessions of a store, a page at a time.
//!
//! In: a store that can scan. Out: its live sessions, and those that cannot be read. Never: writes to the store.

use std::collections::HashSet;

use crate::{
    id::public::{PublicId, Selector},
    record::meta::Meta,
    store::{
        contract::{Loaded, SessionStore},
        error::{StoreError, StoreErrorKind},
        scan::Cursor,
    },
};

/// The most sessions of one page: a few kilobytes each.
const LARGEST_PAGE: u32 = 500;

/// The size of the next page for a caller that wants `left` more.
pub(super) fn at_once(left: u64) -> u32 {
    u32::try_from(left).unwrap_or(LARGEST_PAGE).clamp(1, LARGEST_PAGE)
}

/// A session as a [`Walk`] finds it.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct StoredSession {
    /// What lists and logs call it by.
    pub public_id: PublicId,
    /// The record, or why it cannot be read: [`Unreadable`](StoreErrorKind::Unreadable) or [`TooNew`](StoreErrorKind::TooNew).
    pub found: Result<Loaded, StoreErrorKind>,
}

impl StoredSession {
    /// All of the record but its cells, if it can be read.
    #[must_use]
    pub fn meta(&self) -> Option<&Meta> {
        self.found.as_ref().ok().map(|loaded| loaded.record.meta())
    }
}

/// Goes through all sessions of a store, a page at a time, so that a caller can stop, show how far it is, or leave the rest to another
/// request.
///
/// Records are read one at a time, to keep the load on the store low. A session that begins or ends meanwhile is found or not; every other
/// one is found, and by one walk only once. While a Redis Cluster moves slots, a walk may miss a session.
///
/// ```
/// use actix_typed_session::{admin::Walk, store::AnyStore};
///
/// async fn print_all(store: &AnyStore) -> Result<(), Box<dyn std::error::Error>> {
///     let mut walk = Walk::of(store);
///     while let Some(page) = walk.next(100).await? {
///         for session in page {
///             let Some(meta) = session.meta() else { continue };
///             println!("{} began {} and was last seen {}", session.public_id, meta.created, meta.touched);
///         }
///     }
///     Ok(())
/// }
/// # let _ = print_all;
/// ```
#[derive(Debug)]
pub struct Walk<'s, S> {
    store: &'s S,
    /// Where the next page begins; `None`: there is none.
    next: Option<Start>,
    /// A store may return a selector twice.
    seen: HashSet<Selector>,
}

#[derive(Clone, Debug)]
enum Start {
    First,
    After(Cursor),
}

impl<'s, S: SessionStore> Walk<'s, S> {
    /// A walk from the first session on.
    pub fn of(store: &'s S) -> Self {
        Self { store, next: Some(Start::First), seen: HashSet::new() }
    }

    /// A walk that goes on where another one was left, as its [`cursor`](Self::cursor) says.
    pub fn after(store: &'s S, cursor: Cursor) -> Self {
        Self { store, next: Some(Start::After(cursor)), seen: HashSet::new() }
    }

    /// Where the next page begins; `None` before the first page and after the last one.
    #[must_use]
    pub const fn cursor(&self) -> Option<&Cursor> {
        match &self.next {
            Some(Start::After(cursor)) => Some(cursor),
            Some(Start::First) | None => None,
        }
    }

    /// About `limit` sessions, and perhaps none at all; `None` after the last page.
    ///
    /// # Errors
    /// The store's error if it cannot be reached, or if it cannot list its records ([`Unsupported`](StoreErrorKind::Unsupported)). The page
    /// can then be asked for again.
    pub async fn next(&mut self, limit: u32) -> Result<Option<Vec<StoredSession>>, StoreError> {
        let Some(start) = self.next.clone() else { return Ok(None) };
        let from = match &start {
            Start::First => None,
            Start::After(cursor) => Some(cursor),
        };
        let page = self.store.abilities().scan(from, limit.max(1)).await?;
        let mut sessions = Vec::with_capacity(page.selectors.len());
        for selector in &page.selectors {
            if self.seen.contains(selector) {
                continue;
            }
            let found = match self.store.load(selector).await {
                Ok(None) => continue,
                Ok(Some(loaded)) => Ok(loaded),
                Err(error) if error.is_unreadable() => Err(error.kind()),
                Err(error) => return Err(error),
            };
            sessions.push(StoredSession { public_id: PublicId::of(*selector), found });
        }
        self.seen.extend(page.selectors);
        sessions.sort_by_key(|session| session.public_id);
        sessions.dedup_by_key(|session| session.public_id);
        self.next = page.next.map(Start::After);
        Ok(Some(sessions))
    }
}

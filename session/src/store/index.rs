//! The ability to find sessions by their principal.
//!
//! In: a principal. Out: the principal's sessions, listed, in pages, counted or ended. Never: how a store finds them.

use std::sync::Arc;

use super::error::StoreError;
use crate::{
    id::public::{PublicId, Selector},
    record::meta::{Meta, Principal},
};

/// One session in a principal's list.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Listed {
    /// The selector of its record.
    pub selector: Selector,
    /// The record's meta.
    pub meta: Meta,
}

impl Listed {
    /// The session under `selector`.
    #[must_use]
    pub const fn new(selector: Selector, meta: Meta) -> Self {
        Self { selector, meta }
    }

    /// What lists and logs call the session by.
    #[must_use]
    pub const fn public_id(&self) -> PublicId {
        PublicId::of(self.selector)
    }

    /// Sorts a list by sign-in, the oldest first: the order of [`PrincipalIndex::sessions_of`], and the order in which sessions
    /// are evicted.
    pub fn sort_oldest_first(list: &mut [Self]) {
        list.sort_by_key(|listed| (listed.meta.since(), listed.selector));
    }
}

/// Some of a principal's sessions: the answer of [`PrincipalIndex::sessions_page`].
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The sessions. There may be fewer than were asked for, even none, although more follow.
    pub sessions: Vec<Listed>,
    /// Where the next page begins: after this selector. `None`: this is the last page.
    pub next: Option<Selector>,
}

impl Page {
    /// These sessions, with more after `next`.
    #[must_use]
    pub const fn new(sessions: Vec<Listed>, next: Option<Selector>) -> Self {
        Self { sessions, next }
    }

    /// What `limit` entries in the order of the index come to; there are more if they are as many.
    pub(super) fn in_order<T>(
        entries: &[T],
        limit: usize,
        selector: impl Fn(&T) -> Option<Selector>,
        sessions: Vec<Listed>,
    ) -> Self {
        Self { sessions, next: entries.last().filter(|_| entries.len() >= limit).and_then(selector) }
    }
}

/// A store that finds sessions by their principal.
///
/// Such a store also enforces [`MaxSessions`](crate::change::MaxSessions), which other stores ignore: a session ends in the same step as the
/// sign-in for which it must make room. If a user has very many more than the maximum, those that are too many may end in several
/// steps before, and stay ended if the sign-in is given up. It announces the ability with
/// [`Abilities::with_index`](super::Abilities::with_index). Sources: OWASP ASVS 5.0 7.1.2 (parallel sessions), 7.4.2 (disabling a
/// user), 7.5.2 (a user's list).
pub trait PrincipalIndex: Send + Sync {
    /// The live sessions of `principal`, the oldest sign-in first.
    ///
    /// # Errors
    /// When the engine cannot be reached.
    fn sessions_of(
        &self,
        principal: &Principal,
    ) -> impl Future<Output = Result<Vec<Listed>, StoreError>> + Send;

    /// Some of the live sessions of `principal`: up to `limit` of those after the selector `after`, which is `next` of the page before. A
    /// `limit` of 0 counts as 1.
    ///
    /// The order is the store's own. A session keeps its place in it as long as it lives, so the pages together show every session that
    /// lives all the time, and none twice; a session that begins or ends meanwhile is shown or not. `after` may have ended: a selector has
    /// its place whether or not there is a session.
    ///
    /// Where users may have thousands of sessions, a page is found without reading the others. The default reads all of them.
    ///
    /// # Errors
    /// When the engine cannot be reached.
    fn sessions_page(
        &self,
        principal: &Principal,
        after: Option<&Selector>,
        limit: u32,
    ) -> impl Future<Output = Result<Page, StoreError>> + Send {
        async move {
            let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
            let mut list = self.sessions_of(principal).await?;
            list.retain(|listed| after.is_none_or(|after| listed.selector > *after));
            list.sort_by_key(|listed| listed.selector);
            let next = list.get(limit).and_then(|_| list.get(limit - 1)).map(|last| last.selector);
            list.truncate(limit);
            Ok(Page::new(list, next))
        }
    }

    /// How many sessions `principal` has: all that are live, and perhaps some that ended a while ago. The default reads all of them.
    ///
    /// # Errors
    /// When the engine cannot be reached.
    fn count_of(&self, principal: &Principal) -> impl Future<Output = Result<u64, StoreError>> + Send {
        async move { Ok(u64::try_from(self.sessions_of(principal).await?.len()).unwrap_or(u64::MAX)) }
    }

    /// Deletes every session of `principal` except the one under `except`, and returns how many live sessions it ended.
    ///
    /// The call is final: a sign-in that was acknowledged before the call began is gone when it returns. It may be repeated.
    ///
    /// ```
    /// use actix_typed_session::{SessionState, TypedSession, store::{MemoryStore, PrincipalIndex}};
    ///
    /// #[derive(SessionState)]
    /// #[session(name = "shop", version = 1)]
    /// struct Shop {
    ///     #[session(principal)]
    ///     user: Option<u64>,
    /// }
    ///
    /// /// Ends every session of a disabled account.
    /// async fn disable(store: &MemoryStore, user: u64) -> Result<u64, Box<dyn std::error::Error>> {
    ///     let principal = TypedSession::<Shop>::principal_of(user)?;
    ///     Ok(store.delete_all(&principal, None).await?)
    /// }
    /// # let _ = disable;
    /// ```
    ///
    /// # Errors
    /// When some of the sessions may still be live.
    fn delete_all(
        &self,
        principal: &Principal,
        except: Option<&Selector>,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;
}

impl<S: PrincipalIndex> PrincipalIndex for Arc<S> {
    async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        (**self).sessions_of(principal).await
    }

    async fn sessions_page(
        &self,
        principal: &Principal,
        after: Option<&Selector>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        (**self).sessions_page(principal, after, limit).await
    }

    async fn count_of(&self, principal: &Principal) -> Result<u64, StoreError> {
        (**self).count_of(principal).await
    }

    async fn delete_all(&self, principal: &Principal, except: Option<&Selector>) -> Result<u64, StoreError> {
        (**self).delete_all(principal, except).await
    }
}

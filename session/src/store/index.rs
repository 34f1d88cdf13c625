//! The ability to find sessions by their principal.
//!
//! In: a principal. Out: the principal's sessions, listed or ended. Never: how a store finds them.

use std::sync::Arc;

use super::error::StoreError;
use crate::{
    id::public::Selector,
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

    /// Sorts a list by sign-in, the oldest first: the order of [`PrincipalIndex::sessions_of`], and the order in which sessions
    /// are evicted.
    pub fn sort_oldest_first(list: &mut [Self]) {
        list.sort_by_key(|listed| {
            (listed.meta.authenticated.unwrap_or(listed.meta.created), listed.selector)
        });
    }
}

/// A store that finds sessions by their principal.
///
/// Such a store also enforces [`MaxSessions`](crate::change::MaxSessions), which other stores ignore. It announces the ability with
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

    async fn delete_all(&self, principal: &Principal, except: Option<&Selector>) -> Result<u64, StoreError> {
        (**self).delete_all(principal, except).await
    }
}

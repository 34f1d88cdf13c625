//! Sessions by who is signed in to them.
//!
//! In: a principal. Out: their sessions, or the end of them. Never: anything that opens a session.

use std::{fmt, future::Future, sync::Arc};

use super::{SessionStore, StoreError, any::Boxed};
use crate::{
    id::RecordKey,
    record::{Meta, Principal},
};

/// One session in a list.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Listed {
    /// Its record.
    pub key: RecordKey,
    /// What the record says about itself.
    pub meta: Meta,
}

impl Listed {
    /// The session under `key`.
    #[must_use]
    pub const fn new(key: RecordKey, meta: Meta) -> Self {
        Self { key, meta }
    }

    /// Puts a list in the order in which [`PrincipalIndex::sessions_of`] answers, and in which sessions are evicted: who signed
    /// in first comes first.
    pub fn sort_oldest_first(list: &mut [Self]) {
        list.sort_by_key(|listed| (listed.meta.authenticated.unwrap_or(listed.meta.created), listed.key));
    }
}

/// A store that finds sessions by their principal.
///
/// It also keeps to [`MaxSessions`](crate::change::MaxSessions), which other stores ignore. Sources: OWASP ASVS 5.0 7.1.2
/// (parallel sessions), 7.4.2 (disabling a user), 7.5.2 (a user's list).
pub trait PrincipalIndex: SessionStore {
    /// The live sessions of `principal`, the oldest sign-in first.
    ///
    /// # Errors
    /// When the engine cannot be reached.
    fn sessions_of(
        &self,
        principal: &Principal,
    ) -> impl Future<Output = Result<Vec<Listed>, StoreError>> + Send;

    /// Deletes every session of `principal` but `except`; says how many.
    ///
    /// It is final: every sign-in that was acknowledged before the call began is gone when it returns. May be called again.
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
    /// /// An account is disabled.
    /// async fn disable(store: &MemoryStore, user: u64) -> Result<u64, Box<dyn std::error::Error>> {
    ///     let principal = TypedSession::<Shop>::principal_of(user)?;
    ///     Ok(store.delete_all(&principal, None).await?)
    /// }
    /// # let _ = disable;
    /// ```
    ///
    /// # Errors
    /// When it is not known that all of them are gone.
    fn delete_all(
        &self,
        principal: &Principal,
        except: Option<&RecordKey>,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;
}

impl<S: PrincipalIndex> PrincipalIndex for Arc<S> {
    async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        (**self).sessions_of(principal).await
    }

    async fn delete_all(&self, principal: &Principal, except: Option<&RecordKey>) -> Result<u64, StoreError> {
        (**self).delete_all(principal, except).await
    }
}

/// [`PrincipalIndex`] in the form that a `dyn` can have.
trait DynIndex: Send + Sync {
    fn dyn_sessions_of<'a>(&'a self, principal: &'a Principal) -> Boxed<'a, Vec<Listed>>;
    fn dyn_delete_all<'a>(
        &'a self,
        principal: &'a Principal,
        except: Option<&'a RecordKey>,
    ) -> Boxed<'a, u64>;
}

impl<S: PrincipalIndex> DynIndex for S {
    fn dyn_sessions_of<'a>(&'a self, principal: &'a Principal) -> Boxed<'a, Vec<Listed>> {
        Box::pin(self.sessions_of(principal))
    }

    fn dyn_delete_all<'a>(
        &'a self,
        principal: &'a Principal,
        except: Option<&'a RecordKey>,
    ) -> Boxed<'a, u64> {
        Box::pin(self.delete_all(principal, except))
    }
}

/// The index of a store whose type is forgotten; see [`SessionStore::index`].
#[derive(Clone, Copy)]
pub struct Index<'a>(&'a dyn DynIndex);

impl<'a> Index<'a> {
    /// The index of `store`.
    #[must_use]
    pub fn of(store: &'a impl PrincipalIndex) -> Self {
        Self(store)
    }

    /// As [`PrincipalIndex::sessions_of`].
    ///
    /// # Errors
    /// As there.
    pub async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        self.0.dyn_sessions_of(principal).await
    }

    /// As [`PrincipalIndex::delete_all`].
    ///
    /// # Errors
    /// As there.
    pub async fn delete_all(
        &self,
        principal: &Principal,
        except: Option<&RecordKey>,
    ) -> Result<u64, StoreError> {
        self.0.dyn_delete_all(principal, except).await
    }
}

impl fmt::Debug for Index<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").finish_non_exhaustive()
    }
}

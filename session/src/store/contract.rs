//! What a store promises.
//!
//! In: a key and a change. Out: [`SessionStore`], [`PrincipalIndex`], and their answers. Never: an engine.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use super::{
    error::{StoreError, StoreErrorKind},
    scan::{Cursor, Scanned},
};
use crate::{
    id::public::Selector,
    record::{
        apply::Record,
        change::{Change, NewRecord},
        meta::{Meta, Principal},
        time::Timestamp,
    },
};

/// A record, and the store's time when it was read.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The record; not expired at `now`.
    pub record: Arc<Record>,
    /// The store's clock.
    pub now: Timestamp,
}

impl Loaded {
    /// `record` as it was at `now`.
    pub fn new(record: impl Into<Arc<Record>>, now: Timestamp) -> Self {
        Self { record: record.into(), now }
    }
}

/// The answer to [`SessionStore::create`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Created {
    /// The record is stored.
    Created,
    /// There is one under this selector, live or not yet swept; nothing changed.
    Exists,
    /// The principal has as many sessions as [`NewRecord::max_sessions`] allows; nothing changed.
    TooMany,
}

/// The answer to [`SessionStore::update`].
#[derive(Clone, PartialEq, Debug)]
pub enum Updated {
    /// The change is stored; this is the record's revision now.
    Done {
        /// `Meta::revision` after the change.
        revision: u64,
    },
    /// The generation or a guard did not hold; nothing changed. The record as it was at that moment, never an older one.
    Conflict(Loaded),
    /// No live record; nothing was created.
    Gone,
    /// The new principal has as many other sessions as [`Change::max_sessions`] allows; nothing changed.
    TooMany,
}

/// Where records live. Every method is one atomic step; time is the store's own clock.
///
/// The contract is [`Record::create`] and [`Record::apply`]: what a store keeps after `update` equals what `apply` returns for
/// the record of that moment. There is no unconditional write, which is what makes a logout final.
///
/// **An `update` or `create` whose outcome is unknown must not be sent again**, neither by the store nor by a driver under it:
/// a resend that meets its own first copy would apply a closure twice. Answer [`StoreErrorKind::UnknownOutcome`].
///
/// Whatever the engine returns may be garbage, huge, or written by a later release: that is a [`StoreError`], never a panic and
/// never `None`.
pub trait SessionStore: Send + Sync + 'static {
    /// Reads a record; `None` if there is none or it has expired.
    ///
    /// # Errors
    /// When the engine cannot be reached, or what it holds cannot be read.
    fn load(&self, selector: &Selector) -> impl Future<Output = Result<Option<Loaded>, StoreError>> + Send;

    /// Stores a new record, if there is none under this selector.
    ///
    /// # Errors
    /// When the engine cannot be reached or has no room, or when it is not known whether the record is stored.
    fn create(
        &self,
        selector: &Selector,
        record: &NewRecord,
    ) -> impl Future<Output = Result<Created, StoreError>> + Send;

    /// Applies a change to a live record.
    ///
    /// # Errors
    /// As [`create`](Self::create); also when what is stored cannot be read, which leaves it as it is.
    fn update(
        &self,
        selector: &Selector,
        change: &Change,
    ) -> impl Future<Output = Result<Updated, StoreError>> + Send;

    /// Removes a record, whatever it holds; with `only_if`, only a readable one of this principal. None there is success.
    ///
    /// # Errors
    /// When it is not known that the record is gone.
    fn delete(
        &self,
        selector: &Selector,
        only_if: Option<&Principal>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// How to find sessions by their principal; `None` if this store cannot. A [`PrincipalIndex`] answers `Some(Index::of(self))`.
    fn index(&self) -> Option<Index<'_>> {
        None
    }

    /// The selectors of about `limit` records (at least 1), from the beginning or from where the answer before ended. A record that is
    /// there from the first call to the last is found; for a [`census`](crate::census()).
    ///
    /// # Errors
    /// When the engine cannot be reached; [`StoreErrorKind::Unsupported`] from a store that does not know its selectors, which is what
    /// one that does not say otherwise answers.
    fn scan(
        &self,
        from: Option<&Cursor>,
        limit: u32,
    ) -> impl Future<Output = Result<Scanned, StoreError>> + Send {
        let _ = (from, limit);
        async { Err(StoreError::new(StoreErrorKind::Unsupported)) }
    }
}

impl<S: SessionStore> SessionStore for Arc<S> {
    async fn load(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        (**self).load(selector).await
    }

    async fn create(&self, selector: &Selector, record: &NewRecord) -> Result<Created, StoreError> {
        (**self).create(selector, record).await
    }

    async fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        (**self).update(selector, change).await
    }

    async fn delete(&self, selector: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        (**self).delete(selector, only_if).await
    }

    fn index(&self) -> Option<Index<'_>> {
        (**self).index()
    }

    async fn scan(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        (**self).scan(from, limit).await
    }
}

/// One session in a list.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Listed {
    /// Finds its record.
    pub selector: Selector,
    /// What the record says about itself.
    pub meta: Meta,
}

impl Listed {
    /// The session under `selector`.
    #[must_use]
    pub const fn new(selector: Selector, meta: Meta) -> Self {
        Self { selector, meta }
    }

    /// Puts a list in the order in which [`PrincipalIndex::sessions_of`] answers, and in which sessions are evicted: who signed
    /// in first comes first.
    pub fn sort_oldest_first(list: &mut [Self]) {
        list.sort_by_key(|listed| {
            (listed.meta.authenticated.unwrap_or(listed.meta.created), listed.selector)
        });
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

/// [`PrincipalIndex`] in the form that a `dyn` can have.
trait DynIndex: Send + Sync {
    fn dyn_sessions_of<'a>(&'a self, principal: &'a Principal) -> Boxed<'a, Vec<Listed>>;
    fn dyn_delete_all<'a>(&'a self, principal: &'a Principal, except: Option<&'a Selector>)
    -> Boxed<'a, u64>;
}

impl<S: PrincipalIndex> DynIndex for S {
    fn dyn_sessions_of<'a>(&'a self, principal: &'a Principal) -> Boxed<'a, Vec<Listed>> {
        Box::pin(self.sessions_of(principal))
    }

    fn dyn_delete_all<'a>(
        &'a self,
        principal: &'a Principal,
        except: Option<&'a Selector>,
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
        except: Option<&Selector>,
    ) -> Result<u64, StoreError> {
        self.0.dyn_delete_all(principal, except).await
    }
}

impl fmt::Debug for Index<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").finish_non_exhaustive()
    }
}

pub(super) type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

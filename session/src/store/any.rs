//! A store that is chosen at run time.
//!
//! In: any [`SessionStore`]. Out: [`AnyStore`], which is a [`SessionStore`] too and cheap to clone. Never adds behaviour.

use std::{fmt, sync::Arc};

use super::{
    abilities::{Abilities, Boxed},
    contract::{Created, Loaded, SessionStore, Updated},
    error::StoreError,
    index::{Listed, Page, PrincipalIndex},
    scan::{Cursor, Scan, Scanned},
    sweep::Sweep,
};
use crate::{
    events::event::Observer,
    id::public::Selector,
    record::{
        change::{Change, NewRecord},
        meta::Principal,
    },
};

/// [`SessionStore`] in a form that a `dyn` can have. The method names differ so that no call is ambiguous.
pub(super) trait DynStore: Send + Sync {
    fn dyn_load<'a>(&'a self, selector: &'a Selector) -> Boxed<'a, Option<Loaded>>;
    fn dyn_create<'a>(&'a self, selector: &'a Selector, record: &'a NewRecord) -> Boxed<'a, Created>;
    fn dyn_update<'a>(&'a self, selector: &'a Selector, change: &'a Change) -> Boxed<'a, Updated>;
    fn dyn_delete<'a>(&'a self, selector: &'a Selector, only_if: Option<&'a Principal>) -> Boxed<'a, ()>;
    fn dyn_health(&self) -> Boxed<'_, ()>;
    fn dyn_observed_by(&self, observer: Arc<dyn Observer>);
    fn dyn_abilities(&self) -> Abilities<'_>;
}

impl<S: SessionStore> DynStore for S {
    fn dyn_load<'a>(&'a self, selector: &'a Selector) -> Boxed<'a, Option<Loaded>> {
        Box::pin(self.load(selector))
    }

    fn dyn_create<'a>(&'a self, selector: &'a Selector, record: &'a NewRecord) -> Boxed<'a, Created> {
        Box::pin(self.create(selector, record))
    }

    fn dyn_update<'a>(&'a self, selector: &'a Selector, change: &'a Change) -> Boxed<'a, Updated> {
        Box::pin(self.update(selector, change))
    }

    fn dyn_delete<'a>(&'a self, selector: &'a Selector, only_if: Option<&'a Principal>) -> Boxed<'a, ()> {
        Box::pin(self.delete(selector, only_if))
    }

    fn dyn_health(&self) -> Boxed<'_, ()> {
        Box::pin(self.health())
    }

    fn dyn_observed_by(&self, observer: Arc<dyn Observer>) {
        self.observed_by(observer);
    }

    fn dyn_abilities(&self) -> Abilities<'_> {
        self.abilities()
    }
}

/// Any [`SessionStore`] as one type, for choosing the store at run time. Clones share the store.
///
/// ```
/// use actix_typed_session::store::{AnyStore, MemoryStore};
///
/// let store = AnyStore::new(MemoryStore::with_max_bytes(256 << 20));
/// # let _ = store.clone();
/// ```
#[derive(Clone)]
pub struct AnyStore(Arc<dyn DynStore>);

impl AnyStore {
    /// Hides the type of `store`.
    pub fn new(store: impl SessionStore) -> Self {
        Self(Arc::new(store))
    }

    pub(super) fn as_dyn(&self) -> &dyn DynStore {
        &*self.0
    }
}

impl fmt::Debug for AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyStore").finish_non_exhaustive()
    }
}

impl SessionStore for AnyStore {
    async fn load(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        self.0.dyn_load(selector).await
    }

    async fn create(&self, selector: &Selector, record: &NewRecord) -> Result<Created, StoreError> {
        self.0.dyn_create(selector, record).await
    }

    async fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        self.0.dyn_update(selector, change).await
    }

    async fn delete(&self, selector: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        self.0.dyn_delete(selector, only_if).await
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.0.dyn_health().await
    }

    fn observed_by(&self, observer: Arc<dyn Observer>) {
        self.0.dyn_observed_by(observer);
    }

    fn abilities(&self) -> Abilities<'_> {
        self.0.dyn_abilities()
    }
}

/// [`Unsupported`](super::error::StoreErrorKind::Unsupported) where the store within has no index.
impl PrincipalIndex for AnyStore {
    async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        self.abilities().sessions_of(principal).await
    }

    async fn sessions_page(
        &self,
        principal: &Principal,
        after: Option<&Selector>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        self.abilities().sessions_page(principal, after, limit).await
    }

    async fn count_of(&self, principal: &Principal) -> Result<u64, StoreError> {
        self.abilities().count_of(principal).await
    }

    async fn delete_all(&self, principal: &Principal, except: Option<&Selector>) -> Result<u64, StoreError> {
        self.abilities().delete_all(principal, except).await
    }
}

/// [`Unsupported`](super::error::StoreErrorKind::Unsupported) where the store within cannot scan.
impl Scan for AnyStore {
    async fn scan(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        self.abilities().scan(from, limit).await
    }
}

/// [`Unsupported`](super::error::StoreErrorKind::Unsupported) where the store within keeps no expired records.
impl Sweep for AnyStore {
    async fn sweep(&self, limit: u32) -> Result<u32, StoreError> {
        self.abilities().sweep(limit).await
    }
}

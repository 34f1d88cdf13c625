//! What a store can do beyond the contract.
//!
//! In: a store that is a [`PrincipalIndex`], a [`Scan`] or a [`Sweep`]. Out: [`Abilities`], which callers ask without knowing the store's
//! type. Never: a guess; an ability that was not announced is not there.

use std::{fmt, pin::Pin};

use super::{
    error::{StoreError, StoreErrorKind},
    index::{Listed, Page, PrincipalIndex},
    scan::{Cursor, Scan, Scanned},
    sweep::Sweep,
};
use crate::{id::public::Selector, record::meta::Principal};

/// The future of a call to a store of unknown type.
pub(super) type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// [`PrincipalIndex`] in a form that a `dyn` can have.
trait DynIndex: Send + Sync {
    fn dyn_sessions_of<'a>(&'a self, principal: &'a Principal) -> Boxed<'a, Vec<Listed>>;
    fn dyn_sessions_page<'a>(
        &'a self,
        principal: &'a Principal,
        after: Option<&'a Selector>,
        limit: u32,
    ) -> Boxed<'a, Page>;
    fn dyn_count_of<'a>(&'a self, principal: &'a Principal) -> Boxed<'a, u64>;
    fn dyn_delete_all<'a>(&'a self, principal: &'a Principal, except: Option<&'a Selector>)
    -> Boxed<'a, u64>;
}

impl<S: PrincipalIndex> DynIndex for S {
    fn dyn_sessions_of<'a>(&'a self, principal: &'a Principal) -> Boxed<'a, Vec<Listed>> {
        Box::pin(self.sessions_of(principal))
    }

    fn dyn_sessions_page<'a>(
        &'a self,
        principal: &'a Principal,
        after: Option<&'a Selector>,
        limit: u32,
    ) -> Boxed<'a, Page> {
        Box::pin(self.sessions_page(principal, after, limit))
    }

    fn dyn_count_of<'a>(&'a self, principal: &'a Principal) -> Boxed<'a, u64> {
        Box::pin(self.count_of(principal))
    }

    fn dyn_delete_all<'a>(
        &'a self,
        principal: &'a Principal,
        except: Option<&'a Selector>,
    ) -> Boxed<'a, u64> {
        Box::pin(self.delete_all(principal, except))
    }
}

/// [`Scan`] in a form that a `dyn` can have.
trait DynScan: Send + Sync {
    fn dyn_scan<'a>(&'a self, from: Option<&'a Cursor>, limit: u32) -> Boxed<'a, Scanned>;
}

impl<S: Scan> DynScan for S {
    fn dyn_scan<'a>(&'a self, from: Option<&'a Cursor>, limit: u32) -> Boxed<'a, Scanned> {
        Box::pin(self.scan(from, limit))
    }
}

/// [`Sweep`] in a form that a `dyn` can have.
trait DynSweep: Send + Sync {
    fn dyn_sweep(&self, limit: u32) -> Boxed<'_, u32>;
}

impl<S: Sweep> DynSweep for S {
    fn dyn_sweep(&self, limit: u32) -> Boxed<'_, u32> {
        Box::pin(self.sweep(limit))
    }
}

/// The optional abilities of a store; the answer of [`SessionStore::abilities`](super::SessionStore::abilities).
///
/// An ability is a trait, [`PrincipalIndex`], [`Scan`] or [`Sweep`]. A store that implements one announces it here:
///
/// ```
/// use actix_typed_session::store::{Abilities, PrincipalIndex};
///
/// // In `impl SessionStore for MyStore`:
/// fn abilities<S: PrincipalIndex>(store: &S) -> Abilities<'_> {
///     Abilities::none().with_index(store)
/// }
/// # let _ = abilities::<actix_typed_session::store::MemoryStore>;
/// ```
#[derive(Clone, Copy)]
pub struct Abilities<'a> {
    index: Option<&'a dyn DynIndex>,
    scan: Option<&'a dyn DynScan>,
    sweep: Option<&'a dyn DynSweep>,
}

impl<'a> Abilities<'a> {
    /// No abilities: what a store has that announces none.
    #[must_use]
    pub const fn none() -> Self {
        Self { index: None, scan: None, sweep: None }
    }

    /// These abilities, and finding sessions by their principal.
    #[must_use]
    pub fn with_index(self, index: &'a impl PrincipalIndex) -> Self {
        Self { index: Some(index), ..self }
    }

    /// These abilities, and listing the selectors of all records.
    #[must_use]
    pub fn with_scan(self, scan: &'a impl Scan) -> Self {
        Self { scan: Some(scan), ..self }
    }

    /// These abilities, and removing expired records when asked.
    #[must_use]
    pub fn with_sweep(self, sweep: &'a impl Sweep) -> Self {
        Self { sweep: Some(sweep), ..self }
    }

    /// Whether the store finds sessions by their principal. `max_sessions_per_user` and a user's list of sessions need it.
    #[must_use]
    pub const fn has_index(&self) -> bool {
        self.index.is_some()
    }

    /// Whether the store lists the selectors of all records. A [`census`](crate::census()) needs it.
    #[must_use]
    pub const fn has_scan(&self) -> bool {
        self.scan.is_some()
    }

    /// Whether the store keeps expired records until they are swept. Redis does not.
    #[must_use]
    pub const fn has_sweep(&self) -> bool {
        self.sweep.is_some()
    }

    /// As [`PrincipalIndex::sessions_of`].
    ///
    /// # Errors
    /// As there, and [`StoreErrorKind::Unsupported`] if the store has no index.
    pub async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        self.index.ok_or_else(unsupported)?.dyn_sessions_of(principal).await
    }

    /// As [`PrincipalIndex::sessions_page`].
    ///
    /// # Errors
    /// As there, and [`StoreErrorKind::Unsupported`] if the store has no index.
    pub async fn sessions_page(
        &self,
        principal: &Principal,
        after: Option<&Selector>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        self.index.ok_or_else(unsupported)?.dyn_sessions_page(principal, after, limit).await
    }

    /// As [`PrincipalIndex::count_of`].
    ///
    /// # Errors
    /// As there, and [`StoreErrorKind::Unsupported`] if the store has no index.
    pub async fn count_of(&self, principal: &Principal) -> Result<u64, StoreError> {
        self.index.ok_or_else(unsupported)?.dyn_count_of(principal).await
    }

    /// As [`PrincipalIndex::delete_all`].
    ///
    /// # Errors
    /// As there, and [`StoreErrorKind::Unsupported`] if the store has no index.
    pub async fn delete_all(
        &self,
        principal: &Principal,
        except: Option<&Selector>,
    ) -> Result<u64, StoreError> {
        self.index.ok_or_else(unsupported)?.dyn_delete_all(principal, except).await
    }

    /// As [`Scan::scan`].
    ///
    /// # Errors
    /// As there, and [`StoreErrorKind::Unsupported`] if the store cannot scan.
    pub async fn scan(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        self.scan.ok_or_else(unsupported)?.dyn_scan(from, limit).await
    }

    /// As [`Sweep::sweep`].
    ///
    /// # Errors
    /// As there, and [`StoreErrorKind::Unsupported`] if the store keeps no expired records.
    pub async fn sweep(&self, limit: u32) -> Result<u32, StoreError> {
        self.sweep.ok_or_else(unsupported)?.dyn_sweep(limit).await
    }
}

fn unsupported() -> StoreError {
    StoreError::new(StoreErrorKind::Unsupported)
}

impl fmt::Debug for Abilities<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Abilities")
            .field("index", &self.has_index())
            .field("scan", &self.has_scan())
            .field("sweep", &self.has_sweep())
            .finish()
    }
}

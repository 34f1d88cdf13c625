//! Where records live.
//!
//! In: a [`RecordKey`] and a [`Change`]. Out: what is stored now, or why that is not known. Never: cookies, HTTP, decisions.
//!
//! A store of your own implements [`SessionStore`] and runs `store::conformance` (feature `testing`) in its tests.

mod any;
mod bounded;
mod breaker;
mod clock;
#[cfg(feature = "testing")]
pub mod conformance;
mod connect;
mod error;
mod index;
mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
mod scan;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod sweep;

use std::{future::Future, sync::Arc};

pub(crate) use self::bounded::{BoundedIndex, BoundedStore, Deadlines};
#[cfg(feature = "testing")]
pub use self::clock::ManualClock;
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresStore;
#[cfg(feature = "redis")]
pub use self::redis::RedisStore;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;
pub use self::{
    any::AnyStore,
    clock::{Clock, SystemClock},
    connect::{ConnectError, connect},
    error::{StoreError, StoreErrorKind},
    index::{Index, Listed, PrincipalIndex},
    memory::MemoryStore,
    scan::{Cursor, Scanned},
    sweep::{Sweep, Sweeper},
};
use crate::{
    change::{Change, NewRecord},
    id::RecordKey,
    record::{Principal, Record, Timestamp},
};

/// What a caller asks of [`SessionStore::load`]. Nothing yet: it keeps room for loading a part of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct LoadOptions {}

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
    /// There is one under this key, live or not yet swept; nothing changed.
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
    fn load(
        &self,
        key: &RecordKey,
        options: &LoadOptions,
    ) -> impl Future<Output = Result<Option<Loaded>, StoreError>> + Send;

    /// Stores a new record, if there is none under this key.
    ///
    /// # Errors
    /// When the engine cannot be reached or has no room, or when it is not known whether the record is stored.
    fn create(
        &self,
        key: &RecordKey,
        record: &NewRecord,
    ) -> impl Future<Output = Result<Created, StoreError>> + Send;

    /// Applies a change to a live record.
    ///
    /// # Errors
    /// As [`create`](Self::create); also when what is stored cannot be read, which leaves it as it is.
    fn update(
        &self,
        key: &RecordKey,
        change: &Change,
    ) -> impl Future<Output = Result<Updated, StoreError>> + Send;

    /// Removes a record, whatever it holds; with `only_if`, only a readable one of this principal. None there is success.
    ///
    /// # Errors
    /// When it is not known that the record is gone.
    fn delete(
        &self,
        key: &RecordKey,
        only_if: Option<&Principal>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// How to find sessions by their principal; `None` if this store cannot. A [`PrincipalIndex`] answers `Some(Index::of(self))`.
    fn index(&self) -> Option<Index<'_>> {
        None
    }

    /// The keys of about `limit` records (at least 1), from the beginning or from where the answer before ended. A record that is
    /// there from the first call to the last is found; for a [`census`](crate::census()).
    ///
    /// # Errors
    /// When the engine cannot be reached; [`StoreErrorKind::Unsupported`] from a store that does not know its keys, which is what
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
    async fn load(&self, key: &RecordKey, options: &LoadOptions) -> Result<Option<Loaded>, StoreError> {
        (**self).load(key, options).await
    }

    async fn create(&self, key: &RecordKey, record: &NewRecord) -> Result<Created, StoreError> {
        (**self).create(key, record).await
    }

    async fn update(&self, key: &RecordKey, change: &Change) -> Result<Updated, StoreError> {
        (**self).update(key, change).await
    }

    async fn delete(&self, key: &RecordKey, only_if: Option<&Principal>) -> Result<(), StoreError> {
        (**self).delete(key, only_if).await
    }

    fn index(&self) -> Option<Index<'_>> {
        (**self).index()
    }

    async fn scan(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        (**self).scan(from, limit).await
    }
}

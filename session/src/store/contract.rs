//! What a store promises.
//!
//! In: a key and a change. Out: [`SessionStore`] and its answers. Never: an engine.

use std::sync::Arc;

use super::{abilities::Abilities, error::StoreError};
use crate::{
    id::public::Selector,
    record::{
        apply::Record,
        change::{Change, NewRecord},
        meta::Principal,
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
/// a resend that meets its own first copy would apply a closure twice. Answer [`UnknownOutcome`](super::StoreErrorKind::UnknownOutcome).
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

    /// What this store can do beyond the methods above; a store that does not say otherwise has no further abilities.
    ///
    /// A store that is a [`PrincipalIndex`](super::PrincipalIndex) and a [`Scan`](super::Scan) answers
    /// `Abilities::none().with_index(self).with_scan(self)`.
    fn abilities(&self) -> Abilities<'_> {
        Abilities::none()
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

    fn abilities(&self) -> Abilities<'_> {
        (**self).abilities()
    }
}

//! The store contract.
//!
//! In: a selector and a change. Out: [`SessionStore`] and its answers. Never: an engine.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{
    abilities::Abilities,
    error::{StoreError, StoreErrorKind},
};
use crate::{
    events::event::Observer,
    id::public::Selector,
    record::{
        apply::Record,
        change::{Change, NewRecord},
        meta::Principal,
        time::Timestamp,
    },
};

/// How long [`SessionStore::health`] waits for an answer.
const HEALTH_DEADLINE: Duration = Duration::from_secs(1);

/// A record, and the time when it was read.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The record, which has not expired at `now`.
    pub record: Arc<Record>,
    /// The time by the store's clock.
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
#[non_exhaustive]
pub enum Created {
    /// The record is stored.
    Created,
    /// A record exists under this selector, live or expired; nothing was changed.
    Exists,
    /// The principal has as many sessions as [`NewRecord::max_sessions`] allows; nothing was changed.
    TooMany,
}

/// The answer to [`SessionStore::update`].
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Updated {
    /// The change is stored.
    Done {
        /// The record's revision after the change.
        revision: u64,
    },
    /// The generation or a guard did not hold; nothing was changed. Contains the record that they were compared with, never an older one.
    Conflict(Loaded),
    /// There is no live record; nothing was created.
    Gone,
    /// The new principal has as many other sessions as [`Change::max_sessions`] allows; nothing was changed.
    TooMany,
}

/// Where records live. Every method is atomic, and uses the store's own clock.
///
/// The contract is [`Record::create`] and [`Record::apply`]: after `update`, a store holds what `apply` returns for the record of that
/// moment. There is no unconditional write, which is what makes a logout final.
///
/// **An `update` or `create` whose outcome is unknown must not be sent again**, neither by the store nor by a driver under it: if the first
/// copy was executed, a second one would apply a closure twice, or bring back a session that was purged in between. The store answers
/// [`UnknownOutcome`](super::StoreErrorKind::UnknownOutcome) instead.
///
/// **A future may be dropped at any moment**, as the middleware does at a deadline. The call is then done or not done, perhaps a moment
/// later, as if its answer had been lost; never in part. What it held is free again, and the next call is served.
///
/// The engine may return a record that is damaged, huge, or in the layout of a later release. That is a [`StoreError`], never a panic and
/// never `None`. What a later release added to this layout stays in the record, unread, whatever is written to it.
///
/// The conformance suite, `store::conformance` (feature `testing`), checks all of this for any store.
pub trait SessionStore: Send + Sync + 'static {
    /// Reads a record; `None` if there is none or it has expired.
    ///
    /// # Errors
    /// When the engine cannot be reached, or the record cannot be read.
    fn load(&self, selector: &Selector) -> impl Future<Output = Result<Option<Loaded>, StoreError>> + Send;

    /// Stores a new record, unless one exists under this selector.
    ///
    /// # Errors
    /// When the engine cannot be reached or has no room, or when it is unknown whether the record was stored.
    fn create(
        &self,
        selector: &Selector,
        record: &NewRecord,
    ) -> impl Future<Output = Result<Created, StoreError>> + Send;

    /// Applies a change to a live record.
    ///
    /// # Errors
    /// As [`create`](Self::create), and when the record cannot be read; then it is left as it is.
    fn update(
        &self,
        selector: &Selector,
        change: &Change,
    ) -> impl Future<Output = Result<Updated, StoreError>> + Send;

    /// Deletes a record, readable or not; with `only_if`, only a readable record of this principal. Succeeds if there is nothing to delete.
    ///
    /// # Errors
    /// When the record may still exist.
    fn delete(
        &self,
        selector: &Selector,
        only_if: Option<&Principal>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether the store answers, for a readiness probe: one read of a record that there is not, within a second. A cluster may answer
    /// for one of its servers.
    ///
    /// ```
    /// use actix_typed_session::store::{AnyStore, SessionStore};
    /// use actix_web::{HttpResponse, web};
    ///
    /// /// `GET /ready`, for a load balancer. The error says what is wrong, so it goes to the log and not to the client.
    /// async fn ready(store: web::Data<AnyStore>) -> HttpResponse {
    ///     match store.health().await {
    ///         Ok(()) => HttpResponse::Ok().finish(),
    ///         Err(error) => {
    ///             eprintln!("not ready: {error}");
    ///             HttpResponse::ServiceUnavailable().finish()
    ///         }
    ///     }
    /// }
    /// # let _ = ready;
    /// ```
    ///
    /// # Errors
    /// As [`load`](Self::load), and when there is no answer within a second.
    fn health(&self) -> impl Future<Output = Result<(), StoreError>> + Send {
        async {
            let nobody = Selector::from_bytes([0; 16]);
            match timeout(HEALTH_DEADLINE, self.load(&nobody)).await {
                Ok(loaded) => loaded.map(drop),
                Err(late) => Err(StoreError::new(StoreErrorKind::Unavailable).with_source(late)),
            }
        }
    }

    /// Tells `observer` from now on of what the store does by itself, which is [`Event::Swept`](crate::Event::Swept). The builder calls it with its
    /// [`observer`](crate::SessionMiddlewareBuilder::observer); a store may keep to the first one. The default tells nothing.
    fn observed_by(&self, observer: Arc<dyn Observer>) {
        drop(observer);
    }

    /// What this store can do beyond the methods above. The default is nothing.
    ///
    /// A store that is a [`PrincipalIndex`](super::PrincipalIndex), a [`Scan`](super::Scan) and a [`Sweep`](super::Sweep) answers
    /// `Abilities::none().with_index(self).with_scan(self).with_sweep(self)`.
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

    async fn health(&self) -> Result<(), StoreError> {
        (**self).health().await
    }

    fn observed_by(&self, observer: Arc<dyn Observer>) {
        (**self).observed_by(observer);
    }

    fn abilities(&self) -> Abilities<'_> {
        (**self).abilities()
    }
}

//! Calls to a store with a deadline.
//!
//! In: any store. Out: an answer in time, or an error that says whether a write may have happened. Never: a second `create` or
//! `update`; `load` and `delete` are tried twice, because trying them again changes nothing.

use std::{
    future::poll_fn,
    pin::Pin,
    task::Poll,
    time::{Duration, Instant},
};

use super::{AnyStore, Created, LoadOptions, Loaded, StoreError, StoreErrorKind, Updated};
use crate::{
    change::{Change, NewRecord},
    id::RecordKey,
};

/// How long a request waits for its store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    pub(crate) load: Duration,
    pub(crate) save: Duration,
}

/// A store whose every call ends in time.
#[derive(Clone, Debug)]
pub(crate) struct BoundedStore {
    pub(crate) store: AnyStore,
    pub(crate) deadlines: Deadlines,
}

impl BoundedStore {
    pub(crate) async fn load(&self, key: &RecordKey) -> Result<Option<Loaded>, StoreError> {
        let begun = Instant::now();
        let (store, options, longest) = (self.store.as_dyn(), LoadOptions::default(), self.deadlines.load);
        let first = within(begun, longest, store.dyn_load(key, &options), StoreErrorKind::Unavailable).await;
        match first {
            Err(error) if error.kind() == StoreErrorKind::Unavailable => {
                within(begun, longest, store.dyn_load(key, &options), StoreErrorKind::Unavailable).await
            }
            answer => answer,
        }
    }

    /// This and the other writes: part of a commit that began at `begun`, which has one deadline for all of its calls.
    pub(crate) async fn create(
        &self,
        begun: Instant,
        key: &RecordKey,
        new: &NewRecord,
    ) -> Result<Created, StoreError> {
        let call = self.store.as_dyn().dyn_create(key, new);
        within(begun, self.deadlines.save, call, StoreErrorKind::UnknownOutcome).await
    }

    pub(crate) async fn update(
        &self,
        begun: Instant,
        key: &RecordKey,
        change: &Change,
    ) -> Result<Updated, StoreError> {
        let call = self.store.as_dyn().dyn_update(key, change);
        within(begun, self.deadlines.save, call, StoreErrorKind::UnknownOutcome).await
    }

    pub(crate) async fn delete(&self, begun: Instant, key: &RecordKey) -> Result<(), StoreError> {
        let (store, longest) = (self.store.as_dyn(), self.deadlines.save);
        match within(begun, longest, store.dyn_delete(key, None), StoreErrorKind::UnknownOutcome).await {
            Err(_) => {
                within(begun, longest, store.dyn_delete(key, None), StoreErrorKind::UnknownOutcome).await
            }
            answer => answer,
        }
    }
}

/// The answer of `call`, at most `longest` after `begun`; else an error of kind `late`.
async fn within<T>(
    begun: Instant,
    longest: Duration,
    mut call: Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + '_>>,
    late: StoreErrorKind,
) -> Result<T, StoreError> {
    // A store in memory answers at once, and then no timer is needed.
    if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await {
        return answer;
    }
    let left = longest.saturating_sub(begun.elapsed());
    tokio::time::timeout(left, call)
        .await
        .unwrap_or_else(|_| Err(StoreError::new(late).with_source("no answer before the deadline")))
}

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

use super::{
    AnyStore, Created, Index, Listed, LoadOptions, Loaded, SessionStore, StoreError, StoreErrorKind, Updated,
};
use crate::{
    change::{Change, NewRecord},
    id::RecordKey,
    record::Principal,
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

    pub(crate) async fn delete(
        &self,
        begun: Instant,
        key: &RecordKey,
        only_if: Option<&Principal>,
    ) -> Result<(), StoreError> {
        let (store, longest) = (self.store.as_dyn(), self.deadlines.save);
        let delete =
            || within(begun, longest, store.dyn_delete(key, only_if), StoreErrorKind::UnknownOutcome);
        match delete().await {
            Err(_) => delete().await,
            answer => answer,
        }
    }

    pub(crate) fn index(&self) -> Option<BoundedIndex<'_>> {
        let index = SessionStore::index(&self.store)?;
        Some(BoundedIndex { index, deadlines: self.deadlines })
    }
}

/// An index whose every call ends in time. Asking again changes nothing, so a call that failed is tried twice.
pub(crate) struct BoundedIndex<'a> {
    index: Index<'a>,
    deadlines: Deadlines,
}

impl BoundedIndex<'_> {
    pub(crate) async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        let begun = Instant::now();
        let list = || {
            let call = Box::pin(self.index.sessions_of(principal));
            within(begun, self.deadlines.load, call, StoreErrorKind::Unavailable)
        };
        match list().await {
            Err(_) => list().await,
            answer => answer,
        }
    }

    pub(crate) async fn delete_all(
        &self,
        principal: &Principal,
        except: Option<&RecordKey>,
    ) -> Result<u64, StoreError> {
        let begun = Instant::now();
        let delete = || {
            let call = Box::pin(self.index.delete_all(principal, except));
            within(begun, self.deadlines.save, call, StoreErrorKind::UnknownOutcome)
        };
        match delete().await {
            Err(_) => delete().await,
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

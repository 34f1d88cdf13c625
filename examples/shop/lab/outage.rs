//! A store that can be cut off.
//!
//! In: a store. Out: the same, or its failure. Never: a write that was not asked for.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use actix_typed_session::{
    change::{Change, NewRecord},
    id::Selector,
    record::Principal,
    store::{AnyStore, Created, Loaded, SessionStore, StoreError, StoreErrorKind, Updated},
};

#[derive(Clone)]
pub(super) struct Outage {
    store: AnyStore,
    is_down: Arc<AtomicBool>,
}

impl Outage {
    pub(super) fn of(store: AnyStore) -> Self {
        Self { store, is_down: Arc::default() }
    }

    pub(super) fn begin(&self) {
        self.is_down.store(true, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.is_down.store(false, Ordering::Relaxed);
    }

    fn reached(&self) -> Result<&AnyStore, StoreError> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(StoreError::new(StoreErrorKind::Unavailable));
        }
        Ok(&self.store)
    }
}

impl SessionStore for Outage {
    async fn load(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        self.reached()?.load(selector).await
    }

    async fn create(&self, selector: &Selector, record: &NewRecord) -> Result<Created, StoreError> {
        self.reached()?.create(selector, record).await
    }

    async fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        self.reached()?.update(selector, change).await
    }

    async fn delete(&self, selector: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        self.reached()?.delete(selector, only_if).await
    }
}

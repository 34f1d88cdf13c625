//! A store that makes large sessions, and counts its calls: to each new record it adds the fields that the handlers' state does not
//! have.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use actix_typed_session::{
    change::{CellWrite, Change, NewRecord},
    id::Selector,
    record::{Json, Principal},
    store::{Abilities, Created, Loaded, SessionStore, StoreError, Updated},
};

use crate::size::{MOST_IN_STATE, Size, text};

/// A store of sessions of this size.
#[derive(Debug)]
pub(crate) struct Measured<S> {
    pub(crate) store: S,
    pub(crate) size: Size,
    pub(crate) calls: Arc<AtomicU64>,
}

impl<S> Measured<S> {
    fn called(&self) -> &S {
        self.calls.fetch_add(1, Ordering::Relaxed);
        &self.store
    }
}

impl<S: SessionStore> SessionStore for Measured<S> {
    fn load(&self, selector: &Selector) -> impl Future<Output = Result<Option<Loaded>, StoreError>> + Send {
        self.called().load(selector)
    }

    async fn create(&self, selector: &Selector, new: &NewRecord) -> Result<Created, StoreError> {
        // A session that begins with one number is not one of those that are filled.
        if self.size.fields <= MOST_IN_STATE || new.cells.len() < MOST_IN_STATE {
            return self.called().create(selector, new).await;
        }
        let mut new = new.clone();
        for field in MOST_IN_STATE..self.size.fields {
            new.cells.push(CellWrite::new(
                format!("other.f{field}").into(),
                Json::from_store(&format!("\"{}\"", text(self.size.bytes))),
            ));
        }
        self.called().create(selector, &new).await
    }

    fn update(
        &self,
        selector: &Selector,
        change: &Change,
    ) -> impl Future<Output = Result<Updated, StoreError>> + Send {
        self.called().update(selector, change)
    }

    fn delete(
        &self,
        selector: &Selector,
        only_if: Option<&Principal>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        self.called().delete(selector, only_if)
    }

    fn abilities(&self) -> Abilities<'_> {
        self.store.abilities()
    }
}

//! A store whose calls all end in time.
//!
//! In: any store. Out: the same answers, within [`Bounds`]. Never: a call that is not bounded.

use std::time::Instant;

use super::{
    any::AnyStore,
    bounds::Bounds,
    contract::{Created, Loaded, SessionStore, Updated},
    error::StoreError,
    index::{Listed, Page},
};
use crate::{
    events::event::StoreCall,
    id::public::Selector,
    record::{
        change::{Change, NewRecord},
        meta::Principal,
    },
};

/// A store whose calls all end in time.
#[derive(Clone, Debug)]
pub(crate) struct BoundedStore {
    store: AnyStore,
    bounds: Bounds,
}

impl BoundedStore {
    pub(crate) const fn new(store: AnyStore, bounds: Bounds) -> Self {
        Self { store, bounds }
    }

    /// Whether it answers no calls at the moment; that has been told.
    pub(crate) fn is_down(&self) -> bool {
        self.bounds.is_down()
    }

    /// Loads a record. All loads for one request share one deadline, which counts from `begun`.
    pub(crate) async fn load(
        &self,
        begun: Instant,
        selector: &Selector,
    ) -> Result<Option<Loaded>, StoreError> {
        self.bounds.load(begun, selector, || self.store.as_dyn().dyn_load(selector)).await
    }

    /// Creates a record. All writes of a commit share one deadline, which counts from `begun`.
    pub(crate) async fn create(
        &self,
        begun: Instant,
        selector: &Selector,
        new: &NewRecord,
    ) -> Result<Created, StoreError> {
        let call = || self.store.as_dyn().dyn_create(selector, new);
        self.bounds.write(begun, StoreCall::Create, selector, call).await
    }

    pub(crate) async fn update(
        &self,
        begun: Instant,
        selector: &Selector,
        change: &Change,
    ) -> Result<Updated, StoreError> {
        let call = || self.store.as_dyn().dyn_update(selector, change);
        self.bounds.write(begun, StoreCall::Update, selector, call).await
    }

    pub(crate) async fn delete(
        &self,
        begun: Instant,
        selector: &Selector,
        only_if: Option<&Principal>,
    ) -> Result<(), StoreError> {
        let call = || self.store.as_dyn().dyn_delete(selector, only_if);
        self.bounds.write_again(begun, StoreCall::Delete, Some(selector), call).await
    }

    pub(crate) fn has_index(&self) -> bool {
        self.store.abilities().has_index()
    }

    pub(crate) async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        let abilities = self.store.abilities();
        self.bounds.look(|| Box::pin(async move { abilities.sessions_of(principal).await })).await
    }

    pub(crate) async fn sessions_page(
        &self,
        principal: &Principal,
        after: Option<&Selector>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let abilities = self.store.abilities();
        let call = || Box::pin(async move { abilities.sessions_page(principal, after, limit).await });
        self.bounds.look(call).await
    }

    pub(crate) async fn count_of(&self, principal: &Principal) -> Result<u64, StoreError> {
        let abilities = self.store.abilities();
        self.bounds.look(|| Box::pin(async move { abilities.count_of(principal).await })).await
    }

    pub(crate) async fn delete_all(
        &self,
        principal: &Principal,
        except: Option<&Selector>,
    ) -> Result<u64, StoreError> {
        let abilities = self.store.abilities();
        let call = || Box::pin(async move { abilities.delete_all(principal, except).await });
        self.bounds.write_again(Instant::now(), StoreCall::DeleteAll, None, call).await
    }
}

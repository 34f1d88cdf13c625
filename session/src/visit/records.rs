//! The records that one request reaches: those of the store, or those that its own cookies carry.
//!
//! In: what a store is asked. Out: what a store answers, whichever of the two it is, with secret values opened. Never: a rule.

use std::{rc::Rc, time::Instant};

use super::{
    carried::{Carried, Snapshot},
    shared::Shared,
};
use crate::{
    commit::exchange::{CookieAction, Done, Finish},
    error::Error,
    id::public::Selector,
    record::change::{Change, NewRecord},
    store::{
        contract::{Created, Loaded, Updated},
        error::StoreError,
    },
};

/// Clones reach the same records.
#[derive(Clone)]
pub(super) struct Records {
    shared: Rc<Shared>,
    /// `None`: they are in the store.
    carried: Option<Rc<Carried>>,
}

impl Records {
    pub(super) fn of(shared: Rc<Shared>) -> Self {
        let carried = shared.in_cookie.clone().map(|in_cookie| Rc::new(Carried::new(in_cookie)));
        Self { shared, carried }
    }

    /// What the request's cookies carry, if sessions live there.
    pub(super) fn carried(&self) -> Option<&Carried> {
        self.carried.as_deref()
    }

    /// Whether several users have a session of this selector, which is loaded. In a store there is one.
    pub(super) fn is_contested(&self, selector: &Selector) -> bool {
        self.carried().is_some_and(|carried| carried.is_contested(selector))
    }

    pub(super) async fn load(
        &self,
        begun: Instant,
        selector: &Selector,
    ) -> Result<Option<Loaded>, StoreError> {
        let loaded = match &self.carried {
            None => self.shared.store.load(begun, selector).await,
            Some(carried) => carried.load(selector).await,
        };
        Ok(loaded?.map(|loaded| self.shared.secrets.open(selector, loaded)))
    }

    pub(super) async fn create(
        &self,
        begun: Instant,
        selector: &Selector,
        new: &NewRecord,
    ) -> Result<Created, StoreError> {
        let sealed = self.shared.secrets.seal(selector, &new.cells)?;
        let sealed = sealed.map(|cells| NewRecord { cells, ..new.clone() });
        let new = sealed.as_ref().unwrap_or(new);
        match &self.carried {
            None => self.shared.store.create(begun, selector, new).await,
            Some(carried) => Ok(carried.create(selector, new)),
        }
    }

    pub(super) async fn update(
        &self,
        begun: Instant,
        selector: &Selector,
        change: &Change,
    ) -> Result<Updated, StoreError> {
        let sealed = self.shared.secrets.seal(selector, &change.write)?;
        let sealed = sealed.map(|write| Change { write, ..change.clone() });
        let change = sealed.as_ref().unwrap_or(change);
        let updated = match &self.carried {
            None => self.shared.store.update(begun, selector, change).await,
            Some(carried) => carried.update(selector, change),
        };
        updated.map(|updated| self.shared.secrets.open_answer(selector, updated))
    }

    pub(super) async fn delete(&self, begun: Instant, selector: &Selector) -> Result<(), StoreError> {
        match &self.carried {
            None => self.shared.store.delete(begun, selector, None).await,
            Some(carried) => carried.delete(selector).await,
        }
    }

    /// A commit begins.
    pub(super) fn begin(&self) -> Attempted<'_> {
        Attempted(self.carried().map(|carried| (carried, carried.snapshot())))
    }
}

/// A commit that may have to be undone, because its cookie cannot be made: what is carried is stored when the cookie is.
pub(super) struct Attempted<'a>(Option<(&'a Carried, Snapshot)>);

impl Attempted<'_> {
    /// The end of the commit; `Err`: it was undone, and its result is this one.
    pub(super) fn finish(self, finish: Finish) -> Result<Finish, Result<Done, Error>> {
        let (Some((carried, before)), CookieAction::Set { id, .. }) = (self.0, &finish.cookie) else {
            return Ok(finish);
        };
        let Err(error) = carried.seal(id) else { return Ok(finish) };
        carried.restore(before);
        Err(match finish.result {
            // A touch, and that it cannot be stored is no failure of the request.
            Ok(Done::Nothing) => {
                tracing::debug!(%error, "a session could not be touched; it may end early");
                Ok(Done::Nothing)
            }
            _ => Err(error),
        })
    }
}

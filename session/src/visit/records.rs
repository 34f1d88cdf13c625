//! The records that one request reaches: those of the store, or those that its own cookies carry.
//!
//! In: what a store is asked. Out: what a store answers, whichever of the two it is. Never: a rule.

use std::{rc::Rc, time::Instant};

use super::{
    carried::{Carried, Snapshot},
    shared::Shared,
};
use crate::{
    commit::exchange::{CookieAction, Finish},
    id::public::Selector,
    record::change::{Change, NewRecord},
    store::{
        contract::{Created, Loaded, Updated},
        error::StoreError,
    },
};

/// Clones reach the same records.
#[derive(Clone)]
pub(super) enum Records {
    OfStore(Rc<Shared>),
    Carried(Rc<Carried>),
}

impl Records {
    pub(super) fn of(shared: &Rc<Shared>) -> Self {
        match &shared.in_cookie {
            None => Self::OfStore(shared.clone()),
            Some(in_cookie) => Self::Carried(Rc::new(Carried::new(in_cookie.clone()))),
        }
    }

    pub(super) async fn load(
        &self,
        begun: Instant,
        selector: &Selector,
    ) -> Result<Option<Loaded>, StoreError> {
        match self {
            Self::OfStore(shared) => shared.store.load(begun, selector).await,
            Self::Carried(carried) => carried.load(selector).await,
        }
    }

    pub(super) async fn create(
        &self,
        begun: Instant,
        selector: &Selector,
        new: &NewRecord,
    ) -> Result<Created, StoreError> {
        match self {
            Self::OfStore(shared) => shared.store.create(begun, selector, new).await,
            Self::Carried(carried) => Ok(carried.create(selector, new)),
        }
    }

    pub(super) async fn update(
        &self,
        begun: Instant,
        selector: &Selector,
        change: &Change,
    ) -> Result<Updated, StoreError> {
        match self {
            Self::OfStore(shared) => shared.store.update(begun, selector, change).await,
            Self::Carried(carried) => carried.update(selector, change),
        }
    }

    pub(super) async fn delete(&self, begun: Instant, selector: &Selector) -> Result<(), StoreError> {
        match self {
            Self::OfStore(shared) => shared.store.delete(begun, selector, None).await,
            Self::Carried(carried) => carried.delete(selector).await,
        }
    }

    /// A commit begins.
    pub(super) fn begin(&self) -> Attempted<'_> {
        match self {
            Self::OfStore(_) => Attempted(None),
            Self::Carried(carried) => Attempted(Some((carried, carried.snapshot()))),
        }
    }
}

/// A commit that may have to be undone, because its cookie cannot be made: what is carried is stored when the cookie is.
pub(super) struct Attempted<'a>(Option<(&'a Carried, Snapshot)>);

impl Attempted<'_> {
    /// The end of the commit.
    pub(super) fn finish(self, finish: Finish) -> Finish {
        let (Some((carried, before)), CookieAction::Set { id, .. }) = (self.0, &finish.cookie) else {
            return finish;
        };
        match carried.seal(id) {
            Ok(()) => finish,
            Err(error) => {
                carried.restore(before);
                Finish::unchanged(Err(error))
            }
        }
    }
}

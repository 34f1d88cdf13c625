//! The records that one request reaches: those of the store, or those that its own cookies carry or point to.
//!
//! In: what a store is asked. Out: what a store answers, wherever the records are, with secret values opened. Never: a rule.

use std::{rc::Rc, time::Instant};

use super::{
    carried::{Carried, Sealed, Snapshot},
    pointed::Pointed,
    pointer::Pointer,
    shared::{Elsewhere, Shared},
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
    reach: Reach,
}

#[derive(Clone)]
enum Reach {
    Store,
    Carried(Rc<Carried>),
    Pointed(Rc<Pointed>),
}

/// What the cookies of a request sealed.
pub(crate) enum Opened {
    /// Nothing: they have ids.
    Nothing,
    Sessions(Vec<Sealed>),
    Pointers(Vec<Pointer>),
}

impl Records {
    pub(super) fn of(shared: Rc<Shared>) -> Self {
        let reach = match &shared.elsewhere {
            None => Reach::Store,
            Some(Elsewhere::InCookie(shared)) => Reach::Carried(Rc::new(Carried::new(shared.clone()))),
            Some(Elsewhere::InForeign(shared)) => Reach::Pointed(Rc::new(Pointed::new(shared.clone()))),
        };
        Self { shared, reach }
    }

    /// Takes what the cookies of the request sealed.
    pub(super) fn bring(&self, opened: Opened) {
        match (&self.reach, opened) {
            (Reach::Carried(carried), Opened::Sessions(sealed)) => carried.bring(sealed),
            (Reach::Pointed(pointed), Opened::Pointers(pointers)) => pointed.bring(pointers),
            _ => {}
        }
    }

    /// The value of the cookie that was sealed last, if cookies are.
    pub(super) fn text(&self) -> Option<String> {
        match &self.reach {
            Reach::Store => None,
            Reach::Carried(carried) => Some(carried.text()),
            Reach::Pointed(pointed) => Some(pointed.text()),
        }
    }

    /// Whether there are several sessions of this selector, which is loaded. In a store there is one.
    pub(super) fn is_contested(&self, selector: &Selector) -> bool {
        match &self.reach {
            Reach::Store => false,
            Reach::Carried(carried) => carried.is_contested(selector),
            Reach::Pointed(pointed) => pointed.is_contested(selector),
        }
    }

    pub(super) async fn load(
        &self,
        begun: Instant,
        selector: &Selector,
    ) -> Result<Option<Loaded>, StoreError> {
        let loaded = match &self.reach {
            Reach::Store => self.shared.store.load(begun, selector).await,
            Reach::Carried(carried) => carried.load(selector).await,
            Reach::Pointed(pointed) => Box::pin(pointed.load(begun, selector)).await,
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
        match &self.reach {
            Reach::Store => self.shared.store.create(begun, selector, new).await,
            Reach::Carried(carried) => Ok(carried.create(selector, new)),
            Reach::Pointed(pointed) => Box::pin(pointed.create(begun, selector, new)).await,
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
        let updated = match &self.reach {
            Reach::Store => self.shared.store.update(begun, selector, change).await,
            Reach::Carried(carried) => carried.update(selector, change),
            Reach::Pointed(pointed) => Box::pin(pointed.update(begun, selector, change)).await,
        };
        updated.map(|updated| self.shared.secrets.open_answer(selector, updated))
    }

    pub(super) async fn delete(&self, begun: Instant, selector: &Selector) -> Result<(), StoreError> {
        match &self.reach {
            Reach::Store => self.shared.store.delete(begun, selector, None).await,
            Reach::Carried(carried) => carried.delete(selector).await,
            Reach::Pointed(pointed) => Box::pin(pointed.delete(begun, selector)).await,
        }
    }

    /// A commit begins.
    pub(super) fn begin(&self) -> Attempted<'_> {
        match &self.reach {
            Reach::Store => Attempted::InStore,
            Reach::Carried(carried) => Attempted::Carried(carried, carried.snapshot()),
            Reach::Pointed(pointed) => Attempted::Pointed(pointed),
        }
    }
}

/// A commit whose cookie is yet to be sealed, if cookies are.
pub(super) enum Attempted<'a> {
    InStore,
    /// It has to be undone if its cookie cannot be made: what is carried is stored when the cookie is.
    Carried(&'a Carried, Snapshot),
    /// It is stored already.
    Pointed(&'a Pointed),
}

impl Attempted<'_> {
    /// The end of the commit; `Err`: its result is this one, because there is no cookie for it.
    pub(super) fn finish(self, finish: Finish) -> Result<Finish, Result<Done, Error>> {
        let CookieAction::Set { id, .. } = &finish.cookie else { return Ok(finish) };
        match self {
            Self::InStore => Ok(finish),
            Self::Pointed(pointed) => match pointed.seal(id) {
                // A cookie is not sent again: a response that is late could put it back over another one.
                Ok(true) => Ok(Finish { cookie: CookieAction::Keep, ..finish }),
                Ok(false) => Ok(finish),
                Err(error) => Err(Err(error)),
            },
            Self::Carried(carried, before) => {
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
    }
}

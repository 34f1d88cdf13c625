//! Loads a request's session, once.
//!
//! In: the ids that the request's cookies carry, or what makes an id of a session that lived elsewhere. Out: what the request met. Never: a
//! rule.

use std::{rc::Rc, time::Instant};

use futures_util::future::{FutureExt, LocalBoxFuture};

use super::{
    common::Common,
    lookup::{Brought, Loading, LookedUp, Moved, look_up},
    records::{Opened, Records},
    run_to_end::spawn,
    shared::Shared,
    visit::Visit,
};
#[cfg(feature = "actix-session-import")]
use crate::id::session_id::SessionId;
use crate::{
    commit::arrival::{Arrival, still_has},
    error::Error,
    events::event::Event,
};

/// Moves a session here that the request brings from elsewhere, with a request of its own.
pub(crate) type Mover = Box<dyn FnOnce(Rc<Visit>) -> LocalBoxFuture<'static, Result<Moved, Error>>>;

impl Visit {
    /// Whether anybody looked at the session: the response then varies by cookie.
    pub(crate) fn is_consulted(&self) -> bool {
        self.loaded().is_some()
    }

    /// How the load went, if it is done.
    pub(crate) fn loaded(&self) -> Option<Result<(), Error>> {
        match &*self.loading.borrow() {
            Loading::Done(loaded) => Some(loaded.clone()),
            Loading::NotBegun | Loading::UnderWay(_) => None,
        }
    }

    /// Takes what the request's cookies sealed; [`load`](Self::load) then finds the sessions by their ids.
    pub(crate) fn bring(&self, opened: Opened) {
        if matches!(*self.loading.borrow(), Loading::NotBegun) {
            self.records.bring(opened);
        }
    }

    /// Loads the session that one of the ids opens, or the one that `mover` makes if the request brings no id. All callers of one request
    /// share one load.
    pub(crate) async fn load(&self, brought: Brought, mover: Option<Mover>) -> Result<(), Error> {
        let begun = match &*self.loading.borrow() {
            Loading::Done(loaded) => return loaded.clone(),
            Loading::UnderWay(load) => Some(load.clone()),
            Loading::NotBegun => None,
        };
        let Brought { ids, tampered: count } = brought;
        if count > 0 && begun.is_none() {
            self.shared.events.tell(Event::Tampered { count });
        }
        if ids.is_empty() && mover.is_none() && begun.is_none() {
            return self.has_loaded(((None, Ok(())), None));
        }
        let load = if let Some(load) = begun {
            load
        } else {
            // It does not own the visit, which would then own itself.
            let (shared, records) = (self.shared.clone(), self.records.clone());
            let mut load = match mover {
                Some(mover) => move_and_look_up(mover(self.beside()), shared, records).boxed_local(),
                None => look_up(shared, records, ids).map(|met| (met, None)).boxed_local(),
            };
            // A store in memory answers at once, and then there is nothing to share.
            if let Some(done) = (&mut load).now_or_never() {
                return self.has_loaded(done);
            }
            let load = Common::new(load);
            *self.loading.borrow_mut() = Loading::UnderWay(load.clone());
            // It may hold a connection, and whoever waits may give up, so the worker drives it on.
            spawn(load.keep().map(drop));
            load
        };
        let done = load.await;
        self.has_loaded(done)
    }

    /// The request comes without an id.
    #[cfg(feature = "testing")]
    pub(crate) fn has_no_id(&self) {
        let _ = self.has_loaded(((None, Ok(())), None)); // as it was told
    }

    fn has_loaded(&self, ((arrival, loaded), moved): LookedUp) -> Result<(), Error> {
        let is_first = !self.is_consulted();
        if is_first {
            if let Some(arrival) = arrival {
                let mut ledger = self.ledger.borrow_mut();
                // The browser has no cookie of this session yet.
                if let (Arrival::Live(..), Some(moved)) = (&arrival, &moved) {
                    ledger.answer_with(moved.cookie.clone());
                }
                ledger.arrive(arrival);
                self.loaded_at.set(Some(tokio::time::Instant::now()));
            }
            if moved.is_some_and(|moved| moved.is_done) {
                self.retire();
            }
            *self.loading.borrow_mut() = Loading::Done(loaded.clone());
        }
        loaded
    }

    /// What a request with the cookie of `id` would meet now.
    #[cfg(feature = "actix-session-import")]
    pub(crate) async fn find(&self, id: SessionId) -> Result<Arrival, Error> {
        if self.shared.unconfirmed.holds(&id.selector) {
            return Ok(Arrival::Unconfirmed(id));
        }
        Ok(Arrival::of(id, self.records.load(Instant::now(), &id.selector).await?))
    }

    /// Fails if another request has ended or renewed the session since the load: whoever sent this one may have no part in it any more.
    pub(crate) async fn still_has_session(&self) -> Result<(), Error> {
        let met = self.ledger.borrow().met();
        let Some(met) = met else { return Ok(()) };
        let found = self.records.load(Instant::now(), &met.0.selector).await?;
        still_has(&met, found.as_ref()).map_err(Error::new)
    }
}

/// Looks up the session that `moving` comes to.
async fn move_and_look_up(
    moving: LocalBoxFuture<'static, Result<Moved, Error>>,
    shared: Rc<Shared>,
    records: Records,
) -> LookedUp {
    match moving.await {
        Err(error) => ((None, Err(error)), None),
        Ok(moved) => {
            let met = match moved.id {
                None => (None, Ok(())),
                Some(id) => look_up(shared, records, vec![id]).await,
            };
            (met, Some(moved))
        }
    }
}

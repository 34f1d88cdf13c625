//! Loads a request's session, once.
//!
//! In: the ids that the request's cookies carry. Out: what the request met. Never: a rule.

use std::time::Instant;

use futures_util::future::FutureExt;

use super::{
    carried::Sealed,
    lookup::{Brought, Loading, LookedUp, look_up},
    run_to_end::spawn,
    visit::Visit,
};
use crate::{commit::arrival::still_has, error::Error, events::event::Event};

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

    /// Takes the sessions that the request's cookies sealed; [`load`](Self::load) then finds them by their ids.
    pub(crate) fn bring(&self, sealed: Vec<Sealed>) {
        if let Some(carried) = self.records.carried() {
            carried.bring(sealed);
        }
    }

    /// Loads the session that one of the ids opens. All callers of one request share one load, and whoever waits for it drives it.
    pub(crate) async fn load(&self, brought: Brought) -> Result<(), Error> {
        let begun = match &*self.loading.borrow() {
            Loading::Done(loaded) => return loaded.clone(),
            Loading::UnderWay(load) => Some(load.clone()),
            Loading::NotBegun => None,
        };
        let Brought { ids, tampered: count } = brought;
        if count > 0 && begun.is_none() {
            self.shared.events.tell(Event::Tampered { count });
        }
        let load = match begun {
            Some(load) => load,
            None if ids.is_empty() => return self.has_loaded((None, Ok(()))),
            None => {
                // It does not own the visit, which would then own itself.
                let mut load = look_up(self.shared.clone(), self.records.clone(), ids).boxed_local();
                // A store in memory answers at once, and then there is nothing to share.
                if let Some(done) = (&mut load).now_or_never() {
                    return self.has_loaded(done);
                }
                let load = load.shared();
                *self.loading.borrow_mut() = Loading::UnderWay(load.clone());
                // It may hold a connection, and whoever waits may give up, so the worker drives it on.
                spawn(load.clone().map(drop));
                load
            }
        };
        let done = load.await;
        self.has_loaded(done)
    }

    /// The request comes without an id.
    #[cfg(feature = "testing")]
    pub(crate) fn has_no_id(&self) {
        let _ = self.has_loaded((None, Ok(()))); // as it was told
    }

    fn has_loaded(&self, (arrival, loaded): LookedUp) -> Result<(), Error> {
        let is_first = !self.is_consulted();
        if is_first {
            if let Some(arrival) = arrival {
                self.ledger.borrow_mut().arrive(arrival);
                self.loaded_at.set(Some(tokio::time::Instant::now()));
            }
            *self.loading.borrow_mut() = Loading::Done(loaded.clone());
        }
        loaded
    }

    /// Fails if another request has ended or renewed the session since the load: whoever sent this one may have no part in it any more.
    pub(crate) async fn still_has_session(&self) -> Result<(), Error> {
        let met = self.ledger.borrow().met();
        let Some(met) = met else { return Ok(()) };
        let found = self.records.load(Instant::now(), &met.0.selector).await?;
        still_has(&met, found.as_ref()).map_err(Error::new)
    }
}

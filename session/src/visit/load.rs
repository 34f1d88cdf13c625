//! Loads a request's session, once.
//!
//! In: the id that the request's cookie carries. Out: what the request met. Never: a rule.

use super::visit::Visit;
use crate::{
    commit::arrival::Arrival,
    error::{Error, ErrorKind},
    id::session_id::SessionId,
};

impl Visit {
    /// Whether anybody looked at the session: the response then varies by cookie.
    pub(crate) fn is_consulted(&self) -> bool {
        self.loading.initialized()
    }

    /// How the load went, if it is done.
    pub(crate) fn loaded(&self) -> Option<Result<(), Error>> {
        self.loading.get().cloned()
    }

    /// Loads the session that `id` opens. All callers of one request share one load.
    pub(crate) async fn load(&self, id: Option<SessionId>) -> Result<(), Error> {
        let load = async {
            let Some(id) = id else { return Ok(()) };
            let (arrival, loaded) = self.look_up(id).await;
            if let Some(arrival) = arrival {
                self.ledger.borrow_mut().arrive(arrival);
            }
            loaded
        };
        self.loading.get_or_init(|| load).await.clone()
    }

    async fn look_up(&self, id: SessionId) -> (Option<Arrival>, Result<(), Error>) {
        if self.shared.unconfirmed.holds(&id.selector) {
            return (Some(Arrival::Unconfirmed(id)), Ok(()));
        }
        match self.shared.store.load(&id.selector).await.map_err(Error::from) {
            Ok(found) => (Some(Arrival::of(id, found)), Ok(())),
            // It cannot be read, but it can be deleted.
            Err(error) if error.peek() == ErrorKind::Unreadable => {
                (Some(Arrival::Unreadable(id)), Err(error))
            }
            Err(error) => (None, Err(error)),
        }
    }
}

//! Looks a session up.
//!
//! In: the id that the request's cookie carries. Out: what the request met. Never: a rule.

use std::rc::Rc;

use futures_util::future::{LocalBoxFuture, Shared as Common};

use super::shared::Shared;
use crate::{
    commit::arrival::Arrival,
    error::{Error, ErrorKind},
    id::session_id::SessionId,
};

/// How far the load is.
#[derive(Default)]
pub(super) enum Loading {
    #[default]
    NotBegun,
    UnderWay(Common<LocalBoxFuture<'static, LookedUp>>),
    Done(Result<(), Error>),
}

/// What the store has, if that is known, and what handlers are told.
pub(super) type LookedUp = (Option<Arrival>, Result<(), Error>);

pub(super) async fn look_up(shared: Rc<Shared>, id: SessionId) -> LookedUp {
    if shared.unconfirmed.holds(&id.selector) {
        return (Some(Arrival::Unconfirmed(id)), Ok(()));
    }
    match shared.store.load(&id.selector).await.map_err(Error::from) {
        Ok(found) => (Some(Arrival::of(id, found)), Ok(())),
        // It cannot be read, but it can be deleted.
        Err(error) if error.peek() == ErrorKind::Unreadable => (Some(Arrival::Unreadable(id)), Err(error)),
        Err(error) => (None, Err(error)),
    }
}

//! Looks a session up.
//!
//! In: the ids that the request's cookies carry. Out: what the request met. Never: a rule.

use std::{rc::Rc, time::Instant};

use super::{common::Common, records::Records, shared::Shared};
use crate::{
    commit::{arrival::Arrival, exchange::CookieAction},
    error::{Error, ErrorKind},
    id::session_id::SessionId,
};

/// What a request brings to find its session by.
pub(crate) struct Brought {
    /// The ids that our keys made.
    pub(crate) ids: Vec<SessionId>,
    /// How much else of an id's length it brings.
    pub(crate) tampered: u64,
}

/// How far the load is.
#[derive(Default)]
pub(super) enum Loading {
    #[default]
    NotBegun,
    UnderWay(Common<LookedUp>),
    Done(Result<(), Error>),
}

/// What the store has, if that is known, and what handlers are told.
pub(super) type Met = (Option<Arrival>, Result<(), Error>);

/// The same, and what became of what the request brought from elsewhere.
pub(super) type LookedUp = (Met, Option<Moved>);

/// What became of a session that a request brought from elsewhere.
#[derive(Clone)]
#[cfg_attr(not(feature = "actix-session-import"), allow(dead_code))] // there is no other place yet
pub(crate) struct Moved {
    /// The id that it has here, if it is here.
    pub(crate) id: Option<SessionId>,
    /// What the browser must be told of that, if the session is live.
    pub(crate) cookie: CookieAction,
    /// Whether the browser had better forget what it brought.
    pub(crate) is_done: bool,
}

/// Looks up each of `ids`; all share one deadline.
pub(super) async fn look_up(shared: Rc<Shared>, records: Records, ids: Vec<SessionId>) -> Met {
    let (begun, mut met, mut damage) = (Instant::now(), Vec::with_capacity(ids.len()), None);
    for id in ids.iter().copied() {
        if shared.unconfirmed.holds(&id.selector) {
            met.push(Arrival::Unconfirmed(id));
            continue;
        }
        match records.load(begun, &id.selector).await.map_err(Error::from) {
            Ok(Some(_)) if records.is_contested(&id.selector) => met.push(Arrival::Ambiguous(vec![id])),
            Ok(found) => met.push(Arrival::of(id, found)),
            // It cannot be read, but it can be deleted.
            Err(error) if error.kind() == ErrorKind::Unreadable => {
                met.push(Arrival::Unreadable(id));
                damage = damage.or(Some(error));
            }
            // What the store does not answer may be the session, or another one beside it.
            Err(error) => return (None, Err(error)),
        }
    }
    let arrival = Arrival::among(met);
    if let Some(event) = arrival.event(&ids) {
        shared.events.tell(event);
    }
    let loaded = damage.filter(|_| matches!(arrival, Arrival::Unreadable(_))).map_or(Ok(()), Err);
    (Some(arrival), loaded)
}

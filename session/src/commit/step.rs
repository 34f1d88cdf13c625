//! What a commit is asked, what it asks for, and how it ends.
//!
//! In and out of [`Commit`](super::machine::Commit): plain data. Never: a decision.

use std::{rc::Rc, time::Duration};

use super::{arrival::Arrival, fold::Fold, operation::Recorded};
use crate::{
    error::Error,
    id::{public::Selector, random::Randomness, session_id::SessionId},
    record::{
        change::{Change, MaxSessions, NewRecord},
        time::Limits,
    },
    schema::describe::Schema,
    store::contract::{Created, Loaded, Updated},
};

/// What does not change from commit to commit.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) limits: Limits,
    pub(crate) persistent: bool,
    pub(crate) max_sessions: Option<MaxSessions>,
    pub(crate) max_record: usize,
    /// From the first store call of a commit to its last retry.
    pub(crate) deadline: Duration,
    pub(crate) random: Randomness,
}

/// One commit's share of a request.
pub(crate) struct Request {
    pub(crate) arrival: Arrival,
    pub(crate) operations: Vec<Rc<Recorded>>,
    /// The operations as the handlers saw them.
    pub(crate) local: Fold,
    /// What was read of schemas that changed over time: what older versions wrote may be stored anew.
    pub(crate) schemas: Vec<&'static Schema>,
    /// Something was saved earlier in this request.
    pub(crate) saved_before: bool,
    /// The response head has not been sent: a cookie can still be set.
    pub(crate) cookie_possible: bool,
    /// Nobody will look at the session after it.
    pub(crate) last: bool,
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step {
    Create(Selector, Box<NewRecord>),
    Update(Selector, Box<Change>),
    Delete(Selector),
    /// Wait a random time up to this long, then call [`Commit::after_wait`].
    Wait(Duration),
    Finish(Finish),
}

/// The store's answer to a [`Step`].
#[derive(Debug)]
pub(crate) enum Answer {
    Created(Created),
    Updated(Updated),
    Deleted,
}

/// How a commit ended.
#[derive(Debug)]
pub(crate) struct Finish {
    pub(crate) result: Result<Done, Error>,
    pub(crate) cookie: CookieAction,
    pub(crate) after: After,
}

/// What a commit that did not fail did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Done {
    /// There was nothing to do.
    Nothing,
    Stored,
    /// The session ended meanwhile; the writes count as done just before that.
    Gone,
}

/// What to send the browser.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum CookieAction {
    Keep,
    Set { id: SessionId, max_age: Option<Duration> },
    Remove,
}

impl CookieAction {
    /// A cookie that outlives the browser lasts as long as the session may: it is never refreshed.
    pub(crate) fn of(id: SessionId, limits: Limits, persistent: bool) -> Self {
        Self::Set { id, max_age: persistent.then_some(limits.absolute) }
    }
}

/// What the request's session is from now on.
#[derive(Clone, Debug)]
pub(crate) enum After {
    /// As it arrived.
    Same,
    /// The request ended it; what is set from here on begins another.
    Nobody,
    /// It ended meanwhile.
    Ended,
    Live(SessionId, Loaded),
    /// Stored, but what else is in the record now is not known: load before the next use.
    Load(SessionId),
}

pub(crate) fn fail(error: Error) -> Step {
    Step::Finish(Finish { result: Err(error), cookie: CookieAction::Keep, after: After::Same })
}

pub(crate) const fn finish(done: Done) -> Step {
    Step::Finish(Finish { result: Ok(done), cookie: CookieAction::Keep, after: After::Same })
}

//! What a commit is given, what it asks the shell to do, and how it ends.
//!
//! In and out of [`Commit`](super::machine::Commit): plain data. Never: a decision.

use std::{rc::Rc, time::Duration};

use super::{
    arrival::Arrival,
    fold::Fold,
    operation::{Lifetime, Recorded},
};
use crate::{
    error::{Error, ErrorKind},
    id::{public::Selector, random::Randomness, session_id::SessionId, tags::Succession},
    record::{
        change::{Change, MaxSessions, NewRecord},
        time::{Limits, Timestamp},
    },
    schema::describe::Schema,
    store::contract::{Created, Loaded, Updated},
};

/// Where the records of an application live, as far as a commit must know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lives {
    InStore,
    /// In a store that may move a record with each change, so a change may need another cookie.
    WhereCookieSays,
    /// The cookie has all of the record, so every change of it is another cookie.
    InCookie,
}

/// What is the same for every commit of an application.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) lives: Lives,
    /// Those of a session in which a user is signed in.
    pub(crate) limits: Limits,
    /// Those of a session in which nobody is.
    pub(crate) anonymous: Limits,
    pub(crate) persistent: bool,
    pub(crate) max_sessions: Option<MaxSessions>,
    pub(crate) max_record: usize,
    /// From the first store call of a commit to its last retry.
    pub(crate) deadline: Duration,
    pub(crate) random: Randomness,
    pub(crate) succession: Succession,
}

impl Rules {
    /// How long a session lives that begins with, or without, a user who is signed in.
    pub(crate) const fn limits_of(&self, signed_in: bool) -> Limits {
        if signed_in { self.limits } else { self.anonymous }
    }
}

/// What one commit works on.
pub(crate) struct Request {
    pub(crate) arrival: Arrival,
    pub(crate) operations: Vec<Rc<Recorded>>,
    /// The operations as the handlers saw them.
    pub(crate) local: Rc<Fold>,
    /// The schemas with a history that this request read; what it upgraded on reading may be stored.
    pub(crate) schemas: Vec<&'static Schema>,
    pub(crate) since: Since,
    /// The lifetime that the request has set so far.
    pub(crate) granted: Option<Lifetime>,
    /// Whether the request counts as activity.
    pub(crate) touches: bool,
    /// The id that a session gets which the request moves here from elsewhere. Nobody proves by that who they are.
    pub(crate) moves_to: Option<SessionId>,
    pub(crate) head: Head,
}

/// What the operations of a commit stand on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Since {
    /// The record as the request loaded it. If they change nothing, the request counts as done at its load.
    Load,
    /// What an earlier commit of the same request stored. The request then spans two moments, so it counts as done at the later
    /// one only if it writes everything it set.
    Save,
}

/// Whether the response can still carry a cookie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Head {
    Open,
    Sent,
}

/// What the shell must do next.
#[derive(Debug)]
pub(crate) enum Next {
    Create(Selector, Rc<NewRecord>),
    Update(Selector, Rc<Change>),
    Delete(Selector),
    /// Wait for a random time up to this, then call [`Commit::waited`](super::machine::Commit::waited).
    Wait(Duration),
    Finish(Finish),
}

/// The store's answer to a [`Next`].
#[derive(Debug)]
pub(crate) enum Answer {
    /// With the process's time, because the store does not tell its own.
    Created(Created, Timestamp),
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

/// What a commit did.
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

/// What the request's session is after a commit.
#[derive(Clone, Debug)]
pub(crate) enum After {
    /// What it was.
    Same,
    /// The request ended it; what is set from here on begins another.
    Nobody,
    /// It ended meanwhile.
    Ended,
    /// Its end was asked for and not confirmed.
    Unconfirmed(SessionId),
    Live(SessionId, Loaded),
    /// It is stored, but the record may hold writes of other requests: load it before the next commit.
    Stored(Stored),
    /// Another user signed in, or somebody signed in where nobody was: the request's part in it is over. The record is as it is now.
    Displaced(Loaded),
}

/// A session as a commit stored it.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) id: SessionId,
    /// The record as far as the request knows it: what it had read or made, and its own writes.
    pub(crate) shown: Loaded,
}

impl CookieAction {
    /// The cookie for `id`. One that outlives the browser lasts as long as the session may: it is never refreshed.
    pub(crate) fn set(id: SessionId, limits: Limits, persistent: bool) -> Self {
        Self::Set { id, max_age: persistent.then_some(limits.absolute) }
    }
}

impl Finish {
    /// Nothing was stored, and the session is what it was.
    pub(crate) const fn unchanged(result: Result<Done, Error>) -> Self {
        Self { result, cookie: CookieAction::Keep, after: After::Same }
    }

    pub(super) const fn stored(cookie: CookieAction, after: After) -> Self {
        Self { result: Ok(Done::Stored), cookie, after }
    }

    /// The session ended while the request ran; no cookie is sent, or it could bring the browser back to a session that is gone.
    pub(super) const fn gone() -> Self {
        Self { result: Ok(Done::Gone), cookie: CookieAction::Keep, after: After::Ended }
    }

    /// Who is signed in changed while the request ran; nothing of it is stored.
    pub(super) fn displaced(found: Loaded) -> Self {
        let result = Err(Error::new(ErrorKind::Superseded));
        Self { result, cookie: CookieAction::Keep, after: After::Displaced(found) }
    }
}

impl Next {
    pub(super) const fn nothing() -> Self {
        Self::Finish(Finish::unchanged(Ok(Done::Nothing)))
    }

    pub(super) const fn fail(error: Error) -> Self {
        Self::Finish(Finish::unchanged(Err(error)))
    }
}

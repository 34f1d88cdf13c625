//! The specification: whole requests, one after the other, on plain maps.

use std::collections::BTreeMap;

use super::{Observed, Plan};

/// Which of the two browsers sends a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Browser {
    First = 0,
    Second = 1,
}

/// What a request may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Op {
    Set(&'static str, &'static str),
    Clear(&'static str),
    Take(&'static str),
    /// A closure over the whole state: if `a` is `a0`, `b` becomes `copied`.
    CopyIf,
    /// A closure over `n`.
    Increment,
    /// The same, and the handler is told what it read.
    TryIncrement,
    SignIn(&'static str),
    /// The principal field is cleared. Whether that signs somebody out is decided by what the request saw: the specification is
    /// given a `Purge` or a `Clear` in its place.
    SignOut,
    Renew,
    Purge,
    /// Not a request: every session's time is over.
    Expire,
}

impl Op {
    fn user(&self) -> Option<&'static str> {
        match self {
            Self::SignIn(user) => Some(user),
            _ => None,
        }
    }

    pub(super) fn key(self) -> Option<&'static str> {
        match self {
            Self::Set(key, _) | Self::Clear(key) | Self::Take(key) => Some(key),
            Self::CopyIf => Some("b"),
            Self::Increment | Self::TryIncrement => Some("n"),
            Self::SignIn(_) | Self::SignOut => Some("u"),
            Self::Renew | Self::Purge | Self::Expire => None,
        }
    }
}

/// What a request met at its load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Met {
    Nobody,
    Live,
    Superseded,
}

pub(super) type Values = BTreeMap<&'static str, String>;

/// One session of the specification.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own
pub(super) struct Session {
    pub(super) values: Values,
    pub(super) renewed: bool,
    /// The user whose sign-in was the only renewal so far: a second sign-in of that user with the cookie from before joins it.
    pub(super) signed_in: Option<&'static str>,
    authenticated: bool,
    /// Somebody signed in where nobody was: the session then has the builder's limits.
    outlives: bool,
    /// It began in the place of another one.
    restarted: bool,
}

impl Session {
    fn new(values: Values) -> Self {
        Self {
            values,
            renewed: false,
            signed_in: None,
            authenticated: false,
            outlives: false,
            restarted: false,
        }
    }

    /// The session, if one of `ops` signed a user in to it.
    fn signed_in_by(&self, ops: &[Op]) -> Option<Self> {
        let user = ops.iter().rev().find_map(Op::user)?;
        Some(Self { signed_in: Some(user), ..self.clone() })
    }
}

/// All sessions: the two that browsers came with, and those that requests opened.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    pub(super) first: [Option<Session>; 2],
    pub(super) opened: Vec<(usize, Session)>,
}

pub(super) fn begin(signed_in: Option<&'static str>) -> Values {
    let mut values = Values::from([("a", "a0".to_owned()), ("n", "0".to_owned()), ("r", "r0".to_owned())]);
    values.extend(signed_in.map(|user| ("u", user.to_owned())));
    values
}

/// The sessions and statuses after `order`, or `None` where the order cannot be: a request met something else at its load.
pub(super) fn serial(
    signed_in: Option<&'static str>,
    plans: &[Plan],
    seen: &[Observed],
    order: &[usize],
) -> Option<(Sessions, Vec<u16>)> {
    let new = || Some(Session::new(begin(signed_in)));
    let mut sessions = Sessions { first: [new(), new()], opened: Vec::new() };
    let mut statuses = vec![200; plans.len()];
    let mut renewed = [false; 2];
    let mut just_now = true;
    for &at in order {
        let (plan, seen) = (&plans[at], &seen[at]);
        if plan.ops.contains(&Op::Expire) {
            sessions.first = sessions.first.map(|session| session.filter(|session| session.outlives));
            // What happened just now has happened long ago.
            just_now = false;
            for session in sessions.first.iter_mut().flatten() {
                (session.signed_in, session.authenticated) = (None, false);
            }
            continue;
        }
        let home = plan.browser as usize;
        let (_, ops) = since_leaving(&plan.ops, signed_in.filter(|_| seen.met == Met::Live));
        let user = ops.iter().rev().find_map(Op::user);
        let purges = plan.ops.contains(&Op::Purge);
        let session = sessions.first[home].as_ref();
        // Every visit loaded the session as it was in the beginning.
        let displaced = session.is_some_and(|session| {
            session.restarted || session.values.get("u").map(String::as_str) != signed_in
        });
        // Whether it signs in a user whom it did not find signed in.
        let signs_in =
            user.is_some_and(|user| seen.met != Met::Live || signed_in != Some(user) || purges || displaced);
        let joins = signs_in && session.is_some_and(|session| session.signed_in == user);
        match seen.met {
            Met::Live if session.is_none() && !seen.fresh && !purges && !plan.ops.is_empty() => {
                return None;
            }
            Met::Live if seen.fresh => {
                // Only a sign-in opens a session of its own beside a live one, and only if that was renewed meanwhile.
                let allowed = match session {
                    Some(session) => signs_in && session.renewed && !joins,
                    None => signs_in || purges,
                };
                if !allowed {
                    return None;
                }
            }
            Met::Live if !purges && !joins && !plan.ops.is_empty() => {
                let learns = plan.ops.contains(&Op::TryIncrement);
                let renewed = session.is_some_and(|session| session.renewed);
                if displaced || (renewed && learns && !signs_in) {
                    statuses[at] = 409;
                    continue;
                }
            }
            Met::Nobody if session.is_some() => return None,
            Met::Superseded if !renewed[home] => return None,
            // The session that it would have joined may have ended meanwhile.
            Met::Superseded if just_now && !joins && !seen.fresh && (purges || user.is_none()) => {
                statuses[at] = if purges || writes_on_nothing(&plan.ops) { 409 } else { 200 };
                continue;
            }
            Met::Superseded if signs_in && seen.fresh == joins => return None,
            _ => {}
        }
        run(at, plan, seen, signed_in, joins, &mut sessions);
        renewed[home] |= sessions.first[home].as_ref().is_some_and(|session| session.renewed);
    }
    Some((sessions, statuses))
}

/// Whether a request leaves the session in which `user` is signed in, and what it does in the one that it ends in.
fn since_leaving<'a>(ops: &'a [Op], mut user: Option<&'static str>) -> (bool, &'a [Op]) {
    let (mut leaves, mut from) = (false, 0);
    for (at, op) in ops.iter().enumerate() {
        match op {
            Op::SignIn(other) => {
                if user.is_some_and(|user| user != *other) {
                    (leaves, from) = (true, at);
                }
                user = Some(other);
            }
            Op::Purge => (leaves, from, user) = (true, at + 1, None),
            _ => {}
        }
    }
    (leaves, &ops[from..])
}

/// Whether a request that reads nothing writes: taking or copying what is not there does not.
fn writes_on_nothing(ops: &[Op]) -> bool {
    let mut session = Session::new(Values::new());
    let mut writes = false;
    for op in ops {
        let before = session.values.clone();
        apply(op, &mut session);
        writes |= before != session.values || matches!(op, Op::Set(..) | Op::Clear(_));
    }
    writes
}

fn run(
    at: usize,
    plan: &Plan,
    seen: &Observed,
    signed_in: Option<&'static str>,
    joins: bool,
    sessions: &mut Sessions,
) {
    let (leaves, ops) = since_leaving(&plan.ops, signed_in.filter(|_| seen.met == Met::Live));
    let home = &mut sessions.first[plan.browser as usize];
    let at_home = home.is_some() && !seen.fresh && (seen.met == Met::Live || joins);
    let mut own = Session::new(Values::new());
    match home {
        Some(session) if at_home && joins => {
            let reset = session.values.get("r").cloned();
            // It saw nobody, so it signs nobody out.
            for op in ops.iter().filter(|op| **op != Op::Clear("u")) {
                // What the request set before it signed in itself does not outlast that.
                if matches!(op, Op::SignIn(_)) {
                    session.values.remove("r");
                    session.values.extend(reset.clone().map(|value| ("r", value)));
                }
                apply(op, session);
            }
        }
        Some(session) if at_home && !leaves => {
            let before = session.clone();
            for op in ops {
                apply(op, session);
            }
            if !before.renewed && session.authenticated != before.authenticated {
                session.signed_in = ops.iter().rev().find_map(Op::user);
            }
        }
        _ => {
            for op in ops {
                apply(op, &mut own);
            }
            if at_home {
                // A session that was purged, and renewed by another request meanwhile, is deleted.
                let in_place = own.signed_in_by(ops).filter(|_| seen.in_place);
                *home = in_place.map(|session| Session { restarted: true, ..session });
                if home.is_some() {
                    return;
                }
            }
        }
    }
    // A cleared field is no reason to begin a session.
    if !own.values.is_empty() {
        sessions.opened.push((at, own));
    }
}

fn apply(op: &Op, session: &mut Session) {
    let values = &mut session.values;
    match op {
        Op::Set(key, value) => drop(values.insert(key, (*value).to_owned())),
        Op::Clear(key) | Op::Take(key) => drop(values.remove(key)),
        Op::CopyIf => {
            if values.get("a").is_some_and(|a| a == "a0") {
                values.insert("b", "copied".to_owned());
            }
        }
        Op::Increment | Op::TryIncrement => {
            let n: u32 = values.get("n").map_or(0, |n| n.parse().unwrap());
            values.insert("n", (n + 1).to_string());
        }
        Op::SignIn(user) => {
            if !values.contains_key("u") {
                values.remove("r");
                session.outlives = true;
            }
            values.insert("u", (*user).to_owned());
            // A user who has signed in just now is not renewed again.
            session.renewed |= !session.authenticated;
            session.authenticated = true;
        }
        Op::Renew => session.renewed = true,
        Op::SignOut | Op::Purge | Op::Expire => {}
    }
}

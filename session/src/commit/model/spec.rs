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
pub(super) struct Session {
    pub(super) values: Values,
    pub(super) renewed: bool,
    /// The user whose sign-in was the only renewal so far: a second sign-in of that user with the cookie from before joins it.
    pub(super) signed_in: Option<&'static str>,
    authenticated: bool,
    /// Somebody signed in where nobody was: the session then has the builder's limits.
    outlives: bool,
}

impl Session {
    fn new(values: Values) -> Self {
        Self { values, renewed: false, signed_in: None, authenticated: false, outlives: false }
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
        let last_session = plan.ops.rsplit(|op| *op == Op::Purge).next().unwrap_or_default();
        let user = last_session.iter().rev().find_map(Op::user);
        let purges = plan.ops.contains(&Op::Purge);
        let session = sessions.first[home].as_ref();
        // Whether it signs in a user whom it did not find signed in.
        let signs_in = user.is_some_and(|user| seen.met != Met::Live || signed_in != Some(user));
        let joins = signs_in && !purges && session.is_some_and(|session| session.signed_in == user);
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
                // Every visit loaded the session as it was in the beginning.
                let principal = session.and_then(|session| session.values.get("u")).map(String::as_str);
                let learns = plan.ops.contains(&Op::TryIncrement);
                let renewed = session.is_some_and(|session| session.renewed);
                if principal != signed_in || (renewed && learns && !signs_in) {
                    statuses[at] = 409;
                    continue;
                }
            }
            Met::Nobody if session.is_some() => return None,
            Met::Superseded if !renewed[home] => return None,
            Met::Superseded if just_now && (purges || user.is_none()) => {
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
    let home = &mut sessions.first[plan.browser as usize];
    let mut at_home = home.is_some() && !seen.fresh && (seen.met == Met::Live || joins);
    // Of what a fresh request does, what came before the sign-in belonged to whom it met.
    let mut belongs_to = if seen.met == Met::Live && !at_home { signed_in.map(str::to_owned) } else { None };
    let mut own = Session::new(Values::new());
    let before = home.clone();
    let reset = before.as_ref().and_then(|before| before.values.get("r").cloned());
    for op in &plan.ops {
        if let Op::SignIn(user) = op {
            let before = match home {
                Some(session) if at_home => session.values.get("u").cloned(),
                _ => own.values.get("u").cloned().or(belongs_to.take()),
            };
            if before.is_some_and(|other| other != *user) {
                if at_home {
                    *home = None;
                }
                at_home = false;
                own.values.clear();
            }
        }
        if *op == Op::Purge {
            if at_home {
                *home = None;
            }
            (at_home, belongs_to) = (false, None);
            own.values.clear();
            continue;
        }
        match home {
            Some(session) if at_home => {
                // What the request set before it signed in itself does not outlast that.
                if joins && matches!(op, Op::SignIn(_)) {
                    session.values.remove("r");
                    session.values.extend(reset.clone().map(|value| ("r", value)));
                }
                apply(op, session);
            }
            _ => apply(op, &mut own),
        }
    }
    if let (Some(before), Some(session)) = (before, home)
        && !before.renewed
        && session.authenticated != before.authenticated
    {
        session.signed_in = plan.ops.iter().rev().find_map(Op::user);
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

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
    pub(super) fn key(self) -> Option<&'static str> {
        match self {
            Self::Set(key, _) | Self::Clear(key) | Self::Take(key) => Some(key),
            Self::CopyIf => Some("b"),
            Self::Increment => Some("n"),
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
    let new = || Some(Session { values: begin(signed_in), renewed: false });
    let mut sessions = Sessions { first: [new(), new()], opened: Vec::new() };
    let mut statuses = vec![200; plans.len()];
    let mut renewed = [false; 2];
    for &at in order {
        let (plan, seen) = (&plans[at], &seen[at]);
        if plan.ops.contains(&Op::Expire) {
            sessions.first = [None, None];
            continue;
        }
        let home = plan.browser as usize;
        let last_session = plan.ops.rsplit(|op| *op == Op::Purge).next().unwrap_or_default();
        let signs_in = last_session.iter().any(|op| matches!(op, Op::SignIn(_)));
        let purges = plan.ops.contains(&Op::Purge);
        match seen.met {
            Met::Live if sessions.first[home].is_none() && !seen.fresh && !purges && !plan.ops.is_empty() => {
                return None;
            }
            Met::Live if seen.fresh => {
                // Only a sign-in opens a session of its own beside a live one, and only if that was renewed meanwhile.
                let allowed = match &sessions.first[home] {
                    Some(session) => signs_in && session.renewed,
                    None => signs_in || purges,
                };
                if !allowed {
                    return None;
                }
            }
            Met::Nobody if sessions.first[home].is_some() => return None,
            Met::Superseded if !renewed[home] => return None,
            Met::Superseded if purges || !signs_in => {
                statuses[at] = if purges || writes_on_nothing(&plan.ops) { 409 } else { 200 };
                continue;
            }
            _ => {}
        }
        run(at, plan, seen, signed_in, &mut sessions);
        renewed[home] |= sessions.first[home].as_ref().is_some_and(|session| session.renewed);
    }
    Some((sessions, statuses))
}

/// Whether a request that reads nothing writes: taking or copying what is not there does not.
fn writes_on_nothing(ops: &[Op]) -> bool {
    let mut session = Session { values: Values::new(), renewed: false };
    let mut writes = false;
    for op in ops {
        let before = session.values.clone();
        apply(op, &mut session);
        writes |= before != session.values || matches!(op, Op::Set(..) | Op::Clear(_));
    }
    writes
}

fn run(at: usize, plan: &Plan, seen: &Observed, signed_in: Option<&'static str>, sessions: &mut Sessions) {
    let home = &mut sessions.first[plan.browser as usize];
    let mut at_home = seen.met == Met::Live && !seen.fresh && home.is_some();
    // Of what a fresh request does, what came before the sign-in belonged to whom it met.
    let mut belongs_to = if seen.met == Met::Live && !at_home { signed_in.map(str::to_owned) } else { None };
    let mut own = Session { values: Values::new(), renewed: false };
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
            Some(session) if at_home => apply(op, session),
            _ => apply(op, &mut own),
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
        Op::Increment => {
            let n: u32 = values.get("n").map_or(0, |n| n.parse().unwrap());
            values.insert("n", (n + 1).to_string());
        }
        Op::SignIn(user) => {
            if !values.contains_key("u") {
                values.remove("r");
            }
            values.insert("u", (*user).to_owned());
            session.renewed = true;
        }
        Op::Renew => session.renewed = true,
        Op::SignOut | Op::Purge | Op::Expire => {}
    }
}

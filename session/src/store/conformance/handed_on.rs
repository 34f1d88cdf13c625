//! Rules about sessions that go from one user to another, and those that live on, for stores that have an index.
//!
//! In: a [`Bench`]. Out: a verdict per rule; skipped without an index.

use std::time::Duration;

use super::{
    harness::Harness,
    index::{Asked, at_most, principal, sign_in, signed_in},
    kit::{Bench, LONG, answer, new_record, same},
    races::{ROUNDS, WRITERS, overlap, overloaded},
    verdict::{Broken, Held, Verdict},
};
use crate::{
    id::public::Selector,
    record::{
        change::{Change, NewRecord, WhenFull},
        time::Limits,
    },
    store::contract::{SessionStore, Updated},
};

const THEIRS: &str =
    "end only sessions whose record has this principal at that moment; an entry of the index may be old";

const AS_LONG: &str =
    "let an entry of the index live as long as its record may: a touch does not name the principal";

/// Ending all sessions of one user must not end one that another user has by now.
pub(super) fn delete_all_spares_the_next_user<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    let selector = b.selector(100);
    b.created(&selector, &signed_in("1"))?;
    let handed_on = [
        ("1", "signed in another user", sign_in("2", None)),
        ("2", "began anew for another user", Change { anew: true, ..sign_in("3", None) }),
        ("3", "signed out", Change { principal: Some(None), ..Change::default() }),
    ];
    for (before, what, change) in handed_on {
        b.updated(&selector, &change, "on a live record")?;
        let ended = index.delete_all(before, None)?;
        same(&format!("the answer of `delete_all` after the session {what}"), &ended, &0)?;
        b.live(&selector, &format!("that {what}, after `delete_all` for the user before")).map_err(theirs)?;
    }
    for round in 0..u8::try_from(ROUNDS).unwrap_or(u8::MAX) {
        let selector = b.selector(round);
        b.created(&selector, &signed_in("4"))?;
        let signed_in = overlap(b, |writer| {
            if writer.n > 0 {
                let index = writer.store.abilities();
                let ended = writer.harness.block_on(index.delete_all(&principal("4"), None));
                return ended.map(|_| false).map_err(|error| overloaded("delete_all", &error));
            }
            Ok(matches!(writer.update(&selector, &sign_in("5", None))?, Updated::Done { .. }))
        })?;
        let found = b.load(&selector)?.map(|loaded| loaded.record.meta().principal.clone());
        let expected = signed_in.contains(&true).then(|| Some(principal("5")));
        same("the record's principal after `delete_all` for another overlapped", &found, &expected)
            .map_err(theirs)?;
    }
    Ok(Held::Held)
}

fn theirs(broken: Broken) -> Broken {
    Broken { fix: THEIRS.to_owned(), ..broken }
}

/// Each writer signs in two users by turns, and every sign-in may end the session of another writer.
pub(super) fn sessions_may_change_hands_at_once<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    for n in 0..WRITERS {
        b.created(&b.selector(n), &new_record(&[]))?;
    }
    overlap(b, |writer| {
        let selector = b.selector(writer.n);
        for round in 0..ROUNDS {
            let name = if (round + u64::from(writer.n)) % 2 == 0 { "1" } else { "2" };
            match writer.update(&selector, &sign_in(name, at_most(WhenFull::EvictOldest)))? {
                Updated::Done { .. } => {}
                Updated::Gone => {
                    let again = writer.harness.block_on(writer.store.create(&selector, &new_record(&[])));
                    again.map_err(|error| overloaded("create", &error))?;
                }
                other => {
                    let fix =
                        "a change without guards cannot conflict, and one that may end others is not refused";
                    return Err(Broken::new("`Done` or `Gone`", answer(&other), fix));
                }
            }
        }
        Ok(())
    })?;
    for name in ["1", "2"] {
        let mut live = Vec::new();
        for selector in (0..WRITERS).map(|n| b.selector(n)) {
            let belongs =
                b.load(&selector)?.filter(|loaded| loaded.record.meta().principal == Some(principal(name)));
            live.extend(belongs.map(|_| selector));
        }
        let mut listed: Vec<_> = index.list(name)?.into_iter().map(|listed| listed.selector).collect();
        live.sort_unstable();
        listed.sort_unstable();
        same("the listed sessions are the live ones", &listed, &live)?;
        same("a maximum of 3 holds", &(live.len() <= 3), &true)?;
    }
    Ok(Held::Held)
}

/// A session with a short life that is made longer again and again, and a change that does so.
pub(super) fn a_session_is_listed_as_long_as_it_lives<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    let touch = Change { touch: true, ..Change::default() };
    let proof = Change { authenticated: true, ..Change::default() };
    let longer = Change { limits: Some(LONG), principal: Some(Some(principal("3"))), ..Change::default() };
    let idle = |life| Limits { idle: life, ..LONG };
    let absolute = |life| Limits { absolute: life, ..LONG };
    is_listed_while_it_is(b, &index, "1", idle, &touch)?;
    is_listed_while_it_is(b, &index, "2", absolute, &proof)?;
    is_listed_while_it_is(b, &index, "3", idle, &longer)?;
    Ok(Held::Held)
}

fn is_listed_while_it_is<H: Harness>(
    b: &Bench<'_, H>,
    index: &Asked<'_, H>,
    name: &str,
    limits: impl Fn(Duration) -> Limits,
    prolong: &Change,
) -> Result<(), Broken> {
    // On a busy machine, a short life may be over before it is made longer. Then a longer one is tried.
    for (n, life) in (0..).zip([300, 1_200, 4_800, 19_200].map(Duration::from_millis)) {
        let selector = unique(b, name, n);
        b.create(&selector, &NewRecord { limits: limits(life), ..signed_in(name) })?;
        for _ in 0..3 {
            b.pass(life / 2);
            b.update(&selector, prolong)?;
        }
        let (listed, counted) = (index.list(name)?, index.count(name)?);
        if b.load(&selector)?.is_none() {
            continue;
        }
        let seen = (listed.iter().any(|listed| listed.selector == selector), counted > 0);
        same("a session that was prolonged is listed, and counted", &seen, &(true, true)).map_err(as_long)?;
        index.delete_all(name, None)?;
        return b.dead(&selector, "after it was prolonged, and `delete_all`", AS_LONG);
    }
    Err(Broken::new(
        "a session that lives on after an update",
        "none",
        "an update ends no record that has time to live",
    ))
}

fn as_long(broken: Broken) -> Broken {
    Broken { fix: AS_LONG.to_owned(), ..broken }
}

fn unique<H: Harness>(b: &Bench<'_, H>, name: &str, n: u8) -> Selector {
    b.selector(name.bytes().fold(n, |number, byte| number.wrapping_mul(16).wrapping_add(byte)))
}

//! Rules about a maximum of sessions where it is not only about one more, for stores that have an index.
//!
//! In: a [`Bench`]. Out: a verdict per rule; skipped without an index.

use std::time::Duration;

use super::{
    harness::Harness,
    index::{Asked, at_most, sign_in, signed_in},
    kit::{Bench, answer, new_record, same},
    verdict::{Broken, Held, Verdict},
};
use crate::{
    id::public::Selector,
    record::change::{Change, NewRecord, WhenFull},
    store::contract::{Created, Updated},
};

const ALL: &str = "end as many sessions as `MaxSessions::evictions` says, those that signed in first";

const ADDED: &str = "look at the maximum only when a session gets a principal that it did not have";

/// Creates five sessions of `name`, two more than the maximum of the rules.
fn too_many<H: Harness>(b: &Bench<'_, H>, name: &str, first: u8) -> Result<[Selector; 5], Broken> {
    let selectors = [0, 1, 2, 3, 4].map(|n| b.selector(first + n));
    for selector in &selectors {
        b.created(selector, &signed_in(name))?;
        b.pass(Duration::from_millis(2));
    }
    Ok(selectors)
}

fn refused<H: Harness>(b: &Bench<'_, H>, selector: &Selector, change: &Change) -> Result<(), Broken> {
    match b.update(selector, change)? {
        Updated::TooMany => Ok(()),
        other => Err(Broken::new("`TooMany` of an update that signs in one more", answer(&other), ALL)),
    }
}

/// The maximum may have been lowered since the user's sessions began.
pub(super) fn a_lowered_maximum_ends_all_that_are_too_many<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    let (reject, evict) = (at_most(WhenFull::RejectNew), at_most(WhenFull::EvictOldest));
    let (created, updated) = (b.selector(100), b.selector(101));
    b.created(&updated, &new_record(&[]))?;
    let (all, others) = (too_many(b, "1", 0)?, too_many(b, "2", 10)?);
    refused(b, &updated, &sign_in("1", reject))?;
    index.expect("1", &all, "of which two are too many, after a sign-in was refused")?;

    let evicting = b.create(&created, &NewRecord { max_sessions: evict, ..signed_in("1") })?;
    same("`create` that may end others", &evicting, &Created::Created)?;
    b.updated(&updated, &sign_in("2", evict), "that signs in one more, and may end others")?;
    for (name, [ends @ .., fourth, fifth], last) in [("1", all, created), ("2", others, updated)] {
        index.expect(name, &[fourth, fifth, last], "after one more signed in where two were too many")?;
        for selector in &ends {
            b.dead(selector, "after it was one of too many", ALL)?;
        }
    }
    Ok(Held::Held)
}

pub(super) fn a_maximum_is_looked_at_only_for_new_sign_ins<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    let apart = |broken: Broken| Broken { fix: ADDED.to_owned(), ..broken };
    let all = too_many(b, "1", 0)?;
    let [first, .., last] = &all;
    for max_sessions in [at_most(WhenFull::RejectNew), at_most(WhenFull::EvictOldest)] {
        let changes = [
            ("that writes", Change { touch: true, max_sessions, ..Change::default() }),
            (
                "that names the user whom the session has",
                Change { authenticated: false, ..sign_in("1", max_sessions) },
            ),
        ];
        for (when, change) in changes {
            b.updated(first, &change, when).map_err(apart)?;
            index.expect("1", &all, "of which two are too many, after one of them changed").map_err(apart)?;
        }
        b.updated(last, &sign_in("1", max_sessions), "that signs in again").map_err(apart)?;
        index
            .expect("1", &all, "of which two are too many, after the last one signed in again")
            .map_err(apart)?;
    }
    // Nobody is no user, and has as many sessions as there are visitors.
    for (max_sessions, from) in [(at_most(WhenFull::RejectNew), 10), (at_most(WhenFull::EvictOldest), 20)] {
        let anonymous = [0, 1, 2, 3, 4].map(|n| b.selector(from + n));
        for selector in &anonymous {
            let created = b.create(selector, &NewRecord { max_sessions, ..new_record(&[]) })?;
            same("`create` without a principal", &created, &Created::Created).map_err(apart)?;
        }
        let sign_out = Change { principal: Some(None), max_sessions, ..Change::default() };
        for selector in &anonymous {
            b.updated(selector, &sign_in("2", None), "that signs in")?;
            b.updated(selector, &sign_out, "that signs out").map_err(apart)?;
        }
        for selector in &anonymous {
            b.live(selector, "without a principal, among others").map_err(apart)?;
        }
    }
    Ok(Held::Held)
}

pub(super) fn a_refused_sign_in_leaves_a_session_to_its_user<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let Some(index) = Asked::of(b) else { return Ok(Held::Skipped) };
    let (all, other) = (too_many(b, "1", 0)?, b.selector(10));
    let before = b.created(&other, &signed_in("2"))?.record;
    refused(b, &other, &sign_in("1", at_most(WhenFull::RejectNew)))?;
    let after = b.live(&other, "after `TooMany`")?.record;
    same("the revision after `TooMany`", &after.meta().revision, &before.meta().revision)?;
    index.expect("1", &all, "after the session of another user was refused")?;
    index.expect("2", &[other], "after its session was refused to another user")?;
    same("the answer of `delete_all`", &index.delete_all("2", None)?, &1)?;
    b.dead(&other, "after `delete_all` for its user", "change the index only with the record")?;
    Ok(Held::Held)
}

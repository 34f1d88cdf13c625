//! Rules about damaged records and lost replies.
//!
//! In: a [`Bench`] whose harness can damage a record or lose a reply. Out: a verdict per rule; skipped if it cannot.

use super::{
    harness::{Damage, Harness},
    kit::{Bench, answer, failed, guarded, new_record, same, same_record, verifier, write},
    verdict::{Broken, Held, Verdict},
};
use crate::{
    id::public::Selector,
    record::{
        apply::Record,
        change::{Change, NewRecord},
        json::Json,
        meta::Principal,
    },
    store::{
        contract::{Created, SessionStore, Updated},
        error::{StoreError, StoreErrorKind},
    },
};

fn errs<T>(
    call: &str,
    damage: Damage,
    result: Result<T, StoreError>,
    describe: impl Fn(T) -> String,
) -> Result<(), Broken> {
    let expected =
        if damage == Damage::NewerLayout { StoreErrorKind::TooNew } else { StoreErrorKind::Unreadable };
    let seen = match result {
        Err(error) if error.kind() == expected => return Ok(()),
        Err(error) => failed(call, &error).seen,
        Ok(answer) => describe(answer),
    };
    Err(Broken::new(
        format!("`{call}` answers `{expected:?}` for a record with the damage {damage:?}"),
        seen,
        "what cannot be read is neither empty nor absent: answer an error and leave it as it is",
    ))
}

pub(super) fn garbage_is_an_error_and_stays_as_it_is<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let mut supported = false;
    for (n, damage) in (1..).zip(Damage::ALL) {
        let (selector, bystander) = (b.selector(n), b.selector(100 + n));
        let who = Principal::new("shop.user", &Json::from_store("7"));
        let new = NewRecord {
            principal: Some(who.clone()),
            ..new_record(&[("shop.user", "7"), ("shop.cart", "[]")])
        };
        b.created(&selector, &new)?;
        b.created(&bystander, &new)?;
        if !b.harness.block_on(b.harness.damage(&b.store, &selector, damage)) {
            b.delete(&selector)?;
            continue;
        }
        supported = true;
        let raw = || b.harness.block_on(b.harness.raw(&b.store, &selector));
        let before = raw();
        errs("load", damage, b.try_load(&selector), |loaded| match loaded {
            None => "`None`: the visitor would be signed out".to_owned(),
            Some(loaded) => format!("a record with {} cells", loaded.record.cells().len()),
        })?;
        let changes = [
            write("shop.cart", "[1]"),
            guarded(write("shop.cart", "[1]"), "shop.cart", Some(77)),
            Change { expected_generation: Some(77), ..Change::default() },
        ];
        for change in changes {
            errs("update", damage, b.try_update(&selector, &change), |seen| answer(&seen))?;
        }
        // A change that names no damaged cell may go ahead, if the engine does not read the others.
        let touch = Change { touch: true, ..Change::default() };
        let touched = b.try_update(&selector, &touch);
        let may_go_ahead = matches!(damage, Damage::Cell | Damage::CellNotText);
        let before = if may_go_ahead && touched.is_ok() {
            raw()
        } else {
            errs("update", damage, touched, |seen| answer(&seen))?;
            before
        };
        // An error and `Exists` are both right; a new record in place of the damaged one is wrong.
        if let Ok(seen) = b.try_create(&selector, &new_record(&[])) {
            same(&format!("`create` on a record with the damage {damage:?}"), &seen, &Created::Exists)?;
        }
        // The principal cannot be read, so the record must stay. An error is right, and so is success, as for a record of another principal.
        let _ = b.harness.block_on(b.store.delete(&selector, Some(&who)));
        errs("load", damage, b.try_load(&selector), |_| {
            "no error any more: something was written or deleted".to_owned()
        })?;
        same(&format!("the data of the engine with the damage {damage:?}"), &raw(), &before)?;

        b.delete(&selector)?;
        b.dead(
            &selector,
            "after `delete` of a damaged record",
            "`delete` removes whatever is there, readable or not",
        )?;
        let record = b.created(&selector, &new)?.record;
        same_record("after a damaged one", &record, &Record::create(&new, record.meta().created))?;
        b.live(&bystander, "beside a damaged one")?;
    }
    Ok(if supported { Held::Held } else { Held::Skipped })
}

/// Sends one write whose reply is lost; `None` if the harness cannot lose a reply.
fn cut<H: Harness, T>(
    b: &Bench<'_, H>,
    call: &str,
    write: impl FnOnce() -> Result<T, StoreError>,
) -> Result<Option<()>, Broken> {
    if !b.harness.block_on(b.harness.cut_reply(&b.store)) {
        return Ok(None);
    }
    let seen = match write() {
        Err(error) if error.kind() == StoreErrorKind::UnknownOutcome => return Ok(Some(())),
        Err(error) => failed(call, &error).seen,
        Ok(_) => "an answer".to_owned(),
    };
    let fix = "a reply that does not come leaves the outcome unknown; never send a write again, and see that the driver does not";
    Err(Broken::new(format!("`{call}` answers `UnknownOutcome` when its reply is lost"), seen, fix))
}

pub(super) fn an_unknown_outcome_is_never_sent_again<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let (selector, other) = (b.selector(1), b.selector(2));
    let before = b.created(&selector, &new_record(&[("shop.visits", "0")]))?.record;
    let revision = before.revision_of("shop.visits");
    let unguarded = write("shop.visits", "1");
    for change in [
        guarded(unguarded.clone(), "shop.visits", revision),
        unguarded,
        Change { touch: true, ..Change::default() },
    ] {
        let start = b.live(&selector, "before a lost reply")?.record.meta().revision;
        if cut(b, "update", || b.try_update(&selector, &change))?.is_none() {
            return Ok(Held::Skipped);
        }
        let seen = b.live(&selector, "after a lost reply")?.record.meta().revision;
        at_most_once(start, seen)?;
    }
    at_most_once_created(b, &other)?;
    // After that, every reply belongs to its own call again.
    let start = b.live(&selector, "after a lost reply")?.record;
    let after = b.updated(&selector, &write("shop.visits", "9"), "after a lost reply")?.record;
    same("revision of the next write", &after.meta().revision, &(start.meta().revision + 1))?;
    Ok(Held::Held)
}

fn at_most_once(start: u64, seen: u64) -> Result<(), Broken> {
    if seen == start || seen == start + 1 {
        return Ok(());
    }
    Err(Broken::new(
        format!("revision {start} or {}: the change once or not at all", start + 1),
        format!("revision {seen}"),
        "the write was sent again after its reply was lost; turn off the driver's resends",
    ))
}

/// A late second `create` would bring back a session that was purged in between.
fn at_most_once_created<H: Harness>(b: &Bench<'_, H>, selector: &Selector) -> Result<(), Broken> {
    let new = NewRecord { verifier: verifier(5), ..new_record(&[("shop.user", "7")]) };
    cut(b, "create", || b.try_create(selector, &new))?;
    if let Some(loaded) = b.load(selector)? {
        same_record(
            "of a `create` whose reply was lost",
            &loaded.record,
            &Record::create(&new, loaded.record.meta().created),
        )?;
    }
    b.delete(selector)?;
    b.dead(
        selector,
        "after a delete, whatever became of the `create` before it",
        "never send a `create` again",
    )?;
    match b.update(selector, &write("shop.user", "8"))? {
        Updated::Gone => Ok(()),
        other => Err(Broken::new("`Gone`", answer(&other), "never send a `create` again")),
    }
}

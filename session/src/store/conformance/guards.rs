//! Rules about when a change is applied.
//!
//! In: a [`Bench`]. Out: a verdict per rule. Never: a race.

use std::time::Duration;

use super::{
    harness::Harness,
    kit::{Bench, explained, guarded, new_record, same, same_record, set, verifier, write},
    verdict::{Broken, Held, Verdict},
};
use crate::{
    id::public::Selector,
    record::{
        apply::{Outcome, Record},
        change::{CellWrite, Change, Renewal},
    },
    store::contract::Updated,
};

/// Sends `change`, and checks that the answer and the record are what `apply` returns.
fn agrees<H: Harness>(b: &Bench<'_, H>, selector: &Selector, change: &Change) -> Result<Outcome, Broken> {
    let before = b.live(selector, "before an update")?;
    let seen = b.update(selector, change)?;
    let after = b.live(selector, "after an update")?;
    explained(&before.record, change, &seen, Some(&after.record), (before.now, after.now))
}

/// Checks that the case `what` is the intended one, applied or not. Whether the store is right is decided by `apply`.
fn meant(outcome: &Outcome, applied: bool, case: &str) -> Result<(), Broken> {
    same(case, &matches!(outcome, Outcome::Done(_)), &applied)
}

/// Guards, and whether they hold.
type Case<'a> = (&'a [(&'a str, Option<u64>)], bool);

pub(super) fn guards_hold_or_nothing_is_applied<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let selector = b.selector(1);
    b.created(&selector, &new_record(&[("shop.user", "7"), ("shop.note", "null")]))?;
    b.updated(&selector, &write("shop.cart", "[1]"), "on a live record")?;
    // `user` and `note` are at revision 1, `cart` is at 2, and `wish` is absent.
    let cases: [Case<'_>; 13] = [
        (&[("shop.user", Some(1))], true),
        (&[("shop.user", Some(2))], false),
        (&[("shop.user", Some(0))], false),
        (&[("shop.user", Some(u64::MAX))], false),
        (&[("shop.user", None)], false),
        (&[("shop.wish", None)], true),
        (&[("shop.wish", Some(0))], false),
        (&[("shop.wish", Some(1))], false),
        // A cleared cell still exists.
        (&[("shop.note", None)], false),
        (&[("shop.note", Some(1))], true),
        (&[("shop.user", Some(1)), ("shop.cart", Some(2)), ("shop.wish", None)], true),
        (&[("shop.user", Some(1)), ("shop.cart", Some(1)), ("shop.wish", None)], false),
        (&[("shop.wish", None), ("shop.wish2", None), ("shop.user", Some(9))], false),
    ];
    for (guards, holds) in cases {
        // Everything that a change can do, so that a conflict that applies part of it is found.
        let mut change = Change {
            delete: vec!["shop.gone".into()],
            write: vec![set("shop.other", "1")],
            renewal: Some(Renewal::new(verifier(8))),
            authenticated: true,
            persistent: Some(true),
            label: Some(Some("another".into())),
            touch: true,
            ..Change::default()
        };
        for (cell, revision) in guards {
            change = guarded(change, cell, *revision);
        }
        meant(&agrees(b, &selector, &change)?, holds, &format!("guards {guards:?} hold"))?;
    }
    Ok(Held::Held)
}

pub(super) fn a_guard_compares_the_revision_of_an_expired_cell<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let (selector, ttl) = (b.selector(1), Duration::from_millis(30));
    let mut new = new_record(&[]);
    new.cells.push(CellWrite { ttl: Some(ttl), ..set("shop.code", "123") });
    b.created(&selector, &new)?;
    b.pass(ttl + ttl);
    meant(
        &agrees(b, &selector, &guarded(write("a.b", "1"), "shop.code", None))?,
        false,
        "an expired cell counts as absent",
    )?;
    meant(
        &agrees(b, &selector, &guarded(write("a.b", "1"), "shop.code", Some(1)))?,
        true,
        "its revision still holds",
    )?;
    Ok(Held::Held)
}

/// As many as `update(|state| ..)` may guard, and more than an engine may take at once.
pub(super) fn every_guard_of_many_is_compared<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    const MANY: usize = 1_100;
    let selector = b.selector(1);
    let cells: Vec<String> = (0..MANY).map(|n| format!("shop.c{n}")).collect();
    let zeros: Vec<_> = cells.iter().map(|cell| (cell.as_str(), "0")).collect();
    let new = new_record(&zeros);
    let created = b.created(&selector, &new)?.record;
    same_record("with many cells", &created, &Record::create(&new, created.meta().created))?;
    for (off, holds) in [(0, false), (MANY / 2, false), (MANY - 1, false), (MANY, true)] {
        let mut change = Change {
            write: cells.iter().step_by(2).map(|cell| set(cell, "1")).collect(),
            delete: cells.iter().skip(1).step_by(2).map(|cell| cell.as_str().into()).collect(),
            ..Change::default()
        };
        for (n, cell) in cells.iter().enumerate() {
            change = guarded(change, cell, Some(if n == off { 9 } else { 1 }));
            change = guarded(change, &format!("{cell}.absent"), None);
        }
        meant(&agrees(b, &selector, &change)?, holds, "many guards, of which one may be off")?;
    }
    Ok(Held::Held)
}

pub(super) fn the_expected_generation_holds_or_nothing_is_applied<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let selector = b.selector(1);
    b.created(&selector, &new_record(&[("shop.user", "7")]))?;
    let expect = |generation| Change { expected_generation: Some(generation), ..write("shop.user", "8") };
    for (generation, holds) in [(1, true), (0, false), (2, false), (u64::MAX, false)] {
        meant(
            &agrees(b, &selector, &expect(generation))?,
            holds,
            &format!("generation {generation} of 1 holds"),
        )?;
    }
    let renew = Change { renewal: Some(Renewal::new(verifier(2))), ..expect(1) };
    meant(&agrees(b, &selector, &renew)?, true, "a renewal of generation 1")?;
    meant(&agrees(b, &selector, &renew)?, false, "the same renewal again")?;
    meant(&agrees(b, &selector, &expect(2))?, true, "generation 2 holds after a renewal")?;
    // The generation does not hold, but the guard does.
    meant(
        &agrees(b, &selector, &guarded(expect(1), "shop.wish", None))?,
        false,
        "a held guard makes up for it",
    )?;
    Ok(Held::Held)
}

pub(super) fn a_conflict_shows_the_current_record<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let selector = b.selector(1);
    b.created(&selector, &new_record(&[("shop.visits", "0"), ("shop.cart", "[]")]))?;
    let stale = guarded(write("shop.visits", "-1"), "shop.visits", Some(0));
    for round in 1..6 {
        // A load and a conflict before each write, so that a store that caches either answer is found.
        let before = b.live(&selector, "before a conflict")?;
        for _ in 0..2 {
            let seen = b.update(&selector, &stale)?;
            let Updated::Conflict(current) = &seen else {
                explained(&before.record, &stale, &seen, Some(&before.record), (before.now, before.now))?;
                continue;
            };
            same_record("that `Conflict` returns", &current.record, &before.record)?;
        }
        b.updated(&selector, &write("shop.cart", &format!("[{round}]")), "on a live record")?;
        b.updated(
            &selector,
            &Change { label: Some(None), ..write("shop.visits", &round.to_string()) },
            "on a live record",
        )?;
    }
    Ok(Held::Held)
}

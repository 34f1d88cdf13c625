//! Rules about what a change does to a record.
//!
//! In: a [`Bench`]. Out: a verdict per rule. Never: a race.

use std::time::Duration;

use super::{
    harness::Harness,
    kit::{Bench, LONG, explained, guarded, new_record, same, set, verifier, write},
    verdict::{Broken, Held, Verdict},
};
use crate::record::{
    apply::Outcome,
    change::{CellWrite, Change, NewRecord, Renewal},
    json::Json,
    meta::Principal,
    time::Limits,
};
use crate::store::contract::Updated;

pub(super) fn every_field_of_a_change_is_stored<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let selector = b.selector(1);
    let of = |json: &str| Some(Principal::new("shop.user", &Json::from_store(json)));
    b.created(&selector, &new_record(&[("shop.user", "7"), ("shop.cart", "[]"), ("old.cell", "1")]))?;
    let shorter = Limits { idle: Duration::from_secs(3600), absolute: Duration::from_secs(2 * 3600) };
    let changes = [
        ("nothing but the revision", Change::default()),
        ("one cell", write("shop.cart", "[1]")),
        ("a new cell", write("shop.wish", "[]")),
        ("a cleared cell", write("shop.user", "null")),
        (
            "a cell with a time to live",
            Change {
                write: vec![CellWrite { ttl: Some(Duration::from_secs(60)), ..set("shop.code", "1") }],
                ..Change::default()
            },
        ),
        ("the same cell without one", write("shop.code", "1")),
        (
            "many cells",
            Change { write: (0..40).map(|n| set(&format!("many.c{n}"), "0")).collect(), ..Change::default() },
        ),
        (
            "deleted cells, one of them absent",
            Change { delete: vec!["old.cell".into(), "no.cell".into()], ..Change::default() },
        ),
        ("a renewal", Change { renewal: Some(Renewal::new(verifier(2))), ..Change::default() }),
        ("another renewal", Change { renewal: Some(Renewal::new(verifier(4))), ..Change::default() }),
        ("a principal", Change { principal: Some(of("7")), authenticated: true, ..Change::default() }),
        ("the same principal", Change { principal: Some(of("7")), ..Change::default() }),
        ("another principal", Change { principal: Some(of("8")), ..Change::default() }),
        ("no principal", Change { principal: Some(None), ..Change::default() }),
        ("a principal again", Change { principal: Some(of("9")), ..Change::default() }),
        ("authenticated", Change { authenticated: true, ..Change::default() }),
        ("limits", Change { limits: Some(shorter), ..Change::default() }),
        (
            "limits that no 64-bit float has",
            Change {
                limits: Some(Limits {
                    idle: Duration::from_millis((1 << 53) + 1),
                    absolute: Duration::from_millis((1 << 60) + 7),
                }),
                ..Change::default()
            },
        ),
        (
            "limits without end",
            Change {
                limits: Some(Limits { idle: Duration::MAX, absolute: Duration::from_millis(u64::MAX) }),
                ..Change::default()
            },
        ),
        ("persistent", Change { persistent: Some(true), ..Change::default() }),
        ("not persistent", Change { persistent: Some(false), ..Change::default() }),
        ("a label", Change { label: Some(Some("Firefox".into())), ..Change::default() }),
        ("no label", Change { label: Some(None), ..Change::default() }),
        ("touch", Change { touch: true, ..Change::default() }),
        ("another label", Change { label: Some(Some("Safari".into())), ..Change::default() }),
        (
            "another session in the place of this one",
            Change {
                expected_generation: Some(3),
                anew: true,
                write: vec![set("shop.cart", "[3]"), set("b.anew", "0")],
                renewal: Some(Renewal::new(verifier(6))),
                principal: Some(of("10")),
                authenticated: true,
                ..Change::default()
            },
        ),
        (
            "an empty one, with a label",
            Change { anew: true, label: Some(Some("x".into())), ..Change::default() },
        ),
        (
            "all at once",
            Change {
                expected_generation: Some(4),
                delete: vec!["shop.wish".into()],
                write: vec![set("shop.cart", "[2]"), set("a.first", "0"), set("z.last", "0")],
                renewal: Some(Renewal::new(verifier(5))),
                principal: Some(None),
                authenticated: true,
                limits: Some(LONG),
                persistent: Some(true),
                label: Some(Some("all".into())),
                touch: true,
                ..guarded(Change::default(), "shop.wish", None)
            },
        ),
    ];
    for (what, change) in changes {
        b.pass(Duration::from_millis(3));
        let before = b.live(&selector, "before an update")?;
        let seen = b.update(&selector, &change)?;
        let after = b.live(&selector, "after an update")?;
        let outcome = explained(&before.record, &change, &seen, Some(&after.record), (before.now, after.now))
            .map_err(|broken| Broken { expected: format!("{what}: {}", broken.expected), ..broken })?;
        same(&format!("{what} is applied"), &matches!(outcome, Outcome::Done(_)), &true)?;
    }
    Ok(Held::Held)
}

pub(super) fn a_cell_is_dead_exactly_at_its_end<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    const FIX: &str = "store the cell's expiry to the millisecond, keep the cell when it has expired, and return the \
        store's own time as `Loaded::now`";
    let (selector, ttl) = (b.selector(1), Duration::from_millis(120));
    let mut new = new_record(&[]);
    new.cells.push(CellWrite { ttl: Some(ttl), ..set("shop.code", "1") });
    let begun = b.created(&selector, &new)?.record.meta().created;
    let end = begun.saturating_add(ttl);
    let look = |expected: Option<bool>| {
        let loaded = b.live(&selector, "that holds a cell with a time to live")?;
        same(
            "the cell's stored expiry",
            &loaded.record.cell("shop.code").map(|cell| cell.expires),
            &Some(Some(end)),
        )?;
        let alive = loaded.record.live_cell("shop.code", loaded.now).is_some();
        let expected = expected.unwrap_or(loaded.now < end);
        if alive == expected {
            return Ok(alive);
        }
        let seen = format!("alive: {alive}, at {:?}, and the cell ends at {end:?}", loaded.now);
        Err(Broken::new(format!("alive: {expected}"), seen, FIX))
    };
    if b.harness.stands_still() {
        b.pass(ttl.saturating_sub(Duration::from_millis(1)));
        look(Some(true))?;
        b.pass(Duration::from_millis(1));
        look(Some(false))?;
    } else {
        look(None)?;
        b.pass(ttl);
        look(Some(false))?;
    }
    same(
        "the revision of the expired cell",
        &b.live(&selector, "still")?.record.revision_of("shop.code"),
        &Some(1),
    )?;
    Ok(Held::Held)
}

pub(super) fn deletes_come_before_writes<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let selector = b.selector(1);
    b.created(&selector, &new_record(&[("shop.cart", "[1]"), ("shop.wish", "[2]")]))?;
    let change = Change { delete: vec!["shop.cart".into(), "shop.wish".into()], ..write("shop.cart", "[3]") };
    let record = b.updated(&selector, &change, "on a live record")?.record;
    let cell =
        |wire_key: &str| record.cell(wire_key).map(|cell| (cell.revision, cell.json.as_str().to_owned()));
    same("a cell that one change deletes and writes", &cell("shop.cart"), &Some((2, "[3]".to_owned())))?;
    same("a cell that it only deletes", &cell("shop.wish"), &None)?;
    Ok(Held::Held)
}

pub(super) fn what_a_later_release_added_stays<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let selector = b.selector(1);
    let of = |json: &str| Some(Principal::new("shop.user", &Json::from_store(json)));
    let new = NewRecord { principal: of("7"), ..new_record(&[("shop.cart", "[]"), ("shop.wish", "[]")]) };
    b.created(&selector, &new)?;
    let raw = || b.harness.block_on(b.harness.raw(&b.store, &selector));
    let before = raw();
    let added = b.harness.block_on(b.harness.add_later(&b.store, &selector));
    let (Some(before), Some(added)) = (before, added) else { return Ok(Held::Skipped) };
    let is_in = |raw: &[u8]| raw.windows(added.len().max(1)).any(|part| part == added);
    same("whether `Harness::raw` held what `add_later` added before that", &is_in(&before), &false)?;
    let stays = |when: &str| {
        if raw().is_some_and(|raw| is_in(&raw)) {
            return Ok(());
        }
        Err(Broken::new(
            format!("what `Harness::add_later` added is there {when}"),
            "`Harness::raw` does not hold it",
            "write the parts of a record that you know, and leave or carry along all others: `Meta::to_text` writes what \
             `Meta::from_text` did not know",
        ))
    };
    stays("when nothing was written yet")?;
    b.live(&selector, "to which a later release added something")?;
    let changes = [
        ("one cell", write("shop.cart", "[1]")),
        (
            "a deleted cell and another one",
            Change { delete: vec!["shop.wish".into()], ..write("shop.note", "1") },
        ),
        ("a deleted cell", Change { delete: vec!["shop.wish".into()], ..Change::default() }),
        ("nothing but the revision", Change::default()),
        ("touch", Change { touch: true, ..Change::default() }),
        ("a renewal", Change { renewal: Some(Renewal::new(verifier(2))), ..Change::default() }),
        ("another principal", Change { principal: Some(of("8")), authenticated: true, ..Change::default() }),
        ("no principal", Change { principal: Some(None), ..Change::default() }),
        ("limits", Change { limits: Some(LONG), ..Change::default() }),
        ("persistent", Change { persistent: Some(true), ..Change::default() }),
        ("a label", Change { label: Some(Some("Firefox".into())), ..Change::default() }),
        ("another session in the place of this one", Change { anew: true, ..write("shop.cart", "[]") }),
    ];
    let sibling = b.sibling();
    let handles = [Some(b), sibling.as_ref()];
    for (name, change) in changes {
        for handle in handles.into_iter().flatten() {
            let when = format!("after an update with {name}");
            handle.updated(&selector, &change, &when)?;
            stays(&when)?;
        }
    }
    let late = guarded(write("shop.cart", "[2]"), "shop.cart", None);
    same(
        "an update that comes too late",
        &matches!(b.update(&selector, &late)?, Updated::Conflict(_)),
        &true,
    )?;
    stays("after a conflict")?;
    Ok(Held::Held)
}

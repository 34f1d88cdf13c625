//! A rule about finding all records; for stores that can.

use std::collections::HashSet;

use super::{
    harness::Harness,
    kit::{Bench, failed, new_record},
    verdict::{Broken, Held, Verdict},
};
use crate::{id::public::Selector, store::contract::SessionStore};

/// So few that a store has to be asked again and again.
const PAGE: u32 = 3;

const RECORDS: u8 = 20;

/// More answers than any store needs for so few records beside a server's other keys.
const MOST_PAGES: u32 = 100_000;

/// Every key, while `between` does something after each answer; `None`: this store cannot.
fn scanned<H: Harness>(
    b: &Bench<'_, H>,
    mut between: impl FnMut() -> Result<(), Broken>,
) -> Result<Option<HashSet<Selector>>, Broken> {
    let abilities = b.store.abilities();
    if !abilities.has_scan() {
        return Ok(None);
    }
    let (mut found, mut from) = (HashSet::new(), None);
    for _ in 0..MOST_PAGES {
        let page = b.harness.block_on(abilities.scan(from.as_ref(), PAGE));
        let answer = page.map_err(|error| failed("scan", &error))?;
        found.extend(answer.selectors);
        between()?;
        match answer.next {
            None => return Ok(Some(found)),
            next => from = next,
        }
    }
    Err(Broken::new(
        "an answer without a `next` after the last record",
        "no end",
        "`next` is where the rest begins: after the last selector of the answer, not before it",
    ))
}

pub(super) fn a_scan_finds_every_record<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let all: HashSet<Selector> = (1..=RECORDS).map(|n| b.selector(n)).collect();
    for selector in &all {
        b.created(selector, &new_record(&[]))?;
    }
    let mut others = RECORDS;
    let found = scanned(b, || {
        // Others come and go meanwhile.
        others = if others < 200 { others + 1 } else { RECORDS + 1 };
        b.create(&b.selector(others), &new_record(&[]))?;
        b.delete(&b.selector(others))
    })?;
    let Some(found) = found else { return Ok(Held::Skipped) };
    let missed = all.difference(&found).count();
    if missed > 0 {
        return Err(Broken::new(
            format!("all {RECORDS} records that are there from the first call to the last"),
            format!("{missed} are missing"),
            "go on where the answer before ended: after its last selector, and in an order that other writes do not move",
        ));
    }
    for selector in &all {
        b.delete(selector)?;
    }
    let found = scanned(b, || Ok(()))?.unwrap_or_default();
    if all.iter().any(|selector| found.contains(selector)) {
        return Err(Broken::new("no selector of a record that was deleted", "one", "list what is stored"));
    }
    Ok(Held::Held)
}

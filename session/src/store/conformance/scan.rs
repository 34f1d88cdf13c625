//! A rule about finding all records, for stores that can scan.
//!
//! In: a [`Bench`]. Out: a verdict; skipped if the store cannot scan.

use std::collections::HashSet;

use super::{
    harness::Harness,
    kit::{Bench, failed, new_record},
    verdict::{Broken, Held, Verdict},
};
use crate::{id::public::Selector, store::contract::SessionStore};

/// Small enough that a scan takes many pages.
const PAGE: u32 = 3;

const RECORDS: u8 = 20;

/// More pages than any store needs for this few records, even on a server with other data.
const MOST_PAGES: u32 = 100_000;

/// All selectors that a scan finds, while `between` runs after each page; `None` if the store cannot scan.
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
        "a page without `next` after the last record",
        "no end",
        "let `next` point behind the last selector of the page, not before it",
    ))
}

pub(super) fn a_scan_finds_every_record<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let all: HashSet<Selector> = (1..=RECORDS).map(|n| b.selector(n)).collect();
    for selector in &all {
        b.created(selector, &new_record(&[]))?;
    }
    let mut others = RECORDS;
    let found = scanned(b, || {
        // Other records come and go in the meantime.
        others = if others < 200 { others + 1 } else { RECORDS + 1 };
        b.create(&b.selector(others), &new_record(&[]))?;
        b.delete(&b.selector(others))
    })?;
    let Some(found) = found else { return Ok(Held::Skipped) };
    let missed = all.difference(&found).count();
    if missed > 0 {
        return Err(Broken::new(
            format!("all {RECORDS} records that exist from the first page to the last"),
            format!("{missed} are missing"),
            "continue after the last selector of the page before, in an order that other writes do not change",
        ));
    }
    for selector in &all {
        b.delete(selector)?;
    }
    let found = scanned(b, || Ok(()))?.unwrap_or_default();
    if all.iter().any(|selector| found.contains(selector)) {
        return Err(Broken::new(
            "no selector of a record that was deleted",
            "one",
            "list only what is stored",
        ));
    }
    Ok(Held::Held)
}

//! A rule about finding all records, for stores that can scan.
//!
//! In: a [`Bench`]. Out: a verdict; skipped if the store cannot scan.

use std::{collections::HashSet, time::Duration};

use super::{
    harness::Harness,
    kit::{Bench, LONG, failed, new_record, same},
    verdict::{Broken, Held, Verdict},
};
use crate::{
    id::public::Selector,
    record::{change::NewRecord, time::Limits},
    store::contract::SessionStore,
};

/// Small enough that a scan takes many pages.
pub(super) const PAGE: u32 = 3;

const RECORDS: u8 = 20;

/// As many have ended, and as many end while the scan is on.
const GO: u8 = 9;

/// More pages than any store needs for this few records, even on a server with other data.
const MOST_PAGES: u32 = 100_000;

/// All selectors that a scan in pages of `limit` finds, while `between` runs after each page.
pub(super) fn scanned<H: Harness>(
    b: &Bench<'_, H>,
    limit: u32,
    mut between: impl FnMut() -> Result<(), Broken>,
) -> Result<HashSet<Selector>, Broken> {
    let abilities = b.store.abilities();
    let (mut found, mut from) = (HashSet::new(), None);
    for _ in 0..MOST_PAGES {
        let page = b.harness.block_on(abilities.scan(from.as_ref(), limit));
        let answer = page.map_err(|error| failed("scan", &error))?;
        found.extend(answer.selectors);
        between()?;
        match answer.next {
            None => return Ok(found),
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
    if !b.store.abilities().has_scan() {
        return Ok(Held::Skipped);
    }
    // Before those that stay in the order of the selectors, if that is the order: records that have ended, and some that are about to.
    let short = Limits { idle: Duration::from_millis(400), ..LONG };
    for n in 0..2 * GO {
        let limits = if n < GO { short } else { LONG };
        b.create(&b.selector(n), &NewRecord { limits, ..new_record(&[]) })?;
    }
    b.pass(Duration::from_millis(401));
    let all: HashSet<Selector> = (1..=RECORDS).map(|n| b.selector(2 * GO + n)).collect();
    for selector in &all {
        b.created(selector, &new_record(&[]))?;
    }
    let mut others = 0;
    let between = || {
        // Other records come and go in the meantime.
        others = if others < 100 { others + 1 } else { 1 };
        b.delete(&b.selector(GO + others.min(GO) - 1))?;
        b.create(&b.selector(100 + others), &new_record(&[]))?;
        b.delete(&b.selector(100 + others))
    };
    let missed = all.difference(&scanned(b, PAGE, between)?).count();
    if missed > 0 {
        return Err(Broken::new(
            format!("all {RECORDS} records that exist from the first page to the last"),
            format!("{missed} are missing"),
            "continue after the last selector of the page before, in an order that other writes do not change; a page without a live \
             record is not the last one",
        ));
    }
    same(
        "a scan in a page of any size misses no record",
        &all.is_subset(&scanned(b, u32::MAX, || Ok(()))?),
        &true,
    )?;
    for selector in &all {
        b.delete(selector)?;
    }
    let found = scanned(b, PAGE, || Ok(()))?;
    if all.iter().any(|selector| found.contains(selector)) {
        return Err(Broken::new(
            "no selector of a record that was deleted",
            "one",
            "list only what is stored",
        ));
    }
    Ok(Held::Held)
}

//! A rule about removing expired records, for stores that keep them until they are swept.
//!
//! In: a [`Bench`]. Out: a verdict; skipped if the store is not swept.

use std::{collections::HashSet, time::Duration};

use super::{
    harness::{Damage, Harness},
    kit::{Bench, LONG, failed, new_record, same, set},
    scan::{PAGE, scanned},
    verdict::{Broken, Held, Verdict},
};
use crate::{
    id::public::Selector,
    record::{
        change::{CellWrite, Change, NewRecord},
        time::Limits,
    },
    store::contract::{SessionStore, Updated},
};

const ENDED: u8 = 10;

/// Fewer than the records that stay, and fewer than those that go.
const LIMIT: u32 = 3;

/// More sweeps than it takes.
const MOST_SWEEPS: u32 = 100;

const FIX: &str = "look for records that have expired by what they are now, remove those and nothing else, and answer how many; a record \
    that cannot be read stays";

pub(super) fn a_sweep_removes_the_expired_and_nothing_else<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let abilities = b.store.abilities();
    if !abilities.has_sweep() {
        return Ok(Held::Skipped);
    }
    let swept = |broken: Broken| Broken { fix: FIX.to_owned(), ..broken };
    let sweep =
        |limit| b.harness.block_on(abilities.sweep(limit)).map_err(|error| swept(failed("sweep", &error)));
    let short = NewRecord { limits: Limits { idle: Duration::from_millis(400), ..LONG }, ..new_record(&[]) };
    let stays: Vec<Selector> = (1..=4).map(|n| b.selector(n)).collect();
    let (prolonged, damaged) = (b.selector(5), b.selector(6));
    let ends: Vec<Selector> = (0..ENDED).map(|n| b.selector(100 + n)).collect();
    for selector in &stays {
        let mut new = new_record(&[("shop.user", "7")]);
        new.cells.push(CellWrite { ttl: Some(Duration::from_millis(100)), ..set("shop.code", "1") });
        b.created(selector, &new)?;
    }
    b.create(&prolonged, &short)?;
    let longer = b.update(&prolonged, &Change { limits: Some(LONG), ..Change::default() })?;
    // On a running clock, a busy machine may have been late.
    let lives_on = matches!(longer, Updated::Done { .. });
    b.created(&damaged, &new_record(&[]))?;
    let is_damaged = b.harness.block_on(b.harness.damage(&b.store, &damaged, Damage::Meta));
    for selector in &ends {
        b.create(selector, &short)?;
    }
    b.pass(Duration::from_millis(401));
    let mut removed = 0;
    for sweeps in 0.. {
        match sweep(LIMIT)? {
            0 => break,
            some => removed += some,
        }
        if sweeps == MOST_SWEEPS {
            return Err(Broken::new("an answer of 0 when nothing is left to sweep", "none", FIX));
        }
    }
    let ended = u32::from(ENDED) + u32::from(!lives_on);
    same("how many records were swept", &removed, &ended).map_err(swept)?;
    same("how many are left to sweep", &sweep(u32::MAX)?, &0).map_err(swept)?;
    for selector in stays.iter().chain(lives_on.then_some(&prolonged)) {
        b.live(selector, "among records that were swept").map_err(swept)?;
    }
    let raw = |selector: &Selector| b.harness.block_on(b.harness.raw(&b.store, selector));
    let has_scan = abilities.has_scan();
    let kept = if has_scan { scanned(b, PAGE, || Ok(()))? } else { HashSet::new() };
    for selector in &ends {
        let is_kept = kept.contains(selector) || raw(selector) != raw(&b.selector(50));
        same("an expired record is kept after the sweep", &is_kept, &false).map_err(swept)?;
    }
    if is_damaged && b.try_load(&damaged).is_ok() {
        return Err(Broken::new("an error for a damaged record after a sweep", "none any more", FIX));
    }
    Ok(Held::Held)
}

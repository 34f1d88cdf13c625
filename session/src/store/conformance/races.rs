//! Rules about writers that overlap.
//!
//! In: a [`Bench`], whose writers run on threads of the operating system and on every handle that the harness has. Out: a verdict per rule.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    harness::Harness,
    kit::{Bench, answer, failed, guarded, new_record, same, set, uninvited, verifier, write},
    verdict::{Broken, Held, Verdict},
};
use crate::{
    id::public::Selector,
    record::{
        apply::Record,
        change::{Change, NewRecord, Renewal},
        json::Json,
        meta::Principal,
    },
    store::{
        contract::{Created, Loaded, SessionStore, Updated},
        error::StoreError,
    },
};

pub(super) const WRITERS: u8 = 8;

pub(super) const ROUNDS: u64 = 12;

/// How long writers that are done wait for readers, by writing on.
const OVERLAP: Duration = Duration::from_millis(200);

const ATOMIC: &str =
    "load, check and write atomically: in a transaction that locks before it reads, or in one script";

/// One writer: a handle of the store, and a number.
pub(super) struct Writer<'a, H: Harness> {
    pub(super) harness: &'a H,
    pub(super) store: &'a H::Store,
    pub(super) n: u8,
}

impl<H: Harness> Writer<'_, H> {
    /// A selector of this writer's own.
    pub(super) fn selector(&self, of_all: Selector) -> Selector {
        let mut bytes = *of_all.as_bytes();
        bytes[15] ^= self.n.wrapping_mul(31);
        Selector::from_bytes(bytes)
    }

    pub(super) fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, Broken> {
        self.harness
            .block_on(self.store.update(selector, change))
            .map_err(|error| overloaded("update", &error))
    }

    fn load(&self, selector: &Selector) -> Result<Option<Loaded>, Broken> {
        self.harness.block_on(self.store.load(selector)).map_err(|error| overloaded("load", &error))
    }
}

pub(super) fn overloaded(call: &str, error: &StoreError) -> Broken {
    Broken {
        fix: format!("{WRITERS} writers at once are not many: let them wait for each other"),
        ..failed(call, error)
    }
}

/// Runs `WRITERS` writers at once, every other one on the sibling handle if there is one.
pub(super) fn overlap<H: Harness, T: Send>(
    b: &Bench<'_, H>,
    run: impl Fn(Writer<'_, H>) -> Result<T, Broken> + Sync,
) -> Result<Vec<T>, Broken> {
    let sibling = b.sibling();
    let start = Barrier::new(usize::from(WRITERS));
    let (harness, run, start) = (b.harness, &run, &start);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..WRITERS)
            .map(|n| {
                let store = &sibling.as_ref().filter(|_| n % 2 == 1).unwrap_or(b).store;
                scope.spawn(move || {
                    start.wait();
                    run(Writer { harness, store, n })
                })
            })
            .collect();
        let died =
            || Broken::new("an answer", "a panic (its message is above)", "a store returns `StoreError`");
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(died()))).collect()
    })
}

fn number(record: &Record, wire_key: &str) -> Option<u64> {
    record.cell(wire_key)?.json.as_str().parse().ok()
}

/// Checks that a `Conflict` contains a record in which a guard or the generation does not hold. Any other record is an old one.
fn contradicts(change: &Change, current: &Record) -> Result<(), Broken> {
    let generation_holds = change.expected_generation.is_none_or(|g| g == current.meta().generation);
    if generation_holds && change.guards.iter().all(|g| current.revision_of(g.key.as_str()) == g.revision) {
        return Err(Broken::new(
            "a `Conflict` with the current record, in which a guard does not hold",
            format!(
                "a record at revision {}, in which every guard holds: an old one",
                current.meta().revision
            ),
            "return the record that the guards were compared with, not one from a cache or from before the call",
        ));
    }
    Ok(())
}

/// OWASP ASVS 5.0 15.4.2.
pub(super) fn overlapping_guarded_increments_are_exact<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let selector = b.selector(1);
    let begun = b.created(&selector, &new_record(&[("shop.visits", "0"), ("shop.cart", "[]")]))?.record;
    overlap(b, |writer| {
        // All writers start from the same record, so all but one must conflict, however fast the store is.
        let mut record = begun.clone();
        let gone = || Broken::new("a live record", "none", "an update ends no record that has time to live");
        let mut left = ROUNDS;
        while left > 0 {
            let next = number(&record, "shop.visits").unwrap_or_default() + 1;
            let change = guarded(
                write("shop.visits", &next.to_string()),
                "shop.visits",
                record.revision_of("shop.visits"),
            );
            match writer.update(&selector, &change)? {
                Updated::Done { .. } => {
                    left -= 1;
                    record = writer.load(&selector)?.ok_or_else(gone)?.record;
                }
                Updated::Conflict(current) => {
                    contradicts(&change, &current.record)?;
                    record = current.record;
                }
                Updated::Gone => return Err(gone()),
                Updated::TooMany => return Err(uninvited()),
            }
        }
        Ok(())
    })?;
    let total = u64::from(WRITERS) * ROUNDS;
    let record = b.live(&selector, "after overlapping updates")?.record;
    let seen = (number(&record, "shop.visits"), record.meta().revision);
    if seen != (Some(total), total + 1) {
        let expected = format!("{total} increments and revision {}", total + 1);
        return Err(Broken::new(expected, format!("{:?} and revision {}", seen.0, seen.1), ATOMIC));
    }
    Ok(Held::Held)
}

pub(super) fn overlapping_sets_of_other_cells_are_all_kept<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let selector = b.selector(1);
    b.created(&selector, &new_record(&[]))?;
    overlap(b, |writer| {
        for round in 0..ROUNDS / 2 {
            let cell = format!("shop.c{}_{round}", writer.n);
            match writer.update(&selector, &write(&cell, &round.to_string()))? {
                Updated::Done { .. } => {}
                other => {
                    let fix = "a change without guards cannot conflict";
                    return Err(Broken::new("`Done` for a set without guards", answer(&other), fix));
                }
            }
        }
        Ok(())
    })?;
    let record = b.live(&selector, "after overlapping updates")?.record;
    let total = u64::from(WRITERS) * (ROUNDS / 2);
    let kept = u64::try_from(record.cells().len()).unwrap_or_default();
    if (kept, record.meta().revision) != (total, total + 1) {
        let seen = format!("{kept} cells at revision {}", record.meta().revision);
        return Err(Broken::new(format!("{total} cells at revision {}", total + 1), seen, ATOMIC));
    }
    Ok(Held::Held)
}

pub(super) fn one_of_overlapping_renewals_is_done<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    let selector = b.selector(1);
    b.created(&selector, &new_record(&[("shop.user", "7")]))?;
    for generation in 1..=ROUNDS {
        let answers = overlap(b, |writer| {
            let renewal = Some(Renewal::new(verifier(100 + writer.n)));
            let change = Change { renewal, expected_generation: Some(generation), ..Change::default() };
            let answer = writer.update(&selector, &change)?;
            if let Updated::Conflict(current) = &answer {
                contradicts(&change, &current.record)?;
            }
            Ok((writer.n, answer))
        })?;
        let done: Vec<u8> = answers
            .iter()
            .filter(|(_, answer)| matches!(answer, Updated::Done { .. }))
            .map(|(n, _)| *n)
            .collect();
        let meta = b.live(&selector, "after renewals")?.record.meta().clone();
        let one = done.first().filter(|_| done.len() == 1).map(|n| verifier(100 + n));
        if one != Some(meta.verifier) || meta.generation != generation + 1 {
            let expected = format!("one `Done`, its verifier, and generation {}", generation + 1);
            let seen = format!("{} times `Done`, and generation {}", done.len(), meta.generation);
            return Err(Broken::new(expected, seen, ATOMIC));
        }
    }
    Ok(Held::Held)
}

pub(super) fn one_of_overlapping_creates_is_created<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    for round in 0..u8::try_from(ROUNDS).unwrap_or(u8::MAX) {
        let selector = b.selector(round);
        let answers = overlap(b, |writer| {
            let new = NewRecord {
                verifier: verifier(writer.n),
                label: Some(writer.n.to_string().into()),
                ..new_record(&[(&format!("shop.by{}", writer.n), "1")])
            };
            let answer = writer.harness.block_on(writer.store.create(&selector, &new));
            Ok((new, answer.map_err(|error| overloaded("create", &error))?))
        })?;
        let winners: Vec<_> = answers.into_iter().filter(|(_, answer)| *answer == Created::Created).collect();
        let record = b.live(&selector, "after overlapping creates")?.record;
        let expected = winners.first().map(|(new, _)| Record::create(new, record.meta().created));
        if winners.len() != 1 || expected.as_ref() != Some(&*record) {
            let fix = "insert only if there is nothing, atomically, and check whether it was inserted";
            let seen = format!("{} times `Created`, and {} cells", winners.len(), record.cells().len());
            return Err(Broken::new("one `Created`, and its record", seen, fix));
        }
    }
    Ok(Held::Held)
}

/// OWASP ASVS 5.0 15.4.2; spring-session `RedisSessionRepository`.
pub(super) fn nothing_comes_back_after_a_delete<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    const FINAL: &str =
        "an update that began before a delete finds no record and answers `Gone`; it never writes one back";
    for round in 0..u8::try_from(ROUNDS).unwrap_or(u8::MAX) {
        let selector = b.selector(round);
        b.created(&selector, &new_record(&[("shop.user", "7")]))?;
        let deleted = AtomicBool::new(false);
        overlap(b, |writer| {
            if writer.n == 0 {
                // Write first, so that the other writers have begun and found a live record.
                let _ = writer.update(&selector, &write("shop.first", "1"))?;
                writer
                    .harness
                    .block_on(writer.store.delete(&selector, None))
                    .map_err(|error| overloaded("delete", &error))?;
                deleted.store(true, Ordering::SeqCst);
                return Ok(());
            }
            let (mut was_gone, mut tries_after) = (false, 0);
            while tries_after < 3 {
                let after = deleted.load(Ordering::SeqCst);
                tries_after += u32::from(after);
                let change = Change { write: vec![set("shop.late", "1")], touch: true, ..Change::default() };
                let seen = writer.update(&selector, &change)?;
                if (after || was_gone) && seen != Updated::Gone {
                    return Err(Broken::new("`Gone` from the delete on", answer(&seen), FINAL));
                }
                was_gone |= seen == Updated::Gone;
            }
            Ok(())
        })?;
        b.dead(&selector, "after a delete among updates", FINAL)?;
    }
    Ok(Held::Held)
}

/// Counts down when a reader is done, however it ends.
struct Done<'r>(&'r AtomicU8);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Every change writes the same number into two cells and the label, so a record in which they differ mixes two moments.
pub(super) fn a_record_is_of_one_moment<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    const CELLS: [&str; 2] = ["a.first", "z.last"];
    let selector = b.selector(1);
    let paired = |n: u64| Change {
        write: CELLS.map(|cell| set(cell, &n.to_string())).to_vec(),
        label: Some(Some(n.to_string().into())),
        ..Change::default()
    };
    let whole = |record: &Record| {
        let label = record.meta().label.as_deref().and_then(|label| label.parse().ok());
        let (first, last) = (record.cell("a.first"), record.cell("z.last"));
        let one = first == last && number(record, "a.first") == label;
        if one && first.is_some_and(|cell| cell.revision == record.meta().revision) {
            return Ok(());
        }
        let seen = format!("{first:?} and {last:?} in a record at revision {}", record.meta().revision);
        let fix = "read meta and all cells atomically: in one statement, one command, or one transaction";
        Err(Broken::new("cells and meta of one change, in a record read among writes", seen, fix))
    };
    b.created(&selector, &new_record(&[]))?;
    b.updated(&selector, &paired(0), "on a live record")?;
    let gone = || Broken::new("a live record", "none", "an update ends no record that has time to live");
    let (begun, readers) = (Instant::now(), AtomicU8::new(WRITERS - WRITERS / 2));
    overlap(b, |writer| {
        if writer.n < WRITERS / 2 {
            // A fast store could be done with its writes before the first reader runs, so the writers go on for a while.
            let mut round = 0;
            while round < ROUNDS || (readers.load(Ordering::SeqCst) > 0 && begun.elapsed() < OVERLAP) {
                writer.update(&selector, &paired(round * 100 + u64::from(writer.n)))?;
                round += 1;
            }
            return Ok(());
        }
        let _done = Done(&readers);
        for _ in 0..ROUNDS {
            whole(&writer.load(&selector)?.ok_or_else(gone)?.record)?;
            if let Updated::Conflict(current) =
                writer.update(&selector, &guarded(paired(0), "a.first", None))?
            {
                whole(&current.record)?;
            }
        }
        Ok(())
    })?;
    Ok(Held::Held)
}

/// Ending the session of one user must not end that of the next one in the same record.
pub(super) fn a_conditional_delete_spares_the_next_user<H: Harness>(b: &Bench<'_, H>) -> Verdict {
    const ONE_STEP: &str = "compare the principal and delete in one atomic step";
    let user = |name: &str| Principal::new("shop.user", &Json::from_store(name));
    for round in 0..u8::try_from(ROUNDS).unwrap_or(u8::MAX) {
        let selector = b.selector(round);
        let new = NewRecord { principal: Some(user("1")), authenticated: true, ..new_record(&[]) };
        b.created(&selector, &new)?;
        let signed_in = overlap(b, |writer| {
            if writer.n > 0 {
                let deleted = writer.harness.block_on(writer.store.delete(&selector, Some(&user("1"))));
                return deleted.map(|()| false).map_err(|error| overloaded("delete", &error));
            }
            let change =
                Change { principal: Some(Some(user("2"))), authenticated: true, ..Change::default() };
            Ok(matches!(writer.update(&selector, &change)?, Updated::Done { .. }))
        })?;
        let found = b.load(&selector)?.map(|loaded| loaded.record.meta().principal.clone());
        let expected = signed_in.contains(&true).then(|| Some(user("2")));
        same("the record's principal after overlapping deletes of another's", &found, &expected)
            .map_err(|broken| Broken { fix: ONE_STEP.to_owned(), ..broken })?;
    }
    Ok(Held::Held)
}

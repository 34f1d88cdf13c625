//! What the rules are written with.
//!
//! In: a harness. Out: [`Bench`], whose calls fail with [`Broken`], and comparisons with readable differences. Never: a rule.

use std::{fmt::Write as _, time::Duration};

use super::{harness::Harness, verdict::Broken};
use crate::{
    id::public::{Selector, VerifierHash},
    record::{
        apply::{Outcome, Record},
        cell::WireKey,
        change::{CellWrite, Change, Guard, NewRecord},
        json::Json,
        time::{Limits, Timestamp},
    },
    store::{
        contract::{Created, Loaded, SessionStore, Updated},
        error::StoreError,
    },
};

pub(super) const LONG: Limits =
    Limits { idle: Duration::from_secs(24 * 300 * 3600), absolute: Duration::from_secs(24 * 3000 * 3600) };

/// The store that one rule uses.
pub(super) struct Bench<'h, H: Harness> {
    pub(super) harness: &'h H,
    pub(super) store: H::Store,
    rule: &'static str,
}

impl<'h, H: Harness> Bench<'h, H> {
    pub(super) fn new(harness: &'h H, rule: &'static str) -> Self {
        Self { harness, store: harness.block_on(harness.store()), rule }
    }

    /// The same records by another handle, if the harness has one.
    pub(super) fn sibling(&self) -> Option<Self> {
        let store = self.harness.block_on(self.harness.sibling(&self.store))?;
        Some(Self { harness: self.harness, store, rule: self.rule })
    }

    /// The rule's `n`-th selector. Rules have different ones, in case a harness makes stores that are not empty. Half of them begin with
    /// a byte above 127, which is negative to some engines.
    pub(super) fn selector(&self, n: u8) -> Selector {
        let mut bytes = [n; 16];
        bytes[0] = n.rotate_right(1);
        for (at, byte) in self.rule.bytes().enumerate() {
            // Any mixing will do, as long as different names give different bytes.
            if let Some(to) = bytes.get_mut(1 + at % 15) {
                *to = (*to ^ byte).wrapping_mul(0x93).rotate_left(3);
            }
        }
        Selector::from_bytes(bytes)
    }

    pub(super) fn try_load(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        self.harness.block_on(self.store.load(selector))
    }

    pub(super) fn try_update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        self.harness.block_on(self.store.update(selector, change))
    }

    pub(super) fn try_create(&self, selector: &Selector, new: &NewRecord) -> Result<Created, StoreError> {
        self.harness.block_on(self.store.create(selector, new))
    }

    pub(super) fn load(&self, selector: &Selector) -> Result<Option<Loaded>, Broken> {
        self.try_load(selector).map_err(|error| failed("load", &error))
    }

    /// Loads a record that must be live.
    pub(super) fn live(&self, selector: &Selector, when: &str) -> Result<Loaded, Broken> {
        self.load(selector)?.ok_or_else(|| {
            Broken::new(
                format!("a live record {when}"),
                "`load` answers `None`",
                "only expiry or `delete` ends a record; compare with `Record::is_expired`",
            )
        })
    }

    /// Checks that there is no live record.
    pub(super) fn dead(&self, selector: &Selector, when: &str, fix: &str) -> Result<(), Broken> {
        match self.load(selector)? {
            None => Ok(()),
            Some(loaded) => Err(Broken::new(
                format!("`load` answers `None` {when}"),
                format!("a record at {:?}, which ends at {:?}", loaded.now, loaded.record.meta().expires()),
                fix,
            )),
        }
    }

    pub(super) fn create(&self, selector: &Selector, new: &NewRecord) -> Result<Created, Broken> {
        self.try_create(selector, new).map_err(|error| failed("create", &error))
    }

    /// Creates a record where there is none, and loads it.
    pub(super) fn created(&self, selector: &Selector, new: &NewRecord) -> Result<Loaded, Broken> {
        match self.create(selector, new)? {
            Created::Created => self.live(selector, "after `create`"),
            Created::Exists => Err(Broken::new(
                "`Created` for a selector that has no record",
                "`Exists`",
                "`Harness::store` must make an empty store, and `delete` must remove records",
            )),
            Created::TooMany => Err(uninvited()),
        }
    }

    pub(super) fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, Broken> {
        self.try_update(selector, change).map_err(|error| failed("update", &error))
    }

    /// Updates a live record whose guards hold, and loads it. Its revision must be the one in the answer.
    pub(super) fn updated(&self, selector: &Selector, change: &Change, when: &str) -> Result<Loaded, Broken> {
        match self.update(selector, change)? {
            Updated::Done { revision } => {
                let loaded = self.live(selector, when)?;
                same(
                    "`Done { revision }` is the record's revision",
                    &loaded.record.meta().revision,
                    &revision,
                )?;
                Ok(loaded)
            }
            other => Err(Broken::new(
                format!("`Done` {when}"),
                answer(&other),
                "the record is live and every guard holds: apply the change",
            )),
        }
    }

    /// Checks that an update answers `Gone`.
    pub(super) fn gone(&self, selector: &Selector, change: &Change, when: &str) -> Result<(), Broken> {
        match self.update(selector, change)? {
            Updated::Gone => Ok(()),
            other => Err(Broken::new(
                format!("`Gone` {when}"),
                answer(&other),
                "`update` never creates a record, which is what makes a logout final",
            )),
        }
    }

    pub(super) fn delete(&self, selector: &Selector) -> Result<(), Broken> {
        self.harness.block_on(self.store.delete(selector, None)).map_err(|error| failed("delete", &error))
    }

    pub(super) fn pass(&self, by: Duration) {
        self.harness.block_on(self.harness.pass(&self.store, by));
    }
}

pub(super) fn failed(call: &str, error: &StoreError) -> Broken {
    Broken::new(
        format!("`{call}` answers"),
        format!("{:?}: {error}", error.kind()),
        "nothing is wrong with the engine at this point; look at the error's source",
    )
}

pub(super) fn uninvited() -> Broken {
    Broken::new("any other answer", "`TooMany`", "do not count sessions when `max_sessions` is `None`")
}

/// Describes an answer, without values.
pub(super) fn answer(updated: &Updated) -> String {
    match updated {
        Updated::Done { revision } => format!("`Done {{ revision: {revision} }}`"),
        Updated::Conflict(loaded) => format!("`Conflict` at revision {}", loaded.record.meta().revision),
        Updated::Gone => "`Gone`".to_owned(),
        Updated::TooMany => "`TooMany`".to_owned(),
    }
}

pub(super) fn same<T: PartialEq + std::fmt::Debug>(what: &str, seen: &T, expected: &T) -> Result<(), Broken> {
    if seen == expected {
        return Ok(());
    }
    let fix = "store exactly what `Record::create` and `Record::apply` return";
    Err(Broken::new(format!("{what}: {expected:?}"), format!("{seen:?}"), fix))
}

/// Checks that two records are equal, down to the bytes of every cell.
pub(super) fn same_record(when: &str, seen: &Record, expected: &Record) -> Result<(), Broken> {
    if seen == expected {
        return Ok(());
    }
    let (mut wanted, mut got) = (String::new(), String::new());
    if seen.meta() != expected.meta() {
        let _ = write!(wanted, "\n    {:?}", expected.meta());
        let _ = write!(got, "\n    {:?}", seen.meta());
    }
    for (wire_key, cell) in expected.cells() {
        if seen.cell(wire_key.as_str()) != Some(cell) {
            let _ = write!(wanted, "\n    {wire_key} = {}", shortened(&cell.to_text()));
            let there =
                seen.cell(wire_key.as_str()).map_or_else(|| "absent".to_owned(), |c| shortened(&c.to_text()));
            let _ = write!(got, "\n    {wire_key} = {there}");
        }
    }
    for (wire_key, cell) in
        seen.cells().iter().filter(|(wire_key, _)| expected.cell(wire_key.as_str()).is_none())
    {
        let _ = write!(wanted, "\n    {wire_key} = absent");
        let _ = write!(got, "\n    {wire_key} = {}", shortened(&cell.to_text()));
    }
    Err(Broken::new(
        format!("the record {when} is what `Record::create` and `Record::apply` return{wanted}"),
        format!("these parts differ{got}"),
        "call `Record::apply`, or do exactly what it does; keep text as text, and never parse and print it",
    ))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}.. ({} bytes)", text.get(..end).unwrap_or_default(), text.len()),
        None => text.to_owned(),
    }
}

/// Checks that the answer of a store, and the record that it then holds, are what `apply` returns at some instant between `from` and `to`.
///
/// With a clock that stands still there is one instant; with a server's clock, there are the few milliseconds that the call took.
pub(super) fn explained(
    before: &Record,
    change: &Change,
    seen: &Updated,
    after: Option<&Record>,
    (from, to): (Timestamp, Timestamp),
) -> Result<Outcome, Broken> {
    let last = to.as_millis().min(from.as_millis().saturating_add(10_000));
    let instants = (from.as_millis()..=last).map(Timestamp::from_millis);
    let mut first = None;
    for now in instants {
        let outcome = before.apply(change, now);
        let explains = match (&outcome, seen) {
            (Outcome::Done(next), Updated::Done { revision }) => {
                *revision == next.meta().revision
                    && after.map_or_else(|| next.is_expired(to), |after| *after == **next)
            }
            (Outcome::Conflict, Updated::Conflict(current)) => {
                *current.record == *before
                    && (from..=to).contains(&current.now)
                    && after.map_or_else(|| before.is_expired(to), |after| after == before)
            }
            (Outcome::Gone, Updated::Gone) => after.is_none(),
            _ => false,
        };
        if explains {
            return Ok(outcome);
        }
        first.get_or_insert(outcome);
    }
    let context = format!("`Record::apply` for {change:?} on revision {}", before.meta().revision);
    if let (Some(Outcome::Done(next)), Updated::Done { .. }, Some(after)) = (&first, seen, after) {
        same_record("after `update`", after, next)?;
    }
    if let (Some(Outcome::Conflict), Updated::Conflict(current)) = (&first, seen) {
        same_record("that `Conflict` returns", &current.record, before)?;
        if !(from..=to).contains(&current.now) {
            let (expected, seen) =
                (format!("`Conflict` at a time from {from:?} to {to:?}"), format!("{:?}", current.now));
            return Err(Broken::new(expected, seen, "return the time by which the call was decided"));
        }
        if let Some(after) = after {
            same_record("after a `Conflict`", after, before)?;
        }
    }
    let wanted = match first {
        Some(Outcome::Done(next)) => format!("`Done {{ revision: {} }}`", next.meta().revision),
        Some(Outcome::Conflict) => "`Conflict`, and the record as it was".to_owned(),
        Some(Outcome::Gone) => "`Gone`, and no record".to_owned(),
        None => "a clock that does not run back".to_owned(),
    };
    let there = after.map_or_else(|| "no record".to_owned(), |r| format!("revision {}", r.meta().revision));
    Err(Broken::new(
        format!("{wanted} ({context})"),
        format!("{}, then {there}", answer(seen)),
        "`update` is `Record::apply` on the record of that moment, atomically",
    ))
}

pub(super) fn verifier(n: u8) -> VerifierHash {
    VerifierHash::from_bytes([n; 32])
}

pub(super) fn new_record(cells: &[(&str, &str)]) -> NewRecord {
    let cells = cells.iter().map(|(wire_key, json)| set(wire_key, json)).collect();
    NewRecord { cells, ..NewRecord::new(verifier(1), LONG) }
}

pub(super) fn set(wire_key: &str, json: &str) -> CellWrite {
    CellWrite::new(WireKey::from(wire_key), Json::from_store(json))
}

pub(super) fn write(wire_key: &str, json: &str) -> Change {
    Change { write: vec![set(wire_key, json)], ..Change::default() }
}

pub(super) fn guarded(mut change: Change, wire_key: &str, revision: Option<u64>) -> Change {
    change.guards.push(Guard::new(WireKey::from(wire_key), revision));
    change
}

//! What a change makes of a record.
//!
//! In: a [`NewRecord`] or a [`Change`]. Out: a [`Record`]; [`Record::apply`] *is* the store contract. Never: I/O, a clock of its
//! own, a decision about what to save.

use super::{
    cell::{Cell, WireKey},
    change::{CellWrite, Change, NewRecord},
    json::Json,
    meta::{FORMAT, Meta},
    time::Timestamp,
};

/// A session as a store holds it: meta and cells.
///
/// ```
/// use std::time::Duration;
/// use actix_typed_session::{
///     change::{CellWrite, Change, NewRecord},
///     id::VerifierHash,
///     record::{Json, Limits, Outcome, Record, Timestamp, WireKey},
/// };
///
/// let now = Timestamp::from_millis(1_700_000_000_000);
/// let limits = Limits::new(Duration::from_secs(1800), Duration::from_secs(43_200));
/// let record = Record::create(&NewRecord::new(VerifierHash::from_bytes([0; 32]), limits), now);
///
/// let mut change = Change::default();
/// change.write.push(CellWrite::new(WireKey::from_static("shop.visits"), Json::parse("1").unwrap()));
/// let Outcome::Done(next) = record.apply(&change, now) else { panic!("no guard was set") };
/// assert_eq!(next.cell("shop.visits").unwrap().json.as_str(), "1");
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    meta: Meta,
    /// Sorted by wire key, each key once.
    cells: Vec<(WireKey, Cell)>,
    /// How many cells are sealed, so that a load which opens them does not look for them.
    sealed: usize,
}

/// What [`Record::apply`] says. It is complete: a store has to carry out each of them.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// The change holds; this is the record from now on.
    Done(Box<Record>),
    /// A guard or the expected generation does not hold; nothing changed.
    Conflict,
    /// The record has expired, or the change leaves it no time to live; delete it.
    Gone,
}

impl Record {
    /// The record that `new` describes, begun `now`. Generation, revision and every cell's revision are 1.
    #[must_use]
    pub fn create(new: &NewRecord, now: Timestamp) -> Self {
        let mut record = Self {
            meta: Meta {
                format: FORMAT,
                verifier: new.verifier,
                generation: 1,
                revision: 1,
                created: now,
                touched: now,
                renewed: now,
                authenticated: new.authenticated.then_some(now),
                signed_in: u64::from(new.principal.is_some()),
                limits: new.limits.in_whole_millis(),
                persistent: new.persistent,
                principal: new.principal.clone(),
                label: new.label.clone(),
                unknown: serde_json::Map::new(),
            },
            cells: Vec::with_capacity(new.cells.len()),
            sealed: 0,
        };
        record.write(&new.cells, now);
        record
    }

    /// A record from the parts that a store kept. Later cells of one key replace earlier ones.
    #[must_use]
    pub fn from_parts(meta: Meta, mut cells: Vec<(WireKey, Cell)>) -> Self {
        if !cells.is_sorted_by(|(a, _), (b, _)| a < b) {
            cells.reverse();
            cells.sort_by(|(a, _), (b, _)| a.cmp(b));
            cells.dedup_by(|(a, _), (b, _)| a == b);
        }
        Self::from_sorted(meta, cells)
    }

    /// The same for cells that are sorted by wire key, each key once.
    pub(super) fn from_sorted(meta: Meta, cells: Vec<(WireKey, Cell)>) -> Self {
        let sealed = cells.iter().filter(|(_, cell)| cell.json.is_sealed()).count();
        Self { meta, cells, sealed }
    }

    /// Whether some cell is sealed.
    pub(crate) const fn has_sealed(&self) -> bool {
        self.sealed > 0
    }

    /// All but the cells.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Every cell, in the order of the wire keys; of this binary's schemas or not, expired or not.
    #[must_use]
    pub fn cells(&self) -> &[(WireKey, Cell)] {
        &self.cells
    }

    /// This record with another text in some cells: where `other` answers one.
    pub(crate) fn with_texts(&self, mut other: impl FnMut(&WireKey, &Cell) -> Option<Json>) -> Self {
        let mut cells = self.cells.clone();
        for (key, cell) in &mut cells {
            if let Some(json) = other(key, cell) {
                cell.json = json;
            }
        }
        Self::from_sorted(self.meta.clone(), cells)
    }

    /// This record, whose browser was seen at `seen` too.
    pub(crate) fn seen_at(mut self, seen: Timestamp) -> Self {
        self.meta.touched = self.meta.touched.max(seen);
        self
    }

    /// The cell `key`, expired or not.
    #[must_use]
    pub fn cell(&self, key: &str) -> Option<&Cell> {
        let at = self.cells.binary_search_by(|(k, _)| k.as_str().cmp(key)).ok()?;
        self.cells.get(at).map(|(_, cell)| cell)
    }

    /// The cell `key`, unless it has expired.
    #[must_use]
    pub fn live_cell(&self, key: &str, now: Timestamp) -> Option<&Cell> {
        self.cell(key).filter(|cell| !cell.is_expired(now))
    }

    /// The revision of `key`, `None` if absent: what a guard compares.
    #[must_use]
    pub fn revision_of(&self, key: &str) -> Option<u64> {
        self.cell(key).map(|cell| cell.revision)
    }

    /// Whether the session has ended.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.meta.expires()
    }

    /// Bytes of keys and values, what the limit on a record's size counts.
    #[must_use]
    pub fn size(&self) -> usize {
        self.cells.iter().map(|(key, cell)| key.as_str().len() + cell.json.as_str().len()).sum()
    }

    /// The store contract: what `change` makes of this record at `now`.
    ///
    /// Every store's `update` is this function, run as one atomic step on the record of that moment.
    #[must_use]
    pub fn apply(&self, change: &Change, now: Timestamp) -> Outcome {
        self.apply_as(self.meta.revision.saturating_add(1), change, now)
    }

    /// The same, with the revision that the store gave the change: other requests may have made changes in between.
    pub(crate) fn apply_as(&self, revision: u64, change: &Change, now: Timestamp) -> Outcome {
        if self.is_expired(now) {
            return Outcome::Gone;
        }
        if !self.allows(change) {
            return Outcome::Conflict;
        }
        let mut next = self.clone();
        next.meta.revision = revision;
        if change.anew {
            next.cells.clear();
            next.sealed = 0;
            let meta = &mut next.meta;
            (meta.created, meta.principal, meta.authenticated, meta.label) = (now, None, None, None);
        }
        if !change.delete.is_empty() {
            next.remove(&change.delete);
        }
        next.write(&change.write, now);
        next.alter(change, now);
        if next.is_expired(now) { Outcome::Gone } else { Outcome::Done(Box::new(next)) }
    }

    /// Whether the generation and the guards of `change` hold.
    pub(crate) fn allows(&self, change: &Change) -> bool {
        let generation_holds = change.expected_generation.is_none_or(|g| g == self.meta.generation);
        let guards_hold =
            change.guards.iter().all(|guard| self.revision_of(guard.key.as_str()) == guard.revision);
        generation_holds && guards_hold
    }

    /// This record with `writes` and `deletes` as they were stored at `revision`, and nothing else of the record at that revision.
    ///
    /// It is what a request shows that does not know, or must not see, what other requests wrote meanwhile.
    pub(crate) fn with_own_writes(
        &self,
        writes: &[CellWrite],
        deletes: &[WireKey],
        revision: u64,
        now: Timestamp,
    ) -> Self {
        let mut own = self.clone();
        let of_record = std::mem::replace(&mut own.meta.revision, revision);
        own.remove(deletes);
        own.write(writes, now);
        own.meta.revision = of_record;
        own
    }

    fn remove(&mut self, deletes: &[WireKey]) {
        self.cells.retain(|(key, cell)| {
            let stays = !deletes.contains(key);
            self.sealed -= usize::from(!stays && cell.json.is_sealed());
            stays
        });
    }

    fn write(&mut self, writes: &[CellWrite], now: Timestamp) {
        for write in writes {
            let expires = write.ttl.map(|ttl| now.saturating_add(ttl));
            let cell = Cell { revision: self.meta.revision, expires, json: write.json.clone() };
            self.sealed += usize::from(cell.json.is_sealed());
            match self.cells.binary_search_by(|(key, _)| key.cmp(&write.key)) {
                Ok(at) => {
                    if let Some((_, old)) = self.cells.get_mut(at) {
                        self.sealed -= usize::from(old.json.is_sealed());
                        *old = cell;
                    }
                }
                Err(at) => self.cells.insert(at, (write.key.clone(), cell)),
            }
        }
    }

    fn alter(&mut self, change: &Change, now: Timestamp) {
        let meta = &mut self.meta;
        if let Some(renewal) = &change.renewal {
            meta.verifier = renewal.verifier;
            meta.generation = meta.generation.saturating_add(1);
            meta.renewed = now;
        }
        if let Some(principal) = &change.principal {
            if meta.principal.is_none() && principal.is_some() {
                meta.signed_in = meta.revision;
            }
            meta.principal.clone_from(principal);
        }
        if change.authenticated {
            meta.authenticated = Some(now);
        }
        if let Some(limits) = change.limits {
            meta.limits = limits.in_whole_millis();
        }
        if let Some(persistent) = change.persistent {
            meta.persistent = persistent;
        }
        if let Some(label) = &change.label {
            meta.label.clone_from(label);
        }
        if change.touch {
            // A clock that steps back must not shorten a life.
            meta.touched = meta.touched.max(now);
        }
    }
}

//! The records, in shards that have a lock each.
//!
//! In: selectors, the time, and how many bytes there may be. Out: locked shards, and the records that have ended. Never knows whose sessions
//! they are; see [`owners`](super::owners).

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::footprint::bytes_of;
use crate::{
    id::public::Selector,
    record::{apply::Record, meta::Principal, time::Timestamp},
};

/// Enough that workers rarely wait for the same lock, and a power of two, so that the first byte of a selector picks evenly.
pub(super) const SHARDS: usize = 32;

/// How many records of a shard are looked at when one must make room.
const LOOKED_AT: usize = 64;

pub(super) struct Shards {
    parts: [Mutex<Shard>; SHARDS],
    next_swept: AtomicUsize,
    records: AtomicUsize,
    bytes: AtomicUsize,
    max_bytes: usize,
}

#[derive(Default)]
pub(super) struct Shard {
    pub(super) records: HashMap<Selector, Arc<Record>>,
    /// When to look at each record again. A record that was touched in the meantime is put back with its later end.
    pub(super) ends: BinaryHeap<Reverse<(Timestamp, Selector)>>,
}

/// A record that was removed, and the principal that it had.
pub(super) struct Ended {
    pub(super) selector: Selector,
    pub(super) principal: Option<Principal>,
}

impl Shard {
    /// Drops the ends of records that were removed, once they are the majority. Otherwise signing in and out all day would fill memory.
    pub(super) fn forget_old_ends(&mut self) {
        if self.ends.len() > 2 * self.records.len() + 64 {
            self.ends = self
                .records
                .iter()
                .map(|(selector, record)| Reverse((record.meta().expires(), *selector)))
                .collect();
        }
    }
}

/// A poisoned lock is fine: every change of a shard is one assignment, so a panic leaves none half changed.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shards {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            parts: std::array::from_fn(|_| Mutex::default()),
            next_swept: AtomicUsize::new(0),
            records: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            max_bytes,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.records.load(Ordering::SeqCst)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::SeqCst)
    }

    pub(super) const fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Whether there is room for `bytes` more.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.bytes().saturating_add(bytes) <= self.max_bytes
    }

    /// Counts `bytes` more; `false` if there is no room for them. They are counted before a record is inserted, so that many threads together
    /// never exceed the limit.
    fn reserve(&self, bytes: usize) -> bool {
        let grown = |before: usize| before.checked_add(bytes).filter(|after| *after <= self.max_bytes);
        self.bytes.fetch_update(Ordering::SeqCst, Ordering::SeqCst, grown).is_ok()
    }

    /// Inserts a new record; `false` if there is no room for it.
    pub(super) fn insert(&self, shard: &mut Shard, selector: Selector, record: Record) -> bool {
        if !self.reserve(bytes_of(&record)) {
            return false;
        }
        self.records.fetch_add(1, Ordering::SeqCst);
        shard.ends.push(Reverse((record.meta().expires(), selector)));
        shard.records.insert(selector, Arc::new(record));
        true
    }

    /// Replaces a record. If it has grown and there is no room, the error is by how many bytes.
    pub(super) fn replace(&self, record: &mut Arc<Record>, next: Box<Record>) -> Result<(), usize> {
        let (before, after) = (bytes_of(record), bytes_of(&next));
        let more = after.saturating_sub(before);
        if !self.reserve(more) {
            return Err(more);
        }
        self.bytes.fetch_sub(before.saturating_sub(after), Ordering::SeqCst);
        *record = Arc::from(next);
        Ok(())
    }

    /// The record has been taken out of its shard.
    fn ended(&self, selector: Selector, record: &Record) -> Ended {
        self.records.fetch_sub(1, Ordering::SeqCst);
        self.bytes.fetch_sub(bytes_of(record), Ordering::SeqCst);
        Ended { selector, principal: record.meta().principal.clone() }
    }

    fn part_of(&self, selector: &Selector) -> &Mutex<Shard> {
        let [first, ..] = selector.as_bytes();
        #[allow(clippy::indexing_slicing)] // a remainder of the length
        &self.parts[usize::from(*first) % SHARDS]
    }

    pub(super) fn shard(&self, selector: &Selector) -> MutexGuard<'_, Shard> {
        lock(self.part_of(selector))
    }

    fn swept_from(&self, shard: &mut Shard, now: Timestamp) -> Vec<Ended> {
        let mut swept = Vec::new();
        while let Some(Reverse((at, selector))) = shard.ends.peek().copied() {
            if now < at {
                break;
            }
            shard.ends.pop();
            match shard.records.get(&selector).map(|record| record.meta().expires()) {
                Some(end) if now < end => shard.ends.push(Reverse((end, selector))),
                Some(_) => {
                    swept.extend(shard.records.remove(&selector).map(|record| self.ended(selector, &record)));
                }
                None => {}
            }
        }
        swept
    }

    /// Removes the expired records of one shard.
    fn sweep_part(&self, shard: &Mutex<Shard>, now: Timestamp) -> Vec<Ended> {
        self.swept_from(&mut lock(shard), now)
    }

    /// Removes the expired records of the shard of `selector`.
    pub(super) fn sweep_of(&self, selector: &Selector, now: Timestamp) -> Vec<Ended> {
        self.sweep_part(self.part_of(selector), now)
    }

    /// Removes the expired records of all shards.
    pub(super) fn sweep_all(&self, now: Timestamp) -> Vec<Ended> {
        self.parts.iter().flat_map(|shard| self.sweep_part(shard, now)).collect()
    }

    /// Removes the expired records of one shard, the next one with every call.
    pub(super) fn sweep_next(&self, now: Timestamp) -> Vec<Ended> {
        let next = self.next_swept.fetch_add(1, Ordering::Relaxed);
        #[allow(clippy::indexing_slicing)] // a remainder of the length
        self.sweep_part(&self.parts[next % SHARDS], now)
    }

    /// Ends anonymous sessions but the one under `except` until there is room for `bytes` more; `false` if that cannot be.
    pub(super) fn make_room(&self, bytes: usize, except: &Selector) -> bool {
        while !self.has_room(bytes) {
            if bytes > self.max_bytes || !self.evict_anonymous(except) {
                return false;
            }
        }
        true
    }

    /// Removes an anonymous record, one of those that end first; `false` if none was found.
    ///
    /// It looks at the records that end first in each shard, and no further, because a full store must not search itself for every
    /// sign-in.
    fn evict_anonymous(&self, except: &Selector) -> bool {
        let from = self.next_swept.fetch_add(1, Ordering::Relaxed);
        (from..from + SHARDS).any(|at| {
            #[allow(clippy::indexing_slicing)] // a remainder of the length
            let mut shard = lock(&self.parts[at % SHARDS]);
            let may_end = |selector: &Selector| {
                let record = shard.records.get(selector).filter(|_| selector != except);
                record.is_some_and(|record| record.meta().principal.is_none())
            };
            let first = shard.ends.iter().take(LOOKED_AT).map(|Reverse((end, selector))| (*end, *selector));
            let first = first.filter(|(_, selector)| may_end(selector)).min();
            first.is_some_and(|(_, selector)| self.remove(&mut shard, &selector).is_some())
        })
    }

    pub(super) fn remove(&self, shard: &mut Shard, selector: &Selector) -> Option<Ended> {
        let record = shard.records.remove(selector)?;
        shard.forget_old_ends();
        Some(self.ended(*selector, &record))
    }

    /// The `limit` least selectors in the shard `at` that are greater than `after`, in order; `None` after the last shard.
    pub(super) fn selectors(
        &self,
        at: usize,
        after: Option<Selector>,
        limit: usize,
    ) -> Option<Vec<Selector>> {
        let shard = lock(self.parts.get(at)?);
        let mut least = BinaryHeap::new();
        for selector in shard.records.keys().filter(|selector| after.is_none_or(|after| **selector > after)) {
            least.push(*selector);
            if least.len() > limit {
                least.pop();
            }
        }
        Some(least.into_sorted_vec())
    }

    #[cfg(test)]
    pub(super) fn ends(&self) -> usize {
        self.parts.iter().map(|shard| lock(shard).ends.len()).sum()
    }
}

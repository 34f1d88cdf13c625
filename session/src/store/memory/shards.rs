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
    /// When to look again at each record in which nobody was signed in. One that was touched in the meantime is put back with its later end,
    /// and one whose visitor has signed in goes to those of users.
    of_visitors: Ends,
    of_users: Ends,
}

/// The one that ends first is on top. Some are of records that have been removed.
type Ends = BinaryHeap<Reverse<(Timestamp, Selector)>>;

/// A record that was removed, and the principal that it had.
pub(super) struct Ended {
    pub(super) selector: Selector,
    pub(super) principal: Option<Principal>,
}

impl Shard {
    /// When to look at a record again that ends then.
    pub(super) fn look_again(&mut self, end: Timestamp, selector: Selector, is_of_user: bool) {
        let ends = if is_of_user { &mut self.of_users } else { &mut self.of_visitors };
        ends.push(Reverse((end, selector)));
    }

    /// Drops the ends of records that were removed, once they are the majority. Otherwise signing in and out all day would fill memory.
    pub(super) fn forget_old_ends(&mut self) {
        if self.ends() > 2 * self.records.len() + 64 {
            (self.of_visitors, self.of_users) = (Ends::new(), Ends::new());
            for (selector, record) in &self.records {
                let ends = if is_of_user(record) { &mut self.of_users } else { &mut self.of_visitors };
                ends.push(Reverse((record.meta().expires(), *selector)));
            }
        }
    }

    fn ends(&self) -> usize {
        self.of_visitors.len() + self.of_users.len()
    }

    /// The selector of a record that has expired.
    fn expired(&mut self, now: Timestamp) -> Option<Selector> {
        loop {
            let is_due = |Reverse((at, _)): &Reverse<(Timestamp, Selector)>| *at <= now;
            let due = pop_if(&mut self.of_visitors, is_due).or_else(|| pop_if(&mut self.of_users, is_due));
            let Reverse((_, selector)) = due?;
            let Some(record) = self.records.get(&selector) else { continue };
            let (end, is_of_user) = (record.meta().expires(), is_of_user(record));
            if end <= now {
                return Some(selector);
            }
            self.look_again(end, selector, is_of_user);
        }
    }

    /// The selector of the anonymous record that ends first, but for `except`. Its end is forgotten.
    fn first_of_visitors(&mut self, except: &Selector) -> Option<Selector> {
        let mut excepted = None;
        let first = loop {
            let Some(Reverse((at, selector))) = self.of_visitors.pop() else { break None };
            let Some(record) = self.records.get(&selector) else { continue };
            let (end, is_of_user) = (record.meta().expires(), is_of_user(record));
            if is_of_user || at < end {
                self.look_again(end, selector, is_of_user);
            } else if selector == *except {
                excepted = Some(end);
            } else {
                break Some(selector);
            }
        };
        if let Some(end) = excepted {
            self.look_again(end, *except, false);
        }
        first
    }
}

fn is_of_user(record: &Record) -> bool {
    record.meta().principal.is_some()
}

/// What is on top, if that is so of it.
fn pop_if<T: Ord>(heap: &mut BinaryHeap<T>, is_so: impl Fn(&T) -> bool) -> Option<T> {
    if heap.peek().is_some_and(is_so) { heap.pop() } else { None }
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
        shard.look_again(record.meta().expires(), selector, is_of_user(&record));
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

    /// Removes the expired records of one shard.
    fn sweep_part(&self, shard: &Mutex<Shard>, now: Timestamp) -> Vec<Ended> {
        let (mut shard, mut swept) = (lock(shard), Vec::new());
        while let Some(selector) = shard.expired(now) {
            swept.extend(shard.records.remove(&selector).map(|record| self.ended(selector, &record)));
        }
        swept
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

    /// Removes an anonymous record, the one that ends first in its shard; `false` if there is none.
    fn evict_anonymous(&self, except: &Selector) -> bool {
        let from = self.next_swept.fetch_add(1, Ordering::Relaxed);
        (from..from + SHARDS).any(|at| {
            #[allow(clippy::indexing_slicing)] // a remainder of the length
            let mut shard = lock(&self.parts[at % SHARDS]);
            let first = shard.first_of_visitors(except);
            first.is_some_and(|selector| self.remove(&mut shard, &selector).is_some())
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
        self.parts.iter().map(|shard| lock(shard).ends()).sum()
    }
}

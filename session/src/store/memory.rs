//! Sessions in this process's memory.
//!
//! In and out: the store contract, by calling [`Record::apply`] under a lock. Never: waiting.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    Clock, Created, LoadOptions, Loaded, SessionStore, StoreError, StoreErrorKind, SystemClock, Updated,
};
use crate::{
    change::{Change, NewRecord},
    id::RecordKey,
    record::{Outcome, Principal, Record, Timestamp},
};

/// Enough that workers rarely meet at one lock; a power of two, so that a key's first byte picks evenly.
const SHARDS: usize = 32;

/// Sessions in this process's memory: for tests, for development, and for one process whose sessions may end with it.
///
/// Clones share the records. Every `create` and `update` also looks for expired records in one of 32 parts of the store, in
/// turn: an expired record leaves memory at the latest with the 32nd write after its end, whichever sessions are written.
///
/// ```
/// use actix_typed_session::store::MemoryStore;
///
/// let store = MemoryStore::bounded(100_000);
/// # let _ = store.len();
/// ```
#[derive(Clone)]
pub struct MemoryStore(Arc<Inner>);

struct Inner {
    shards: [Mutex<Shard>; SHARDS],
    next_swept: AtomicUsize,
    records: AtomicUsize,
    limit: usize,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Shard {
    records: HashMap<RecordKey, Arc<Record>>,
    /// When to look at a record again; a record that was touched meanwhile is put back with its later end.
    ends: BinaryHeap<Reverse<(Timestamp, RecordKey)>>,
}

impl MemoryStore {
    /// A store for at most `limit` records. A full one refuses new sessions and ends none.
    #[must_use]
    pub fn bounded(limit: usize) -> Self {
        Self::with(limit, Arc::new(SystemClock))
    }

    /// A store that grows as long as there is memory: anybody who can begin sessions can use it up.
    #[must_use]
    pub fn unbounded() -> Self {
        Self::bounded(usize::MAX)
    }

    /// The same, empty, with another clock.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        Self::with(self.0.limit, Arc::new(clock))
    }

    fn with(limit: usize, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            shards: std::array::from_fn(|_| Mutex::default()),
            next_swept: AtomicUsize::new(0),
            records: AtomicUsize::new(0),
            limit,
            clock,
        }))
    }

    /// How many records are in memory, expired ones that were not yet swept included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.records.load(Ordering::SeqCst)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops every expired record now; says how many.
    #[allow(clippy::must_use_candidate)] // the number is news, not the point
    pub fn sweep(&self) -> usize {
        self.0.sweep_all(self.0.clock.now())
    }
}

impl Shard {
    /// Signing in and out all day must not fill memory with the ends of sessions that are no more.
    fn forget_old_ends(&mut self) {
        if self.ends.len() > 2 * self.records.len() + 64 {
            self.ends =
                self.records.iter().map(|(key, record)| Reverse((record.meta().expires(), *key))).collect();
        }
    }
}

/// A panic in another thread cannot leave a shard half changed: every change is one assignment.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    fn shard(&self, key: &RecordKey) -> MutexGuard<'_, Shard> {
        let [first, ..] = key.as_bytes();
        #[allow(clippy::indexing_slicing)] // a remainder of the length
        lock(&self.shards[usize::from(*first) % SHARDS])
    }

    fn sweep(&self, shard: &mut Shard, now: Timestamp) -> usize {
        let before = shard.records.len();
        while let Some(Reverse((at, key))) = shard.ends.peek().copied() {
            if now < at {
                break;
            }
            shard.ends.pop();
            match shard.records.get(&key).map(|record| record.meta().expires()) {
                Some(end) if now < end => shard.ends.push(Reverse((end, key))),
                Some(_) => {
                    shard.records.remove(&key);
                }
                None => {}
            }
        }
        let swept = before - shard.records.len();
        self.records.fetch_sub(swept, Ordering::SeqCst);
        swept
    }

    fn sweep_all(&self, now: Timestamp) -> usize {
        self.shards.iter().map(|shard| self.sweep(&mut lock(shard), now)).sum()
    }

    fn sweep_one_more(&self) {
        let next = self.next_swept.fetch_add(1, Ordering::Relaxed);
        #[allow(clippy::indexing_slicing)] // a remainder of the length
        self.sweep(&mut lock(&self.shards[next % SHARDS]), self.clock.now());
    }

    fn remove(&self, shard: &mut Shard, key: &RecordKey) {
        if shard.records.remove(key).is_some() {
            self.records.fetch_sub(1, Ordering::SeqCst);
            shard.forget_old_ends();
        }
    }

    fn load(&self, key: &RecordKey) -> Option<Loaded> {
        let shard = self.shard(key);
        let now = self.clock.now();
        let record = shard.records.get(key).filter(|record| !record.is_expired(now))?;
        Some(Loaded { record: record.clone(), now })
    }

    fn create(&self, key: &RecordKey, new: &NewRecord) -> Result<Created, StoreError> {
        if self.records.load(Ordering::SeqCst) < self.limit {
            self.sweep_one_more();
        } else {
            self.sweep_all(self.clock.now());
        }
        let mut shard = self.shard(key);
        // Asked under the lock: a writer that waited must not judge by an earlier time than whoever went before it.
        let now = self.clock.now();
        self.sweep(&mut shard, now);
        if shard.records.contains_key(key) {
            return Ok(Created::Exists);
        }
        let record = Record::create(new, now);
        if record.is_expired(now) {
            return Ok(Created::Created);
        }
        // Counted before it is there, so that many threads together never pass the limit.
        if self.records.fetch_add(1, Ordering::SeqCst) >= self.limit {
            self.records.fetch_sub(1, Ordering::SeqCst);
            return Err(StoreError::new(StoreErrorKind::Full));
        }
        shard.ends.push(Reverse((record.meta().expires(), *key)));
        shard.records.insert(*key, Arc::new(record));
        Ok(Created::Created)
    }

    fn update(&self, key: &RecordKey, change: &Change) -> Updated {
        // Also here: a site where nobody begins a session any more would keep its dead ones for ever.
        self.sweep_one_more();
        let mut shard = self.shard(key);
        // Asked under the lock, as in `create`: else a session that one reader saw expired could be touched back to life.
        let now = self.clock.now();
        let Some(record) = shard.records.get_mut(key) else { return Updated::Gone };
        match record.apply(change, now) {
            Outcome::Done(next) => {
                let (revision, end) = (next.meta().revision, next.meta().expires());
                let sooner = end < record.meta().expires();
                *record = Arc::from(next);
                if sooner {
                    shard.ends.push(Reverse((end, *key)));
                    shard.forget_old_ends();
                }
                Updated::Done { revision }
            }
            Outcome::Conflict => Updated::Conflict(Loaded { record: record.clone(), now }),
            Outcome::Gone => {
                self.remove(&mut shard, key);
                Updated::Gone
            }
        }
    }

    fn delete(&self, key: &RecordKey, only_if: Option<&Principal>) {
        let mut shard = self.shard(key);
        let matches = |record: &Arc<Record>| only_if.is_none() || record.meta().principal.as_ref() == only_if;
        if shard.records.get(key).is_some_and(matches) {
            self.remove(&mut shard, key);
        }
    }
}

impl SessionStore for MemoryStore {
    async fn load(&self, key: &RecordKey, _: &LoadOptions) -> Result<Option<Loaded>, StoreError> {
        Ok(self.0.load(key))
    }

    async fn create(&self, key: &RecordKey, record: &NewRecord) -> Result<Created, StoreError> {
        self.0.create(key, record)
    }

    async fn update(&self, key: &RecordKey, change: &Change) -> Result<Updated, StoreError> {
        Ok(self.0.update(key, change))
    }

    async fn delete(&self, key: &RecordKey, only_if: Option<&Principal>) -> Result<(), StoreError> {
        self.0.delete(key, only_if);
        Ok(())
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("len", &self.len())
            .field("limit", &self.0.limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{id::VerifierHash, record::Limits};

    #[test]
    fn signing_in_and_out_all_day_does_not_fill_memory() {
        let store = MemoryStore::bounded(10);
        let hours = Duration::from_hours(24);
        let new = NewRecord::new(VerifierHash::from_bytes([0; 32]), Limits { idle: hours, absolute: hours });
        for n in 0..100_000_u128 {
            let key = RecordKey::from_bytes(n.to_le_bytes());
            assert!(matches!(store.0.create(&key, &new), Ok(Created::Created)));
            store.0.delete(&key, None);
        }
        let ends: usize = store.0.shards.iter().map(|shard| lock(shard).ends.len()).sum();
        assert!(ends < 10_000, "{ends} ends of sessions that are no more");
    }
}

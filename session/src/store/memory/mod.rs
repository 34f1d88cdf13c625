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

use self::owners::{Owned, Owners};
use crate::{
    id::public::Selector,
    record::{
        apply::{Outcome, Record},
        change::{Change, MaxSessions, NewRecord},
        meta::Principal,
        time::Timestamp,
    },
    store::{
        clock::{Clock, SystemClock},
        contract::{Created, Index, Listed, LoadOptions, Loaded, PrincipalIndex, SessionStore, Updated},
        error::{StoreError, StoreErrorKind},
        scan::{Cursor, Scanned},
        sweep::Sweep,
    },
};

mod owners;

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
    owners: Owners,
    next_swept: AtomicUsize,
    records: AtomicUsize,
    limit: usize,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Shard {
    records: HashMap<Selector, Arc<Record>>,
    /// When to look at a record again; a record that was touched meanwhile is put back with its later end.
    ends: BinaryHeap<Reverse<(Timestamp, Selector)>>,
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
            owners: Owners::default(),
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

/// A record that is no more, and whose it was.
struct Ended {
    key: Selector,
    principal: Option<Principal>,
}

impl Ended {
    fn of(key: Selector, record: &Record) -> Self {
        Self { key, principal: record.meta().principal.clone() }
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
    fn shard_of(&self, key: &Selector) -> &Mutex<Shard> {
        let [first, ..] = key.as_bytes();
        #[allow(clippy::indexing_slicing)] // a remainder of the length
        &self.shards[usize::from(*first) % SHARDS]
    }

    fn shard(&self, key: &Selector) -> MutexGuard<'_, Shard> {
        lock(self.shard_of(key))
    }

    fn sweep(&self, shard: &Mutex<Shard>, now: Timestamp) -> usize {
        let swept = self.swept_from(&mut lock(shard), now);
        self.forget(&swept);
        swept.len()
    }

    fn swept_from(&self, shard: &mut Shard, now: Timestamp) -> Vec<Ended> {
        let mut swept = Vec::new();
        while let Some(Reverse((at, key))) = shard.ends.peek().copied() {
            if now < at {
                break;
            }
            shard.ends.pop();
            match shard.records.get(&key).map(|record| record.meta().expires()) {
                Some(end) if now < end => shard.ends.push(Reverse((end, key))),
                Some(_) => swept.extend(shard.records.remove(&key).map(|record| Ended::of(key, &record))),
                None => {}
            }
        }
        self.records.fetch_sub(swept.len(), Ordering::SeqCst);
        swept
    }

    fn sweep_all(&self, now: Timestamp) -> usize {
        self.shards.iter().map(|shard| self.sweep(shard, now)).sum()
    }

    fn sweep_one_more(&self) {
        let next = self.next_swept.fetch_add(1, Ordering::Relaxed);
        #[allow(clippy::indexing_slicing)] // a remainder of the length
        self.sweep(&self.shards[next % SHARDS], self.clock.now());
    }

    fn remove(&self, shard: &mut Shard, key: &Selector) -> Option<Ended> {
        let record = shard.records.remove(key)?;
        self.records.fetch_sub(1, Ordering::SeqCst);
        shard.forget_old_ends();
        Some(Ended::of(*key, &record))
    }

    /// Takes records that are no more out of the index. No shard may be locked.
    fn forget(&self, ended: &[Ended]) {
        if ended.iter().all(|ended| ended.principal.is_none()) {
            return;
        }
        let mut owned = self.owners.lock();
        for Ended { key, principal } in ended {
            if let Some(principal) = principal.as_ref().filter(|principal| !self.belongs(key, principal)) {
                owned.forget(principal, key);
            }
        }
    }

    fn belongs(&self, key: &Selector, principal: &Principal) -> bool {
        let shard = self.shard(key);
        shard.records.get(key).is_some_and(|record| record.meta().principal.as_ref() == Some(principal))
    }

    /// The live sessions of `principal` but `except`, the oldest sign-in first.
    fn listed(&self, owned: &Owned, principal: &Principal, except: Option<&Selector>) -> Vec<Listed> {
        let mut list: Vec<_> = owned
            .of(principal)
            .into_iter()
            .filter(|key| Some(key) != except)
            .filter_map(|key| Some(Listed::new(key, self.load(&key)?.record.meta().clone())))
            .filter(|listed| listed.meta.principal.as_ref() == Some(principal))
            .collect();
        Listed::sort_oldest_first(&mut list);
        list
    }

    /// The sessions that must end for one more of `principal`; `None`: there may be none.
    fn evicted(
        &self,
        owned: &Owned,
        principal: &Principal,
        key: &Selector,
        max: Option<MaxSessions>,
    ) -> Option<Vec<Selector>> {
        let Some(max) = max else { return Some(Vec::new()) };
        let others = self.listed(owned, principal, Some(key));
        let evicted = max.evictions(others.len())?;
        Some(others.into_iter().take(evicted).map(|listed| listed.selector).collect())
    }

    /// Ends sessions of `principal`; says how many there were.
    fn end(&self, owned: &mut Owned, principal: &Principal, keys: &[Selector]) -> u64 {
        let mut ended = 0;
        for key in keys {
            let mut shard = self.shard(key);
            let now = self.clock.now();
            let theirs = |record: &&Arc<Record>| record.meta().principal.as_ref() == Some(principal);
            if let Some(record) = shard.records.get(key).filter(theirs) {
                ended += u64::from(!record.is_expired(now));
                self.remove(&mut shard, key);
            }
            drop(shard);
            owned.forget(principal, key);
        }
        ended
    }

    fn load(&self, key: &Selector) -> Option<Loaded> {
        let shard = self.shard(key);
        let now = self.clock.now();
        let record = shard.records.get(key).filter(|record| !record.is_expired(now))?;
        Some(Loaded { record: record.clone(), now })
    }

    fn create(&self, key: &Selector, new: &NewRecord) -> Result<Created, StoreError> {
        if self.records.load(Ordering::SeqCst) < self.limit {
            self.sweep_one_more();
        } else {
            self.sweep_all(self.clock.now());
        }
        self.sweep(self.shard_of(key), self.clock.now());
        let mut signing_in = new.principal.as_ref().map(|principal| (principal, self.owners.lock()));
        let mut evicted = Some(Vec::new());
        if let Some((principal, owned)) = &signing_in {
            evicted = self.evicted(owned, principal, key, new.max_sessions);
        }
        let mut shard = self.shard(key);
        // Asked under the lock: a writer that waited must not judge by an earlier time than whoever went before it.
        let now = self.clock.now();
        if shard.records.contains_key(key) {
            return Ok(Created::Exists);
        }
        let Some(evicted) = evicted else { return Ok(Created::TooMany) };
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
        drop(shard);
        if let Some((principal, owned)) = &mut signing_in {
            owned.add(principal, *key);
            self.end(owned, principal, &evicted);
        }
        Ok(Created::Created)
    }

    fn update(&self, key: &Selector, change: &Change) -> Updated {
        // Also here: a site where nobody begins a session any more would keep its dead ones for ever.
        self.sweep_one_more();
        let principal = change.principal.as_ref().and_then(Option::as_ref);
        let mut signing_in = principal.map(|principal| (principal, self.owners.lock()));
        let mut evicted = Some(Vec::new());
        if let Some((principal, owned)) = &signing_in {
            evicted = self.evicted(owned, principal, key, change.max_sessions);
        }
        let mut shard = self.shard(key);
        // Asked under the lock, as in `create`: else a session that one reader saw expired could be touched back to life.
        let now = self.clock.now();
        let Some(record) = shard.records.get_mut(key) else { return Updated::Gone };
        match record.apply(change, now) {
            Outcome::Done(next) => {
                let before = record.meta().principal.clone();
                // Only a session that is not theirs already is one more.
                let more = next.meta().principal != before;
                if more && evicted.is_none() {
                    return Updated::TooMany;
                }
                let (revision, end) = (next.meta().revision, next.meta().expires());
                let sooner = end < record.meta().expires();
                *record = Arc::from(next);
                if sooner {
                    shard.ends.push(Reverse((end, *key)));
                    shard.forget_old_ends();
                }
                drop(shard);
                if let Some((principal, owned)) = signing_in.as_mut().filter(|_| more) {
                    owned.add(principal, *key);
                    self.end(owned, principal, &evicted.unwrap_or_default());
                }
                drop(signing_in);
                if more {
                    self.forget(&[Ended { key: *key, principal: before }]);
                }
                Updated::Done { revision }
            }
            Outcome::Conflict => Updated::Conflict(Loaded { record: record.clone(), now }),
            Outcome::Gone => {
                let ended = self.remove(&mut shard, key);
                drop((shard, signing_in));
                self.forget(ended.as_slice());
                Updated::Gone
            }
        }
    }

    fn delete(&self, key: &Selector, only_if: Option<&Principal>) {
        let mut shard = self.shard(key);
        let matches = |record: &Arc<Record>| only_if.is_none() || record.meta().principal.as_ref() == only_if;
        if shard.records.get(key).is_some_and(matches) {
            let ended = self.remove(&mut shard, key);
            drop(shard);
            self.forget(ended.as_slice());
        }
    }
}

impl SessionStore for MemoryStore {
    async fn load(&self, key: &Selector, _: &LoadOptions) -> Result<Option<Loaded>, StoreError> {
        Ok(self.0.load(key))
    }

    async fn create(&self, key: &Selector, record: &NewRecord) -> Result<Created, StoreError> {
        self.0.create(key, record)
    }

    async fn update(&self, key: &Selector, change: &Change) -> Result<Updated, StoreError> {
        Ok(self.0.update(key, change))
    }

    async fn delete(&self, key: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        self.0.delete(key, only_if);
        Ok(())
    }

    fn index(&self) -> Option<Index<'_>> {
        Some(Index::of(self))
    }

    /// One part of the store at a time, whatever the limit.
    async fn scan(&self, from: Option<&Cursor>, _: u32) -> Result<Scanned, StoreError> {
        let at = from.and_then(|from| from.as_str().parse().ok()).unwrap_or(0);
        let Some(shard) = self.0.shards.get(at) else { return Ok(Scanned::default()) };
        let keys = lock(shard).records.keys().copied().collect();
        Ok(Scanned::new(keys, (at + 1 < SHARDS).then(|| Cursor::new((at + 1).to_string()))))
    }
}

impl PrincipalIndex for MemoryStore {
    async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        Ok(self.0.listed(&self.0.owners.lock(), principal, None))
    }

    async fn delete_all(&self, principal: &Principal, except: Option<&Selector>) -> Result<u64, StoreError> {
        let mut owned = self.0.owners.lock();
        let mut keys = owned.of(principal);
        keys.retain(|key| Some(key) != except);
        Ok(self.0.end(&mut owned, principal, &keys))
    }
}

impl Sweep for MemoryStore {
    /// Whatever has ended, also more than `limit`: it takes no time.
    async fn sweep(&self, _: u32) -> Result<u32, StoreError> {
        Ok(u32::try_from(MemoryStore::sweep(self)).unwrap_or(u32::MAX))
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
        let limits = Limits { idle: hours, absolute: hours };
        let mut new = NewRecord::new(VerifierHash::from_bytes([0; 32]), limits);
        for n in 0..100_000_u128 {
            let key = Selector::from_bytes(n.to_le_bytes());
            new.principal = Some(Principal::from_store(&format!("shop.user={n}")));
            assert!(matches!(store.0.create(&key, &new), Ok(Created::Created)));
            store.0.delete(&key, None);
        }
        let ends: usize = store.0.shards.iter().map(|shard| lock(shard).ends.len()).sum();
        assert!(ends < 10_000, "{ends} ends of sessions that are no more");
        assert_eq!(store.0.owners.lock().len(), 0);
    }
}

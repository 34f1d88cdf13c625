//! The store contract on records and owners together.
//!
//! In: the calls of the contract. Out: their answers. Never waits, and never holds the locks of two shards.
//!
//! A call that may give a record to a principal holds the owners' lock from before it counts the principal's sessions until the entry is
//! written. A call that only takes a record away updates the owners afterwards.

use std::sync::Arc;

use super::{
    footprint::bytes_of,
    owners::{Owned, Owners},
    shards::{Ended, Shards},
};
use crate::{
    events::Events,
    id::public::Selector,
    record::{
        apply::{Outcome, Record},
        change::{Change, MaxSessions, NewRecord},
        meta::Principal,
    },
    store::{
        clock::Clock,
        contract::{Created, Loaded, Updated},
        error::{StoreError, StoreErrorKind},
        index::Listed,
    },
};

/// How many sessions are ended while others wait for the locks: about 0.2 ms.
const AT_ONCE: usize = 256;

/// There is no room for the bytes by which a record has grown.
struct Short {
    of_user: bool,
    bytes: usize,
}

pub(super) struct Inner {
    pub(super) shards: Shards,
    pub(super) owners: Owners,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) events: Events,
}

impl Inner {
    /// Removes every expired record, and returns how many.
    pub(super) fn sweep(&self) -> usize {
        let swept = self.shards.sweep_all(self.clock.now());
        self.swept(&swept);
        swept.len()
    }

    /// Expired records were removed.
    fn swept(&self, swept: &[Ended]) {
        self.forget(swept);
        self.events.swept(u64::try_from(swept.len()).unwrap_or(u64::MAX));
    }

    /// Removes the entries of records that have ended, unless a principal has the record again. No shard may be locked.
    fn forget(&self, ended: &[Ended]) {
        if ended.iter().all(|ended| ended.principal.is_none()) {
            return;
        }
        let mut owned = self.owners.lock();
        for Ended { selector, principal } in ended {
            if let Some(principal) = principal.as_ref().filter(|principal| !self.belongs(selector, principal))
            {
                owned.forget(principal, selector);
            }
        }
    }

    fn belongs(&self, selector: &Selector, principal: &Principal) -> bool {
        let shard = self.shards.shard(selector);
        shard.records.get(selector).is_some_and(|record| record.meta().principal.as_ref() == Some(principal))
    }

    /// The live sessions of `principal`, the oldest sign-in first.
    pub(super) fn listed(&self, principal: &Principal) -> Vec<Listed> {
        let (mut list, mut after) = (Vec::new(), None);
        loop {
            let some = self.owners.lock().page(principal, after.as_ref(), AT_ONCE);
            list.extend(some.iter().filter_map(|selector| self.listed_as(principal, *selector)));
            after = some.last().copied().filter(|_| some.len() == AT_ONCE);
            if after.is_none() {
                Listed::sort_oldest_first(&mut list);
                return list;
            }
        }
    }

    /// The session under `selector`, if it is a live one of `principal`.
    pub(super) fn listed_as(&self, principal: &Principal, selector: Selector) -> Option<Listed> {
        let meta = self.load(&selector)?.record.meta().clone();
        (meta.principal.as_ref() == Some(principal)).then(|| Listed::new(selector, meta))
    }

    /// Removes expired records if `principal` might have too many sessions with them. They do not count, and their entries do.
    fn sweep_for(&self, principal: Option<&Principal>, max: Option<MaxSessions>) {
        let (Some(principal), Some(max)) = (principal, max) else { return };
        if max.evictions(self.owners.lock().count(principal)) != Some(0) {
            self.sweep();
        }
    }

    /// The sessions that must end before `principal` may have one more, or [`AT_ONCE`] of them; `None` if one more is refused.
    fn surplus(
        owned: &Owned,
        principal: &Principal,
        selector: &Selector,
        max: Option<MaxSessions>,
    ) -> Option<Vec<Selector>> {
        let Some(max) = max else { return Some(Vec::new()) };
        let surplus = max.evictions(owned.count_but(principal, selector))?;
        Some(owned.oldest_but(principal, selector, surplus.min(AT_ONCE)))
    }

    /// Ends some sessions of `principal`. Returns how many were live, and the selector to go on after, if there may be more.
    pub(super) fn end_some(
        &self,
        principal: &Principal,
        after: Option<&Selector>,
        except: Option<&Selector>,
    ) -> (u64, Option<Selector>) {
        let mut owned = self.owners.lock();
        let mut some = owned.page(principal, after, AT_ONCE);
        let last = some.last().copied().filter(|_| some.len() == AT_ONCE);
        some.retain(|selector| Some(selector) != except);
        (self.end(&mut owned, principal, &some), last)
    }

    /// Ends sessions of `principal`, and returns how many were live.
    pub(super) fn end(&self, owned: &mut Owned, principal: &Principal, selectors: &[Selector]) -> u64 {
        let mut ended = 0;
        for selector in selectors {
            let mut shard = self.shards.shard(selector);
            let now = self.clock.now();
            let theirs = |record: &&Arc<Record>| record.meta().principal.as_ref() == Some(principal);
            if let Some(record) = shard.records.get(selector).filter(theirs) {
                ended += u64::from(!record.is_expired(now));
                self.shards.remove(&mut shard, selector);
            }
            drop(shard);
            owned.forget(principal, selector);
        }
        ended
    }

    pub(super) fn load(&self, selector: &Selector) -> Option<Loaded> {
        let shard = self.shards.shard(selector);
        let now = self.clock.now();
        let record = shard.records.get(selector).filter(|record| !record.is_expired(now))?;
        Some(Loaded { record: record.clone(), now })
    }

    /// `None`: some of very many sessions have ended to make room, and there may be more of them.
    pub(super) fn create(&self, selector: &Selector, new: &NewRecord) -> Result<Option<Created>, StoreError> {
        let now = self.clock.now();
        let bytes = bytes_of(&Record::create(new, now));
        let full = !self.shards.has_room(bytes);
        self.swept(&if full { self.shards.sweep_all(now) } else { self.shards.sweep_next(now) });
        self.swept(&self.shards.sweep_of(selector, self.clock.now()));
        self.sweep_for(new.principal.as_ref(), new.max_sessions);
        let mut signing_in = new.principal.as_ref().map(|principal| (principal, self.owners.lock()));
        let mut surplus = Some(Vec::new());
        if let Some((principal, owned)) = &signing_in {
            surplus = Self::surplus(owned, principal, selector, new.max_sessions);
            if surplus.is_some() && !self.shards.shard(selector).records.contains_key(selector) {
                self.shards.make_room(bytes, selector);
            }
        }
        let mut shard = self.shards.shard(selector);
        // Under the lock: a call that waited must not decide by an earlier time than the call before it.
        let now = self.clock.now();
        if shard.records.contains_key(selector) {
            return Ok(Some(Created::Exists));
        }
        let Some(surplus) = surplus else { return Ok(Some(Created::TooMany)) };
        let record = Record::create(new, now);
        if record.is_expired(now) {
            return Ok(Some(Created::Created));
        }
        let finished = surplus.len() < AT_ONCE;
        if finished && !self.shards.insert(&mut shard, *selector, record) {
            return Err(StoreError::new(StoreErrorKind::Full));
        }
        drop(shard);
        if let Some((principal, owned)) = &mut signing_in {
            if finished {
                owned.add(principal, *selector, now);
            }
            self.end(owned, principal, &surplus);
        }
        Ok(finished.then_some(Created::Created))
    }

    /// `None`: as in [`create`](Self::create).
    pub(super) fn update(&self, selector: &Selector, change: &Change) -> Result<Option<Updated>, StoreError> {
        // Sweep here too. Otherwise a site where no sessions begin any more would keep expired ones for ever.
        self.swept(&self.shards.sweep_next(self.clock.now()));
        self.sweep_for(change.principal.as_ref().and_then(Option::as_ref), change.max_sessions);
        loop {
            match self.try_update(selector, change) {
                Ok(updated) => return Ok(updated),
                Err(Short { of_user: true, bytes }) if self.shards.make_room(bytes, selector) => {}
                Err(Short { .. }) => return Err(StoreError::new(StoreErrorKind::Full)),
            }
        }
    }

    fn try_update(&self, selector: &Selector, change: &Change) -> Result<Option<Updated>, Short> {
        let principal = change.principal.as_ref().and_then(Option::as_ref);
        // Also of a user who signs in again, whose place among the oldest changes.
        let mut owned = (principal.is_some() || change.authenticated).then(|| self.owners.lock());
        let mut surplus = Some(Vec::new());
        if let (Some(owned), Some(principal)) = (&owned, principal) {
            surplus = Self::surplus(owned, principal, selector, change.max_sessions);
        }
        let mut shard = self.shards.shard(selector);
        // Under the lock, as in `create`: otherwise a session that a reader saw expired could be touched back to life (G3).
        let now = self.clock.now();
        let Some(record) = shard.records.get_mut(selector) else { return Ok(Some(Updated::Gone)) };
        match record.apply(change, now) {
            Outcome::Done(next) => {
                let before = record.meta().principal.clone();
                // A session that the principal has already is not one more.
                let more = next.meta().principal != before;
                let ends = match surplus {
                    Some(surplus) if more => surplus,
                    None if more => return Ok(Some(Updated::TooMany)),
                    _ => Vec::new(),
                };
                if let (Some(owned), Some(principal), AT_ONCE) = (&mut owned, principal, ends.len()) {
                    drop(shard);
                    self.end(owned, principal, &ends);
                    return Ok(None);
                }
                let (revision, end) = (next.meta().revision, next.meta().expires());
                let is_of_user = next.meta().principal.is_some();
                let sooner = end < record.meta().expires();
                let after = next.meta().principal.clone().map(|principal| (principal, next.meta().since()));
                self.shards
                    .replace(record, next)
                    .map_err(|bytes| Short { of_user: after.is_some(), bytes })?;
                if sooner {
                    shard.look_again(end, *selector, is_of_user);
                    shard.forget_old_ends();
                }
                drop(shard);
                if let (Some(owned), Some((principal, since))) = (&mut owned, after) {
                    owned.add(&principal, *selector, since);
                    self.end(owned, &principal, &ends);
                }
                drop(owned);
                if more {
                    self.forget(&[Ended { selector: *selector, principal: before }]);
                }
                Ok(Some(Updated::Done { revision }))
            }
            Outcome::Conflict => Ok(Some(Updated::Conflict(Loaded { record: record.clone(), now }))),
            Outcome::Gone => {
                let ended = self.shards.remove(&mut shard, selector);
                drop((shard, owned));
                self.forget(ended.as_slice());
                Ok(Some(Updated::Gone))
            }
        }
    }

    pub(super) fn delete(&self, selector: &Selector, only_if: Option<&Principal>) {
        let mut shard = self.shards.shard(selector);
        let matches = |record: &Arc<Record>| only_if.is_none() || record.meta().principal.as_ref() == only_if;
        if shard.records.get(selector).is_some_and(matches) {
            let ended = self.shards.remove(&mut shard, selector);
            drop(shard);
            self.forget(ended.as_slice());
        }
    }
}

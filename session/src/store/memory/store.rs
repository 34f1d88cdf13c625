//! The store contract on records and owners together.
//!
//! In: the calls of the contract. Out: their answers. Never waits, and never holds the locks of two shards.
//!
//! A call that may give a record to a principal holds the owners' lock from before it counts the principal's sessions until the entry is
//! written. A call that only takes a record away updates the owners afterwards.

use std::{cmp::Reverse, sync::Arc};

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

    /// The live sessions of `principal` except `except`, the oldest sign-in first.
    pub(super) fn listed(
        &self,
        owned: &Owned,
        principal: &Principal,
        except: Option<&Selector>,
    ) -> Vec<Listed> {
        let others = owned.of(principal).into_iter().filter(|selector| Some(selector) != except);
        let mut list: Vec<_> = others.filter_map(|selector| self.listed_as(principal, selector)).collect();
        Listed::sort_oldest_first(&mut list);
        list
    }

    /// The session under `selector`, if it is a live one of `principal`.
    pub(super) fn listed_as(&self, principal: &Principal, selector: Selector) -> Option<Listed> {
        let meta = self.load(&selector)?.record.meta().clone();
        (meta.principal.as_ref() == Some(principal)).then(|| Listed::new(selector, meta))
    }

    /// The sessions that must end before `principal` may have one more; `None` if one more is refused.
    fn evicted(
        &self,
        owned: &Owned,
        principal: &Principal,
        selector: &Selector,
        max: Option<MaxSessions>,
    ) -> Option<Vec<Selector>> {
        let Some(max) = max else { return Some(Vec::new()) };
        // All of them together, expired or not, leave room.
        if owned.count(principal) < usize::try_from(max.per_user.get()).unwrap_or(usize::MAX) {
            return Some(Vec::new());
        }
        let others = self.listed(owned, principal, Some(selector));
        let evicted = max.evictions(others.len())?;
        Some(others.into_iter().take(evicted).map(|listed| listed.selector).collect())
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

    pub(super) fn create(&self, selector: &Selector, new: &NewRecord) -> Result<Created, StoreError> {
        let now = self.clock.now();
        let bytes = bytes_of(&Record::create(new, now));
        let full = !self.shards.has_room(bytes);
        self.swept(&if full { self.shards.sweep_all(now) } else { self.shards.sweep_next(now) });
        self.swept(&self.shards.sweep_of(selector, self.clock.now()));
        let mut signing_in = new.principal.as_ref().map(|principal| (principal, self.owners.lock()));
        let mut evicted = Some(Vec::new());
        if let Some((principal, owned)) = &signing_in {
            evicted = self.evicted(owned, principal, selector, new.max_sessions);
            if evicted.is_some() && !self.shards.shard(selector).records.contains_key(selector) {
                self.shards.make_room(bytes, selector);
            }
        }
        let mut shard = self.shards.shard(selector);
        // Under the lock: a call that waited must not decide by an earlier time than the call before it.
        let now = self.clock.now();
        if shard.records.contains_key(selector) {
            return Ok(Created::Exists);
        }
        let Some(evicted) = evicted else { return Ok(Created::TooMany) };
        let record = Record::create(new, now);
        if record.is_expired(now) {
            return Ok(Created::Created);
        }
        if !self.shards.insert(&mut shard, *selector, record) {
            return Err(StoreError::new(StoreErrorKind::Full));
        }
        drop(shard);
        if let Some((principal, owned)) = &mut signing_in {
            owned.add(principal, *selector);
            self.end(owned, principal, &evicted);
        }
        Ok(Created::Created)
    }

    pub(super) fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        // Sweep here too. Otherwise a site where no sessions begin any more would keep expired ones for ever.
        self.swept(&self.shards.sweep_next(self.clock.now()));
        loop {
            match self.try_update(selector, change) {
                Ok(updated) => return Ok(updated),
                Err(Short { of_user: true, bytes }) if self.shards.make_room(bytes, selector) => {}
                Err(Short { .. }) => return Err(StoreError::new(StoreErrorKind::Full)),
            }
        }
    }

    fn try_update(&self, selector: &Selector, change: &Change) -> Result<Updated, Short> {
        let principal = change.principal.as_ref().and_then(Option::as_ref);
        let mut signing_in = principal.map(|principal| (principal, self.owners.lock()));
        let mut evicted = Some(Vec::new());
        if let Some((principal, owned)) = &signing_in {
            evicted = self.evicted(owned, principal, selector, change.max_sessions);
        }
        let mut shard = self.shards.shard(selector);
        // Under the lock, as in `create`: otherwise a session that a reader saw expired could be touched back to life (G3).
        let now = self.clock.now();
        let Some(record) = shard.records.get_mut(selector) else { return Ok(Updated::Gone) };
        match record.apply(change, now) {
            Outcome::Done(next) => {
                let before = record.meta().principal.clone();
                // A session that the principal has already is not one more.
                let more = next.meta().principal != before;
                if more && evicted.is_none() {
                    return Ok(Updated::TooMany);
                }
                let (revision, end) = (next.meta().revision, next.meta().expires());
                let sooner = end < record.meta().expires();
                let of_user = next.meta().principal.is_some();
                self.shards.replace(record, next).map_err(|bytes| Short { of_user, bytes })?;
                if sooner {
                    shard.ends.push(Reverse((end, *selector)));
                    shard.forget_old_ends();
                }
                drop(shard);
                if let Some((principal, owned)) = signing_in.as_mut().filter(|_| more) {
                    owned.add(principal, *selector);
                    self.end(owned, principal, &evicted.unwrap_or_default());
                }
                drop(signing_in);
                if more {
                    self.forget(&[Ended { selector: *selector, principal: before }]);
                }
                Ok(Updated::Done { revision })
            }
            Outcome::Conflict => Ok(Updated::Conflict(Loaded { record: record.clone(), now })),
            Outcome::Gone => {
                let ended = self.shards.remove(&mut shard, selector);
                drop((shard, signing_in));
                self.forget(ended.as_slice());
                Ok(Updated::Gone)
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

//! The sessions of each principal.
//!
//! In: principals and selectors. Out: the selectors of one principal. Never locks a shard. The order of locks is this one first, then a
//! shard; taking them in the other order could deadlock.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    id::public::Selector,
    record::{meta::Principal, time::Timestamp},
};

/// An entry may outlive its record for a moment, but no signed-in record lacks one. Holding the lock excludes other sign-ins and calls of
/// `delete_all`, which is what keeps a maximum and makes `delete_all` final (G3).
///
/// A call that takes the lock again and again would get it nearly always, because a thread that waits has to wake up first. So whoever waits
/// for the lock holds the next turn, and all others wait for that.
#[derive(Default)]
pub(super) struct Owners {
    next: Mutex<()>,
    owned: Mutex<Owned>,
}

#[derive(Default)]
pub(super) struct Owned(HashMap<Principal, Theirs>);

/// One principal's sessions, in the order of the selectors for pages, and in the order in which they must go.
#[derive(Default)]
struct Theirs {
    since: BTreeMap<Selector, Timestamp>,
    oldest: BTreeSet<(Timestamp, Selector)>,
}

impl Owners {
    pub(super) fn lock(&self) -> MutexGuard<'_, Owned> {
        let _next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owned {
    /// Adds a session that has signed in at this time, perhaps again.
    pub(super) fn add(&mut self, principal: &Principal, selector: Selector, since: Timestamp) {
        let theirs = self.0.entry(principal.clone()).or_default();
        if let Some(before) = theirs.since.insert(selector, since) {
            theirs.oldest.remove(&(before, selector));
        }
        theirs.oldest.insert((since, selector));
    }

    pub(super) fn forget(&mut self, principal: &Principal, selector: &Selector) {
        let Some(theirs) = self.0.get_mut(principal) else { return };
        if let Some(since) = theirs.since.remove(selector) {
            theirs.oldest.remove(&(since, *selector));
        }
        if theirs.since.is_empty() {
            self.0.remove(principal);
        }
    }

    /// Up to `limit` of them, in the order of the selectors, after `after`.
    pub(super) fn page(
        &self,
        principal: &Principal,
        after: Option<&Selector>,
        limit: usize,
    ) -> Vec<Selector> {
        let from = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let all = self.0.get(principal).into_iter().flat_map(|theirs| theirs.since.range(from));
        all.take(limit).map(|(selector, _)| *selector).collect()
    }

    pub(super) fn count(&self, principal: &Principal) -> usize {
        self.0.get(principal).map_or(0, |theirs| theirs.since.len())
    }

    /// How many there are without `except`.
    pub(super) fn count_but(&self, principal: &Principal, except: &Selector) -> usize {
        let theirs = self.0.get(principal);
        theirs.map_or(0, |theirs| theirs.since.len() - usize::from(theirs.since.contains_key(except)))
    }

    /// The `limit` oldest sign-ins without `except`.
    pub(super) fn oldest_but(&self, principal: &Principal, except: &Selector, limit: usize) -> Vec<Selector> {
        let all = self.0.get(principal).into_iter().flat_map(|theirs| &theirs.oldest);
        all.map(|(_, selector)| *selector).filter(|selector| selector != except).take(limit).collect()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.values().map(|theirs| theirs.since.len() + theirs.oldest.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        thread,
        time::{Duration, Instant},
    };

    use super::*;

    #[test]
    fn who_waits_for_the_lock_gets_it_before_who_comes_again() {
        let (owners, user) = (Owners::default(), Principal::from_store("shop.user=1"));
        thread::scope(|scope| {
            for n in 1..=100_u8 {
                let held = owners.lock();
                let (owners, user) = (&owners, &user);
                let waits = scope.spawn(move || {
                    owners.lock().add(user, Selector::from_bytes([n; 16]), Timestamp::default());
                });
                let begun = Instant::now();
                while owners.next.try_lock().is_ok() && begun.elapsed() < Duration::from_secs(10) {
                    thread::yield_now();
                }
                let is_next = owners.next.try_lock().is_err() && !waits.is_finished();
                drop(held);
                assert!(is_next, "who waits does not hold the next turn");
                assert_eq!(owners.lock().count(user), usize::from(n));
            }
        });
    }
}

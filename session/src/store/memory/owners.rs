//! The sessions of each principal.
//!
//! In: principals and selectors. Out: the selectors of one principal. Never locks a shard. The order of locks is this one first, then a
//! shard; taking them in the other order could deadlock.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{id::public::Selector, record::meta::Principal};

/// An entry may outlive its record for a moment, but no signed-in record lacks one. Holding the lock excludes other sign-ins and calls of
/// `delete_all`, which is what keeps a maximum and makes `delete_all` final (G3).
#[derive(Default)]
pub(super) struct Owners(Mutex<Owned>);

#[derive(Default)]
pub(super) struct Owned(HashMap<Principal, BTreeSet<Selector>>);

impl Owners {
    pub(super) fn lock(&self) -> MutexGuard<'_, Owned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owned {
    pub(super) fn add(&mut self, principal: &Principal, selector: Selector) {
        self.0.entry(principal.clone()).or_default().insert(selector);
    }

    pub(super) fn forget(&mut self, principal: &Principal, selector: &Selector) {
        if let Some(selectors) = self.0.get_mut(principal) {
            selectors.remove(selector);
            if selectors.is_empty() {
                self.0.remove(principal);
            }
        }
    }

    pub(super) fn of(&self, principal: &Principal) -> Vec<Selector> {
        self.0.get(principal).into_iter().flatten().copied().collect()
    }

    /// Up to `limit` of them, in their order, after `after`.
    pub(super) fn page(
        &self,
        principal: &Principal,
        after: Option<&Selector>,
        limit: usize,
    ) -> Vec<Selector> {
        let from = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        self.0.get(principal).into_iter().flat_map(|all| all.range(from)).take(limit).copied().collect()
    }

    pub(super) fn count(&self, principal: &Principal) -> usize {
        self.0.get(principal).map_or(0, BTreeSet::len)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }
}

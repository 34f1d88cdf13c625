//! Which records belong to whom.
//!
//! In: principals and keys. Out: the keys of one principal. Never: a lock on a shard; whoever holds this one may take those, and
//! never the other way round.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{id::public::Selector, record::meta::Principal};

/// An entry may outlive its record for a moment; none is missing. Who holds the lock signs in, or ends sessions, alone.
#[derive(Default)]
pub(super) struct Owners(Mutex<Owned>);

#[derive(Default)]
pub(super) struct Owned(HashMap<Principal, HashSet<Selector>>);

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

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.values().map(HashSet::len).sum()
    }
}

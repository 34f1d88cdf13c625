//! Sessions that a request ended and whose end the store did not confirm.
//!
//! In: selectors. Out: whether a session must be ended before anything else happens to it. Never: I/O.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::id::public::Selector;

/// At most this many are remembered, in some MiB; in an outage with more logouts the oldest are forgotten.
const MOST: usize = 65_536;

/// The sessions that this process refuses to open, because a logout of theirs may not have been stored. The next request of such a
/// session ends it first.
#[derive(Debug, Default)]
pub(crate) struct Unconfirmed(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    selectors: HashSet<Selector>,
    /// The oldest first, with some that are confirmed meanwhile.
    order: VecDeque<Selector>,
}

impl Unconfirmed {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn holds(&self, selector: &Selector) -> bool {
        self.known().selectors.contains(selector)
    }

    /// Adds a session; whether it was not among them.
    pub(crate) fn add(&self, selector: Selector) -> bool {
        let Known { selectors, order } = &mut *self.known();
        if !selectors.insert(selector) {
            return false;
        }
        order.push_back(selector);
        while selectors.len() > MOST
            && let Some(oldest) = order.pop_front()
        {
            selectors.remove(&oldest);
        }
        if order.len() > 2 * MOST {
            order.retain(|selector| selectors.contains(selector));
        }
        true
    }

    pub(crate) fn confirm(&self, selector: &Selector) {
        self.known().selectors.remove(selector);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nth(n: usize) -> Selector {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        Selector::from_bytes(bytes)
    }

    #[test]
    fn the_oldest_are_forgotten_and_the_confirmed_take_no_room() {
        let unconfirmed = Unconfirmed::default();
        for n in 0..=MOST {
            assert!(unconfirmed.add(nth(n)));
            assert!(!unconfirmed.add(nth(n)), "it is among them");
        }
        assert!(!unconfirmed.holds(&nth(0)) && unconfirmed.holds(&nth(1)) && unconfirmed.holds(&nth(MOST)));
        // An outage after the other.
        for n in 0..4 * MOST {
            unconfirmed.confirm(&nth(n));
            unconfirmed.add(nth(n + MOST + 1));
        }
        let known = unconfirmed.known();
        assert!(known.selectors.len() <= MOST && known.order.len() <= 2 * MOST, "{}", known.order.len());
    }
}

//! Sessions that a request ended and whose end the store did not confirm.
//!
//! In: selectors. Out: whether a session must be ended before anything else happens to it. Never: I/O.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::id::public::Selector;

/// At most this many are remembered; in a longer outage the oldest are forgotten.
const MOST: usize = 1000;

/// The sessions that this process refuses to open, because a logout of theirs may not have been stored. The next request of such a
/// session ends it first.
#[derive(Debug, Default)]
pub(crate) struct Unconfirmed {
    selectors: Mutex<VecDeque<Selector>>,
}

impl Unconfirmed {
    fn selectors(&self) -> MutexGuard<'_, VecDeque<Selector>> {
        self.selectors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn holds(&self, selector: &Selector) -> bool {
        self.selectors().contains(selector)
    }

    /// Adds a session; whether it was not among them.
    pub(crate) fn add(&self, selector: Selector) -> bool {
        let mut selectors = self.selectors();
        if selectors.contains(&selector) {
            return false;
        }
        if selectors.len() >= MOST {
            selectors.pop_front();
        }
        selectors.push_back(selector);
        true
    }

    pub(crate) fn confirm(&self, selector: &Selector) {
        self.selectors().retain(|other| other != selector);
    }
}

//! Sessions that a request ended and whose end the store did not confirm.
//!
//! In: selectors. Out: whether a session must be ended before anything else happens to it. Never: I/O.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    id::public::{PublicId, Selector},
    sparse::Sparse,
};

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

    pub(crate) fn add(&self, selector: Selector, lines: &Sparse) {
        let mut selectors = self.selectors();
        if selectors.contains(&selector) {
            return;
        }
        if selectors.len() >= MOST {
            selectors.pop_front();
        }
        selectors.push_back(selector);
        if let Some(left_out) = lines.due() {
            tracing::error!(
                public_id = %PublicId::of(selector),
                left_out,
                "a session could not be ended; this process refuses it until it can"
            );
        }
    }

    pub(crate) fn confirm(&self, selector: &Selector) {
        self.selectors().retain(|other| other != selector);
    }
}

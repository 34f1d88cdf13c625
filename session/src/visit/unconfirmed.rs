//! Sessions that a request ended and the store did not confirm.
//!
//! In: keys. Out: whether a session must be ended before anything else. Never: I/O.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::id::public::{PublicId, Selector};

/// Sessions that a request ended and the store did not confirm. This process opens none of them: the next request of such a
/// session ends it first.
#[derive(Debug, Default)]
pub(crate) struct Unconfirmed {
    keys: Mutex<VecDeque<Selector>>,
}

/// Of an outage as long as the patience of so many visitors, the last are remembered.
const MOST_UNCONFIRMED: usize = 1000;

impl Unconfirmed {
    fn keys(&self) -> MutexGuard<'_, VecDeque<Selector>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn holds(&self, key: &Selector) -> bool {
        self.keys().contains(key)
    }

    pub(crate) fn add(&self, key: Selector) {
        let mut keys = self.keys();
        if keys.contains(&key) {
            return;
        }
        if keys.len() >= MOST_UNCONFIRMED {
            keys.pop_front();
        }
        keys.push_back(key);
        tracing::error!(public_id = %PublicId::of(key), "a session could not be ended; this process refuses it until it can");
    }

    pub(crate) fn confirm(&self, key: &Selector) {
        self.keys().retain(|other| other != key);
    }
}

//! What all requests of an application share.
//!
//! In: a finished configuration. Out: the store, the keys, the rules. Never: anything of one request.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use crate::{
    commit::Rules,
    cookie::CookieSpec,
    id::{
        keys::KeyRing,
        public::{PublicId, Selector},
    },
    schema::SessionState,
    schemas::{SchemaError, Schemas},
    store::bounded::BoundedStore,
    visit::Queue,
};

#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) store: BoundedStore,
    pub(crate) keys: KeyRing,
    pub(crate) cookie: CookieSpec,
    pub(crate) rules: Rules,
    pub(crate) eager: bool,
    pub(crate) met: Arc<Met>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) unconfirmed: Arc<Unconfirmed>,
}

impl App {
    /// A random part of `longest`, so that those who collided do not meet again.
    pub(crate) fn jitter(&self, longest: Duration) -> Duration {
        let mut random = [0; 4];
        if self.rules.random.fill(&mut random).is_err() {
            return longest;
        }
        longest.mul_f64(f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX))
    }
}

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

/// Every schema that this process has met.
#[derive(Debug, Default)]
pub(crate) struct Met(RwLock<Schemas>);

impl Met {
    pub(crate) fn from_the_start(schemas: Schemas) -> Self {
        Self(RwLock::new(schemas))
    }

    pub(crate) fn meet<T: SessionState>(&self) -> Result<(), SchemaError> {
        if self.0.read().unwrap_or_else(PoisonError::into_inner).knows::<T>() {
            return Ok(());
        }
        self.0.write().unwrap_or_else(PoisonError::into_inner).add::<T>()
    }
}

//! What all requests of an application share.
//!
//! In: a finished configuration. Out: the store, the keys, the rules. Never: anything of one request.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use super::{turns::Queue, unconfirmed::Unconfirmed};
use crate::{
    commit::step::Rules,
    handle::state::SessionState,
    http::cookie::CookieSpec,
    id::keys::KeyRing,
    schema::schemas::{SchemaError, Schemas},
    store::bounded::BoundedStore,
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

//! What all requests of an application share.
//!
//! In: a finished configuration. Out: the store, the rules of a commit, the schemas in use. Never: anything of one request.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use super::{ongoing::Ongoing, touches::Touches, turns::Turns, unconfirmed::Unconfirmed};
use crate::{
    commit::exchange::Rules,
    schema::schemas::{Named, SchemaError, Schemas},
    store::bounded::BoundedStore,
};

#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) store: BoundedStore,
    pub(crate) rules: Rules,
    pub(crate) known: Arc<Known>,
    pub(crate) turns: Arc<Turns>,
    pub(crate) unconfirmed: Arc<Unconfirmed>,
    pub(crate) touches: Arc<Touches>,
    pub(crate) ongoing: Ongoing,
}

impl Shared {
    pub(crate) fn new(store: BoundedStore, rules: Rules, schemas: Schemas) -> Self {
        Self {
            store,
            rules,
            known: Arc::new(Known(RwLock::new(schemas))),
            turns: Arc::default(),
            unconfirmed: Arc::default(),
            touches: Arc::default(),
            ongoing: Ongoing::default(),
        }
    }

    /// A random part of `longest`, so that requests which collided do not meet again.
    pub(crate) fn jitter(&self, longest: Duration) -> Duration {
        let mut random = [0; 4];
        if self.rules.random.fill(&mut random).is_err() {
            return longest;
        }
        longest.mul_f64(f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX))
    }
}

/// Every schema that this process has used.
#[derive(Debug)]
pub(crate) struct Known(RwLock<Schemas>);

impl Known {
    /// Adds a state; fails if another type already uses its schema name.
    pub(crate) fn add(&self, state: Named) -> Result<(), SchemaError> {
        if self.0.read().unwrap_or_else(PoisonError::into_inner).knows(state.id) {
            return Ok(());
        }
        self.0.write().unwrap_or_else(PoisonError::into_inner).add(state)
    }
}

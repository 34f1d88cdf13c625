//! The states of an application.
//!
//! In: states, as handlers use them. Out: what all of them together say of a wire key. Never: a stored value.

use std::{
    any::TypeId,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    record::{cell::WireKey, meta::Principal},
    schema::{
        describe::Schema,
        schemas::{Named, SchemaError, Schemas},
    },
};

/// The states of an application.
#[derive(Debug)]
pub(crate) struct Known {
    /// Those that the builder names.
    named: Schemas,
    /// Those, and every other one that this process has used.
    used: RwLock<Schemas>,
    /// Whether one of them has a secret field, so that those who have none do not wait for the lock.
    has_secrets: AtomicBool,
}

impl Known {
    pub(super) fn new(schemas: Schemas) -> Self {
        let has_secrets = schemas.iter().any(Schema::has_secrets).into();
        Self { named: schemas.clone(), used: RwLock::new(schemas), has_secrets }
    }

    fn any(&self, holds: impl Fn(&Schema) -> bool) -> bool {
        let schemas = self.used.read().unwrap_or_else(PoisonError::into_inner);
        schemas.iter().any(holds)
    }

    /// Whether a principal was stored by another version of a schema that this process uses.
    pub(crate) fn disowns(&self, principal: &Principal) -> bool {
        self.any(|schema| schema.disowns(principal.wire_key()))
    }

    /// Whether the builder names the state `id`.
    pub(crate) fn names(&self, id: TypeId) -> bool {
        self.named.knows(id)
    }

    /// Whether the builder names any state.
    pub(crate) fn names_any(&self) -> bool {
        self.named.iter().next().is_some()
    }

    /// Whether some field is secret.
    pub(super) fn has_secrets(&self) -> bool {
        self.has_secrets.load(Ordering::Relaxed)
    }

    /// Whether the cell `key` holds a secret field.
    pub(super) fn is_secret(&self, key: &WireKey) -> bool {
        self.any(|schema| schema.is_secret(key.as_str()))
    }

    /// Adds a state; fails if another type already uses its schema name.
    pub(crate) fn add(&self, state: Named) -> Result<(), SchemaError> {
        if self.used.read().unwrap_or_else(PoisonError::into_inner).knows(state.id) {
            return Ok(());
        }
        // Before others find the state and go on: the lock orders the two.
        self.has_secrets.fetch_or(state.schema.has_secrets(), Ordering::Relaxed);
        self.used.write().unwrap_or_else(PoisonError::into_inner).add(state)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        thread,
        time::{Duration, Instant},
    };

    use crate::{SessionState, schema::schemas::SchemaError};

    use super::*;

    #[derive(actix_typed_session_derive::SessionState)]
    #[session(name = "vault", version = 1, lock = off, crate = crate)]
    #[allow(dead_code)]
    struct Vault {
        #[session(secret)]
        token: Option<String>,
    }

    /// A request that finds the state known does not add it, and must not store a secret in the clear.
    #[test]
    fn a_state_is_known_to_have_secrets_before_it_is_known() -> Result<(), SchemaError> {
        let known = Known::new(Schemas::default());
        let state = Named { schema: Vault::schema(), id: TypeId::of::<Vault>(), ty: "Vault" };
        thread::scope(|scope| {
            let nobody_adds = known.used.read().unwrap_or_else(PoisonError::into_inner);
            let adding = scope.spawn(|| known.add(state));
            let begun = Instant::now();
            while !known.has_secrets() && begun.elapsed() < Duration::from_secs(10) {
                thread::yield_now();
            }
            assert!(known.has_secrets() && !nobody_adds.knows(state.id));
            drop(nobody_adds);
            adding.join().unwrap_or(Ok(()))
        })
    }
}

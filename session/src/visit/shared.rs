//! What all requests of an application share.
//!
//! In: a finished configuration. Out: the store, the rules of a commit, the schemas in use. Never: anything of one request.

use std::{
    any::TypeId,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use super::{ongoing::Ongoing, touches::Touches, turns::Turns, unconfirmed::Unconfirmed};
use crate::{
    commit::exchange::Rules,
    error::{Error, ErrorKind},
    events::Events,
    id::keys::KeyRing,
    record::meta::Principal,
    schema::schemas::{Named, SchemaError, Schemas},
    sparse::Lines,
    store::bounded::BoundedStore,
};

#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) store: BoundedStore,
    pub(crate) rules: Rules,
    /// For the tokens of pages; `None` if no page of another site can make a client send its id.
    pub(crate) csrf: Option<KeyRing>,
    /// Where browsers are sent to sign in.
    pub(crate) sign_in_page: Option<Arc<str>>,
    pub(crate) known: Arc<Known>,
    pub(crate) turns: Arc<Turns>,
    pub(crate) unconfirmed: Arc<Unconfirmed>,
    pub(crate) touches: Arc<Touches>,
    pub(crate) ongoing: Ongoing,
    pub(crate) lines: Arc<Lines>,
    pub(crate) events: Events,
}

impl Shared {
    pub(crate) fn new(
        store: BoundedStore,
        rules: Rules,
        csrf: Option<KeyRing>,
        schemas: Schemas,
        events: Events,
    ) -> Self {
        Self {
            store,
            rules,
            csrf,
            sign_in_page: None,
            known: Arc::new(Known { named: schemas.clone(), used: RwLock::new(schemas) }),
            turns: Arc::default(),
            unconfirmed: Arc::default(),
            touches: Arc::default(),
            ongoing: Ongoing::default(),
            lines: Arc::default(),
            events,
        }
    }

    /// Tells of an error that a request of any stranger may meet. A mistake of the client is no news, and neither is each request
    /// that meets an outage, of which the breaker tells.
    pub(crate) fn tell(&self, error: &Error, what: &'static str) {
        let is_news = match error.kind() {
            ErrorKind::Superseded | ErrorKind::Gone | ErrorKind::TooManySessions | ErrorKind::CsrfToken => {
                false
            }
            ErrorKind::StoreUnavailable => !self.store.is_down(),
            _ => true,
        };
        if !is_news {
            if let Some(left_out) = self.lines.expected.due() {
                tracing::debug!(%error, left_out, "{what}");
            }
        } else if let Some(left_out) = self.lines.answers.due() {
            tracing::error!(%error, left_out, "{what}");
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

/// The states of an application.
#[derive(Debug)]
pub(crate) struct Known {
    /// Those that the builder names.
    named: Schemas,
    /// Those, and every other one that this process has used.
    used: RwLock<Schemas>,
}

impl Known {
    /// Whether a principal was stored by another version of a schema that this process uses.
    pub(crate) fn disowns(&self, principal: &Principal) -> bool {
        let schemas = self.used.read().unwrap_or_else(PoisonError::into_inner);
        schemas.iter().any(|schema| schema.disowns(principal.wire_key()))
    }

    /// Whether the builder names the state `id`.
    pub(crate) fn names(&self, id: TypeId) -> bool {
        self.named.knows(id)
    }

    /// Adds a state; fails if another type already uses its schema name.
    pub(crate) fn add(&self, state: Named) -> Result<(), SchemaError> {
        if self.used.read().unwrap_or_else(PoisonError::into_inner).knows(state.id) {
            return Ok(());
        }
        self.used.write().unwrap_or_else(PoisonError::into_inner).add(state)
    }
}

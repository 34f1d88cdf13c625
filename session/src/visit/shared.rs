//! What all requests of an application share.
//!
//! In: a finished configuration. Out: the store, the rules of a commit, the schemas in use. Never: anything of one request.

use std::{sync::Arc, time::Duration};

use super::{
    carried::InCookie, known::Known, ongoing::Ongoing, pointer::InForeign, secrets::Secrets,
    touches::Touches, turns::Turns, unconfirmed::Unconfirmed,
};
use crate::{
    commit::exchange::Rules,
    error::{Error, ErrorKind},
    events::Events,
    id::{seal::CellSealer, tags::KeyRing},
    schema::schemas::Schemas,
    sparse::Lines,
    store::bounded::BoundedStore,
};

/// Where sessions live if not in a store of ours.
#[derive(Clone, Debug)]
pub(crate) enum Elsewhere {
    InCookie(Arc<InCookie>),
    InForeign(Arc<InForeign>),
}

#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) store: BoundedStore,
    /// Where sessions live if not in the store.
    pub(crate) elsewhere: Option<Elsewhere>,
    pub(crate) rules: Rules,
    /// For the tokens of pages; `None` if no page of another site can make a client send its id.
    pub(crate) csrf: Option<KeyRing>,
    /// Where browsers are sent to sign in.
    pub(crate) sign_in_page: Option<Arc<str>>,
    pub(crate) known: Arc<Known>,
    pub(crate) secrets: Secrets,
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
        sealer: CellSealer,
        schemas: Schemas,
        events: Events,
    ) -> Self {
        let known = Arc::new(Known::new(schemas));
        let secrets = Secrets { sealer, known: known.clone(), random: rules.random };
        Self {
            store,
            elsewhere: None,
            rules,
            csrf,
            sign_in_page: None,
            known,
            secrets,
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

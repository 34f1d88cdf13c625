//! What the edge knows of an application: its cookie and its keys.
//!
//! In: a request's headers, or what a commit says about the cookie. Out: the session id that the browser sent, the `Set-Cookie`
//! header to answer with. Never: a store.

use actix_web::http::header::{HeaderMap, HeaderValue};

use super::cookie::{self, CookieSpec, Reading};
use crate::{
    commit::exchange::CookieAction,
    id::{keys::KeyRing, session_id::SessionId},
};

#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) cookie: CookieSpec,
    pub(crate) keys: KeyRing,
    /// Whether the session is loaded before guards and inner middleware run.
    pub(crate) eager: bool,
}

impl Site {
    /// The id in the request's cookie, if there is exactly one that our keys made.
    pub(crate) fn session_id(&self, headers: &HeaderMap) -> Option<SessionId> {
        match cookie::read(headers, self.cookie.name(), &self.keys) {
            Reading::None => None,
            Reading::One(id) => Some(id),
            Reading::Ambiguous => {
                tracing::warn!("a request carries several authentic session cookies; none is used");
                None
            }
            Reading::TooMany => {
                tracing::warn!("a request carries too many session cookies; none is used");
                None
            }
        }
    }

    /// The `Set-Cookie` header that carries out `action`.
    pub(crate) fn set_cookie(&self, action: &CookieAction) -> Option<HeaderValue> {
        match action {
            CookieAction::Keep => None,
            CookieAction::Remove => Some(cookie::remove(&self.cookie)),
            CookieAction::Set { id, max_age } => {
                let value = id.to_cookie(self.cookie.name(), &self.keys);
                cookie::set(&self.cookie, &value, *max_age)
                    .inspect_err(|error| tracing::error!(%error, "the session cookie could not be written"))
                    .ok()
            }
        }
    }
}

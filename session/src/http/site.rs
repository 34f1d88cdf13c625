//! What the edge knows of an application: its cookie, its keys, and whom it trusts.
//!
//! In: a request's headers, or what a commit says about the cookie. Out: the session id that the browser sent, the `Set-Cookie`
//! header to answer with. Never: a store.

use std::sync::Arc;

use actix_web::{
    dev::ServiceRequest,
    http::header::{HeaderMap, HeaderValue, ORIGIN},
};

use super::{
    cookie::{self, CookieSpec},
    origin::Origins,
};
use crate::{
    commit::exchange::CookieAction,
    error::{Error, ErrorKind},
    id::{keys::KeyRing, session_id::SessionId},
    sparse::Lines,
};

#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) cookie: CookieSpec,
    /// The cookies that browsers may still have from before the domain or the path was changed.
    pub(crate) retired: Vec<CookieSpec>,
    pub(crate) keys: KeyRing,
    pub(crate) origins: Origins,
    /// Whether the session is loaded before guards and inner middleware run.
    pub(crate) eager: bool,
    pub(crate) lines: Arc<Lines>,
}

impl Site {
    /// The ids in the request's cookies that our keys made, in the browser's order.
    pub(crate) fn session_ids(&self, headers: &HeaderMap) -> Vec<SessionId> {
        let reading = cookie::read(headers, self.cookie.name(), &self.keys);
        if reading.is_flooded
            && let Some(left_out) = self.lines.too_many.due()
        {
            tracing::warn!(
                left_out,
                "a request carries too many session cookies; those beyond the first few are not looked up"
            );
        }
        reading.ids
    }

    /// The error for a request that a page of another site sent.
    pub(crate) fn refuse(&self, request: &ServiceRequest) -> Error {
        let error = Error::new(ErrorKind::CrossOrigin);
        if let Some(left_out) = self.lines.cross_origin.due() {
            let origin = request.headers().get(ORIGIN);
            tracing::warn!(%error, left_out, path = request.path(), ?origin, "a request is refused");
        }
        error
    }

    /// The `Set-Cookie` headers that carry out `action`. Whenever the browser's cookie changes, those that it may still have for a
    /// retired domain or path go, because it would send them along.
    pub(crate) fn set_cookie(&self, action: &CookieAction) -> Vec<HeaderValue> {
        let cookie = match action {
            CookieAction::Keep => return Vec::new(),
            CookieAction::Remove => cookie::remove(&self.cookie),
            CookieAction::Set { id, max_age } => {
                let value = id.to_cookie(&self.keys);
                match cookie::set(&self.cookie, &value, *max_age) {
                    Ok(cookie) => cookie,
                    Err(error) => {
                        tracing::error!(%error, "the session cookie could not be written");
                        return Vec::new();
                    }
                }
            }
        };
        self.retired.iter().map(cookie::remove).chain([cookie]).collect()
    }
}

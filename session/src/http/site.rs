//! What the edge knows of an application: where its ids travel, its keys, whom it trusts, and what its responses must say.
//!
//! In: a request's head, or what a request did to its session. Out: the session ids that the client sent, the headers to answer with.
//! Never: a store.

use std::sync::{Arc, atomic::Ordering};

use actix_web::{
    HttpRequest,
    dev::ServiceRequest,
    http::header::{HeaderMap, HeaderName, HeaderValue, ORIGIN},
};

use super::{
    caching::{Storage, protect},
    carrier::Carrier,
    origin::Origins,
    token::Token,
    workers::Made,
};
#[cfg(feature = "actix-session-import")]
use crate::import::moving::{Brings, Import};
use crate::{
    commit::exchange::CookieAction,
    error::{Error, ErrorKind},
    sparse::Lines,
    visit::{load::Mover, lookup::Brought, visit::Visit},
};
#[cfg(feature = "actix-session-import")]
use actix_web::http::header::SET_COOKIE;

static CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) carrier: Carrier,
    pub(crate) token: Token,
    pub(crate) origins: Origins,
    /// Whether the session is loaded before guards and inner middleware run.
    pub(crate) eager: bool,
    pub(crate) manners: Manners,
    pub(crate) made: Made,
    /// The sessions of another library that move here.
    #[cfg(feature = "actix-session-import")]
    pub(crate) import: Option<Arc<Import>>,
    pub(crate) lines: Arc<Lines>,
}

/// What responses say that they need not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manners {
    /// Nothing of a user who is signed in is stored anywhere.
    pub(crate) no_store: bool,
    /// A browser whose session has ended clears what it has of the site.
    pub(crate) clear_site_data: bool,
}

/// What a response must say of the session.
pub(crate) struct Said {
    varies_by: (HeaderName, HeaderValue),
    storage: Storage,
    headers: Vec<(HeaderName, HeaderValue)>,
    sets_id: bool,
}

impl Site {
    /// What the request brings: the ids that our keys made, in the client's order, and perhaps a session of another library. What it seals
    /// goes to `visit`.
    pub(crate) fn brought(&self, headers: &HeaderMap, visit: &Visit) -> (Brought, Option<Mover>) {
        let (reading, opened) = self.carrier.read(headers, &self.token);
        visit.bring(opened);
        if reading.is_flooded
            && let Some(left_out) = self.lines.too_many.due()
        {
            tracing::warn!(
                left_out,
                "a request carries too many session cookies; those beyond the first few are not looked up"
            );
        }
        let mut brought = Brought { ids: reading.ids, tampered: reading.tampered };
        let mover = self.moves(headers, &mut brought, visit);
        (brought, mover)
    }

    #[cfg(feature = "actix-session-import")]
    fn moves(&self, headers: &HeaderMap, brought: &mut Brought, visit: &Visit) -> Option<Mover> {
        let (brings, forged) = self.import.as_ref()?.brings(headers, !brought.ids.is_empty());
        brought.tampered += forged;
        match brings {
            Brings::Nothing => None,
            Brings::Leftover => {
                visit.retire();
                None
            }
            Brings::Session(mover) => Some(mover),
        }
    }

    #[cfg(not(feature = "actix-session-import"))]
    #[allow(clippy::unused_self)]
    fn moves(&self, _: &HeaderMap, _: &mut Brought, _: &Visit) -> Option<Mover> {
        None
    }

    /// The headers that make a browser forget the cookie of another library, if it had better.
    #[cfg(feature = "actix-session-import")]
    fn retired(&self, visit: &Visit) -> Option<(HeaderName, HeaderValue)> {
        let removal = self.import.as_ref()?.removal()?;
        visit.retires().then(|| (SET_COOKIE, removal.clone()))
    }

    #[cfg(not(feature = "actix-session-import"))]
    #[allow(clippy::unused_self)]
    fn retired(&self, _: &Visit) -> Option<(HeaderName, HeaderValue)> {
        None
    }

    /// Fails if a page of another site sent the request and it may change something. Pages can make a browser send its cookies along,
    /// but no id in a header.
    pub(crate) fn check(&self, request: &ServiceRequest) -> Result<(), Error> {
        if !self.carrier.is_ambient() || self.origins.allow(request) {
            return Ok(());
        }
        let error = Error::new(ErrorKind::CrossOrigin);
        if let Some(left_out) = self.lines.cross_origin.due() {
            let origin = request.headers().get(ORIGIN);
            tracing::warn!(%error, left_out, path = request.path(), ?origin, "a request is refused");
        }
        Err(error)
    }

    /// This thread begins to serve requests.
    pub(crate) fn serves(&self) {
        self.made.serves(self.carrier.name());
    }

    /// Tells of a middleware that each worker has one of its own of; called with the first request of a worker.
    pub(crate) fn tell_of_workers(&self) {
        if self.made.is_of_one_worker() {
            tracing::warn!(
                "a session middleware was made for each worker, so with a `MemoryStore` each worker has sessions of its own, and a visitor's comes and goes, and with an `ActixSessionStore` workers overwrite what others have written; make it before `HttpServer::new`, and `.wrap(sessions.clone())` in the closure"
            );
        }
    }

    /// Tells of a `Secure` cookie that goes out over plain HTTP, once.
    pub(crate) fn tell_of_plain_http(&self, request: &HttpRequest) {
        let Carrier::Cookie { cookie, .. } = &self.carrier else { return };
        if cookie.is_secure() && is_plain(request) && !self.lines.plain_http.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a `Secure` session cookie was sent over plain HTTP, where browsers drop it, some even on localhost; serve HTTPS, let the proxy in front send `X-Forwarded-Proto`, or call `dangerous_insecure_cookie` for development"
            );
        }
    }

    /// What the response must say of the session of `visit`, whose head is sent now.
    pub(crate) fn say(&self, visit: &Visit, is_signed_in: bool) -> Said {
        let (name, value) = self.carrier.varies_by();
        let action = visit.send_head();
        let text = match action {
            CookieAction::Set { id, .. } => self.token.value(id, visit),
            CookieAction::Keep | CookieAction::Remove => String::new(),
        };
        let mut headers = self.carrier.write(&action, &text);
        headers.extend(self.retired(visit));
        let is_kept_nowhere = !headers.is_empty() || (is_signed_in && self.manners.no_store);
        if self.manners.clear_site_data && visit.has_ended() {
            // Not "cookies", which would end the sessions of sibling hosts too.
            headers.push((CLEAR_SITE_DATA.clone(), HeaderValue::from_static("\"cache\", \"storage\"")));
        }
        Said {
            varies_by: (name.clone(), value),
            storage: if is_kept_nowhere { Storage::Nobody } else { Storage::Browser },
            headers,
            sets_id: matches!(action, CookieAction::Set { .. }),
        }
    }
}

/// Whether a request has come over the network without TLS, and no proxy says that it ended it.
fn is_plain(request: &HttpRequest) -> bool {
    let forwarded = ["forwarded", "x-forwarded-proto", "x-forwarded-for", "via"];
    let is_forwarded = forwarded.iter().any(|name| request.headers().contains_key(*name));
    request.peer_addr().is_some() && !is_forwarded && request.connection_info().scheme() == "http"
}

impl Said {
    /// Whether the client gets another id.
    pub(crate) fn sets_id(&self) -> bool {
        self.sets_id
    }

    /// Puts it into the headers of the response.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let (name, value) = &self.varies_by;
        protect(headers, (name, value.clone()), self.storage);
        for (name, value) in &self.headers {
            headers.append(name.clone(), value.clone());
        }
    }
}

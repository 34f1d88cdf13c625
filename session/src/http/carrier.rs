//! Where the id travels: in a cookie, or in a header for clients that are no browsers. Never in both.
//!
//! In: a request's headers, or what a commit says about the id. Out: the ids that the client sent, the headers to answer with. Never: a
//! store.

use actix_web::http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};

use super::{
    cookie::{self, CookieSpec, Reading},
    token::Token,
};
use crate::{commit::exchange::CookieAction, visit::records::Opened};

#[derive(Clone, Debug)]
pub(crate) enum Carrier {
    Cookie {
        cookie: CookieSpec,
        /// The cookies that browsers may still have from before the domain or the path was changed.
        retired: Vec<CookieSpec>,
    },
    Header(HeaderName),
}

impl Carrier {
    /// The name of the cookie or of the header.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Cookie { cookie, .. } => cookie.name(),
            Self::Header(name) => name.as_str(),
        }
    }

    /// What the keys for the ids are derived for. An id that was sent in one way does not count in the other: no cookie has `:` in its
    /// name.
    pub(crate) fn purpose(&self) -> String {
        match self {
            Self::Cookie { cookie, .. } => cookie.name().to_owned(),
            Self::Header(name) => format!("{name}:"),
        }
    }

    /// Whether browsers send the id along with what pages of other sites ask for.
    pub(crate) const fn is_ambient(&self) -> bool {
        matches!(self, Self::Cookie { .. })
    }

    /// What a response that depends on the session varies by: the name of the header, and how `Vary` writes it.
    pub(crate) fn varies_by(&self) -> (&HeaderName, HeaderValue) {
        match self {
            Self::Cookie { .. } => (&COOKIE, HeaderValue::from_static("Cookie")),
            Self::Header(name) => (name, HeaderValue::from(name.clone())),
        }
    }

    /// What a header of a response has beside the value, at most.
    pub(crate) fn around(&self) -> usize {
        match self {
            Self::Cookie { cookie, .. } => cookie.around(),
            Self::Header(name) => name.as_str().len(),
        }
    }

    pub(crate) fn read(&self, headers: &HeaderMap, token: &Token) -> (Reading, Opened) {
        match self {
            Self::Cookie { cookie, .. } => token.read(cookie::candidates(headers, cookie.name())),
            Self::Header(name) => token.read(headers.get_all(name).map(HeaderValue::as_bytes)),
        }
    }

    /// The headers that carry out `action`; `value` opens the session. Whenever a browser's cookie changes, those that it may still have for a retired domain or
    /// path go, because it would send them along.
    pub(crate) fn write(&self, action: &CookieAction, value: &str) -> Vec<(HeaderName, HeaderValue)> {
        match self {
            Self::Cookie { cookie, retired } => {
                let value = match action {
                    CookieAction::Keep => return Vec::new(),
                    CookieAction::Remove => cookie::remove(cookie),
                    CookieAction::Set { max_age, .. } => match cookie::set(cookie, value, *max_age) {
                        Ok(cookie) => cookie,
                        Err(error) => {
                            tracing::error!(%error, "the session cookie could not be written");
                            return Vec::new();
                        }
                    },
                };
                let values = retired.iter().map(cookie::remove).chain([value]);
                values.map(|value| (SET_COOKIE, value)).collect()
            }
            Self::Header(name) => {
                let value = match action {
                    CookieAction::Keep => return Vec::new(),
                    CookieAction::Remove => HeaderValue::from_static(""),
                    CookieAction::Set { .. } => secret(value),
                };
                vec![(name.clone(), value)]
            }
        }
    }
}

/// What opens a session as a header's value. It is text, so making the header cannot fail.
fn secret(value: &str) -> HeaderValue {
    let mut value = HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static(""));
    // Its Debug shows nothing, and HTTP/2 keeps it out of the compression table.
    value.set_sensitive(true);
    value
}

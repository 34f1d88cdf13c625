//! Whether a request that may change something comes from a page of the application itself.
//!
//! In: the head of a request, the origins that are trusted. Out: yes or no. Never: a session, a token.
//!
//! A page of another site can make a visitor's browser send requests with the visitor's cookie (cross-site request forgery). Browsers
//! tell where a request comes from, in headers that no page can change: `Sec-Fetch-Site` (all since 2023, over HTTPS and to localhost)
//! and `Origin` (with every `POST` since 2020). The rules are those of Go's `http.CrossOriginProtection`, and WebSocket handshakes
//! count as requests that change something: CORS does not cover them. OWASP ASVS 5.0 3.5.1 to 3.5.3, 4.4.2.

use std::{fmt, sync::Arc};

use actix_web::{
    dev::{RequestHead, ServiceRequest},
    http::header::{HeaderName, ORIGIN, UPGRADE},
};

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

type Exempt = Arc<dyn Fn(&RequestHead) -> bool + Send + Sync>;

/// Where requests may come from besides the application's own pages.
#[derive(Clone, Default)]
pub(crate) struct Origins {
    /// As browsers write them into `Origin`.
    pub(crate) trusted: Vec<String>,
    pub(crate) exempt: Option<Exempt>,
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origins").field("trusted", &self.trusted).finish_non_exhaustive()
    }
}

impl Origins {
    /// The first of the trusted origins that no browser would send as it is written.
    pub(crate) fn mistake(&self) -> Option<&str> {
        self.trusted.iter().map(String::as_str).find(|origin| !is_origin(origin))
    }

    /// Whether the request is harmless, or comes from where it may come from.
    ///
    /// The host is compared without the scheme, which a server behind a proxy may not know. A page of the same host over plain HTTP
    /// passes only in browsers that do not send `Sec-Fetch-Site`. A client that sends neither header is no browser, and carries out
    /// nobody's wishes but its own.
    pub(crate) fn allow(&self, request: &ServiceRequest) -> bool {
        let headers = request.headers();
        if request.method().is_safe() && !headers.contains_key(UPGRADE) {
            return true;
        }
        let origin = headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or("null"));
        let is_own = match (headers.get(&SEC_FETCH_SITE), origin) {
            (Some(site), _) => site == "same-origin" || site == "none",
            (None, Some(origin)) => {
                host_of(origin).is_some_and(|host| host == request.connection_info().host())
            }
            (None, None) => true,
        };
        is_own
            || origin.is_some_and(|origin| self.trusted.iter().any(|trusted| trusted == origin))
            || self.exempt.as_ref().is_some_and(|exempt| exempt(request.head()))
    }
}

/// The host and the port of an origin; `None` for `null`.
fn host_of(origin: &str) -> Option<&str> {
    origin.split_once("://").map(|(_, host)| host)
}

/// Whether browsers write an origin like this: scheme, host and perhaps a port, in lower case, and nothing else.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let is_text = |part: &str, more: &[u8]| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || more.contains(&byte);
        !part.is_empty() && part.bytes().all(allowed)
    };
    let usual_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => "/",
    };
    is_text(scheme, b"+-.") && is_text(host, b"-._:[]") && !host.ends_with(usual_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_browsers_send() {
        for origin in
            ["https://a.example", "http://localhost:8080", "https://[::1]:8443", "capacitor://localhost"]
        {
            assert!(is_origin(origin), "{origin}");
        }
        for mistake in [
            "",
            "null",
            "*",
            "a.example",
            "https://",
            "://a",
            "https://A.example",
            "https://a.example/",
            "https://a.example/x",
            "https://u@a.example",
            "https://*.example",
            "https://a.example:443",
            "http://a.example:80",
        ] {
            assert!(!is_origin(mistake), "{mistake}");
            let origins = Origins { trusted: vec!["https://a.example".into(), mistake.into()], exempt: None };
            assert_eq!(origins.mistake(), Some(mistake));
        }
    }
}

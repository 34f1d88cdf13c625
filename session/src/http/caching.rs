//! Keeps caches from giving a response to another visitor.
//!
//! In: the headers of a response that depends on the session. Out: the same without what would let a shared cache store it. Never: a session.

use actix_web::http::header::{CACHE_CONTROL, EXPIRES, HeaderMap, HeaderName, HeaderValue, VARY};

#[cfg(test)]
mod tests;

/// Who may store a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Storage {
    /// The browser that asked for it.
    Browser,
    Nobody,
}

/// CDNs and nginx obey these rather than `Cache-Control` (RFC 9213 section 2.2; `X-Accel-Expires` of nginx).
static FOR_PROXIES: [HeaderName; 3] = [
    HeaderName::from_static("cdn-cache-control"),
    HeaderName::from_static("surrogate-control"),
    HeaderName::from_static("x-accel-expires"),
];

/// Keeps shared caches from giving a response to another visitor, as it depends on the session, whose id is in the header `varies_by`.
pub(crate) fn protect(headers: &mut HeaderMap, varies_by: (&HeaderName, HeaderValue), storage: Storage) {
    let (name, value) = varies_by;
    let varies = headers
        .get_all(VARY)
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|member| member == b"*" || member.eq_ignore_ascii_case(name.as_str().as_bytes()));
    if !varies {
        headers.append(VARY, value);
    }
    for name in &FOR_PROXIES {
        headers.remove(name);
    }
    if storage == Storage::Nobody {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    } else if headers.contains_key(CACHE_CONTROL) || headers.contains_key(EXPIRES) {
        let directives = private(headers);
        headers.insert(CACHE_CONTROL, directives);
    }
}

/// The directives of a response's `Cache-Control` without those that let a shared cache store it (RFC 9111 section 5.2.2), and with
/// the one that forbids it.
fn private(headers: &HeaderMap) -> HeaderValue {
    let lines = || headers.get_all(CACHE_CONTROL).map(|line| line.to_str().unwrap_or_default());
    if lines().any(|line| line.contains('"')) {
        // A directive about single fields; browsers treat it as one about the whole response.
        return HeaderValue::from_static("private, no-cache");
    }
    let directives = lines().flat_map(|line| line.split(',')).map(str::trim);
    let kept: Vec<_> = directives
        .filter(|directive| {
            let name = directive.split('=').next().unwrap_or_default().trim_end();
            !["", "public", "s-maxage", "private"].iter().any(|other| name.eq_ignore_ascii_case(other))
        })
        .collect();
    let text = if kept.iter().any(|directive| directive.eq_ignore_ascii_case("no-store")) {
        kept.join(", ")
    } else {
        ["private"].into_iter().chain(kept).collect::<Vec<_>>().join(", ")
    };
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("no-store"))
}

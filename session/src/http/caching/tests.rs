//! What caches are told.

#![allow(clippy::unwrap_used)] // a test that cannot go on fails

use actix_web::http::header::COOKIE;

use super::*;

fn text(header: &HeaderValue) -> &str {
    header.to_str().unwrap()
}

fn protect(headers: &mut HeaderMap, storage: Storage) {
    super::protect(headers, (&COOKIE, HeaderValue::from_static("Cookie")), storage);
}

#[test]
fn vary_names_the_cookie_once() {
    let cases: [(&[&str], &[&str]); 8] = [
        (&[], &["Cookie"]),
        (&["Cookie"], &["Cookie"]),
        (&["cOOKIE"], &["cOOKIE"]),
        (&["*"], &["*"]),
        (&["Accept"], &["Accept", "Cookie"]),
        (&["Accept,\tcookie , Origin"], &["Accept,\tcookie , Origin"]),
        (&["Accept", "Origin, Cookie"], &["Accept", "Origin, Cookie"]),
        (&["Cookie2, X-Cookie"], &["Cookie2, X-Cookie", "Cookie"]),
    ];
    for (before, after) in cases {
        let mut headers = HeaderMap::new();
        for line in before {
            headers.append(VARY, HeaderValue::from_static(line));
        }
        for _ in 0..2 {
            protect(&mut headers, Storage::Browser);
            assert_eq!(headers.get_all(VARY).map(text).collect::<Vec<_>>(), after);
        }
        assert!(!headers.contains_key(CACHE_CONTROL));
    }
}

/// OWASP ASVS 5.0 14.2.2; CVE-2014-1418.
#[test]
fn no_shared_cache_stores_what_depends_on_a_session() {
    for (before, after) in [
        (&[][..], &[][..]),
        (&["no-store"], &["no-store"]),
        (&["private"], &["private"]),
        (&["No-Cache"], &["private, No-Cache"]),
        (&["max-age=60"], &["private, max-age=60"]),
        (&["public, max-age=3600"], &["private, max-age=3600"]),
        (&["PUBLIC", "max-age=3600, S-MaxAge = 10"], &["private, max-age=3600"]),
        (&["private=\"set-cookie, x\", immutable"], &["private, no-cache"]),
        (&["public"], &["private"]),
        (&["public,,"], &["private"]),
    ] {
        let mut headers = HeaderMap::new();
        for line in before {
            headers.append(CACHE_CONTROL, HeaderValue::from_static(line));
        }
        protect(&mut headers, Storage::Browser);
        assert_eq!(headers.get_all(CACHE_CONTROL).map(text).collect::<Vec<_>>(), after, "{before:?}");
        protect(&mut headers, Storage::Nobody);
        assert_eq!(headers.get_all(CACHE_CONTROL).map(text).collect::<Vec<_>>(), ["no-store"]);
    }
    // Other fields that let a cache store it.
    for name in ["cdn-cache-control", "surrogate-control", "x-accel-expires", "expires"] {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static("max-age=60"));
        protect(&mut headers, Storage::Browser);
        assert_eq!(headers.get(CACHE_CONTROL).map(text), (name == "expires").then_some("private"), "{name}");
        assert_eq!(headers.contains_key(name), name == "expires");
    }
}

#[test]
fn vary_names_the_header_of_the_id() {
    let name = HeaderName::from_static("x-session-id");
    let mut headers = HeaderMap::new();
    headers.append(VARY, HeaderValue::from_static("Cookie"));
    for _ in 0..2 {
        super::protect(&mut headers, (&name, HeaderValue::from_static("x-session-id")), Storage::Browser);
        assert_eq!(headers.get_all(VARY).map(text).collect::<Vec<_>>(), ["Cookie", "x-session-id"]);
    }
}

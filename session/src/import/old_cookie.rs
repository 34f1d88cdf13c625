//! Opens the cookie of actix-session.
//!
//! In: the headers of a request. Out: what a cookie carries that the old key has made, and the header that removes it. Never: a store.

use actix_web::{
    cookie::{Cookie, CookieJar, Key},
    http::header::{COOKIE, HeaderMap, HeaderValue},
};

/// How many cookies of the name are examined. actix-session looks at the first one; a browser sends one for each path and domain.
const CANDIDATES_MAX: usize = 4;

/// How the content of the cookie is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protection {
    Signed,
    Private,
}

/// The cookie of the old middleware.
pub(super) struct OldCookie {
    pub(super) name: String,
    pub(super) protection: Protection,
    pub(super) key: Key,
    pub(super) path: String,
    pub(super) domain: Option<String>,
    pub(super) secure: bool,
}

/// What a request brought in a cookie that the old key has made.
pub(super) struct Opened {
    /// The key of a record, or a whole session.
    pub(super) content: String,
    /// The cookie's value. That of an encrypted cookie has a nonce in it, so no other browser has the same one.
    pub(super) value: String,
}

impl OldCookie {
    /// The first cookie that the old key has made, and how many before it were forged.
    pub(super) fn open(&self, headers: &HeaderMap) -> (Option<Opened>, u64) {
        let texts = headers.get_all(COOKIE).filter_map(|header| header.to_str().ok());
        let pairs = texts.flat_map(|text| text.split(';'));
        let cookies = pairs.filter_map(|pair| Cookie::parse_encoded(pair.trim()).ok());
        let mut forged = 0;
        for cookie in cookies.filter(|cookie| cookie.name() == self.name).take(CANDIDATES_MAX) {
            let value = cookie.value().to_owned();
            if let Some(content) = self.unprotect(cookie.into_owned()) {
                return (Some(Opened { content, value }), forged);
            }
            forged += 1;
        }
        (None, forged)
    }

    /// Whether no two browsers can have the same value.
    pub(super) fn is_unique(&self) -> bool {
        self.protection == Protection::Private
    }

    fn unprotect(&self, cookie: Cookie<'static>) -> Option<String> {
        let jar = CookieJar::new();
        let opened = match self.protection {
            Protection::Signed => jar.signed(&self.key).verify(cookie),
            Protection::Private => jar.private(&self.key).decrypt(cookie),
        };
        opened.map(|cookie| cookie.value().to_owned())
    }

    /// The `Set-Cookie` header that makes a browser forget the cookie; `None` if a setting has a character that a header cannot have.
    pub(super) fn removal(&self) -> Option<HeaderValue> {
        let mut cookie = Cookie::new(self.name.clone(), "");
        cookie.set_path(self.path.clone());
        cookie.set_secure(self.secure);
        if let Some(domain) = &self.domain {
            cookie.set_domain(domain.clone());
        }
        cookie.make_removal();
        HeaderValue::try_from(cookie.to_string()).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on fails

    use super::*;

    fn cookie(protection: Protection) -> OldCookie {
        OldCookie {
            name: "id".into(),
            protection,
            key: Key::from(&[7; 64]),
            path: "/".into(),
            domain: None,
            secure: true,
        }
    }

    /// The `name=value` that the old middleware sets.
    fn made(content: &str, protection: Protection, key: &Key) -> String {
        let mut jar = CookieJar::new();
        let cookie = Cookie::new("id", content.to_owned());
        match protection {
            Protection::Signed => jar.signed_mut(key).add(cookie),
            Protection::Private => jar.private_mut(key).add(cookie),
        }
        jar.delta().map(|cookie| cookie.encoded().to_string()).collect()
    }

    fn opened(old: &OldCookie, header: &str) -> (Option<String>, u64) {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::try_from(header).unwrap());
        let (opened, forged) = old.open(&headers);
        (opened.map(|opened| opened.content), forged)
    }

    #[test]
    fn both_protections_open_with_their_own_key_alone() {
        let content = r#"{"cart":"[1, 2]"}"#;
        for protection in [Protection::Signed, Protection::Private] {
            let old = cookie(protection);
            let good = made(content, protection, &old.key);
            assert_eq!(opened(&old, &good), (Some(content.into()), 0));
            assert_eq!(opened(&old, &format!("a=b; {good}; c=d")), (Some(content.into()), 0));
            let forged = made(content, protection, &Key::from(&[8; 64]));
            assert_eq!(opened(&old, &forged), (None, 1));
            assert_eq!(opened(&old, &format!("{forged}; {good}")), (Some(content.into()), 1));
            let flood = vec![forged; 100].join("; ");
            assert_eq!(opened(&old, &flood), (None, CANDIDATES_MAX as u64));
        }
        let signed = made(content, Protection::Signed, &Key::from(&[7; 64]));
        assert_eq!(opened(&cookie(Protection::Private), &signed), (None, 1));
    }

    #[test]
    fn garbage_is_no_cookie() {
        for header in ["", ";", "id", "id=", "id=%", "id=%ff%fe", "id=\"\"", "id=;id=a;id=é"] {
            assert_eq!(opened(&cookie(Protection::Private), header).0, None, "{header}");
        }
    }
}

//! The session's cookie: read byte-exactly, written with the attributes that its name promises.
//!
//! In: the `Cookie` header, a [`CookieSpec`], a value. Out: a [`Reading`], a `Set-Cookie` header. Never: a store, a guess at what a client meant.
//!
//! Browsers do not let another host set a `__Host-` cookie. That protects only a server that reads names as browsers do, so a name
//! is compared byte by byte: nothing is decoded, and only spaces and tabs are trimmed.

use std::time::Duration;

use actix_web::http::header::{COOKIE, HeaderMap, HeaderValue};

use crate::id::{
    keys::KeyRing,
    session_id::{COOKIE_CHARS, SessionId},
};

#[cfg(test)]
mod tests;

/// The longest base name. Arbitrary; a longer name is almost certainly a mistake.
const NAME_MAX: usize = 128;

/// Browsers ignore a longer attribute (RFC 6265bis section 5.6).
const ATTRIBUTE_MAX: usize = 1024;

/// Browsers refuse a cookie whose name and value together are longer (RFC 6265bis section 5.6).
const PAIR_MAX: usize = 4096;

/// Browsers keep no cookie for longer (RFC 6265bis section 5.5): 400 days.
const MAX_AGE_CAP: u64 = 400 * 24 * 60 * 60;

/// How many ids that our keys made are looked up. A browser sends one for each path and domain that the cookie has had.
const IDS_MAX: usize = 4;

/// How many values of the right length are examined, each at the cost of a tag check per key. Another host of the domain may have planted
/// some in front of the true one.
const CANDIDATES_MAX: usize = 64;

const HOST: &str = "__Host-";

const SECURE: &str = "__Secure-";

/// A name of its own, so that a cookie that was sent in the clear is never taken for one that was not.
const INSECURE: &str = "insecure-";

/// The prefixes that browsers give a meaning to, in upper or lower case. A prefix of another one stands after it.
const RESERVED: [&str; 4] = ["__Host-Http-", HOST, SECURE, "__Http-"];

const _: () = assert!(SECURE.len() + NAME_MAX + COOKIE_CHARS <= PAIR_MAX);

/// Which requests from other sites carry the session cookie.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum SameSite {
    /// Only navigations with a safe method, such as following a link.
    #[default]
    Lax,
    /// None. A visitor who follows a link to your site arrives signed out.
    Strict,
    /// All, for a site that others embed. The cookie needs `Secure`, and forms that do much had better have a token, as in
    /// [`CsrfForm`](crate::CsrfForm): what is left is the check of where a request comes from.
    None,
}

impl SameSite {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::Strict => "Strict",
            Self::None => "None",
        }
    }
}

/// Why a cookie cannot be as configured.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CookieError {
    /// The name is empty, or has a character that a name cannot have.
    #[error("{0:?} cannot be the name of a cookie; use letters, digits, `-` and `_`")]
    NameNotToken(String),
    /// The name begins with a prefix that browsers give a meaning to.
    #[error(
        "the cookie name {name:?} has a prefix; leave out `{prefix}`: the prefix follows from the attributes"
    )]
    NamePrefixed {
        /// The name.
        name: String,
        /// The prefix.
        prefix: &'static str,
    },
    /// The name is too long.
    #[error("the cookie name has {0} characters; use at most {NAME_MAX}")]
    NameTooLong(usize),
    /// The domain is not a host name.
    #[error(
        "the cookie domain {0:?} is not a host name; write `example.com`: no leading dot, no scheme, no port, and `xn--` for letters beyond ASCII"
    )]
    DomainNotHost(String),
    /// The path does not start at the root.
    #[error("the cookie path {0:?} is not absolute; start it with `/`, or browsers choose another one")]
    PathNotAbsolute(String),
    /// The path has a character that a cookie's path cannot have.
    #[error(
        "the cookie path {0:?} has a character that a cookie cannot carry; percent-encode spaces, `;`, `,`, controls and letters beyond ASCII"
    )]
    PathCharacter(String),
    /// The domain or the path is too long.
    #[error(
        "the cookie's {attribute} has {length} octets, and browsers ignore it beyond {ATTRIBUTE_MAX}; use a shorter one"
    )]
    AttributeTooLong {
        /// `Domain` or `Path`.
        attribute: &'static str,
        /// Its length in octets.
        length: usize,
    },
    /// `SameSite=None` on a cookie without `Secure`.
    #[error(
        "browsers refuse `SameSite=None` without `Secure`; turn the insecure development mode off, or use `SameSite::Lax` while it is on"
    )]
    NoneNeedsSecure,
    /// `Partitioned` on a cookie that other sites' pages do not get.
    #[error(
        "a partitioned cookie is for pages that other sites embed, and they get it only with `Secure` and `SameSite=None`; add `.cookie_same_site(SameSite::None)`, or leave `cookie_partitioned` out"
    )]
    PartitionedNeedsNone,
}

/// How an application configures its cookie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct CookieOptions {
    /// The name without its prefix.
    pub(crate) name: String,
    pub(crate) domain: Option<String>,
    pub(crate) path: String,
    pub(crate) same_site: SameSite,
    pub(crate) partitioned: bool,
    /// For development over plain HTTP: no `Secure`, and another name.
    pub(crate) insecure: bool,
}

impl Default for CookieOptions {
    fn default() -> Self {
        Self {
            name: "sid".into(),
            domain: None,
            path: "/".into(),
            same_site: SameSite::default(),
            partitioned: false,
            insecure: false,
        }
    }
}

/// A cookie that browsers accept: its name says what its attributes are.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct CookieSpec {
    name: String,
    /// All but the value and `Max-Age`, from the first `;` on.
    attributes: String,
    removal: HeaderValue,
}

impl CookieSpec {
    pub(crate) fn new(options: &CookieOptions) -> Result<Self, CookieError> {
        let CookieOptions { name, domain, path, same_site, partitioned, insecure } = options;
        check_name(name)?;
        check_path(path)?;
        domain.as_deref().map_or(Ok(()), check_domain)?;
        if *insecure && *same_site == SameSite::None {
            return Err(CookieError::NoneNeedsSecure);
        }
        if *partitioned && *same_site != SameSite::None {
            return Err(CookieError::PartitionedNeedsNone);
        }
        let prefix = match domain {
            _ if *insecure => INSECURE,
            None if path == "/" => HOST,
            _ => SECURE,
        };
        let name = format!("{prefix}{name}");
        let mut attributes = format!("; Path={path}");
        if let Some(domain) = domain {
            attributes.push_str("; Domain=");
            attributes.push_str(domain);
        }
        if !insecure {
            attributes.push_str("; Secure");
        }
        attributes.push_str("; HttpOnly; SameSite=");
        attributes.push_str(same_site.as_str());
        if *partitioned {
            attributes.push_str("; Partitioned");
        }
        // Every part is header text by now; if it were not, then the freest of them is to blame.
        let removal = HeaderValue::try_from(format!("{name}={attributes}; Max-Age=0"))
            .map_err(|_| CookieError::PathCharacter(path.clone()))?;
        Ok(Self { name, attributes, removal })
    }

    /// The cookie of the default options, which is known to be valid.
    pub(crate) fn standard() -> Self {
        Self {
            name: "__Host-sid".into(),
            attributes: "; Path=/; Secure; HttpOnly; SameSite=Lax".into(),
            removal: HeaderValue::from_static(
                "__Host-sid=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
            ),
        }
    }

    /// The full name with its prefix. The keys that tag an id depend on it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn is_secure(&self) -> bool {
        !self.name.starts_with(INSECURE)
    }
}

fn check_name(name: &str) -> Result<(), CookieError> {
    if name.len() > NAME_MAX {
        return Err(CookieError::NameTooLong(name.len()));
    }
    // A token of RFC 9110 section 5.6.2, as RFC 6265 section 4.1.1 asks.
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(CookieError::NameNotToken(name.into()));
    }
    let has = |prefix: &str| name.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    match RESERVED.into_iter().find(|prefix| has(prefix)) {
        Some(prefix) => Err(CookieError::NamePrefixed { name: name.into(), prefix }),
        None => Ok(()),
    }
}

fn check_path(path: &str) -> Result<(), CookieError> {
    check_length("Path", path)?;
    if !path.starts_with('/') {
        return Err(CookieError::PathNotAbsolute(path.into()));
    }
    if path.bytes().any(|byte| !byte.is_ascii_graphic() || b";,".contains(&byte)) {
        return Err(CookieError::PathCharacter(path.into()));
    }
    Ok(())
}

fn check_domain(domain: &str) -> Result<(), CookieError> {
    check_length("Domain", domain)?;
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if domain.split('.').any(|label| label.is_empty() || !label.bytes().all(is_host)) {
        return Err(CookieError::DomainNotHost(domain.into()));
    }
    Ok(())
}

const fn check_length(attribute: &'static str, value: &str) -> Result<(), CookieError> {
    if value.len() > ATTRIBUTE_MAX {
        return Err(CookieError::AttributeTooLong { attribute, length: value.len() });
    }
    Ok(())
}

/// What the cookies of a request hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Reading {
    /// The ids that our keys made, each once, in the order of the cookies: browsers send the longest path first (RFC 6265
    /// section 5.4). There are several after a change of the cookie's domain or path, or if another host of the domain planted one.
    pub(crate) ids: Vec<SessionId>,
    /// Whether there were more values than a browser has reason to send.
    pub(crate) is_flooded: bool,
    /// How many values of an id's length are not ones that our keys made.
    pub(crate) tampered: u64,
}

/// Reads the session ids of a request.
pub(crate) fn read(headers: &HeaderMap, name: &str, keys: &KeyRing) -> Reading {
    decide(candidates(headers, name), keys)
}

/// Every value that the request's cookie headers give to `name`.
pub(crate) fn candidates<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers.get_all(COOKIE).flat_map(move |line| values(line.as_bytes(), name))
}

/// Every value that one line gives to `name`. Quotes have no meaning, and a pair without `=` has no name.
fn values<'a>(line: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    line.split(|byte| *byte == b';').filter_map(move |pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let (found, value) = (halves.next()?, halves.next()?);
        (trim(found) == name.as_bytes()).then(|| trim(value))
    })
}

/// The ids among these values of a request's cookies or headers.
pub(super) fn decide<'a>(values: impl Iterator<Item = &'a [u8]>, keys: &KeyRing) -> Reading {
    let mut reading = Reading::default();
    // Another length is nobody's guess at an id, so it must not use up the guesses.
    for (count, value) in values.filter(|value| value.len() == COOKIE_CHARS).enumerate() {
        reading.is_flooded |= count == IDS_MAX;
        if count == CANDIDATES_MAX || reading.ids.len() == IDS_MAX {
            break;
        }
        match SessionId::from_cookie(value, keys) {
            Some(id) if !reading.ids.contains(&id) => reading.ids.push(id),
            Some(_) => {}
            None => reading.tampered += 1,
        }
    }
    reading
}

/// Trims spaces and tabs (RFC 6265bis section 5.6). `str::trim` would also remove characters that browsers keep.
fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Why a value cannot go into a cookie.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum SetError {
    #[error("the cookie's name and value have {0} octets, and browsers refuse more than {PAIR_MAX}")]
    TooLarge(usize),
    #[error("the cookie's value has a character that a cookie cannot carry")]
    NotCookieText,
}

/// The `Set-Cookie` header with `value`, which lasts for `max_age` or until the browser closes. It never fails for the value of an id.
pub(crate) fn set(
    spec: &CookieSpec,
    value: &str,
    max_age: Option<Duration>,
) -> Result<HeaderValue, SetError> {
    let CookieSpec { name, attributes, .. } = spec;
    let size = name.len() + value.len();
    if size > PAIR_MAX {
        return Err(SetError::TooLarge(size));
    }
    if value.bytes().any(|byte| !byte.is_ascii_graphic() || b"\",;\\".contains(&byte)) {
        return Err(SetError::NotCookieText);
    }
    // Zero would remove the cookie.
    let max_age = max_age.map(|age| format!("; Max-Age={}", age.as_secs().clamp(1, MAX_AGE_CAP)));
    let parts = [name, "=", value, attributes, max_age.as_deref().unwrap_or_default()];
    let mut header = HeaderValue::try_from(parts.concat()).map_err(|_| SetError::NotCookieText)?;
    // Its Debug shows nothing, and HTTP/2 keeps it out of the compression table.
    header.set_sensitive(true);
    Ok(header)
}

/// The `Set-Cookie` header that makes the browser forget the cookie.
pub(crate) fn remove(spec: &CookieSpec) -> HeaderValue {
    spec.removal.clone()
}

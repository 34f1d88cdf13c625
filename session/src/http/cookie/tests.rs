//! What the cookie is and how it is written; `reading` has the other half.

#![allow(clippy::unwrap_used)] // a test that cannot go on fails

use super::*;

use crate::id::{key::Key, keys::Keys, random::Randomness};

mod fuzzed;
mod reading;

const NAME: &str = "__Host-sid";

fn key(first: u8) -> Key {
    let bytes: Vec<u8> = (0..32).map(|n| first.wrapping_add(n)).collect();
    Key::try_from(bytes.as_slice()).unwrap()
}

fn ring() -> KeyRing {
    KeyRing::new(NAME, &key(1).into())
}

fn mint() -> SessionId {
    SessionId::mint(Randomness::System).unwrap()
}

fn options() -> CookieOptions {
    CookieOptions::default()
}

fn spec(options: &CookieOptions) -> CookieSpec {
    CookieSpec::new(options).unwrap()
}

fn text(header: &HeaderValue) -> &str {
    header.to_str().unwrap()
}

/// OWASP ASVS 5.0 3.3.1, 3.3.2, 3.3.4; RFC 6265bis `SameSite`; WS-2022-0330.
#[test]
fn the_name_and_the_attributes_agree() {
    let domain = Some("example.com".to_owned());
    let cases = [
        (options(), "__Host-sid=v; Path=/; Secure; HttpOnly; SameSite=Lax"),
        (
            CookieOptions { same_site: SameSite::Strict, ..options() },
            "__Host-sid=v; Path=/; Secure; HttpOnly; SameSite=Strict",
        ),
        (
            CookieOptions { same_site: SameSite::None, ..options() },
            "__Host-sid=v; Path=/; Secure; HttpOnly; SameSite=None",
        ),
        (
            CookieOptions { domain: domain.clone(), ..options() },
            "__Secure-sid=v; Path=/; Domain=example.com; Secure; HttpOnly; SameSite=Lax",
        ),
        (
            CookieOptions { path: "/app".into(), ..options() },
            "__Secure-sid=v; Path=/app; Secure; HttpOnly; SameSite=Lax",
        ),
        (
            CookieOptions { domain: domain.clone(), path: "/app".into(), ..options() },
            "__Secure-sid=v; Path=/app; Domain=example.com; Secure; HttpOnly; SameSite=Lax",
        ),
        (CookieOptions { insecure: true, ..options() }, "insecure-sid=v; Path=/; HttpOnly; SameSite=Lax"),
        (
            CookieOptions { insecure: true, domain, path: "/app".into(), ..options() },
            "insecure-sid=v; Path=/app; Domain=example.com; HttpOnly; SameSite=Lax",
        ),
        (
            CookieOptions { name: "shop".into(), ..options() },
            "__Host-shop=v; Path=/; Secure; HttpOnly; SameSite=Lax",
        ),
    ];
    for (options, expected) in cases {
        let spec = spec(&options);
        assert_eq!(text(&set(&spec, "v", None).unwrap()), expected);
        assert!(expected.starts_with(&format!("{}=", spec.name())));
        // Removing names the same cookie: same name, path, domain and flags.
        assert_eq!(text(&remove(&spec)), format!("{}; Max-Age=0", expected.replacen("=v;", "=;", 1)));
    }
}

/// What is wrong, its error, and what the message says to do.
fn mistakes() -> Vec<(CookieOptions, CookieError, &'static str)> {
    let named = |name: &str| CookieOptions { name: name.into(), ..options() };
    let with_path = |path: &str| CookieOptions { path: path.into(), ..options() };
    let with_domain = |domain: &str| CookieOptions { domain: Some(domain.into()), ..options() };
    let mut all = vec![
        (
            CookieOptions { same_site: SameSite::None, insecure: true, ..options() },
            CookieError::NoneNeedsSecure,
            "use `SameSite::Lax`",
        ),
        (
            CookieOptions { partitioned: true, ..options() },
            CookieError::PartitionedNeedsNone,
            "add `.cookie_same_site(SameSite::None)`",
        ),
        (
            CookieOptions { partitioned: true, same_site: SameSite::None, insecure: true, ..options() },
            CookieError::NoneNeedsSecure,
            "use `SameSite::Lax`",
        ),
        (named(&"a".repeat(129)), CookieError::NameTooLong(129), "use at most 128"),
        (
            with_path(&format!("/{}", "a".repeat(1024))),
            CookieError::AttributeTooLong { attribute: "Path", length: 1025 },
            "use a shorter one",
        ),
        (
            with_domain(&"a".repeat(1025)),
            CookieError::AttributeTooLong { attribute: "Domain", length: 1025 },
            "use a shorter one",
        ),
    ];
    for name in
        ["", " ", "s id", "sid ", "s;d", "s=d", "s,d", "s\0d", "s\td", "\u{a0}sid", "größe", "\"sid\""]
    {
        all.push((named(name), CookieError::NameNotToken(name.into()), "use letters"));
    }
    for (name, prefix, help) in [
        ("__Host-sid", "__Host-", "leave out `__Host-`"),
        ("__HOST-sid", "__Host-", "leave out `__Host-`"),
        ("__Host-", "__Host-", "leave out `__Host-`"),
        ("__secure-sid", "__Secure-", "leave out `__Secure-`"),
        ("__Http-sid", "__Http-", "leave out `__Http-`"),
        ("__Host-Http-sid", "__Host-Http-", "leave out `__Host-Http-`"),
    ] {
        all.push((named(name), CookieError::NamePrefixed { name: name.into(), prefix }, help));
    }
    for path in ["", "app", "./", " /"] {
        all.push((with_path(path), CookieError::PathNotAbsolute(path.into()), "start it with `/`"));
    }
    for path in ["/a;b", "/a,b", "/a b", "/a\tb", "/a\0", "/a\r\nX: y", "/a\x7f", "/größe", "/; Domain=evil"]
    {
        all.push((with_path(path), CookieError::PathCharacter(path.into()), "percent-encode"));
    }
    for domain in [
        "",
        ".",
        ".example.com",
        "example.com.",
        "a..b",
        "example.com:80",
        "https://example.com",
        "a;b",
        "a,b",
        "a b",
        "a\0b",
        "a\r\nb",
        "größe.de",
    ] {
        all.push((
            with_domain(domain),
            CookieError::DomainNotHost(domain.into()),
            "no leading dot, no scheme, no port",
        ));
    }
    all
}

/// OWASP ASVS 5.0 3.3.2.
#[test]
fn every_mistake_has_its_error_and_says_what_to_do() {
    for (options, expected, help) in mistakes() {
        let error = CookieSpec::new(&options).unwrap_err();
        assert_eq!(error, expected);
        assert!(error.to_string().contains(help), "{error}");
        assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
    }
}

/// OWASP ASVS 5.0 3.3.5.
#[test]
fn the_longest_of_everything_is_accepted() {
    let options = CookieOptions {
        name: "a".repeat(NAME_MAX),
        path: format!("/{}", "a".repeat(ATTRIBUTE_MAX - 1)),
        domain: Some("a".repeat(ATTRIBUTE_MAX)),
        ..options()
    };
    let spec = spec(&options);
    let value = mint().to_cookie(&KeyRing::new(spec.name(), &key(1).into()));
    set(&spec, &value, Some(Duration::MAX)).unwrap();
}

/// OWASP ASVS 5.0 3.3.5.
#[test]
fn a_value_is_sent_up_to_the_octet_that_browsers_accept() {
    let spec = spec(&options());
    let room = PAIR_MAX - NAME.len();
    set(&spec, &"v".repeat(room), None).unwrap();
    assert_eq!(set(&spec, &"v".repeat(room + 1), None), Err(SetError::TooLarge(4097)));
}

/// RFC 6265bis 5.6.
#[test]
fn a_value_cannot_add_attributes_or_headers() {
    let spec = spec(&options());
    for value in ["a;Domain=evil", "a; Domain=evil", "a\r\nX: y", "a\0", "a b", "a,b", "\"a\"", "a\\", "ä"] {
        assert_eq!(set(&spec, value, None), Err(SetError::NotCookieText), "{value:?}");
    }
}

/// RFC 6265bis 5.5; RUSTSEC-2017-0005.
#[test]
fn max_age_is_at_least_a_second_and_at_most_400_days() {
    let cases = [
        (Duration::ZERO, 1),
        (Duration::from_millis(999), 1),
        (Duration::from_millis(1999), 1),
        (Duration::from_hours(1), 3600),
        (Duration::from_hours(400 * 24), 34_560_000),
        (Duration::from_secs(34_560_001), 34_560_000),
        (Duration::MAX, 34_560_000),
    ];
    let spec = spec(&options());
    for (age, seconds) in cases {
        let header = set(&spec, "v", Some(age)).unwrap();
        assert_eq!(
            text(&header),
            format!("__Host-sid=v; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}")
        );
    }
}

/// CHIPS.
#[test]
fn a_partitioned_cookie_is_removed_as_it_was_set() {
    let spec = spec(&CookieOptions { partitioned: true, same_site: SameSite::None, ..options() });
    let attributes = "Path=/; Secure; HttpOnly; SameSite=None; Partitioned";
    assert_eq!(text(&set(&spec, "v", None).unwrap()), format!("__Host-sid=v; {attributes}"));
    assert_eq!(text(&remove(&spec)), format!("__Host-sid=; {attributes}; Max-Age=0"));
}

#[test]
fn debug_shows_no_part_of_the_value() {
    let header = set(&spec(&options()), "secret", None).unwrap();
    assert!(!format!("{header:?}").contains("secret"));
}

#[test]
fn the_standard_cookie_is_the_one_of_the_default_options() {
    assert_eq!(CookieSpec::new(&CookieOptions::default()), Ok(CookieSpec::standard()));
}

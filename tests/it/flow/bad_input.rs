//! Cookies that this library did not make, sent over real HTTP/1, byte for byte. None of them reaches the store, sets or removes a
//! cookie, or fills the log.

use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

use actix_typed_session::Key;
use tracing::Level;

use super::{
    kit::{Answer, EMPTY, World},
    wire::{Server, request},
};

/// A cookie of the right length with a wrong tag: the best that an attacker without the key can make.
pub(super) fn forged(cookie: &str, seed: usize) -> String {
    let (name, value) = cookie.split_once('=').unwrap();
    let mut value = value.to_owned().into_bytes();
    for (at, byte) in value.iter_mut().enumerate().filter(|(_, byte)| byte.is_ascii_alphanumeric()).skip(1) {
        *byte = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"[(seed * 31 + at * 7) % 62];
    }
    format!("{name}={}", String::from_utf8(value).unwrap())
}

/// Checks that the request is anonymous, or is refused by the HTTP server, and that it makes no store call and sets no cookie.
fn assert_anonymous(server: &Server, path: &str, line: &[u8]) {
    let shown = String::from_utf8_lossy(line).chars().take(120).collect::<String>();
    let reply = server.ask(path, &[line]);
    match reply.status() {
        200 => assert_eq!(reply.body(), EMPTY, "{shown}"),
        400 | 431 => {}
        other => panic!("{other} for {shown}"),
    }
    assert_eq!(reply.set_cookie(), None, "{shown}");
    assert_eq!(server.store.asked(), "", "{shown}");
}

/// OWASP ASVS 5.0 3.3.3, 7.2.1; OWASP cheat sheet: ids are untrusted input; CVE-2020-8184; CVE-2026-39410; CVE-2022-31629;
/// CVE-2025-61686.
#[test]
fn garbage_is_anonymous() {
    let server = Server::start();
    let cookie = server.cookie("v1");
    assert_eq!(server.state(&cookie), r#"- [] 1 "" -"#);
    let (name, value) = cookie.split_once('=').unwrap();
    let mut corpus: Vec<Vec<u8>> = [
        "",
        "x",
        "=",
        ";",
        ";;;;",
        "__Host-sid",
        "__Host-sid=",
        "__Host-sid=;",
        "__Host-sid==",
        "=__Host-sid",
        "__Host-sid=1",
        "__Host-sid=1...",
        "__Host-sid=....",
        "__Host-sid=null",
        "__Host-sid={}",
        "__Host-sid=%31",
        "__Host-sid=' OR 1=1 --",
        "__Host-sid=../../etc/passwd",
        "__Host-sid=\t",
        "sid=1; $Version=1",
        "\"",
        "__Host-sid=\"\"",
        ",,,",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    // The real value with each byte changed, also to bytes that are not base64url or not text.
    for at in 0..value.len() {
        for byte in [b'.', b'+', b'/', b'=', b' ', b'"', b'%', b'~', 0x00, 0x7f, 0x80, 0xff] {
            let mut bent = value.as_bytes().to_vec();
            if bent[at] != byte {
                bent[at] = byte;
                corpus.push([name.as_bytes(), b"=", &bent].concat());
            }
        }
        corpus.push(format!("{name}={}", &value[..at]).into_bytes());
        let flipped = if value.as_bytes()[at] == b'A' { "B" } else { "A" };
        corpus.push(format!("{name}={}{flipped}{}", &value[..at], &value[at + 1..]).into_bytes());
    }
    // Longer than any real cookie.
    for extra in [1, 10, 4096, 16 * 1024] {
        corpus.push(format!("{cookie}{}", "A".repeat(extra)).into_bytes());
        corpus.push(format!("{name}={}{value}", "A".repeat(extra)).into_bytes());
    }
    // Names that resemble the real one.
    let spoofed = [
        "__host-sid",
        "__HOST-SID",
        "__Host-SID",
        "%5F_Host-sid",
        "__Host%2dsid",
        "sid",
        "__Secure-sid",
        "insecure-sid",
        "..Host-sid",
        "_[Host-sid",
        "__Host-sid[]",
        "__Host-sid\u{a0}",
        "\u{2000}__Host-sid",
        "\u{85}__Host-sid",
        "=__Host-sid",
        "\"__Host-sid\"",
        "$Version=1,__Host-sid",
        "__Host-\u{ff53}id",
    ];
    corpus.extend(spoofed.iter().map(|name| format!("{name}={value}").into_bytes()));
    corpus.push(format!("__Host-sid=\"{value}\"").into_bytes());
    corpus.push(format!("__Host-sid={value},").into_bytes());
    corpus.push(format!("x=1,__Host-sid={value}").into_bytes());
    assert!(corpus.len() > 1000);
    // Most of these share a connection. Headers are parsed for each request in the same way, and one connection each would be slow.
    for line in &corpus {
        let line = [b"Cookie: ", line.as_slice()].concat();
        assert_anonymous(&server, "/do/", &line);
    }
    assert_eq!(server.store.len(), 1);
    assert_eq!(server.state(&cookie), r#"- [] 1 "" -"#);
}

#[test]
fn bad_bytes_beside_a_good_cookie_do_not_hide_it() {
    let server = Server::start();
    let cookie = server.cookie("v1");
    for beside in
        [&b"x"[..], b"a=\xff\xfe", b"=", b"", b"a=\"b;c\"", b"%zz=%", b"__Host-sid=short", "ü=ö".as_bytes()]
    {
        for line in [
            [b"Cookie: ", beside, b"; ", cookie.as_bytes()].concat(),
            [b"Cookie: ", cookie.as_bytes(), b"; ", beside].concat(),
        ] {
            let reply = server.ask("/do/", &[&line]);
            assert_eq!(
                (reply.status(), reply.body().as_str()),
                (200, r#"- [] 1 "" -"#),
                "{}",
                String::from_utf8_lossy(&line)
            );
            assert_eq!(server.store.asked(), "load");
        }
    }
    for spaced in [
        format!("Cookie:{cookie}"),
        format!("cookie: \t {cookie} \t"),
        format!("COOKIE: a=b;{cookie};c=d"),
        format!("Cookie: {}", cookie.replace('=', " = ")),
    ] {
        assert_eq!(server.ask("/do/", &[spaced.as_bytes()]).body(), r#"- [] 1 "" -"#, "{spaced}");
    }
}

fn permutations(of: &[String]) -> Vec<Vec<String>> {
    if of.len() < 2 {
        return vec![of.to_vec()];
    }
    (0..of.len())
        .flat_map(|first| {
            let mut rest = of.to_vec();
            let first = rest.remove(first);
            permutations(&rest).into_iter().map(move |rest| [vec![first.clone()], rest].concat())
        })
        .collect()
}

/// Sends the cookies in one header, and again with a header for each.
fn both_ways(server: &Server, cookies: &[String]) -> [(String, String); 2] {
    let each: Vec<String> = cookies.iter().map(|cookie| format!("Cookie: {cookie}")).collect();
    let each: Vec<&[u8]> = each.iter().map(String::as_bytes).collect();
    let one = format!("Cookie: {}", cookies.join("; "));
    [&each[..], &[one.as_bytes()]].map(|lines| {
        let reply = server.ask("/do/", lines);
        assert_eq!((reply.status(), reply.set_cookie()), (200, None));
        (reply.body(), server.store.asked())
    })
}

/// OWASP ASVS 5.0 15.3.7.
#[test]
fn forged_cookies_neither_win_nor_hide_a_good_one_in_any_order() {
    let server = Server::start();
    let (ours, other) = (server.cookie("v1"), server.cookie("v2"));
    let forged = |seed| forged(&ours, seed);
    let found = (r#"- [] 1 "" -"#.to_owned(), "load".to_owned());
    let nobody = (EMPTY.to_owned(), String::new());
    // An authentic cookie among forged ones is used, even if it is sent twice.
    for cookies in
        [vec![ours.clone(), forged(1), forged(2), forged(3)], vec![ours.clone(), ours.clone(), forged(4)]]
    {
        for order in permutations(&cookies) {
            assert_eq!(both_ways(&server, &order), [found.clone(), found.clone()]);
        }
    }
    assert_eq!(server.logged.count(Level::WARN), 0);
    // With the cookies of two live sessions, neither is used, and a warning is logged.
    let ambiguous = (EMPTY.to_owned(), "load load".to_owned());
    for order in permutations(&[ours.clone(), other, forged(5)]) {
        assert_eq!(both_ways(&server, &order), [ambiguous.clone(), ambiguous.clone()]);
    }
    assert!(server.logged.text().contains("cookies of several live sessions"));
    // More cookies than a browser sends.
    for order in
        permutations(&[ours.clone(), forged(6), forged(7), forged(8), forged(9)]).into_iter().step_by(7)
    {
        assert_eq!(both_ways(&server, &order), [found.clone(), found.clone()]);
    }
    let mut forged: Vec<_> = (0..64).map(forged).collect();
    forged.push(ours.clone());
    assert_eq!(both_ways(&server, &forged), [nobody.clone(), nobody], "there is a limit");
    assert!(server.logged.text().contains("too many session cookies"));
    // Many cookies of the wrong form are ignored. (actix accepts at most 96 header lines.)
    let mut many = vec!["__Host-sid=x".to_owned(); 80];
    many.insert(50, ours);
    assert_eq!(both_ways(&server, &many), [found.clone(), found]);
}

/// OWASP ASVS 5.0 16.3.3.
#[test]
fn twenty_thousand_forged_cookies_make_no_store_call_and_few_log_lines() {
    let server = Server::start();
    let cookie = server.cookie("v1");
    let (mut stream, since) = (server.connect(), Instant::now());
    for batch in 0..50 {
        let mut bytes = Vec::new();
        for at in 0..100 {
            let seed = (batch * 100 + at) * 4;
            let cookies: Vec<String> = (seed..seed + 4).map(|seed| forged(&cookie, seed)).collect();
            let line = format!("Cookie: {}", cookies.join("; "));
            bytes.extend(request("/do/", &[line.as_bytes()], "keep-alive"));
        }
        stream.write_all(&bytes).unwrap();
        let (mut answers, mut buffer) = (Vec::new(), [0; 16 * 1024]);
        while answers.windows(EMPTY.len()).filter(|window| *window == EMPTY.as_bytes()).count() < 100 {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "the server hung up");
            answers.extend_from_slice(&buffer[..read]);
        }
        assert!(!String::from_utf8_lossy(&answers).to_lowercase().contains("set-cookie"));
    }
    assert_eq!((server.store.asked().as_str(), server.store.len()), ("", 1));
    let text = server.logged.text();
    let told = text.lines().filter(|line| line.contains("\"tampered\"")).count();
    assert!((5..=6 + since.elapsed().as_secs()).contains(&told.try_into().unwrap()), "{text}");
    assert_eq!(server.state(&cookie), r#"- [] 1 "" -"#);
}

/// OWASP ASVS 5.0 14.2.1; ASVS 4.0 3.1.1.
#[test]
fn ids_are_read_from_cookies_only() {
    let server = Server::start();
    let cookie = server.cookie("v1");
    let value = cookie.split_once('=').unwrap().1;
    let path = format!("/do/?sid={value}&__Host-sid={value}");
    let reply = server.ask(
        &path,
        &[format!("Authorization: Bearer {value}").as_bytes(), format!("X-Session: {value}").as_bytes()],
    );
    assert_eq!((reply.body().as_str(), server.store.asked().as_str()), (EMPTY, ""));
}

/// OWASP ASVS 5.0 11.2.5.
#[actix_web::test]
async fn a_cookie_that_opens_nothing_is_answered_alike_whatever_the_reason() {
    let world = World::new().await;
    let another_key = Key::try_from(b"another-key-of-32-bytes-for-test".as_slice()).unwrap();
    let foreign = world.beside(another_key).await.browser_after("v1").await.cookie().unwrap();
    let expired = world.browser_after("v1").await.cookie().unwrap();
    world.clock.advance(Duration::from_mins(30));
    let (ours, ending) = (world.browser_after("v1").await, world.browser_after("v1").await);
    let (superseded, ended) = (ours.cookie().unwrap(), ending.cookie().unwrap());
    ours.go("renew").await;
    ending.go("purge").await;
    let ours = ours.cookie().unwrap();
    let (cut, wrong_tag) = (ours[..ours.len() - 1].to_owned(), forged(&ours, 1));
    let ask = async |cookie: Option<&str>| {
        let Answer { status, headers, body } = world.request("/do/see", cookie).await;
        format!("{status} {headers:?} {body}")
    };
    let nobody = ask(None).await;
    assert!(nobody.starts_with("200") && nobody.ends_with(EMPTY), "{nobody}");
    for cookie in [foreign, expired, superseded, ended, cut, wrong_tag, "__Host-sid=x".to_owned()] {
        assert_eq!(ask(Some(&cookie)).await, nobody, "{cookie}");
    }
}

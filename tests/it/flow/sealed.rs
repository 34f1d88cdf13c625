//! Sessions that live in their cookies: what such an application promises. `sealed_limits` has what it does not.

use std::{net::SocketAddr, time::Duration};

use actix_typed_session::{
    Error, Key, Keys, SealedCookie, Session, SessionMiddleware, SessionMiddlewareBuilder, record::Timestamp,
};
use actix_web::{
    App, HttpServer,
    dev::ServerHandle,
    http::header::{HeaderMap, HeaderValue},
    rt, web,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
};

use super::{
    kit::{Answer, Browser, EMPTY, Jar, World, key},
    logged::Logged,
    words,
};

pub(super) const MINUTE: Duration = Duration::from_mins(1);

fn other_key() -> Key {
    Key::try_from(b"another-key-of-32-bytes-for-test".as_slice()).unwrap()
}

pub(super) fn home() -> SealedCookie {
    SealedCookie::new("shop").without_server_logout()
}

pub(super) async fn world() -> World {
    with(|builder| builder).await
}

async fn with(choose: impl FnOnce(SessionMiddlewareBuilder) -> SessionMiddlewareBuilder) -> World {
    World::sealed(home(), key(), choose, |_| ()).await
}

/// Sends the cookie to `/do/`, and returns what a stranger gets, too: status, headers and body.
async fn show(world: &World, cookie: Option<HeaderValue>) -> (u16, HeaderMap, String) {
    let Answer { status, headers, body } = world.send("/do/", cookie).await;
    (status, headers, body)
}

pub(super) async fn state(browser: &Browser<'_>) -> String {
    browser.clone().go("").await.body
}

#[actix_web::test]
async fn a_session_lives_in_its_cookie_and_a_change_is_another_cookie() {
    let world = world().await;
    let browser = world.browser();
    for (words, jar, state) in [
        ("", Jar::Kept, EMPTY),
        ("v1", Jar::Set, r#"- [] 1 "" -"#),
        ("c7,n:hello", Jar::Set, r#"- [7] 1 "" hello"#),
        ("up2,try3", Jar::Set, r#"6 | - [7] 6 "" hello"#),
        ("", Jar::Kept, r#"- [7] 6 "" hello"#),
        ("v6", Jar::Kept, r#"- [7] 6 "" hello"#),
        ("t", Jar::Set, r#"hello | - [7] 6 "" -"#),
        ("in4", Jar::Set, r#"4 [7] 6 "" -"#),
        ("renew", Jar::Set, r#"4 [7] 6 "" -"#),
        ("c8,save,c9,reload", Jar::Set, r#"Ok | Ok | 4 [7, 8, 9] 6 "" -"#),
        ("v7,fail", Jar::Set, r#"4 [7, 8, 9] 7 "" -"#),
        ("is,came,auth60", Jar::Kept, r#"10 | Live | true | 4 [7, 8, 9] 7 "" -"#),
        ("in5,v2", Jar::Set, r#"5 [] 2 "" -"#),
        ("out", Jar::Removed, EMPTY),
        ("came", Jar::Kept, &format!("Nothing | {EMPTY}")),
    ] {
        let answer = browser.go(words).await;
        assert_eq!((answer.jar(), answer.body.as_str()), (jar.clone(), state), "{words}");
        if jar == Jar::Set {
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
}

/// OWASP ASVS 5.0 9.1.1, 11.2.5.
#[actix_web::test]
async fn every_other_cookie_is_a_strangers() {
    let world = world().await;
    let cookie = world.browser_after("v1,c7,in4").await.cookie().unwrap();
    let sent = |bytes: &[u8]| HeaderValue::from_bytes(bytes).ok();
    assert_eq!(show(&world, sent(cookie.as_bytes())).await.2, r#"4 [7] 1 "" -"#);
    let stranger = show(&world, None).await;
    assert_eq!((stranger.0, stranger.2.as_str()), (200, EMPTY));
    let same = async |bytes: &[u8], what: &str| {
        // What is no header does not arrive.
        if let Some(cookie) = sent(bytes) {
            let (status, headers, body) = show(&world, Some(cookie)).await;
            assert_eq!((status, &body), (stranger.0, &stranger.2), "{what}");
            assert_eq!(format!("{headers:?}"), format!("{:?}", stranger.1), "{what}");
        }
    };
    let begin = "__Host-sid=".len();
    for at in begin..cookie.len() {
        for bit in 0..8 {
            let mut bytes = cookie.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            same(&bytes, &format!("bit {bit} of octet {at}")).await;
        }
        same(&cookie.as_bytes()[..at], &format!("the first {at}")).await;
        let rest = format!("__Host-sid={}", &cookie[at + 1..]);
        same(rest.as_bytes(), &format!("from {at} on")).await;
    }
}

/// OWASP ASVS 5.0 9.2.2.
#[actix_web::test]
async fn a_cookie_of_another_application_name_or_key_is_a_strangers() {
    let shop = world().await;
    let of = async |application: &str, key: Key, name: &'static str| {
        let home = SealedCookie::new(application).without_server_logout();
        World::sealed(home, key, |builder| builder.cookie_name(name), |_| ()).await
    };
    let others = [
        of("blog", key(), "sid").await,
        of("shop", other_key(), "sid").await,
        of("shop", key(), "id").await,
        // The same keys in an application with a store, and the other way round.
        World::new().await,
    ];
    shop.is_strange_to(&others).await;
}

/// OWASP ASVS 5.0 9.2.1; CVE-2024-31999; CVE-2018-1000814.
#[actix_web::test]
async fn both_timeouts_are_enforced_by_the_clock_of_the_server() {
    let world =
        with(|builder| builder.idle_timeout(10 * MINUTE).absolute_timeout(30 * MINUTE).persistent_cookie())
            .await;
    let begun = Timestamp::from_millis(1_000_000);
    let browser = world.browser_after("v1,in4").await;
    let first = browser.cookie();
    let mut lives = Vec::new();
    for minute in (5..=35).step_by(5) {
        world.clock.set(begun.saturating_add(minute * MINUTE));
        lives.push(browser.go("").await.body != EMPTY);
        // The first cookie has not been seen since.
        let old = world.request("/do/", first.as_deref()).await;
        assert_eq!(old.body == EMPTY, minute >= 10, "{minute}");
    }
    assert_eq!(lives, [true, true, true, true, true, false, false]);
    assert_eq!(browser.go("came").await.body, format!("Ended | {EMPTY}"));
    // The clock of the instance that sealed it was far ahead.
    world.clock.set(begun.saturating_add(60 * MINUTE));
    let ahead = world.browser_after("v1").await;
    world.clock.set(begun.saturating_add(56 * MINUTE));
    assert_ne!(state(&ahead).await, EMPTY);
    world.clock.set(begun.saturating_add(54 * MINUTE));
    assert_eq!(state(&ahead).await, EMPTY);
}

#[actix_web::test]
async fn activity_is_sealed_after_a_tenth_of_the_idle_time_and_not_by_a_page_that_polls() {
    let world = world().await;
    let browser = world.browser_after("v1").await;
    world.clock.advance(3 * MINUTE);
    assert_eq!(browser.go("").await.jar(), Jar::Kept);
    world.clock.advance(MINUTE);
    assert_eq!(browser.go("poll").await.jar(), Jar::Kept);
    assert_eq!(browser.go("").await.jar(), Jar::Set);
    world.clock.advance(28 * MINUTE);
    assert_ne!(browser.go("").await.body, EMPTY);
}

/// Text that does not compress well.
pub(super) fn text(length: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let numbers =
        std::iter::successors(Some(7_u32), |n| Some(n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)));
    numbers.skip(1).take(length).map(|n| char::from(LETTERS[(n >> 26) as usize])).collect()
}

/// OWASP ASVS 5.0 3.3.5, 4.2.5.
#[actix_web::test]
async fn a_cookie_that_browsers_would_drop_is_an_error_that_names_the_fields() {
    let world = world().await;
    // A line of Set-Cookie counts whole.
    let (mut longest, mut length) = (0, 2000);
    loop {
        let answer = world.browser().go(&format!("d:{}", text(length))).await;
        if answer.status != 200 {
            assert_eq!((answer.status, answer.jar()), (500, Jar::Kept));
            break;
        }
        longest = answer.set_cookie().unwrap().len();
        assert!(longest <= 4096, "{longest}");
        length += 7;
    }
    assert!(longest > 4050, "{longest}");
    assert!(length > 3500, "{length}");
    let browser = world.browser_after("v1").await;
    let before = browser.cookie();
    let long = text(length);
    let answer = browser.go(&format!("n:x,d:{long},why")).await;
    assert!(
        answer.body.contains("browsers keep 4096; the largest fields are `shop.draft` ("),
        "{}",
        answer.body
    );
    // Nothing of the request is stored, whatever else it did.
    assert_eq!(browser.go(&format!("n:x,d:{long},renew")).await.status, 500);
    assert_eq!(browser.cookie(), before);
    // A logout counts all the same, and what was saved before.
    assert_eq!(browser.go(&format!("v2,save,d:{long}")).await.status, 500);
    assert_eq!(state(&browser).await, r#"- [] 2 "" -"#);
    let purged = browser.go(&format!("purge,d:{long}")).await;
    assert_eq!((purged.status, purged.jar()), (500, Jar::Removed));
}

/// CVE-2025-47278.
#[actix_web::test]
async fn a_key_that_is_accepted_opens_and_the_active_one_seals_the_next_change() {
    let old = world().await;
    let browser = old.browser_after("v1").await;
    let rotated = Keys::new(other_key(), [key()]);
    let new = World::sealed(home(), rotated, |builder| builder, |_| ()).await;
    assert_eq!(browser.go_at(&new, "").await.body, r#"- [] 1 "" -"#);
    assert_eq!(browser.go_at(&new, "v2").await.jar(), Jar::Set);
    assert!(browser.cookie().unwrap().contains(&format!("=1.{}.", other_key().id())));
    assert_eq!(state(&browser).await, EMPTY, "the old instance does not know the new key");
    let alone = World::sealed(home(), other_key(), |builder| builder, |_| ()).await;
    assert_eq!(browser.go_at(&alone, "").await.body, r#"- [] 2 "" -"#);
}

#[actix_web::test]
async fn of_two_states_of_one_session_the_later_one_counts() {
    let world = world().await;
    let browser = world.browser_after("v1").await;
    let before = browser.cookie().unwrap();
    for words in ["v2", "renew", "in4"] {
        browser.go(words).await;
        let now = browser.cookie().unwrap();
        let state = state(&browser).await;
        for cookies in [format!("{before}; {now}"), format!("{now}; {before}")] {
            assert_eq!(world.request("/do/", Some(&cookies)).await.body, state, "{words}");
        }
    }
    // Two sessions are nobody, as with a store.
    let other = world.browser_after("v7").await;
    let both = format!("{}; {}", browser.cookie().unwrap(), other.cookie().unwrap());
    assert_eq!(world.request("/do/came", Some(&both)).await.body, format!("Ambiguous | {EMPTY}"));
}

/// A server on a port of its own.
fn serve() -> (SocketAddr, ServerHandle) {
    let sessions = SessionMiddleware::new(home(), key());
    let gate = web::Data::new(Notify::new());
    let app = move || App::new().app_data(gate.clone()).wrap(sessions.clone()).configure(words::routes);
    let server = HttpServer::new(app).workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    let running = server.run();
    let handle = running.handle();
    rt::spawn(running);
    (address, handle)
}

/// The status, the cookie that is set, and the body of an answer that comes over a socket.
async fn get(address: SocketAddr, words: &str, cookie: Option<&str>) -> (u16, Option<String>, String) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let cookie = cookie.map_or_else(String::new, |cookie| format!("Cookie: {cookie}\r\n"));
    let request = format!("GET /do/{words} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n{cookie}\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let set = head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    let set = set.map(|line| line.split(';').next().unwrap().to_owned());
    (head[9..12].parse().unwrap(), set, body.to_owned())
}

#[actix_web::test]
async fn instances_that_share_nothing_but_their_keys_serve_one_session_over_http() {
    let (nodes, handles): (Vec<_>, Vec<_>) = [serve(), serve()].into_iter().unzip();
    let mut cookie = None;
    let long = text(3600);
    let draft = format!("d:{long}");
    for (turn, words) in ["v1", "c7", "in4", "c8", &draft, "v2", "renew", "c9"].into_iter().enumerate() {
        let (status, set, _) = get(nodes[turn % 2], words, cookie.as_deref()).await;
        assert_eq!(status, 200, "{words}");
        cookie = Some(set.unwrap());
    }
    let (_, set, body) = get(nodes[0], "", cookie.as_deref()).await;
    assert_eq!((set, body), (None, format!(r#"4 [7, 8, 9] 2 "{long}" -"#)));
    let (_, removed, _) = get(nodes[1], "purge", cookie.as_deref()).await;
    assert_eq!(removed.as_deref(), Some("__Host-sid="));
    let cut = cookie.map(|cookie| cookie[..cookie.len() - 1].to_owned());
    assert_eq!(get(nodes[0], "", cut.as_deref()).await, (200, None, EMPTY.to_owned()));
    for handle in handles {
        handle.stop(false).await;
    }
}

#[actix_web::test]
async fn a_token_of_a_page_is_valid_until_the_id_changes() {
    async fn token(session: Session) -> Result<String, Error> {
        Ok(session.csrf_token().await?.unwrap_or_default())
    }
    async fn check(session: Session, token: web::Path<String>) -> Result<&'static str, Error> {
        session.check_csrf_token(&token).map(|()| "checked")
    }
    let routes = |routes: &mut web::ServiceConfig| {
        routes.route("/token", web::get().to(token)).route("/check/{token}", web::get().to(check));
    };
    let world = World::sealed(home(), key(), |builder| builder, routes).await;
    let browser = world.browser_after("v1").await;
    let token = browser.get("/token").await.body;
    browser.go("v2").await;
    assert_eq!(browser.get(&format!("/check/{token}")).await.body, "checked");
    browser.go("in4").await;
    assert_eq!(browser.get(&format!("/check/{token}")).await.status, 403);
}

/// Neither the cookie nor what it holds is written to the log or to an answer.
#[actix_web::test]
async fn nothing_of_a_sealed_session_is_logged() {
    let world = world().await;
    let (logged, _guard) = Logged::here();
    let browser = world.browser_after("v1,d:hunter2").await;
    let cookie = browser.cookie().unwrap();
    world.request("/do/", Some(&cookie[..cookie.len() - 1])).await;
    let answer = browser.go(&format!("d:{}", ["hunter2", &text(6000)].concat())).await;
    assert_eq!((answer.status, answer.body.as_str()), (500, "Internal Server Error"));
    let log = logged.text();
    assert!(!log.contains("hunter2") && !log.contains(&cookie[20..40]), "{log}");
}

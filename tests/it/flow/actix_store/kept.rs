//! What holds as with every store.

use std::time::Duration;

use actix_typed_session::{Keys, SealedCookie, SessionMiddlewareBuilder, TypedSession};
use actix_web::{
    HttpResponse,
    http::header::HeaderValue,
    web::{self, Bytes},
};
use futures_util::{future::join_all, stream};

use super::{
    kit::{MINUTE, Shop},
    shelf::Fate,
};
use crate::flow::{
    kit::{Browser, EMPTY, Jar, World, key},
    words::{self, said},
};

#[actix_web::test]
async fn a_life_in_a_store_of_actix_session() {
    let Shop { shelf, world } = Shop::new().await;
    let browser = world.browser();
    for (words, calls, jar, state) in [
        ("", "", Jar::Kept, EMPTY),
        ("v1", "save", Jar::Set, r#"- [] 1 "" -"#),
        ("", "load", Jar::Kept, r#"- [] 1 "" -"#),
        ("c7,n:hello", "load load update", Jar::Kept, r#"- [7] 1 "" hello"#),
        ("up2,try3", "load load update", Jar::Kept, r#"6 | - [7] 6 "" hello"#),
        ("v6", "load", Jar::Kept, r#"- [7] 6 "" hello"#),
        ("t", "load load update", Jar::Kept, r#"hello | - [7] 6 "" -"#),
        ("in4", "load load update", Jar::Set, r#"4 [7] 6 "" -"#),
        ("renew", "load load update", Jar::Set, r#"4 [7] 6 "" -"#),
        (
            "c8,save,c9,reload",
            "load load update load load update",
            Jar::Kept,
            r#"Ok | Ok | 4 [7, 8, 9] 6 "" -"#,
        ),
        ("is,came,auth60", "load", Jar::Kept, r#"10 | Live | true | 4 [7, 8, 9] 6 "" -"#),
        ("v7,fail", "load load update", Jar::Kept, r#"4 [7, 8, 9] 7 "" -"#),
        // Another user begins in the same place, in one step.
        ("in5,v2", "load load update", Jar::Set, r#"5 [] 2 "" -"#),
        ("purge,in6", "load load update", Jar::Set, r#"6 [] 0 "" -"#),
        ("life:60:120:1", "load load update", Jar::Set, r#"6 [] 0 "" -"#),
        ("out", "load delete", Jar::Removed, EMPTY),
        ("came", "", Jar::Kept, &format!("Nothing | {EMPTY}")),
    ] {
        let answer = browser.go(words).await;
        assert_eq!((answer.jar(), answer.body.as_str()), (jar, state), "{words}");
        assert_eq!(shelf.calls(), calls, "{words}");
        assert!(shelf.records().len() <= 1);
    }
    assert!(shelf.records().is_empty());
}

#[actix_web::test]
async fn the_store_learns_nothing_and_keeps_a_record_as_long_as_it_lives() {
    let shop = Shop::new().await;
    let browser = shop.world.browser();
    browser.go("d:canary-draft,in424242").await;
    let (name, state) = shop.shelf.only();
    let text = format!("{state:?}");
    assert_eq!(state.len(), 1);
    for plain in ["canary", "424242", "shop", "draft", &name] {
        assert!(!text.contains(plain), "{plain} in {text}");
    }
    // Half an hour, and a second more because a store counts whole ones.
    assert_eq!(shop.shelf.seconds(), [1801]);
    shop.world.clock.advance(MINUTE);
    browser.go("v1").await;
    assert_eq!(shop.shelf.seconds(), [29 * 60 + 1], "a write within a tenth of the idle time is no touch");
    shop.world.clock.advance(3 * MINUTE);
    browser.go("").await;
    assert_eq!(shop.shelf.seconds(), [1801]);
    // No longer than the absolute timeout.
    for _ in 0..47 {
        shop.world.clock.advance(15 * MINUTE);
        browser.go("").await;
    }
    assert_eq!(shop.shelf.seconds().pop(), Some(11 * 60 + 1));
}

/// Stores add it to the time, and Redis refuses what it cannot count in milliseconds.
#[actix_web::test]
async fn a_life_without_end_is_a_century_to_the_store() {
    let endless = |builder: SessionMiddlewareBuilder| {
        builder.idle_timeout(Duration::MAX).absolute_timeout(Duration::MAX)
    };
    let shop = Shop::with(endless, |_| ()).await;
    assert_eq!(shop.world.browser().go("v1").await.status, 200);
    assert_eq!(shop.shelf.seconds(), [100 * 365 * 24 * 60 * 60 + 1]);
}

/// OWASP ASVS 5.0 7.3.1, 7.3.2.
#[actix_web::test]
async fn both_timeouts_hold_although_the_store_ends_nothing() {
    let shop = Shop::new().await;
    let (quiet, busy) = (shop.browser_after("in4").await, shop.browser_after("in5").await);
    for minutes in (20..12 * 60).step_by(20) {
        shop.world.clock.advance(20 * MINUTE);
        let body = busy.go("").await.body;
        assert_eq!(body, r#"5 [] 0 "" -"#, "{minutes} minutes");
        // The one who was not seen for 40 minutes.
        if minutes >= 40 {
            assert_eq!(quiet.clone().go("").await.body, EMPTY);
        }
    }
    shop.world.clock.advance(20 * MINUTE);
    assert_eq!(busy.go("").await.body, EMPTY, "the absolute timeout");
    assert_eq!(shop.shelf.records().len(), 2);
}

/// A write of the whole session would undo what other requests, or other processes, do at that moment.
#[actix_web::test]
async fn a_request_that_only_reads_overwrites_nothing() {
    let shop = Shop::new().await;
    let browser = shop.browser_after("v1").await;
    let before = shop.shelf.records();
    for _ in 0..3 {
        shop.world.clock.advance(20 * MINUTE);
        let answer = browser.go("").await;
        assert_eq!((answer.jar(), answer.body.as_str()), (Jar::Set, r#"- [] 1 "" -"#));
        assert_eq!(shop.shelf.calls(), "load load update_ttl");
        assert_eq!(shop.shelf.records(), before);
        assert_eq!(browser.go("").await.jar(), Jar::Kept);
        shop.shelf.calls();
    }
    // It has ended in between.
    shop.world.clock.advance(20 * MINUTE);
    let (other, elsewhere) = (browser.clone(), shop.beside().await);
    shop.shelf.next("update_ttl", Fate::Held);
    let (answer, ()) = tokio::join!(browser.go(""), async {
        shop.shelf.until_held().await;
        assert_eq!(other.go_at(&elsewhere, "purge").await.status, 200);
        shop.shelf.let_go();
    });
    assert_eq!(answer.status, 200);
    assert!(shop.shelf.records().is_empty());
}

#[actix_web::test]
async fn requests_at_once_in_one_process_lose_nothing() {
    let shop = Shop::new().await;
    let browser = shop.browser_after("v0").await;
    let all = join_all((1..=8).map(|line| {
        let browser = browser.clone();
        async move { browser.go(&format!("c{line},up1")).await.status }
    }));
    assert_eq!(all.await, [200; 8]);
    let state = browser.go("").await.body;
    assert!(state.starts_with("- [") && state.ends_with(r#"] 8 "" -"#), "{state}");
    assert!((1..=8).all(|line| state.contains(&line.to_string())), "{state}");
    // Nor does a change that depends on nothing that it read.
    let blind = join_all(["v9", "d:x", "n:hello"].map(|words| {
        let browser = browser.clone();
        async move { browser.go(words).await.status }
    }));
    assert_eq!(blind.await, [200; 3]);
    assert!(browser.go("").await.body.ends_with(r#"] 9 "x" hello"#));
}

/// OWASP ASVS 5.0 7.4.1.
#[actix_web::test]
async fn in_one_process_a_logout_is_final() {
    let shop = Shop::new().await;
    // The slow request has read the session, and writes after the logout.
    let browser = shop.browser_after("in4").await;
    let (slow, fast) = browser.overlap("gate,c2", "purge").await;
    assert_eq!((slow.status, fast.status), (200, 200));
    assert!(shop.shelf.records().is_empty());
    // The slow request is writing when the logout comes.
    let browser = shop.browser_after("in4").await;
    shop.shelf.next("update", Fate::Held);
    let (slow, fast) = tokio::join!(browser.go("c2"), async {
        shop.shelf.until_held().await;
        let other = browser.clone();
        let logout = other.go("purge");
        shop.shelf.let_go();
        logout.await
    });
    assert_eq!((slow.status, fast.status), (200, 200));
    assert!(shop.shelf.records().is_empty());
}

/// OWASP ASVS 5.0 7.2.4.
#[actix_web::test]
async fn after_a_sign_in_or_a_renewal_the_id_of_before_opens_nothing() {
    for words in ["in4", "renew", "in4,renew"] {
        let shop = Shop::new().await;
        let browser = shop.browser_after("v1").await;
        let thief = browser.clone();
        assert_eq!(browser.go(words).await.jar(), Jar::Set);
        assert_eq!(thief.go("came").await.body, format!("Superseded | {EMPTY}"), "{words}");
        for write in ["v2", "purge", "out"] {
            assert_eq!(thief.go(write).await.status, 409, "{words}: {write}");
        }
        assert!(browser.go("").await.body.ends_with(r#"[] 1 "" -"#), "{words}");
        assert_eq!(shop.shelf.records().len(), 1);
    }
}

#[actix_web::test]
async fn two_clicks_on_sign_in_come_to_one_session() {
    let shop = Shop::new().await;
    let browser = shop.browser_after("c1").await;
    let other = browser.clone();
    let (slow, fast) = browser.overlap_with(&other, "gate,in4,c2", "in4,c3").await;
    assert_eq!((slow.jar(), fast.jar()), (Jar::Set, Jar::Set));
    for one in [browser, other] {
        assert_eq!(one.go("").await.body, r#"4 [1, 3, 2] 0 "" -"#);
    }
    assert_eq!(shop.shelf.records().len(), 1);
}

#[actix_web::test]
async fn after_the_response_has_begun_a_logout_can_be_stored_and_nothing_else() {
    async fn late(shop: TypedSession<words::Shop>, what: web::Path<String>) -> HttpResponse {
        HttpResponse::Ok().streaming(stream::once(async move {
            let mut shop = shop;
            match what.as_str() {
                "set" => shop.set_visits(9),
                "in" => shop.set_user(4),
                "purge" => shop.session().purge(),
                _ => {}
            }
            Ok::<_, actix_typed_session::Error>(Bytes::from(said(shop.session().save().await)))
        }))
    }
    let shop = Shop::with(
        |builder| builder,
        |routes| {
            routes.route("/late/{what}", web::get().to(late));
        },
    )
    .await;
    let browser = shop.browser_after("v1").await;
    for (what, said) in [("set", "TooLate"), ("in", "TooLate"), ("nothing", "Ok")] {
        assert_eq!(browser.get(&format!("/late/{what}")).await.body, said, "{what}");
        assert!(!shop.shelf.calls().contains("update"), "{what}");
    }
    assert_eq!(browser.get("/late/purge").await.body, "Ok");
    assert!(shop.shelf.records().is_empty());
}

/// Both cookies in both orders.
fn orders(one: &Browser<'_>, other: &Browser<'_>) -> [String; 2] {
    let (one, other) = (one.cookie().unwrap(), other.cookie().unwrap());
    [format!("{one}; {other}"), format!("{other}; {one}")]
}

/// OWASP ASVS 5.0 15.3.7; RFC 6265bis 4.2.2.
#[actix_web::test]
async fn of_several_cookies_the_one_that_is_live_counts_and_two_are_nobody() {
    let shop = Shop::new().await;
    let browser = shop.browser_after("v1").await;
    let (before, ended) = (browser.clone(), shop.browser_after("v9").await);
    let gone = ended.clone();
    ended.go("purge").await;
    browser.go("in4").await;
    for dead in [&before, &gone] {
        for cookies in orders(&browser, dead) {
            assert_eq!(shop.world.request("/do/", Some(&cookies)).await.body, r#"4 [] 1 "" -"#);
        }
    }
    let planted = shop.browser_after("in5,v2").await;
    for cookies in orders(&browser, &planted) {
        let both = shop.world.request("/do/came", Some(&cookies)).await;
        assert_eq!(both.body, format!("Ambiguous | {EMPTY}"));
    }
    let [cookies, _] = orders(&browser, &planted);
    assert_eq!(shop.world.request("/do/purge", Some(&cookies)).await.status, 200);
    assert!(shop.shelf.records().is_empty(), "a logout ends both");
    // Of one session before and after it was prolonged, either is right.
    let browser = shop.browser_after("v3").await;
    let earlier = browser.clone();
    shop.world.clock.advance(20 * MINUTE);
    browser.go("").await;
    shop.world.clock.advance(20 * MINUTE);
    for cookies in orders(&browser, &earlier) {
        assert_eq!(shop.world.request("/do/", Some(&cookies)).await.body, r#"- [] 3 "" -"#);
    }
}

/// OWASP ASVS 5.0 9.1.1, 9.2.2, 9.2.3.
#[actix_web::test]
async fn a_cookie_of_another_application_name_or_key_is_a_strangers() {
    let shop = Shop::new().await;
    let other_key = Keys::from(key_of(b"another-key-of-32-bytes-for-test"));
    let others = [
        shop.beside_as("blog", key(), |builder| builder).await,
        shop.beside_as("shop", other_key, |builder| builder).await,
        shop.beside_as("shop", key(), |builder| builder.cookie_name("id")).await,
        World::new().await,
        World::sealed(SealedCookie::new("shop").without_server_logout(), key(), |it| it, |_| ()).await,
    ];
    shop.world.is_strange_to(&others).await;
}

/// Clients without cookies get the id in a header.
#[actix_web::test]
async fn the_header_of_a_client_without_cookies_points_to_its_session() {
    let shop = Shop::with(|builder| builder.id_header("x-session"), |_| ()).await;
    let begun = shop.world.request("/do/v1", None).await;
    let id = begun.headers.get("x-session").unwrap().to_str().unwrap().to_owned();
    let answer = shop.world.with_header("/do/v2", ("x-session", &id)).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"- [] 2 "" -"#));
    assert!(answer.headers.get("x-session").is_none(), "it is the same");
    assert_eq!(shop.world.request("/do/", Some(&format!("__Host-sid={id}"))).await.body, EMPTY);
}

pub(super) fn key_of(bytes: &[u8; 32]) -> actix_typed_session::Key {
    actix_typed_session::Key::try_from(bytes.as_slice()).unwrap()
}

/// OWASP ASVS 5.0 9.1.1, 11.2.5. A forged cookie asks no store.
#[actix_web::test]
async fn a_cookie_that_was_changed_is_a_strangers_and_costs_no_call() {
    let shop = Shop::new().await;
    let cookie = shop.browser_after("v1,in4").await.cookie().unwrap();
    let begin = "__Host-sid=".len();
    for at in begin..cookie.len() {
        let mut bytes = cookie.clone().into_bytes();
        bytes[at] ^= 1;
        for changed in [&bytes, &cookie.as_bytes()[..at]] {
            let Ok(sent) = HeaderValue::from_bytes(changed) else { continue };
            let answer = shop.world.send("/do/", Some(sent)).await;
            assert_eq!((answer.status, answer.body.as_str()), (200, EMPTY), "at {at}");
        }
    }
    assert_eq!(shop.shelf.calls(), "");
}

/// A key is changed as with every store: what the key of before has sealed opens as long as that key is given.
#[actix_web::test]
async fn a_key_can_be_changed() {
    let shop = Shop::new().await;
    let new = || key_of(b"another-key-of-32-bytes-for-test");
    let browser = shop.browser_after("v1,in4").await;
    let both = shop.beside_as("shop", Keys::new(new(), [key()]), |builder| builder).await;
    assert_eq!(browser.go_at(&both, "").await.body, r#"4 [] 1 "" -"#);
    // The cookie is sealed by the new key then, and the record by the one before.
    shop.world.clock.advance(10 * MINUTE);
    assert_eq!(browser.go_at(&both, "").await.jar(), Jar::Set);
    let alone = shop.beside_as("shop", new(), |builder| builder).await;
    assert_eq!(browser.clone().go_at(&alone, "").await.body, EMPTY);
    assert_eq!(browser.go_at(&both, "v2").await.status, 200);
    assert_eq!(browser.go_at(&alone, "").await.body, r#"4 [] 2 "" -"#);
}

//! The stores of actix-session themselves.

use std::time::Duration;

use actix_session::storage::{CookieSessionStore, RedisSessionStore};
use actix_typed_session::{
    SessionMiddlewareBuilder,
    record::Timestamp,
    store::{ActixSessionStore, ManualClock},
};

use super::kit::MINUTE;
use crate::{
    flow::{
        kit::{Browser, EMPTY, Jar, World, key},
        logged::Logged,
        sealed::text,
    },
    servers::{Redis, shared_redis, unique_name},
};

fn now() -> ManualClock {
    ManualClock::at(Timestamp::from(std::time::SystemTime::now()))
}

async fn redis_world(redis: &Redis, prefix: &str) -> World {
    let prefix = prefix.to_owned();
    let store = RedisSessionStore::builder(redis.url()).cache_keygen(move |key| format!("{prefix}:{key}"));
    let home = ActixSessionStore::new("shop", store.build().await.unwrap());
    World::adapted(home, now(), key(), |builder| builder, |_| ()).await
}

async fn keys(redis: &Redis, prefix: &str) -> Vec<String> {
    redis.command(&["KEYS", &format!("{prefix}:*")]).await.unwrap()
}

#[actix_web::test]
async fn a_life_in_the_redis_store_of_actix_session() {
    let Some(redis) = shared_redis().await else { return };
    let prefix = unique_name();
    // Two processes, one after the other.
    let (one, other) = (redis_world(redis, &prefix).await, redis_world(redis, &prefix).await);
    let browser = one.browser();
    for (world, words, jar, state) in [
        (&one, "", Jar::Kept, EMPTY),
        (&one, "v1,c7", Jar::Set, r#"- [7] 1 "" -"#),
        (&other, "n:hello", Jar::Kept, r#"- [7] 1 "" hello"#),
        (&other, "in4", Jar::Set, r#"4 [7] 1 "" hello"#),
        (&one, "t,up2", Jar::Kept, r#"hello | 4 [7] 3 "" -"#),
        (&one, "renew", Jar::Set, r#"4 [7] 3 "" -"#),
        (&other, "in5", Jar::Set, r#"5 [] 0 "" -"#),
    ] {
        let answer = browser.go_at(world, words).await;
        assert_eq!((answer.status, answer.jar(), answer.body.as_str()), (200, jar, state), "{words}");
    }
    let names = keys(redis, &prefix).await;
    assert_eq!(names.len(), 1, "{names:?}");
    let text: String = redis.command(&["GET", &names[0]]).await.unwrap();
    assert!(text.starts_with(r#"{"sealed":"1."#) && !text.contains("cart"), "{text}");
    let left: i64 = redis.command(&["TTL", &names[0]]).await.unwrap();
    assert!((1795..=1801).contains(&left), "{left}");
    // A touch prolongs it there.
    other.clock.advance(10 * MINUTE);
    let _: i64 = redis.command(&["EXPIRE", &names[0], "60"]).await.unwrap();
    assert_eq!(browser.go_at(&other, "").await.jar(), Jar::Set);
    let left: i64 = redis.command(&["TTL", &names[0]]).await.unwrap();
    assert!((1795..=1801).contains(&left), "{left}");
    assert_eq!(browser.go_at(&other, "purge").await.jar(), Jar::Removed);
    assert!(keys(redis, &prefix).await.is_empty());
}

#[actix_web::test]
async fn redis_keeps_a_life_without_end() {
    let Some(redis) = shared_redis().await else { return };
    let store = RedisSessionStore::new(redis.url()).await.unwrap();
    let home = ActixSessionStore::new("shop", store);
    let endless = |builder: SessionMiddlewareBuilder| {
        builder.idle_timeout(Duration::MAX).absolute_timeout(Duration::MAX)
    };
    let world = World::adapted(home, now(), key(), endless, |_| ()).await;
    let answer = world.browser().go("v1").await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Set));
}

/// What Redis has lost is a session that has ended: nothing brings it back, although the store would.
#[actix_web::test]
async fn a_session_that_redis_has_lost_has_ended() {
    let Some(redis) = shared_redis().await else { return };
    let prefix = unique_name();
    let world = redis_world(redis, &prefix).await;
    let browser = world.browser_after("in4").await;
    let slow = async {
        let (slow, ()) = tokio::join!(biased; browser.go("gate,v2"), async {
            let names = keys(redis, &prefix).await;
            let _: i64 = redis.command(&["DEL", &names[0]]).await.unwrap();
            world.gate.notify_one();
        });
        slow
    };
    assert_eq!(slow.await.jar(), Jar::Kept);
    assert!(keys(redis, &prefix).await.is_empty());
    assert_eq!(browser.go("came").await.body, format!("Ended | {EMPTY}"));
}

#[actix_web::test]
async fn a_redis_that_cannot_be_reached_is_503_in_time() {
    let Some(redis) = Redis::start().await else { return };
    let world = redis_world(&redis, "outage").await;
    let browser = world.browser_after("in4").await;
    redis.freeze().await;
    let begun = std::time::Instant::now();
    let answer = browser.go("").await;
    assert_eq!((answer.status, answer.jar()), (503, Jar::Kept));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    redis.thaw();
}

/// It has another key after each change, which holds all of the session.
fn in_cookies() -> ActixSessionStore {
    ActixSessionStore::new("shop", CookieSessionStore::default())
}

async fn state(browser: &Browser<'_>) -> String {
    browser.clone().go("").await.body
}

#[actix_web::test]
async fn a_store_that_gives_another_key_with_each_change_sets_the_cookie_each_time() {
    let world = World::adapted(in_cookies(), now(), key(), |builder| builder, |_| ()).await;
    let browser = world.browser();
    for (words, jar, state) in [
        ("v1", Jar::Set, r#"- [] 1 "" -"#),
        ("c7", Jar::Set, r#"- [7] 1 "" -"#),
        ("", Jar::Kept, r#"- [7] 1 "" -"#),
        ("c8,save,c9", Jar::Set, r#"Ok | - [7, 8, 9] 1 "" -"#),
        ("in4", Jar::Set, r#"4 [7, 8, 9] 1 "" -"#),
    ] {
        let answer = browser.go(words).await;
        assert_eq!((answer.status, answer.jar(), answer.body.as_str()), (200, jar, state), "{words}");
    }
    // Both timeouts hold, although this store knows none.
    for _ in 0..3 {
        world.clock.advance(20 * MINUTE);
        assert_eq!(browser.go("").await.jar(), Jar::Set);
    }
    let copy = browser.clone();
    assert_eq!(browser.go("purge").await.jar(), Jar::Removed);
    // What it cannot: delete, or tell which of two changes was the last.
    assert_eq!(state(&copy).await, r#"4 [7, 8, 9] 1 "" -"#);
    let (slow, _) = copy.overlap("gate,c2", "c3").await;
    assert_eq!((slow.status, state(&copy).await.as_str()), (200, r#"4 [7, 8, 9, 2] 1 "" -"#));
    world.clock.advance(30 * MINUTE);
    assert_eq!(state(&copy).await, EMPTY);
}

/// Two live records of one session are those of two browsers, one of which may be a thief's.
#[actix_web::test]
async fn with_such_a_store_two_cookies_of_one_session_are_nobody() {
    let world = World::adapted(in_cookies(), now(), key(), |builder| builder, |_| ()).await;
    let visitor = world.browser_after("v1").await;
    let thief = visitor.clone();
    visitor.go("in4").await;
    thief.go("in5").await;
    let (one, other) = (visitor.cookie().unwrap(), thief.cookie().unwrap());
    for cookies in [format!("{one}; {other}"), format!("{other}; {one}")] {
        assert_eq!(world.request("/do/came", Some(&cookies)).await.body, format!("Ambiguous | {EMPTY}"));
    }
}

#[actix_web::test]
async fn a_key_that_fits_no_cookie_is_an_error_that_says_so() {
    let world = World::adapted(in_cookies(), now(), key(), |builder| builder, |_| ()).await;
    let (mut browser, mut length) = (world.browser_after("v1").await, 500);
    let (logged, _guard) = Logged::here();
    loop {
        let next = world.browser();
        if next.go(&format!("d:{}", text(length))).await.status == 503 {
            break;
        }
        (browser, length) = (next, length + 100);
    }
    let told = logged.text();
    assert!(length > 1500 && told.contains("take a store whose keys are short"), "{length}: {told}");
    let state = state(&browser).await;
    let answer = browser.go(&format!("d:{}", text(length))).await;
    assert_eq!((answer.status, answer.jar(), browser.go("").await.body), (503, Jar::Kept, state));
}

/// That a visitor stores too much is no outage, in which nobody would be asked for.
#[actix_web::test]
async fn a_key_that_is_too_long_for_the_store_stops_nobody_else() {
    let world = World::adapted(in_cookies(), now(), key(), |builder| builder, |_| ()).await;
    let other = world.browser_after("v1").await;
    let (logged, _guard) = Logged::here();
    for _ in 0..4 {
        assert_eq!(world.browser().go(&format!("d:{}", text(5000))).await.status, 503);
    }
    let told = logged.text();
    assert!(told.contains("take a store whose keys are short"), "{told}");
    assert_eq!(other.go("v2").await.status, 200);
}

#[test]
fn its_debug_form_has_the_name_alone() {
    assert_eq!(format!("{:?}", in_cookies()), r#"ActixSessionStore { application: "shop", .. }"#);
}

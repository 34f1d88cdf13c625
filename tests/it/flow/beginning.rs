//! A session that begins empty, one that is cleared and goes on, and an explicit sign of life.

use std::time::Duration;

use super::kit::{EMPTY, Jar, World};

#[actix_web::test]
async fn a_session_begins_without_a_value_and_is_used_from_then_on() {
    let world = World::new().await;
    let browser = world.browser();
    let answer = browser.go("begin").await;
    assert_eq!((answer.jar(), world.store.asked().as_str()), (Jar::Set, "create"));
    let answer = browser.go("begin,begin").await;
    assert_eq!(
        (answer.jar(), answer.body.as_str(), world.store.asked().as_str()),
        (Jar::Kept, EMPTY, "load")
    );
    browser.go("v3").await;
    assert_eq!(browser.go("").await.body, r#"- [] 3 "" -"#);
    assert_eq!(world.store.len(), 1);
    // After a purge of the same request it begins another one.
    assert_eq!(browser.go("purge,begin").await.jar(), Jar::Set);
    assert_eq!((browser.go("").await.body.as_str(), world.store.len()), (EMPTY, 1));
}

/// Whoever comes with a cookie from before a renewal must not get another one in its place.
#[actix_web::test]
async fn a_late_request_begins_nothing_over_a_renewed_session() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    let old = browser.clone();
    browser.go("renew").await;
    let answer = old.go("begin").await;
    assert_eq!((answer.status, answer.jar()), (409, Jar::Kept));
    let (slow, _) = browser.overlap("gate,begin", "purge").await;
    assert_eq!((slow.status, slow.jar(), world.store.len()), (200, Jar::Kept, 0), "nor after its end");
}

#[actix_web::test]
async fn clearing_a_state_keeps_the_session_and_the_user() {
    let world = World::new().await;
    let browser = world.browser_after("in4,v3,c7,d:x,n:y").await;
    let answer = browser.go("clear").await;
    assert_eq!((answer.body.as_str(), answer.jar()), (r#"4 [] 0 "" -"#, Jar::Kept));
    assert_eq!(browser.go("").await.body, r#"4 [] 0 "" -"#);
    world.store.asked();
    browser.go("clear").await;
    assert_eq!(world.store.asked(), "load", "nothing is left to clear");
    assert_eq!(
        (world.browser().go("clear").await.jar(), world.store.len()),
        (Jar::Kept, 1),
        "it begins none"
    );
    assert_eq!((world.browser().go("v3,clear").await.jar(), world.store.len()), (Jar::Kept, 1));
    // What another request wrote meanwhile is cleared too.
    browser.go("v3").await;
    browser.overlap("clear,gate", "v9,c5").await;
    assert_eq!(browser.go("").await.body, r#"4 [] 0 "" -"#);
}

#[actix_web::test]
async fn a_touch_prolongs_the_session_before_one_is_due() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    for _ in 0..40 {
        world.clock.advance(Duration::from_mins(1));
        browser.go("poll,touch").await;
    }
    assert_eq!(browser.go("").await.body, r#"- [] 1 "" -"#, "40 minutes, of which each had a sign of life");
    world.store.asked();
    browser.go("").await;
    assert_eq!(world.store.asked(), "load", "none is due");
    browser.go("touch").await;
    assert_eq!(world.store.asked(), "load update");
    assert_eq!(
        (world.browser().go("touch").await.jar(), world.store.len()),
        (Jar::Kept, 1),
        "it begins none"
    );
}

//! The commit table, rows about a failing store: an outage is an error, never "no session", and no write is sent twice.

use std::time::Duration;

use actix_typed_session::store::StoreErrorKind;

use super::{
    kit::{Answer, EMPTY, Jar, World},
    script::Fault,
};

const IDLE: Duration = Duration::from_mins(30);

fn assert_opaque_503(answer: &Answer) {
    assert_opaque(answer);
    assert_eq!(answer.header("retry-after"), Some("1"));
}

fn assert_opaque(answer: &Answer) {
    assert_eq!((answer.status, answer.jar()), (503, Jar::Kept), "{answer:?}");
    assert_eq!(answer.body, "Service Unavailable");
}

#[actix_web::test]
async fn a_touch_that_fails_does_not_affect_the_response() {
    use StoreErrorKind::{Full, Unavailable, UnknownOutcome};
    let faults = [Fault::Gone, Fault::Conflict, Fault::AfterDelete, Fault::Unanswered];
    let failures = [Unavailable, UnknownOutcome, Full].map(Fault::Fails);
    for fault in faults.into_iter().chain(failures) {
        let world = World::new().await;
        let browser = world.browser_after("v1").await;
        world.clock.advance(IDLE / 5);
        world.store.at("update", 1, fault.clone());
        let answer = browser.go("").await;
        assert_eq!((answer.status, answer.jar()), (200, Jar::Kept), "{fault:?}");
        assert_eq!(answer.body, r#"- [] 1 "" -"#);
        assert_eq!(world.store.asked(), "load touch", "{fault:?}");
    }
}

#[actix_web::test]
async fn a_purge_that_fails_keeps_the_cookie_so_that_it_can_be_tried_again() {
    for words in ["purge", "in4,out", "purge,v3"] {
        let world = World::new().await;
        let browser = world.browser_after("v1,in4").await;
        world.store.at("delete", 1, Fault::Fails(StoreErrorKind::Unavailable));
        world.store.at("delete", 2, Fault::Fails(StoreErrorKind::UnknownOutcome));
        assert_opaque_503(&browser.go(words).await);
        assert_eq!(
            world.store.asked(),
            "load delete delete",
            "a delete may be tried twice, and nothing follows it"
        );
        assert_eq!(browser.go("purge").await.jar(), Jar::Removed);
        assert_eq!((world.store.asked().as_str(), world.store.len()), ("delete", 0));
    }
}

/// A delete without a confirmation may have left the session alive. Access to it is refused, and the next request ends it first.
/// OWASP ASVS 5.0 7.4.1.
#[actix_web::test]
async fn a_session_whose_end_is_not_confirmed_is_refused_and_ended_by_the_next_request() {
    for (words, jar, calls) in [
        ("see", Jar::Removed, "delete"),
        ("list,v3", Jar::Set, "delete create"),
        ("in5", Jar::Set, "delete create"),
    ] {
        let world = World::new().await;
        let browser = world.browser_after("v1,in4").await;
        let copy = browser.clone();
        let fails = |first| {
            world.store.at("delete", first, Fault::Fails(StoreErrorKind::Unavailable));
            world.store.at("delete", first + 1, Fault::Fails(StoreErrorKind::UnknownOutcome));
        };
        fails(1);
        assert_opaque_503(&browser.go("purge").await);
        fails(1);
        assert_opaque_503(&browser.go("see").await);
        assert_eq!(browser.get("/none").await.status, 200);
        world.store.asked();
        let answer = browser.go(words).await;
        assert_eq!((answer.status, answer.jar()), (200, jar), "{words}");
        assert!(!answer.body.starts_with('4'), "{words}: {}", answer.body);
        assert_eq!(world.store.asked(), calls, "{words}");
        // The session has ended for every browser, and its cookie is looked up as usual.
        assert_eq!(copy.go("").await.body, EMPTY);
        assert_eq!(world.store.asked(), "load", "{words}");
    }
}

#[actix_web::test]
async fn a_request_does_not_read_a_session_that_it_could_not_end() {
    let world = World::new().await;
    let browser = world.browser_after("v1,in4").await;
    for nth in [1, 2] {
        world.store.at("delete", nth, Fault::Fails(StoreErrorKind::Unavailable));
    }
    let answer = browser.go("purge,save,see").await;
    assert_eq!(answer.body, format!("StoreUnavailable | {EMPTY} | {EMPTY}"));
    // The commit at the end of the request tries the delete once more.
    assert_eq!((answer.status, answer.jar(), world.store.len()), (200, Jar::Removed, 0));
}

#[actix_web::test]
async fn a_write_that_fails_is_a_503_and_is_never_sent_again() {
    use StoreErrorKind::{Full, Unavailable, UnknownOutcome, Unreadable};
    let faults = [Unavailable, UnknownOutcome, Full, Unreadable].map(Fault::Fails);
    for fault in faults.into_iter().chain([Fault::Unanswered]) {
        let world = World::new().await;
        let browser = world.browser();
        world.store.at("create", 1, fault.clone());
        // Sent again, it could be stored twice.
        let is_unknown = matches!(fault, Fault::Unanswered | Fault::Fails(UnknownOutcome));
        let assert_refused = |answer: &Answer| {
            assert_opaque(answer);
            assert_eq!(answer.header("retry-after"), Some("1").filter(|_| !is_unknown), "{fault:?}");
        };
        assert_refused(&browser.go("v1").await);
        assert_eq!(world.store.asked(), "create", "{fault:?}");
        for (words, asked) in [("c1", "load update"), ("renew", "load renew"), ("in4", "load renew")] {
            let browser = world.browser_after("v1").await;
            world.store.at("update", 1, fault.clone());
            assert_refused(&browser.go(words).await);
            assert_eq!(world.store.asked(), asked, "{words} {fault:?}");
        }
    }
}

#[actix_web::test]
async fn a_save_that_failed_is_not_repeated_at_the_end_of_the_request() {
    // Whatever the handler does with the error, the commit at the end does not send the write again.
    for (words, status) in
        [("try1", 503), ("c1,saveq", 503), ("c1,save", 200), ("c1,savex", 503), ("c1,savex,save", 503)]
    {
        for fault in [Fault::Unanswered, Fault::Fails(StoreErrorKind::UnknownOutcome)] {
            let world = World::new().await;
            let browser = world.browser_after("v0,c0").await;
            world.store.at("update", 1, fault.clone());
            let answer = browser.go(words).await;
            assert_eq!((answer.status, answer.jar()), (status, Jar::Kept), "{words} {fault:?}");
            // A save with nothing to write tells whether the session still is.
            let reloads = if words.ends_with("savex,save") { " load" } else { "" };
            assert_eq!(world.store.asked(), format!("load update{reloads}"), "{words} {fault:?}");

            world.store.at("create", 1, fault.clone());
            let answer = world.browser().go(words).await;
            assert_eq!((answer.status, answer.jar()), (status, Jar::Kept), "{words} {fault:?}");
            assert_eq!(world.store.asked(), "create", "{words} {fault:?}");
        }
    }
}

/// OWASP ASVS 5.0 13.1.2.
#[actix_web::test]
async fn a_load_that_fails_is_tried_twice_and_never_reads_as_no_session() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    world.store.at("load", 1, Fault::Fails(StoreErrorKind::Unavailable));
    assert_eq!(browser.go("").await.body, r#"- [] 1 "" -"#);
    assert_eq!(world.store.asked(), "load load");
    for words in ["", "v1", "purge"] {
        let world = World::new().await;
        let browser = world.browser_after("v1").await;
        world.store.damage(Some(StoreErrorKind::Unavailable));
        assert_opaque_503(&browser.go(words).await);
        assert_eq!(world.store.asked(), "load load");
        assert_eq!(browser.get("/none").await.status, 200);
    }
}

/// OWASP ASVS 5.0 16.5.2.
#[actix_web::test]
async fn a_store_that_does_not_answer_is_not_called_by_every_request() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    world.store.damage(Some(StoreErrorKind::Unavailable));
    for _ in 0..50 {
        assert_opaque_503(&browser.go("").await);
    }
    let asked = world.store.asked();
    assert!(asked.matches("load").count() < 14, "{asked}");
    assert_eq!(browser.get("/none").await.status, 200);
    world.store.damage(None);
    let since = std::time::Instant::now();
    while browser.go("").await.status != 200 {
        assert!(since.elapsed().as_secs() < 10);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(browser.state().await, r#"- [] 1 "" -"#);
}

#[actix_web::test]
async fn a_cookie_of_an_earlier_save_is_sent_despite_a_later_failure() {
    let world = World::new().await;
    let browser = world.browser();
    world.store.at("update", 1, Fault::Fails(StoreErrorKind::Unavailable));
    let answer = browser.go("v1,save,v2").await;
    assert_eq!(
        (answer.status, answer.jar(), answer.header("retry-after")),
        (503, Jar::Set, None),
        "a part of it is stored"
    );
    assert_eq!(world.store.asked(), "create load update");
    assert_eq!(browser.state().await, r#"- [] 1 "" -"#);
    let answer = browser.go("in4,save,err").await;
    assert_eq!((answer.status, answer.jar()), (418, Jar::Set), "and with a handler's own");
    assert_eq!(browser.state().await, r#"4 [] 1 "" -"#);
}

#[actix_web::test]
async fn a_handler_that_returns_the_error_after_a_part_was_stored_asks_for_no_repetition() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    world.store.at("update", 2, Fault::Fails(StoreErrorKind::Unavailable));
    let answer = browser.go("v2,saveq,v3,saveq").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, None));
}

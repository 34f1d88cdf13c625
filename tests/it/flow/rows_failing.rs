//! The commit table, rows where the store fails: an outage is an error, never "no session", and nothing is sent twice.

use std::time::Duration;

use actix_typed_session::store::StoreErrorKind;

use super::{
    kit::{Answer, Jar, World},
    script::Fault,
};

const IDLE: Duration = Duration::from_mins(30);

fn assert_opaque_503(answer: &Answer) {
    assert_eq!((answer.status, answer.jar()), (503, Jar::Kept), "{answer:?}");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.body, "Service Unavailable");
}

#[actix_web::test]
async fn a_touch_that_fails_is_nobodys_business() {
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
    }
}

#[actix_web::test]
async fn a_write_that_fails_is_a_503_and_is_never_sent_again() {
    use StoreErrorKind::{Full, Unavailable, UnknownOutcome, Unreadable};
    let faults = [Unavailable, UnknownOutcome, Full, Unreadable].map(Fault::Fails);
    for fault in faults.into_iter().chain([Fault::Unanswered]) {
        let world = World::new().await;
        let browser = world.browser();
        world.store.at("create", 1, fault.clone());
        assert_opaque_503(&browser.go("v1").await);
        assert_eq!(world.store.asked(), "create", "{fault:?}");
        for (words, asked) in [("c1", "load update"), ("renew", "load renew"), ("in4", "load renew")] {
            let browser = world.browser_after("v1").await;
            world.store.at("update", 1, fault.clone());
            assert_opaque_503(&browser.go(words).await);
            assert_eq!(world.store.asked(), asked, "{words} {fault:?}");
        }
    }
}

#[actix_web::test]
async fn saving_in_the_handler_is_not_a_second_chance() {
    // However the handler takes the error, what was sent once is not sent by the end of the request.
    for (words, status) in
        [("try1", 503), ("c1,saveq", 503), ("c1,save", 200), ("c1,savex", 503), ("c1,savex,save", 503)]
    {
        for fault in [Fault::Unanswered, Fault::Fails(StoreErrorKind::UnknownOutcome)] {
            let world = World::new().await;
            let browser = world.browser_after("v0,c0").await;
            world.store.at("update", 1, fault.clone());
            let answer = browser.go(words).await;
            assert_eq!((answer.status, answer.jar()), (status, Jar::Kept), "{words} {fault:?}");
            assert_eq!(world.store.asked(), "load update", "{words} {fault:?}");

            world.store.at("create", 1, fault.clone());
            let answer = world.browser().go(words).await;
            assert_eq!((answer.status, answer.jar()), (status, Jar::Kept), "{words} {fault:?}");
            assert_eq!(world.store.asked(), "create", "{words} {fault:?}");
        }
    }
}

#[actix_web::test]
async fn a_load_that_fails_is_tried_twice_and_is_never_no_session() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    world.store.at("load", 1, Fault::Fails(StoreErrorKind::Unavailable));
    assert_eq!(browser.go("").await.body, r#"- [] 1 "" -"#);
    assert_eq!(world.store.asked(), "load load");
    world.store.damage(Some(StoreErrorKind::Unavailable));
    for words in ["", "v1", "purge"] {
        assert_opaque_503(&browser.go(words).await);
        assert_eq!(world.store.asked(), "load load");
    }
    assert_eq!(browser.get("/none").await.status, 200);
}

#[actix_web::test]
async fn a_cookie_that_was_earned_goes_with_a_later_failure() {
    let world = World::new().await;
    let browser = world.browser();
    world.store.at("update", 1, Fault::Fails(StoreErrorKind::Unavailable));
    let answer = browser.go("v1,save,v2").await;
    assert_eq!((answer.status, answer.jar(), answer.header("retry-after")), (503, Jar::Set, Some("1")));
    assert_eq!(world.store.asked(), "create load update");
    assert_eq!(browser.state().await, r#"- [] 1 "" -"#);
    let answer = browser.go("in4,save,err").await;
    assert_eq!((answer.status, answer.jar()), (418, Jar::Set), "and with a handler's own");
    assert_eq!(browser.state().await, r#"4 [] 1 "" -"#);
}

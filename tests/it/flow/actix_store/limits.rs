//! What cannot be promised: between two processes, nothing keeps one from writing between the reading and the writing of the other.

use std::time::Duration;

use actix_typed_session::{ConfigError, SessionMiddleware, WhenFull, store::ActixSessionStore};

use super::{
    kit::{MINUTE, Shop},
    shelf::{Fate, Shelf},
};
use crate::flow::kit::{Answer, Browser, EMPTY, Jar, World, key};

/// The request of this process is about to write when the one of another process runs from beginning to end.
async fn between(shop: &Shop, slow: &Browser<'_>, other: &World, words: [&str; 2]) -> (Answer, Answer) {
    shop.shelf.next("update", Fate::Held);
    tokio::join!(slow.go(words[0]), async {
        shop.shelf.until_held().await;
        let fast = slow.clone();
        let answer = fast.go_at(other, words[1]).await;
        shop.shelf.let_go();
        answer
    })
}

#[actix_web::test]
async fn of_two_processes_that_write_at_once_the_last_overwrites_the_other() {
    let shop = Shop::new().await;
    let other = shop.beside().await;
    let browser = shop.browser_after("c1").await;
    let (slow, fast) = between(&shop, &browser, &other, ["v2", "c3"]).await;
    assert_eq!((slow.status, fast.status), (200, 200));
    assert_eq!(browser.go("").await.body, r#"- [1] 2 "" -"#, "the cart of the other one is lost");
    // Not if it reads after the other one has written, however long ago its request has begun.
    let (slow, fast) = tokio::join!(biased; browser.go("gate,v4"), async {
        let fast = browser.clone();
        let answer = fast.go_at(&other, "c5").await;
        shop.world.gate.notify_one();
        answer
    });
    assert_eq!((slow.status, fast.status), (200, 200));
    assert_eq!(browser.go("").await.body, r#"- [1, 5] 4 "" -"#);
}

#[actix_web::test]
async fn another_process_that_was_just_writing_brings_a_session_back_that_was_signed_out() {
    let shop = Shop::new().await;
    let other = shop.beside().await;
    let browser = shop.browser_after("in4").await;
    let copy = browser.clone();
    let (slow, fast) = between(&shop, &browser, &other, ["v2", "purge"]).await;
    assert_eq!((slow.status, fast.status), (200, 200));
    // It has another key now, which the writer's own browser gets; to all other cookies the session is over.
    assert_eq!(slow.jar(), Jar::Set);
    assert_eq!(copy.go("").await.body, EMPTY);
    assert_eq!(browser.go("").await.body, r#"4 [] 2 "" -"#);
    assert_eq!(shop.shelf.records().len(), 1);
}

/// A write that had no answer in time is on its way. A store that creates what it updates can carry it out after a logout.
#[actix_web::test]
async fn a_write_that_was_given_up_can_be_stored_after_a_logout() {
    let shop = Shop::with(|builder| builder.save_deadline(Duration::from_millis(100)), |_| ()).await;
    let browser = shop.browser_after("in4").await;
    let copy = browser.clone();
    shop.shelf.next("update", Fate::Late);
    assert_eq!(browser.go("v2").await.status, 503);
    assert_eq!(browser.go("purge").await.jar(), Jar::Removed);
    assert_eq!(copy.clone().go("").await.body, EMPTY);
    shop.shelf.let_go();
    shop.shelf.until_held().await;
    assert_eq!(copy.go("").await.body, r#"4 [] 2 "" -"#);
}

#[actix_web::test]
async fn another_process_that_was_just_writing_undoes_a_sign_in() {
    let shop = Shop::new().await;
    let other = shop.beside().await;
    let browser = shop.browser_after("v1").await;
    let visitor = browser.clone();
    shop.shelf.next("update", Fate::Held);
    let (slow, ()) = tokio::join!(browser.go("v2"), async {
        shop.shelf.until_held().await;
        assert_eq!(visitor.go_at(&other, "in4").await.status, 200);
        shop.shelf.let_go();
    });
    assert_eq!(slow.status, 200);
    assert_eq!(
        browser.go("").await.body,
        r#"- [] 2 "" -"#,
        "the session of before, in which nobody is signed in"
    );
    assert_eq!(visitor.go("came").await.body, format!("Superseded | {EMPTY}"), "the user signs in again");
}

/// That a session was prolonged is in its cookie. The cookie is not sent if the session has another id by then; but it may overtake the one
/// with the other id on its way.
#[actix_web::test]
async fn a_late_response_that_prolongs_a_session_can_put_its_old_cookie_back() {
    let shop = Shop::new().await;
    let browser = shop.browser_after("v1").await;
    shop.world.clock.advance(20 * MINUTE);
    let (slow, fast) = browser.overlap("gate", "in4").await;
    assert_eq!((slow.jar(), fast.jar()), (Jar::Kept, Jar::Set), "it knows of the sign-in");

    let (browser, clicked) = {
        let browser = shop.browser_after("v1").await;
        shop.world.clock.advance(20 * MINUTE);
        let clicked = browser.clone();
        (browser, clicked)
    };
    let late = browser.go("").await;
    assert_eq!((clicked.go("in4").await.jar(), late.jar()), (Jar::Set, Jar::Set));
    // Had the first answer arrived last, the browser would have its cookie.
    assert_eq!(browser.go("came").await.body, format!("Superseded | {EMPTY}"));
    assert_eq!(clicked.go("").await.body, r#"4 [] 1 "" -"#);
}

#[actix_web::test]
async fn what_needs_an_index_is_refused() {
    let home = ActixSessionStore::new("shop", Shelf::default());
    let refused = SessionMiddleware::builder(home, key()).max_sessions_per_user(3, WhenFull::RejectNew);
    let error = refused.build().unwrap_err();
    assert_eq!(error, ConfigError::NoIndex);
    assert!(error.to_string().contains("take a store of this crate"), "{error}");
    let shop = Shop::new().await;
    let browser = shop.browser_after("in4").await;
    for words in ["list", "others", "all", "endid:AAECAwQFBgcICQoLDA0ODw", "pages2"] {
        assert_eq!(browser.go(words).await.status, 500, "{words}");
    }
}

//! Operations after a save, or during one: the request must not forget that another one renewed or ended the session.

use std::{
    future::{Future, poll_fn},
    task::Poll,
};

use actix_typed_session::{Error, ErrorKind, TypedSession, store::StoreErrorKind};
use actix_web::{HttpResponse, web};
use futures_util::future::join;

use super::{
    kit::{Jar, Shop, World},
    script::Fault,
    words::said,
};

#[actix_web::test]
async fn a_renewal_by_another_request_is_remembered_after_a_save() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    let (slow, fast) = browser.overlap("v2,gate,save,renew", "renew").await;
    assert_eq!((slow.status, slow.jar()), (200, Jar::Kept), "the browser has the other cookie");
    assert_eq!(fast.jar(), Jar::Set);
}

#[actix_web::test]
async fn a_session_that_ended_is_not_revived_after_a_save() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    let (slow, _) = browser.overlap("v2,savex,gate,v3,savex,v4", "purge").await;
    assert_eq!((slow.status, slow.jar()), (200, Jar::Kept));
    let (slow, _) = world.browser_after("v1").await.overlap("gate,v2,savex,v3", "purge").await;
    assert_eq!((slow.status, slow.jar()), (200, Jar::Kept));
    assert!(!world.store.asked().ends_with("create"), "{}", world.store.asked());
}

#[actix_web::test]
async fn clearing_an_absent_principal_signs_nobody_out_who_signs_in_meanwhile() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    let (slow, fast) = browser.overlap("v2,c7,gate,out", "in1").await;
    assert_eq!((slow.status, slow.jar(), fast.status), (409, Jar::Kept, 200));
    let signed_in = fast.set_cookie().unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(world.request("/do/", Some(&signed_in)).await.body, r#"1 [] 1 "" -"#);
}

#[actix_web::test]
async fn an_error_of_an_inner_middleware_varies_by_cookie_too() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    assert_eq!(browser.get("/mw/see").await.header("vary"), Some("Cookie"));
}

/// Runs two `try_update`s at once. The first commits both closures, and the second must still report the outcome of its own.
async fn twice(mut shop: TypedSession<Shop>) -> Result<HttpResponse, Error> {
    let first = shop.try_update(|shop| shop.visits += 1);
    let second = shop.try_update(|shop| shop.visits += 1);
    let (first, second) = join(first, second).await;
    Ok(HttpResponse::Ok().body(format!("{} {}", said(first), said(second))))
}

#[actix_web::test]
async fn two_concurrent_saves_both_report_their_outcome() {
    let world = World::routed(
        |builder| builder,
        |app| {
            app.route("/twice", web::get().to(twice));
        },
    )
    .await;
    let browser = world.browser_after("v1").await;
    assert_eq!(browser.get("/twice").await.body, "Ok Ok");
    world.store.at("update", 1, Fault::Fails(StoreErrorKind::UnknownOutcome));
    assert_eq!(browser.get("/twice").await.body, "StoreUnavailable StoreUnavailable");
    world.store.at("update", 1, Fault::AfterDelete);
    assert_eq!(browser.get("/twice").await.body, "Gone Gone");
}

/// Begins a save and drops it, discards the operations that it covers, and writes another field.
async fn discards_a_save_in_progress(mut shop: TypedSession<Shop>) -> HttpResponse {
    let session = shop.session();
    shop.set_visits(2);
    let mut save = Box::pin(session.save());
    assert!(poll_fn(|context| Poll::Ready(save.as_mut().poll(context))).await.is_pending());
    drop(save);
    session.discard();
    shop.set_draft("kept");
    HttpResponse::Ok().finish()
}

#[actix_web::test]
async fn a_field_set_after_a_discard_is_stored_although_a_save_was_in_progress() {
    let world = World::routed(
        |builder| builder,
        |app| {
            app.route("/mind", web::get().to(discards_a_save_in_progress));
        },
    )
    .await;
    let browser = world.browser_after("v1").await;
    world.store.at("update", 1, Fault::Held(None));
    let asked = browser.get("/mind");
    let released = async {
        while !world.store.was_asked("update") {
            tokio::task::yield_now().await;
        }
        world.store.release();
    };
    let (answer, ()) = join(asked, released).await;
    assert_eq!(answer.status, 200);
    assert!(browser.state().await.contains("kept"), "{}", browser.state().await);
}

/// A save is refused; another one begins, whose operations begin with those; only then is the refusal looked at.
async fn looks_at_a_refusal_during_the_next_save(mut shop: TypedSession<Shop>) -> HttpResponse {
    let session = shop.session();
    shop.set_draft("x".repeat(10_000));
    let refused = session.save().await.unwrap_err();
    shop.set_draft("");
    shop.update_visits(|visits| *visits += 1);
    let mut save = Box::pin(session.save());
    assert!(poll_fn(|context| Poll::Ready(save.as_mut().poll(context))).await.is_pending());
    assert_eq!(refused.kind(), ErrorKind::TooLarge);
    HttpResponse::Ok().finish()
}

#[actix_web::test]
async fn a_closure_of_a_save_in_progress_counts_once_although_an_earlier_refusal_is_looked_at() {
    let world = World::routed(
        |builder| builder.max_record_bytes(2000),
        |app| {
            app.route("/look", web::get().to(looks_at_a_refusal_during_the_next_save));
        },
    )
    .await;
    let browser = world.browser_after("v1").await;
    world.store.at("update", 1, Fault::Held(None));
    let released = async {
        while !world.store.was_asked("update") {
            tokio::task::yield_now().await;
        }
        world.store.release();
    };
    let (answer, ()) = join(browser.get("/look"), released).await;
    assert_eq!(answer.status, 200);
    assert_eq!(browser.state().await, r#"- [] 2 "" -"#);
}

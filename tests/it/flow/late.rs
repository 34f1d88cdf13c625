//! Clients that disconnect, cookies that never arrive, and bodies that outlive their handler.

use std::{
    future::Future,
    io::{Read, Write},
    net::Shutdown,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use actix_typed_session::{TypedSession, store::StoreErrorKind};
use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    body::{BodySize, MessageBody},
    web::{self, Bytes},
};
use tokio::sync::Notify;
use tracing::Level;

use super::{
    kit::{Answer, EMPTY, Jar, Shop, World},
    logged::Logged,
    script::Fault,
    wire::{Server, request},
    words::act,
};

/// A body whose only chunk is made when it is polled, after the head has been sent.
pub(super) struct Late(Option<Pin<Box<dyn Future<Output = String>>>>);

impl Late {
    pub(super) fn new(chunk: impl Future<Output = String> + 'static) -> Self {
        Self(Some(Box::pin(chunk)))
    }
}

impl MessageBody for Late {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let Some(making) = &mut self.0 else { return Poll::Ready(None) };
        let made = std::task::ready!(making.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(Some(Ok(made.into())))
    }
}

/// `/late/{words}~{words}` acts before the head and in the body. With `/lazy/{words}`, only the body uses the session.
pub(super) fn streams(routes: &mut web::ServiceConfig) {
    let late = |mut shop: TypedSession<Shop>, words: web::Path<String>, gate: web::Data<Notify>| async move {
        let (early, late) = words.split_once('~').unwrap();
        act(&mut shop, early, &gate).await?;
        let late = late.to_owned();
        let body = Late::new(async move {
            act(&mut shop, &late, &gate)
                .await
                .map_or_else(|error| error.to_string(), |acted| acted.seen.join(" | "))
        });
        Ok::<_, actix_web::Error>(HttpResponse::Ok().body(body))
    };
    let lazy = |request: HttpRequest, words: web::Path<String>, gate: web::Data<Notify>| async move {
        HttpResponse::Ok().body(Late::new(async move {
            let mut shop = TypedSession::<Shop>::extract(&request).await.unwrap();
            act(&mut shop, &words, &gate)
                .await
                .map_or_else(|error| error.to_string(), |acted| acted.seen.join(" | "))
        }))
    };
    routes.route("/late/{words:.*}", web::get().to(late)).route("/lazy/{words:.*}", web::get().to(lazy));
}

async fn world() -> World {
    World::routed(|builder| builder, streams).await
}

#[actix_web::test]
async fn a_body_reads_the_state_that_its_handler_left() {
    let world = world().await;
    let browser = world.browser_after("v1").await;
    let other = browser.clone();
    let (late, ()) = tokio::join!(biased; browser.get("/late/v2,c1~gate,see"), async {
        // The commit comes before the body, so another request sees it and can write too.
        assert_eq!(other.go("v9,d:x").await.body, r#"- [1] 9 "x" -"#);
        world.gate.notify_one();
    });
    assert_eq!(late.body, r#"- [1] 2 "" - | - [1] 2 "" -"#, "a snapshot");
    assert_eq!(browser.state().await, r#"- [1] 9 "x" -"#);
}

#[actix_web::test]
async fn a_write_in_a_body_is_saved_or_reported() {
    let (logged, _guard) = Logged::here();
    let world = world().await;
    let browser = world.browser_after("v1").await;
    assert_eq!(browser.get("/late/v2~c5,save").await.body, r#"Ok | - [5] 2 "" -"#);
    assert_eq!(world.store.asked(), "load update update");
    assert_eq!(logged.count(Level::ERROR), 0);
    assert_eq!(browser.get("/late/~try10").await.body, r#"12 | - [5] 12 "" -"#);
    world.store.asked();
    assert_eq!(browser.get("/late/~v77").await.status, 200);
    assert_eq!(world.store.asked(), "load");
    let log = logged.text();
    assert_eq!(logged.count(Level::ERROR), 1, "{log}");
    let parts = ["schema=\"shop\"", "words.rs", "line=", "call `session.save().await` after it"];
    assert!(parts.iter().all(|part| log.contains(part)), "{log}");
    assert_eq!(browser.state().await, r#"- [5] 12 "" -"#);
}

#[actix_web::test]
async fn an_operation_that_needs_a_cookie_is_too_late_in_a_body() {
    let world = world().await;
    for words in ["v1,save", "in4,save", "c1,renew,save"] {
        let answer = world.browser().get(&format!("/late/~{words}")).await;
        assert!(answer.body.starts_with("TooLate"), "{words}: {answer:?}");
        assert_eq!((answer.jar(), world.store.asked().as_str()), (Jar::Kept, ""), "{words}");
    }
    let browser = world.browser_after("v1,in4").await;
    world.clock.advance(Duration::from_mins(1));
    for words in ["renew,save", "in4,save", "in5,save", "v2,renew,save", "life:60:60:1,save"] {
        let answer = browser.get(&format!("/late/~{words}")).await;
        assert!(answer.body.starts_with("TooLate"), "{words}: {answer:?}");
        assert_eq!(world.store.asked(), "load", "{words}");
    }
    assert_eq!(browser.state().await, r#"4 [] 1 "" -"#);
    // Ending a session needs no cookie: the old one is dead from now on.
    assert!(browser.get("/late/~purge,save").await.body.starts_with("Ok"));
    assert_eq!(browser.state().await, EMPTY);
}

#[actix_web::test]
async fn a_body_that_is_the_first_to_use_the_session_is_too_late_as_well() {
    let (logged, _guard) = Logged::here();
    let world = world().await;
    let answer = world.browser().get("/lazy/v1,save").await;
    assert!(answer.body.starts_with("TooLate"), "{answer:?}");
    assert_eq!((world.store.asked().as_str(), world.store.len()), ("", 0));
    let browser = world.browser_after("v1").await;
    assert!(browser.get("/lazy/v2,save").await.body.starts_with("Ok"));
    assert!(browser.get("/lazy/renew,save").await.body.starts_with("TooLate"));
    let before = logged.count(Level::ERROR);
    browser.get("/lazy/v3").await;
    assert_eq!(logged.count(Level::ERROR), before + 1, "{}", logged.text());
    assert_eq!(browser.state().await, r#"- [] 2 "" -"#);
}

/// Polls `future` until the store has had these calls and holds the last one.
async fn until_held(mut future: Pin<&mut impl Future>, world: &World, calls: &str) {
    while !world.store.was_asked(calls) {
        let polled =
            std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
        assert!(!polled, "answered before {calls}");
        tokio::task::yield_now().await;
    }
}

#[actix_web::test]
async fn a_commit_that_has_begun_runs_to_its_end() {
    let world = World::new().await;
    for (words, after) in
        [("v2", r#"- [] 2 "" -"#), ("v3,save", r#"- [] 3 "" -"#), ("try4", r#"- [] 7 "" -"#)]
    {
        let browser = world.browser_after("v1").await;
        if words == "try4" {
            browser.go("v3").await;
            world.store.asked();
        }
        world.store.at("update", 1, Fault::Held(None));
        {
            let mut request = pin!(browser.go(words));
            until_held(request.as_mut(), &world, "load update").await;
            // The client resets the connection, and actix drops the request.
        }
        world.store.release();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(browser.state().await, after, "{words}");
    }
    // A commit that has not begun does not begin.
    let browser = world.browser_after("v1").await;
    {
        let mut request = pin!(browser.go("v2,gate"));
        until_held(request.as_mut(), &world, "load").await;
    }
    assert_eq!(browser.state().await, r#"- [] 1 "" -"#);
}

#[actix_web::test]
async fn a_save_that_the_handler_dropped_still_decides_the_response() {
    let world = World::new().await;
    for (fault, status) in [(None, 200), (Some(Fault::Fails(StoreErrorKind::UnknownOutcome)), 503)] {
        let browser = world.browser_after("v1").await;
        world.store.at("update", 1, Fault::Held(fault.map(Box::new)));
        let (answer, ()) = tokio::join!(biased; browser.go("v2,savedrop"), async {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            world.store.release();
        });
        assert_eq!((answer.status, answer.jar()), (status, Jar::Kept));
        assert_eq!(world.store.asked(), "load update", "and it is not sent again");
    }
}

#[test]
fn a_client_that_has_closed_its_sending_side_is_served_to_the_end() {
    let server = Server::start();
    let cookie = server.cookie("v1");
    let mut stream = server.connect();
    stream.write_all(&request("/do/v2,gate", &[format!("Cookie: {cookie}").as_bytes()], "close")).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    server.until_asked("load");
    server.gate.notify_one();
    server.until_asked("load update");
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply);
    assert_eq!(server.state(&cookie), r#"- [] 2 "" -"#);
}

#[test]
fn a_cookie_that_never_arrived() {
    let server = Server::start();
    let lose = |path: &str, cookie: &str, calls: &str| {
        let mut stream = server.connect();
        stream.write_all(&request(path, &[format!("Cookie: {cookie}").as_bytes()], "close")).unwrap();
        server.until_asked(calls);
        drop(stream);
        server.store.asked();
    };
    // A renewal: the old id is dead. Writes are refused for a minute, in which the new cookie may still arrive, and then begin a new
    // session.
    let cookie = server.cookie("v1,in4");
    lose("/do/renew", &cookie, "load renew");
    assert_eq!(server.state(&cookie), EMPTY);
    assert_eq!(server.ask_with("/do/v2", &cookie).status(), 409);
    let again = server.ask_with("/do/in4", &cookie);
    assert_eq!(server.state(&again.cookie().unwrap()), r#"4 [] 0 "" -"#, "signing in works at once");
    server.clock.advance(Duration::from_mins(1));
    let begun = server.ask_with("/do/v2", &cookie);
    assert_eq!(server.state(&begun.cookie().unwrap()), r#"- [] 2 "" -"#);
    // A sign-in: the visitor is not signed in with the old cookie.
    let cookie = server.cookie("v1");
    lose("/do/in4", &cookie, "load renew");
    assert_eq!(server.state(&cookie), EMPTY);
    // A logout: the session has ended.
    let cookie = server.cookie("v1,in4");
    lose("/do/purge", &cookie, "load delete");
    assert_eq!(server.state(&cookie), EMPTY);
    let reply = server.ask_with("/do/", &cookie);
    assert_eq!((reply.status(), reply.set_cookie()), (200, None));
}

#[actix_web::test]
async fn a_body_sees_what_its_handler_stored() {
    let world = world().await;
    let browser = world.browser_after("n:hello").await;
    assert_eq!(browser.get("/late/t~t,see").await.body, format!("none | {EMPTY} | {EMPTY}"), "it was taken");
    for begun in ["v1", "in4", "in4,v1"] {
        let answer = world.browser().get(&format!("/late/{begun}~is,id,who")).await;
        let seen: Vec<_> = answer.body.split(" | ").collect();
        assert_eq!(seen[0], "10", "{begun}: the session exists");
        assert_ne!(seen[1], "none", "{begun}");
        assert_eq!(seen[2] == "nobody", begun == "v1", "{begun}");
    }
    assert_eq!(
        world.browser_after("v1").await.get("/late/purge~is,see").await.body,
        format!("00 | {EMPTY} | {EMPTY}")
    );
}

/// Nothing was loaded in that request: what the body sees is what the request itself has made.
#[actix_web::test]
async fn a_body_sees_the_session_that_its_handler_began() {
    let world = world().await;
    let seen = |answer: Answer| answer.body.split(" | ").map(str::to_owned).collect::<Vec<_>>();
    for early in ["v1", "v1,saveq"] {
        let began = seen(world.browser().get(&format!("/late/{early}~born,left")).await);
        assert!(began[0].starts_with("Some("), "{early}: {began:?}");
        assert_eq!(began[1], "Some(1800)", "{early}");
        // What was not stored is forgotten, and nothing else.
        let answer = world.browser().get(&format!("/late/{early}~v7,discard,see,is")).await;
        assert_eq!(seen(answer)[..2], [r#"- [] 1 "" -"#, "10"], "{early}");
        // A message is shown once.
        let browser = world.browser();
        let answer = browser.get(&format!("/late/n:hello,{early}~t,save,t,see")).await;
        assert_eq!(seen(answer)[..4], ["hello", "Ok", "none", r#"- [] 1 "" -"#], "{early}");
        assert_eq!(browser.state().await, r#"- [] 1 "" -"#, "{early}");
        // A closure that ran on what was stored is rebased onto it.
        let answer = browser.get(&format!("/late/{early},c1~c2,save,try5")).await;
        assert_eq!(seen(answer)[..2], ["Ok", "6"], "{early}");
    }
    // The same after another user took over the browser.
    let browser = world.browser_after("v1,in4").await;
    let answer = browser.get("/late/in5,n:hello~t,save,born,see").await;
    let answer = seen(answer);
    assert_eq!((&answer[..2], answer[3].as_str()), (&["hello".into(), "Ok".into()][..], r#"5 [] 0 "" -"#));
    assert!(answer[2].starts_with("Some("), "{answer:?}");
}

#[actix_web::test]
async fn a_refused_write_that_was_acknowledged_is_not_tried_again() {
    let world = World::routed(|builder| builder.max_record_bytes(200), streams).await;
    let large = format!("d:{}", "x".repeat(300));
    let browser = world.browser_after("v1").await;
    let answer = browser.go(&format!("c1,{large},save,v2")).await;
    assert!(answer.status == 200 && answer.body.starts_with("TooLarge | "), "{answer:?}");
    assert_eq!(browser.state().await, r#"- [] 2 "" -"#);
    // In a stream every later save goes on without it.
    let answer = browser.get(&format!("/late/~{large},save,v3,save,v4,save")).await;
    assert_eq!(answer.body, r#"TooLarge | Ok | Ok | - [] 4 "" -"#);
    // What the handler did not acknowledge answers the request.
    assert_eq!(browser.go(&format!("{large},savex,v9")).await.status, 500);
    assert_eq!(browser.state().await, r#"- [] 4 "" -"#);
}

#[actix_web::test]
async fn a_save_that_was_stored_is_not_a_503_because_it_cannot_be_read_again() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    world.clock.advance(Duration::from_mins(10));
    for load in [3, 4] {
        world.store.at("load", load, Fault::Fails(StoreErrorKind::Unavailable));
    }
    // Another request writes a field that no guard covers, so the record is not known after the save.
    let answer = browser.overlap("v2,gate,save", "d:x").await.0;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Kept), "{answer:?}");
    assert_eq!(browser.state().await, r#"- [] 2 "x" -"#);
}

#[actix_web::test]
async fn a_save_without_anything_to_write_never_begins_another_session() {
    let world = world().await;
    for begun in ["v1", "in4", "in4,v1"] {
        let before = world.store.len();
        let answer = world.browser().get(&format!("/late/{begun}~save,save,see")).await;
        assert!(answer.body.starts_with("Ok | Ok | "), "{begun}: {answer:?}");
        assert_eq!(world.store.len(), before + 1, "{begun}");
    }
    let browser = world.browser();
    for load in [1, 2, 3, 4] {
        world.store.at("load", load, Fault::Fails(StoreErrorKind::Unavailable));
    }
    let before = world.store.len();
    browser.go("v1,save,save").await;
    assert_eq!(world.store.len(), before + 1);
}

#[actix_web::test]
async fn a_save_with_a_cookie_that_was_superseded_long_ago_is_a_save_without_a_session() {
    let world = world().await;
    let old = world.browser_after("v1").await;
    old.clone().go("renew").await;
    assert_eq!(old.clone().go("save").await.body, format!("Superseded | {EMPTY}"));
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(old.clone().go("save,reload").await.body, format!("Ok | Ok | {EMPTY}"));
}

#[actix_web::test]
async fn a_session_that_was_ended_is_not_shown_again_because_another_one_could_not_begin() {
    let world = world().await;
    let browser = world.browser_after("in4,c1").await;
    world.store.at("create", 1, Fault::Fails(StoreErrorKind::Unavailable));
    let answer = browser.go("purge,v1,save,see,who").await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Removed), "{answer:?}");
    assert!(answer.body.contains(EMPTY) && !answer.body.contains("4 ["), "{answer:?}");
}

//! Futures that somebody polled once and keeps, and requests that are dropped: what others wait for goes on without them.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
    time::Duration,
};

use actix_typed_session::{Error, Session, TypedSession};
use actix_web::{
    FromRequest, HttpResponse,
    body::{BodySize, MessageBody},
    dev::{Service, ServiceRequest},
    web::{self, Bytes, Data, ServiceConfig},
};
use tokio::sync::Notify;

use super::{
    kit::{Jar, Shop, World},
    script::Fault,
};

/// Polls a future once, and leaves it as it is.
async fn poll_once<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await
}

/// An empty body that keeps a future without polling it, until the gate opens.
struct Keeps(
    #[allow(dead_code)] Pin<Box<dyn Future<Output = Result<(), Error>>>>,
    Pin<Box<dyn Future<Output = ()>>>,
);

impl MessageBody for Keeps {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.1.as_mut().poll(context).map(|()| None)
    }
}

/// Polls `save` once and keeps it in the body.
async fn keeps(mut shop: TypedSession<Shop>, gate: Data<Notify>) -> HttpResponse {
    shop.update_visits(|visits| *visits += 1);
    let mut saving: Pin<Box<dyn Future<Output = _>>> = Box::pin(shop.session().save());
    poll_once(&mut saving).await;
    HttpResponse::Ok().body(Keeps(saving, Box::pin(async move { gate.notified().await })))
}

/// Polls `save` once, and saves again while it keeps the first.
async fn saves_twice(mut shop: TypedSession<Shop>) -> Result<&'static str, Error> {
    shop.set_visits(7);
    let mut first: Pin<Box<dyn Future<Output = _>>> = Box::pin(shop.session().save());
    poll_once(&mut first).await;
    shop.set_draft("x".to_owned());
    shop.session().save().await?;
    first.await?;
    Ok("both")
}

/// Polls `reload` once, and saves while it keeps it.
async fn saves_beside_a_reload(mut shop: TypedSession<Shop>) -> Result<&'static str, Error> {
    let mut reloading: Pin<Box<dyn Future<Output = _>>> = Box::pin(shop.session().reload());
    poll_once(&mut reloading).await;
    shop.set_visits(7);
    shop.session().save().await?;
    Ok("saved")
}

async fn reads(shop: TypedSession<Shop>) -> String {
    shop.visits.to_string()
}

fn routes(routes: &mut ServiceConfig) {
    // The middleware begins to extract, gives up, and keeps what it began.
    let impatient = web::resource("/impatient")
        .wrap_fn(|mut request: ServiceRequest, service| {
            let (head, payload) = request.parts_mut();
            let mut extracting = Box::pin(Session::from_request(head, payload));
            let answer = service.call(request);
            async move {
                assert!(!poll_once(&mut extracting).await, "the store answers at once");
                let answer = answer.await;
                drop(extracting);
                answer
            }
        })
        .route(web::get().to(reads));
    routes
        .service(impatient)
        .route("/keeps", web::get().to(keeps))
        .route("/twice", web::get().to(saves_twice))
        .route("/reload", web::get().to(saves_beside_a_reload));
}

/// Fails, rather than hangs, where a future waits for something that nobody drives.
async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("nobody drives what it waits for")
}

/// With an hour, a wait for a turn is a hang.
async fn world() -> World {
    World::routed(|builder| builder.save_deadline(Duration::from_hours(1)), routes).await
}

async fn a_kept_save_does_not_hang_its_request() {
    let world = world().await;
    let browser = world.browser_after("v1").await;
    world.store.at("update", 1, Fault::Held(None));
    world.gate.notify_one();
    let (answer, ()) = in_time(async {
        tokio::join!(biased; browser.get("/keeps"), async {
            while !world.store.was_asked("update") {
                tokio::task::yield_now().await;
            }
            world.store.release();
        })
    })
    .await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Kept));
    assert_eq!(browser.state().await, r#"- [] 2 "" -"#);
}

async fn a_kept_save_does_not_hang_another_one() {
    let world = world().await;
    let browser = world.browser_after("v1").await;
    world.store.at("update", 1, Fault::Held(None));
    let (answer, ()) = in_time(async {
        tokio::join!(biased; browser.get("/twice"), async {
            while !world.store.was_asked("update") {
                tokio::task::yield_now().await;
            }
            world.store.release();
        })
    })
    .await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "both"));
    assert_eq!(browser.state().await, r#"- [] 7 "x" -"#);
}

async fn a_kept_reload_does_not_hang_a_save() {
    let world = world().await;
    let browser = world.browser_after("v1").await;
    let answer = in_time(browser.get("/reload")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "saved"));
    assert_eq!(browser.state().await, r#"- [] 7 "" -"#);
}

async fn a_kept_extraction_does_not_hang_the_handler() {
    let world = world().await;
    let browser = world.browser_after("v3").await;
    world.store.at("load", 1, Fault::Held(None));
    let (answer, ()) = in_time(async {
        tokio::join!(biased; browser.get("/impatient"), async {
            while !world.store.was_asked("load") {
                tokio::task::yield_now().await;
            }
            world.store.release();
        })
    })
    .await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "3"));
    assert_eq!(world.store.asked(), "load", "they share it");
}

/// In an actix system the worker drives what has begun; elsewhere whoever waits for it does.
macro_rules! on_both_runtimes {
    ($($test:ident)+) => {
        mod in_a_system {
            $(#[actix_web::test]
            async fn $test() {
                super::$test().await;
            })+
        }
        mod in_a_plain_tokio_test {
            $(#[tokio::test]
            async fn $test() {
                super::$test().await;
            })+
        }
    };
}

on_both_runtimes! {
    a_kept_save_does_not_hang_its_request
    a_kept_save_does_not_hang_another_one
    a_kept_reload_does_not_hang_a_save
    a_kept_extraction_does_not_hang_the_handler
}

#[actix_web::test]
async fn a_save_that_nobody_polls_gives_its_turn_to_strangers() {
    let world = world().await;
    let browser = world.browser_after("v1").await;
    let other = browser.clone();
    world.store.at("update", 1, Fault::Held(None));
    let mut keeping: Pin<Box<dyn Future<Output = _>>> = Box::pin(async { browser.get("/keeps").await });
    while !world.store.was_asked("update") {
        poll_once(&mut keeping).await;
        tokio::task::yield_now().await;
    }
    world.store.release();
    // From here on nobody polls the first request.
    assert_eq!(in_time(other.go("up10")).await.status, 200);
    assert_eq!(other.state().await, r#"- [] 12 "" -"#);
}

/// Counts its drops.
struct Kept(Rc<Cell<usize>>);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[actix_web::test]
async fn a_request_that_is_dropped_frees_closures_that_own_its_session() {
    let freed = Rc::new(Cell::new(0));
    for path in ["/cycle", "/cycle-saves"] {
        let counter = freed.clone();
        let world = World::routed(
            |builder| builder,
            move |routes| {
                let cycle = move |saves: bool| {
                    let counter = counter.clone();
                    move |mut shop: TypedSession<Shop>, gate: Data<Notify>| {
                        let (session, kept) = (shop.session(), Kept(counter.clone()));
                        async move {
                            shop.update_visits(move |visits| {
                                let _owned = (&session, &kept);
                                *visits += 1;
                            });
                            if saves {
                                drop(shop.session().save().await);
                            }
                            gate.notified().await;
                            ""
                        }
                    }
                };
                routes
                    .route("/cycle", web::get().to(cycle(false)))
                    .route("/cycle-saves", web::get().to(cycle(true)));
            },
        )
        .await;
        let browser = world.browser_after("v1").await;
        let before = freed.get();
        {
            let mut request = pin!(browser.get(path));
            let until = if path == "/cycle" { "load" } else { "update" };
            while !world.store.was_asked(until) {
                let polled = poll_fn(|context| Poll::Ready(request.as_mut().poll(context).is_ready())).await;
                assert!(!polled);
                tokio::task::yield_now().await;
            }
            for _ in 0..10 {
                poll_fn(|context| Poll::Ready(request.as_mut().poll(context).is_ready())).await;
                tokio::task::yield_now().await;
            }
        }
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(freed.get(), before + 1, "{path}");
    }
}

#[actix_web::test]
async fn requests_that_overlap_touch_their_session_once() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    world.clock.advance(Duration::from_mins(10));
    world.store.at("update", 1, Fault::Held(None));
    let requests = (0..200).map(|_| browser.go("see"));
    let (answers, ()) = tokio::join!(futures_util::future::join_all(requests), async {
        while !world.store.was_asked("touch") {
            tokio::task::yield_now().await;
        }
        world.store.release();
    });
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(world.store.asked().matches("touch").count(), 1);
    // It was the touch of that moment; the next one is due a tenth of the idle time later.
    world.clock.advance(Duration::from_mins(10));
    browser.go("see").await;
    assert_eq!(world.store.asked(), "load touch");
}

#[actix_web::test]
async fn a_touch_that_failed_is_made_by_the_next_request() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    world.clock.advance(Duration::from_mins(10));
    world.store.at("update", 1, Fault::Fails(actix_typed_session::store::StoreErrorKind::Unavailable));
    browser.go("see").await;
    world.store.asked();
    browser.go("see").await;
    assert_eq!(world.store.asked(), "load touch");
}

#[actix_web::test]
async fn saves_with_a_due_touch_write_once_each() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    world.clock.advance(Duration::from_mins(10));
    assert_eq!(browser.go("v2,saveq,v3,saveq,v4,saveq").await.status, 200);
    assert_eq!(world.store.asked(), "load update update update");
}

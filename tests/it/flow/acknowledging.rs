//! Looking at an error is free. Only the handler that acknowledges its own error answers otherwise, and what is answered with an error
//! has not counted, except that a logout is final.

use std::error::Error as _;

use actix_typed_session::{
    Error, Session, SessionMiddlewareBuilder, SessionState, TypedSession, WhenFull, store::StoreErrorKind,
};
use actix_web::{
    FromRequest, HttpRequest, HttpResponse, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::StatusCode,
    middleware::{Next, from_fn},
    web,
};

use super::{
    kit::{EMPTY, Jar, Shop, World},
    script::Fault,
};

/// A section that a later binary has written, once a test says so.
#[derive(SessionState)]
#[session(name = "prefs", version = 1, lock = off)]
struct Prefs {
    #[session(default)]
    theme: String,
}

/// Another type with the schema name "shop".
#[derive(SessionState)]
#[session(name = "shop", version = 1, lock = off)]
struct Impostor {
    #[session(default)]
    visits: u32,
}

/// Everything that can be done to an error but to acknowledge it.
fn look_at(error: &Error) {
    let _ = (error.kind(), error.to_string(), format!("{error:?}"), error.source().map(ToString::to_string));
    let _ = (error.status_code(), error.error_response(), error.clone());
}

/// A middleware that logs whether the session could be loaded.
async fn looks(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> actix_web::Result<ServiceResponse<BoxBody>> {
    let _ = request.extract::<TypedSession<Shop>>().await.inspect_err(look_at);
    let _ = request.extract::<Session>().await.inspect_err(look_at);
    next.call(request).await
}

/// A middleware that does without the session.
async fn shrugs(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> actix_web::Result<ServiceResponse<BoxBody>> {
    let _ = request.extract::<TypedSession<Shop>>().await.inspect_err(Error::acknowledge);
    next.call(request).await
}

async fn guess(shop: Option<TypedSession<Shop>>) -> String {
    shop.map_or_else(|| "stranger".into(), |shop| shop.visits().to_string())
}

async fn asks(shop: Result<TypedSession<Shop>, Error>) -> String {
    match shop.map_err(|error| error.clone()) {
        Ok(shop) => shop.visits().to_string(),
        Err(copy) => {
            copy.acknowledge();
            "please try again".into()
        }
    }
}

fn routes(routes: &mut web::ServiceConfig) {
    for (path, handler) in [("guess", web::get().to(guess)), ("asks", web::get().to(asks))] {
        routes.route(&format!("/{path}"), handler);
    }
    routes
        .service(web::scope("/looks").wrap(from_fn(looks)).route("/guess", web::get().to(guess)))
        .service(web::scope("/looks-asks").wrap(from_fn(looks)).route("/asks", web::get().to(asks)))
        .service(
            web::scope("/shrugs")
                .wrap(from_fn(shrugs))
                .route("/guess", web::get().to(guess))
                .route("/asks", web::get().to(asks))
                .route("/none", web::get().to(|| async { "none" })),
        );
}

#[actix_web::test]
async fn a_middleware_that_looks_at_an_error_turns_no_outage_into_a_stranger() {
    let world = World::routed(|builder| builder, routes).await;
    let browser = world.browser_after("v1").await;
    assert_eq!(browser.get("/looks/guess").await.body, "1");
    world.store.damage(Some(StoreErrorKind::Unavailable));
    for path in ["/guess", "/looks/guess", "/looks-asks/asks", "/shrugs/guess"] {
        let answer = browser.get(path).await;
        assert_eq!((answer.status, answer.body.as_str()), (503, "Service Unavailable"), "{path}");
    }
}

#[actix_web::test]
async fn each_extraction_is_acknowledged_by_itself() {
    let world = World::routed(|builder| builder, routes).await;
    let browser = world.browser_after("v1").await;
    world.store.damage(Some(StoreErrorKind::Unavailable));
    for path in ["/asks", "/shrugs/asks"] {
        let answer = browser.get(path).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "please try again"), "{path}");
    }
    assert_eq!(browser.get("/shrugs/none").await.body, "none");
}

/// An application's own error page about a session error.
#[derive(Debug)]
struct Page(Error);

impl std::fmt::Display for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a page about it")
    }
}

impl ResponseError for Page {
    fn status_code(&self) -> StatusCode {
        self.0.status_code()
    }
}

async fn counts(mut shop: TypedSession<Shop>, prefs: Option<TypedSession<Prefs>>) -> String {
    shop.update(|shop| shop.visits += 1);
    format!("{} {}", shop.visits(), prefs.map_or_else(|| "plain".into(), |prefs| prefs.theme().to_owned()))
}

async fn counts_and_asks(mut shop: TypedSession<Shop>, request: HttpRequest) -> Result<String, Error> {
    shop.update(|shop| shop.visits += 1);
    Ok(TypedSession::<Prefs>::extract(&request).await?.theme().to_owned())
}

async fn counts_and_shows(mut shop: TypedSession<Shop>, request: HttpRequest) -> Result<String, Page> {
    shop.update(|shop| shop.visits += 1);
    Ok(TypedSession::<Prefs>::extract(&request).await.map_err(Page)?.theme().to_owned())
}

async fn leaves(
    mut shop: TypedSession<Shop>,
    _prefs: Option<TypedSession<Prefs>>,
    how: web::Path<String>,
) -> HttpResponse {
    shop.set_visits(7);
    match how.as_str() {
        "purge" => shop.session().purge(),
        _ => shop.set_user(None),
    }
    shop.set_draft("of a new session");
    HttpResponse::Ok().finish()
}

async fn fails_after<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<B>> {
    let extracting = request.extract::<TypedSession<Prefs>>();
    let answer = next.call(request).await?;
    extracting.await?;
    Ok(answer)
}

fn counting(routes: &mut web::ServiceConfig) {
    routes
        .route("/counts", web::get().to(counts))
        .route("/counts-and-asks", web::get().to(counts_and_asks))
        .route("/counts-and-shows", web::get().to(counts_and_shows))
        .route("/leaves/{how}", web::get().to(leaves))
        .route(
            "/clash",
            web::get().to(|_: TypedSession<Shop>, _: Option<TypedSession<Impostor>>| async { "no clash" }),
        )
        .service(web::resource("/counts-in-a-middleware").wrap(from_fn(fails_after)).route(web::get().to(
            |mut shop: TypedSession<Shop>| async move {
                shop.update(|shop| shop.visits += 1);
                "counted"
            },
        )));
}

#[actix_web::test]
async fn a_request_that_is_answered_with_a_failed_extraction_stores_nothing() {
    for path in ["/counts", "/counts-and-asks", "/counts-and-shows", "/counts-in-a-middleware"] {
        let world = World::routed(|builder| builder, counting).await;
        let browser = world.browser_after("v1").await;
        assert_eq!(browser.get(path).await.status, 200, "{path}");
        world.store.write("$prefs", "2").await;
        world.clock.advance(std::time::Duration::from_mins(10));
        world.store.asked();
        for _ in 0..2 {
            let answer = browser.get(path).await;
            assert_eq!((answer.status, answer.jar()), (503, Jar::Kept), "{path}");
            assert_eq!(world.store.asked(), "load", "{path}: not even a touch, though one is due");
            let page = if path == "/counts-and-shows" { "a page about it" } else { "Service Unavailable" };
            assert_eq!(answer.body, page, "{path}");
        }
        world.store.write("$prefs", "1").await;
        assert!(browser.get(path).await.status == 200 && browser.state().await.contains("[] 3"), "{path}");
    }
}

#[actix_web::test]
async fn a_logout_is_final_even_if_its_request_is_answered_with_an_error() {
    for path in ["/leaves/purge", "/leaves/sign-out"] {
        let world = World::routed(|builder| builder, counting).await;
        let browser = world.browser_after("v1,in4").await;
        world.store.write("$prefs", "2").await;
        let answer = browser.get(path).await;
        assert_eq!((answer.status, answer.jar()), (503, Jar::Removed), "{path}");
        assert_eq!((world.store.asked().as_str(), world.store.len()), ("load delete", 0), "{path}");
    }
}

#[actix_web::test]
async fn a_logout_is_carried_out_when_the_writes_beside_it_cannot_be() {
    let small = |builder: SessionMiddlewareBuilder| builder.max_record_bytes(300);
    let world = World::routed(small, counting).await;
    let browser = world.browser_after("v1,in4").await;
    let answer = browser.go(&format!("purge,d:{}", "x".repeat(400))).await;
    assert_eq!((answer.status, answer.jar()), (500, Jar::Removed));
    assert_eq!((world.store.asked().as_str(), world.store.len()), ("load delete", 0));
}

#[actix_web::test]
async fn a_logout_that_is_owed_is_paid_by_a_request_that_fails() {
    let world = World::routed(|builder| builder, counting).await;
    let browser = world.browser_after("v1,in4").await;
    for nth in [1, 2] {
        world.store.at("delete", nth, Fault::Fails(StoreErrorKind::Unavailable));
    }
    assert_eq!(browser.go("purge").await.status, 503);
    world.store.asked();
    let answer = browser.get("/clash").await;
    assert_eq!(
        (answer.status, answer.jar(), answer.body.as_str()),
        (500, Jar::Removed, "Internal Server Error")
    );
    assert_eq!((world.store.asked().as_str(), world.store.len()), ("delete", 0));
    assert_eq!(browser.state().await, EMPTY);
}

/// A refused sign-in that is answered with the refusal is over: a session that ends meanwhile must not let it in after all.
#[actix_web::test]
async fn a_reload_does_not_repeat_an_error_that_was_acknowledged() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    assert_eq!(browser.go("life:0:60:0,save,reload,v2").await.body, r#"ZeroLifetime | Ok | - [] 2 "" -"#);
    assert_eq!(browser.state().await, r#"- [] 2 "" -"#);
}

#[actix_web::test]
async fn a_request_that_left_its_session_reloads_nothing() {
    let world = World::new().await;
    for leaves in ["all", "others,purge", "out"] {
        let browser = world.browser_after("in4").await;
        let answer = browser.go(&format!("{leaves},reload,v7,reload")).await;
        assert_eq!((answer.status, answer.jar()), (200, Jar::Set), "{leaves}");
        assert!(answer.body.ends_with(r#"Ok | Ok | - [] 7 "" -"#), "{leaves}: {answer:?}");
        assert_eq!(browser.state().await, r#"- [] 7 "" -"#, "{leaves}");
    }
}

#[actix_web::test]
async fn a_refused_save_is_not_tried_again_after_its_error_has_answered() {
    let one = |builder: SessionMiddlewareBuilder| builder.max_sessions_per_user(1, WhenFull::RejectNew);
    for words in ["in4,saveq", "in4,savex", "v9,in4,saveq"] {
        let world = World::with(one).await;
        world.browser_after("in4").await;
        let answer = world.browser().go(words).await;
        assert_eq!((answer.status, answer.jar()), (403, Jar::Kept), "{words}");
        assert_eq!(world.store.asked(), "create", "{words}");
    }
}

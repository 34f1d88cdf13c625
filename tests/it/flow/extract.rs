//! Extracting a session: lazily, in guards and middleware, with several schemas, and the errors where there is none.

use actix_typed_session::{Error, ErrorKind, Session, SessionExt, SessionState, TypedSession};
use actix_web::{
    App, FromRequest, HttpRequest, HttpResponse,
    dev::{Payload, Service},
    guard::{GuardContext, fn_guard},
    http::header::{HeaderName, HeaderValue},
    test::{TestRequest, call_service, init_service, read_body},
    web,
};

use super::{
    kit::{EMPTY, Jar, Shop, World},
    logged::Logged,
};

/// A schema of another crate in the same session.
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

/// Another schema with a principal field.
#[derive(SessionState)]
#[session(name = "admin", version = 1, lock = off)]
struct Admin {
    #[session(principal)]
    name: Option<String>,
}

fn text<T: ToString>(result: Result<T, Error>) -> String {
    let result = result.inspect_err(Error::acknowledge);
    result.map_or_else(|error| format!("{:?}: {error}", error.kind()), |ok| ok.to_string())
}

fn signed_in(context: &GuardContext<'_>) -> bool {
    context.get_session().is_ok_and(|session| session.principal().is_some())
        && context.typed_session::<Shop>().is_ok_and(|shop| shop.user().is_some())
}

#[actix_web::test]
async fn the_store_is_called_once_for_any_number_of_extractors() {
    let world = World::routed(
        |builder| builder,
        |routes| {
            routes.route(
                "/many",
                web::get().to(
                    |a: TypedSession<Shop>,
                     b: TypedSession<Prefs>,
                     c: Session,
                     d: TypedSession<Shop>,
                     request: HttpRequest| async move {
                        let again = TypedSession::<Shop>::extract(&request).await?;
                        Ok::<_, Error>(format!(
                            "{}{}{}{}{}",
                            a.visits(),
                            b.theme(),
                            c.exists(),
                            d.visits(),
                            again.visits()
                        ))
                    },
                ),
            );
        },
    )
    .await;
    let browser = world.browser_after("v1").await;
    assert_eq!(browser.get("/many").await.body, "1true11");
    assert_eq!(world.store.asked(), "load");
    assert_eq!(browser.get("/none").await.status, 200);
    assert_eq!(world.store.asked(), "");
}

#[actix_web::test]
async fn guards_see_a_session_that_is_loaded_eagerly() {
    let vip = |routes: &mut web::ServiceConfig| {
        routes.service(
            web::resource("/vip")
                .route(web::get().guard(fn_guard(signed_in)).to(|| async { "in" }))
                .route(web::get().to(|| async { "out" })),
        );
    };
    let world = World::routed(actix_typed_session::SessionMiddlewareBuilder::eager, vip).await;
    let browser = world.browser_after("v1").await;
    assert_eq!(browser.get("/vip").await.body, "out");
    browser.go("in4").await;
    world.store.asked();
    let answer = browser.get("/vip").await;
    assert_eq!((answer.body.as_str(), answer.header("vary")), ("in", Some("Cookie")));
    assert_eq!(world.store.asked(), "load");
    // In an outage no session can be loaded, but routes that do not take one still work.
    world.store.damage(Some(actix_typed_session::store::StoreErrorKind::Unavailable));
    assert_eq!(browser.get("/none").await.status, 200);
    assert_eq!(browser.go("").await.status, 503);

    let world = World::routed(|builder| builder, vip).await;
    let browser = world.browser_after("in4").await;
    assert_eq!(browser.get("/vip").await.body, "out", "not loaded, so not signed in");
    assert_eq!(world.store.asked(), "");
}

#[actix_web::test]
async fn a_caller_that_cannot_await_is_told_how_to_load() {
    let world = World::routed(
        |builder| builder,
        |routes| {
            let ask = |request: HttpRequest| async move {
                let before = text(request.get_session().map(|_| "loaded"));
                let typed = text(request.typed_session::<Shop>().map(|shop| shop.visits()));
                let extracted = text(TypedSession::<Shop>::extract(&request).await.map(|shop| shop.visits()));
                let after = text(request.typed_session::<Shop>().map(|shop| shop.visits()));
                format!("{before}\n{typed}\n{extracted}\n{after}")
            };
            routes.route("/ask", web::get().to(ask));
        },
    )
    .await;
    let browser = world.browser_after("v1").await;
    let body = browser.get("/ask").await.body;
    let lines: Vec<&str> = body.lines().collect();
    let message = "NotLoaded: the session is not loaded here; add `.eager()` to `SessionMiddleware::builder(..)`, or load it first: `TypedSession::<YourState>::extract(&request).await`, in middleware `request.extract::<TypedSession<YourState>>().await`";
    assert_eq!(lines, [message, message, "1", "1"]);
}

#[actix_web::test]
async fn an_inner_middleware_sees_and_changes_the_session() {
    let world = World::routed(
        |builder| builder,
        |routes| {
            let counted = web::resource("/counted")
                .wrap_fn(|mut request, service| {
                    let early = request.get_session().is_err();
                    let loading = request.extract::<TypedSession<Shop>>();
                    let answer = service.call(request);
                    async move {
                        let mut shop = loading.await?;
                        shop.set_visits(shop.visits() + 1);
                        let mut answer = answer.await?;
                        let seen = answer.typed_session::<Shop>()?.visits();
                        let request_sees = answer.request().get_session()?.exists();
                        let line = HeaderValue::try_from(format!("{early} {seen} {request_sees}"))?;
                        answer.headers_mut().insert(HeaderName::from_static("x-seen"), line);
                        Ok(answer)
                    }
                })
                .route(web::get().to(|mut shop: TypedSession<Shop>| async move {
                    shop.update_cart(|cart| cart.push(7));
                    shop.visits().to_string()
                }));
            routes.service(counted);
        },
    )
    .await;
    let browser = world.browser_after("v1").await;
    let answer = browser.get("/counted").await;
    assert_eq!((answer.body.as_str(), answer.header("x-seen")), ("2", Some("true 2 true")));
    assert_eq!(world.store.asked(), "load update");
    assert_eq!(browser.state().await, r#"- [7] 2 "" -"#);
}

#[actix_web::test]
async fn several_schemas_and_several_handles_share_one_session() {
    let world = World::routed(
        |builder| builder,
        |routes| {
            routes.route(
                "/both",
                web::get().to(
                    |mut one: TypedSession<Shop>,
                     mut two: TypedSession<Shop>,
                     mut prefs: TypedSession<Prefs>| async move {
                        one.set_visits(1);
                        two.set_visits(two.visits() + 1);
                        let held = one.draft().to_owned();
                        two.set_draft("b");
                        prefs.set_theme("dark");
                        one.update(|shop| shop.cart.push(shop.visits));
                        format!(
                            "{} {} {:?} {held:?} {} {}",
                            one.visits(),
                            one.draft(),
                            two.cart(),
                            prefs.theme(),
                            one.session().is_new()
                        )
                    },
                ),
            );
        },
    )
    .await;
    let browser = world.browser();
    assert_eq!(browser.get("/both").await.body, r#"2 b [2] "" dark true"#);
    let created = world.store.last_created();
    let keys: Vec<_> = created.cells.iter().map(|cell| cell.key.as_str()).collect();
    assert!(keys.contains(&"$shop") && keys.contains(&"$prefs") && keys.contains(&"prefs.theme"), "{keys:?}");
    assert_eq!(world.store.asked(), "create", "one session, one step");
    assert_eq!(browser.state().await, r#"- [2] 2 "b" -"#);
}

async fn answer_to_a_clash<T: SessionState>() -> (u16, String, String)
where
    T::Handle: FromRequest<Error = Error>,
{
    let world = World::routed(
        |builder| builder,
        |routes| {
            routes.route(
                "/told",
                web::get().to(|_: TypedSession<Shop>, other: Result<T::Handle, Error>| async move {
                    text(other.map(|_| "fine"))
                }),
            );
            routes.route("/untold", web::get().to(|_: TypedSession<Shop>, _: T::Handle| async { "fine" }));
        },
    )
    .await;
    let browser = world.browser_after("in4").await;
    let told = browser.get("/told").await;
    assert_eq!(told.status, 200);
    let untold = browser.get("/untold").await;
    assert_eq!(world.store.asked(), "load load");
    (untold.status, untold.body, told.body)
}

#[actix_web::test]
async fn two_types_with_one_name_are_an_error_that_names_both() {
    let (status, body, told) = answer_to_a_clash::<Impostor>().await;
    assert_eq!((status, body.as_str()), (500, "Internal Server Error"));
    let parts = ["SchemaClash", "words::Shop`", "extract::Impostor`", "\"shop\""];
    assert!(parts.iter().all(|part| told.contains(part)), "{told}");
}

#[actix_web::test]
async fn two_principals_are_an_error_that_names_both() {
    let (status, body, told) = answer_to_a_clash::<Admin>().await;
    assert_eq!((status, body.as_str()), (500, "Internal Server Error"));
    let parts = ["TwoPrincipals", "`admin.name`", "`shop.user`"];
    assert!(parts.iter().all(|part| told.contains(part)), "{told}");
    // Even if the other schema is known only from the stored record.
    let world = World::routed(
        |builder| builder,
        |routes| {
            let admin = |admin: Result<TypedSession<Admin>, Error>| async { text(admin.map(|_| "fine")) };
            routes.route("/admin", web::get().to(admin));
        },
    )
    .await;
    assert_eq!(world.browser_after("v1").await.get("/admin").await.body, "fine");
    let told = world.browser_after("in4").await.get("/admin").await.body;
    assert!(parts.iter().all(|part| told.contains(part)), "{told}");
}

#[actix_web::test]
async fn a_missing_middleware_is_a_500_and_the_log_says_what_to_add() {
    let (logged, _guard) = Logged::here();
    let app = init_service(
        App::new()
            .route("/typed", web::get().to(|_: TypedSession<Shop>| async { "never" }))
            .route("/whole", web::get().to(|_: Session| async { "never" })),
    )
    .await;
    for (path, asked) in [("/typed", "`Shop`"), ("/whole", "`Session`")] {
        let response = call_service(&app, TestRequest::get().uri(path).to_request()).await;
        assert_eq!(response.status(), 500);
        assert_eq!(read_body(response).await, "Internal Server Error");
        let log = logged.text();
        let line = log.lines().find(|line| line.contains(asked)).unwrap();
        assert!(line.starts_with("ERROR") && line.contains(path), "{line}");
        assert!(line.contains("add `.wrap(SessionMiddleware::new(store, key))` to the `App`"), "{line}");
    }
    let request = TestRequest::get().uri("/by-hand").to_http_request();
    let error = request.get_session().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingMiddleware);
    let error = TypedSession::<Shop>::from_request(&request, &mut Payload::None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingMiddleware);
}

#[actix_web::test]
async fn a_session_error_answers_opaquely_through_a_question_mark() {
    // A session error that a handler returns with `?` keeps its status.
    let world = World::routed(
        |builder| builder,
        |routes| {
            let handler = |request: HttpRequest| async move {
                let shop = request.get_session()?;
                Ok::<_, Error>(HttpResponse::Ok().body(shop.exists().to_string()))
            };
            routes.route("/asks", web::get().to(handler));
        },
    )
    .await;
    let answer = world.browser().get("/asks").await;
    assert_eq!(
        (answer.status, answer.jar(), answer.body.as_str()),
        (500, Jar::Kept, "Internal Server Error")
    );
    assert_eq!(world.browser().go("").await.body, EMPTY);
}

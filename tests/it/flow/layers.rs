//! The session's middleware among others: what they see of errors, what caches are told, and an application that is wrapped twice.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use actix_typed_session::{
    CsrfHeader, Error, ErrorKind, Key, Schemas, Session, SessionExt, SessionMiddleware, SessionState,
    SignedIn, TypedSession,
    change::{Change, NewRecord},
    id::Selector,
    record::Principal,
    signed_in, signed_in_to,
    store::{Created, Loaded, MemoryStore, SessionStore, StoreError, StoreErrorKind, Updated},
    testing::{Condition, FaultyStore},
};
use actix_web::{
    App, HttpResponse, ResponseError,
    body::{MessageBody, to_bytes},
    dev::{Service, ServiceRequest, ServiceResponse},
    guard::{GuardContext, fn_guard},
    http::{StatusCode, header::SET_COOKIE},
    middleware::{Next, from_fn},
    test::{TestRequest, init_service, try_call_service},
    web,
};

use super::{
    kit::{Jar, Shop, World, key},
    logged::Logged,
};

/// An error of an application's own.
#[derive(Debug, PartialEq)]
struct Teapot(u8);

impl fmt::Display for Teapot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no coffee")
    }
}

impl ResponseError for Teapot {
    fn status_code(&self) -> StatusCode {
        StatusCode::IM_A_TEAPOT
    }
}

async fn fails<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    _: Next<B>,
) -> actix_web::Result<ServiceResponse<B>> {
    let mut shop = request.extract::<TypedSession<Shop>>().await?;
    shop.set_visits(3);
    Err(Teapot(4).into())
}

#[actix_web::test]
async fn an_outer_middleware_sees_the_type_of_an_inner_error() {
    let sessions = SessionMiddleware::new(MemoryStore::unbounded(), key());
    let app = App::new().service(web::resource("/").wrap(from_fn(fails)).to(HttpResponse::Ok)).wrap(sessions);
    let app = init_service(app).await;
    let error = app.call(TestRequest::get().to_request()).await.unwrap_err();
    assert_eq!(error.as_error::<Teapot>(), Some(&Teapot(4)));
    let response = error.error_response();
    assert_eq!(response.status(), 418);
    assert!(response.headers().contains_key(SET_COOKIE), "the cookie goes along all the same");
    assert_eq!(response.headers().get("cache-control").unwrap(), "no-store");
}

#[actix_web::test]
async fn a_replaced_response_carries_its_error() {
    let sessions =
        SessionMiddleware::builder(MemoryStore::unbounded(), key()).max_record_bytes(8).build().unwrap();
    let handler = |mut shop: TypedSession<Shop>| async move {
        shop.set_draft("too long for so small a session");
        "stored"
    };
    let app = init_service(App::new().wrap(sessions).route("/", web::get().to(handler))).await;
    let response = app.call(TestRequest::get().to_request()).await.unwrap();
    let error = response.response().error().unwrap().as_error::<Error>().unwrap();
    assert_eq!((response.status().as_u16(), error.kind()), (500, ErrorKind::TooLarge));
}

/// OWASP cheat sheet: several cookies.
#[actix_web::test]
async fn an_application_wrapped_twice_is_refused_loudly() {
    let sessions = SessionMiddleware::new(MemoryStore::unbounded(), key());
    let other =
        SessionMiddleware::builder(MemoryStore::unbounded(), key()).cookie_name("admin").build().unwrap();
    let handler = || web::get().to(|session: Session| async move { session.exists().to_string() });
    let app = init_service(
        App::new()
            .service(web::scope("/twice").wrap(sessions.clone()).route("", handler()))
            .service(
                web::scope("/another")
                    .service(web::scope("/inner").wrap(sessions.clone()).route("", handler()))
                    .route("", handler())
                    .wrap(other),
            )
            .wrap(sessions),
    )
    .await;
    let (logged, _guard) = Logged::here();
    let response = try_call_service(&app, TestRequest::get().uri("/another").to_request()).await.unwrap();
    assert_eq!(response.status(), 200, "two cookies are two sessions");
    for path in ["/twice", "/another/inner"] {
        let refused = app.call(TestRequest::get().uri(path).to_request()).await;
        let status =
            refused.map_or_else(|error| error.error_response().status(), |response| response.status());
        assert_eq!(status, 500, "{path}");
    }
    let log = logged.text();
    assert!(log.contains("ERROR") && log.contains("wraps another one with the same cookie"), "{log}");
}

#[derive(SessionState)]
#[session(name = "admin", version = 1, lock = off)]
struct Admin {
    #[session(principal)]
    employee: Option<u64>,
    #[session(default)]
    seen: u32,
}

#[derive(SessionState)]
#[session(name = "nowhere", version = 1, lock = off)]
struct Nowhere {
    #[session(default)]
    seen: u32,
}

/// A site, with an administration inside of it. Both sessions are in one store.
async fn site_and_administration(inner: Schemas) -> impl AsyncFn(TestRequest) -> HttpResponse {
    let store = MemoryStore::unbounded();
    let site = SessionMiddleware::builder(store.clone(), key());
    let site = site.schemas(Schemas::builder().with::<Shop>().build().unwrap()).build().unwrap();
    let admin = SessionMiddleware::builder(store, key()).cookie_name("admin").schemas(inner).build().unwrap();
    let both = async |mut shop: TypedSession<Shop>, mut admin: TypedSession<Admin>, session: Session| {
        shop.set_visits(shop.visits() + 1);
        admin.set_seen(admin.seen() + 10);
        let is_inner = session.public_id() == admin.session().public_id();
        format!("{} {} {is_inner} {}", shop.visits(), admin.seen(), shop.session().exists())
    };
    let sign_in = async |mut admin: TypedSession<Admin>| {
        admin.set_employee(5);
        "welcome"
    };
    let guarded = async |SignedIn(employee): SignedIn<Admin>| employee.to_string();
    let nowhere = async |nowhere: TypedSession<Nowhere>| nowhere.seen().to_string();
    let customer = async |SignedIn(user): SignedIn<Shop>| user.to_string();
    let administration = web::scope("/admin")
        .route("/both", web::get().to(both))
        .route("/in", web::get().to(sign_in))
        .route("/guarded", web::get().to(guarded))
        .route("/customer", web::get().to(customer))
        .route("/nowhere", web::get().to(nowhere))
        .wrap(admin);
    let app = init_service(App::new().service(administration).wrap(site)).await;
    async move |request: TestRequest| {
        let response = app.call(request.to_request()).await.unwrap();
        response.into_parts().1.map_into_boxed_body()
    }
}

#[actix_web::test]
async fn one_handler_takes_the_states_of_two_sessions() {
    let app = site_and_administration(Schemas::builder().with::<Admin>().build().unwrap()).await;
    let mut cookies = std::collections::BTreeMap::new();
    for (path, status, body) in [
        ("/admin/both", 200, "1 10 true false"),
        ("/admin/both", 200, "2 20 true true"),
        ("/admin/guarded", 401, "Unauthorized"),
        ("/admin/in", 200, "welcome"),
        ("/admin/guarded", 200, "5"),
        ("/admin/customer", 401, "Unauthorized"),
        ("/admin/both", 200, "3 30 true true"),
    ] {
        let line =
            cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let response = app(TestRequest::get().uri(path).insert_header(("cookie", line))).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        for set in response.headers().get_all(SET_COOKIE) {
            let (name, rest) = set.to_str().unwrap().split_once('=').unwrap();
            cookies.insert(name.to_owned(), rest.split(';').next().unwrap().to_owned());
        }
        assert_eq!(to_bytes(response.into_body()).await.unwrap(), body, "{path}");
    }
    assert_eq!(cookies.into_keys().collect::<Vec<_>>(), ["__Host-admin", "__Host-sid"]);
}

#[actix_web::test]
async fn a_state_that_is_named_by_none_or_by_both_is_refused_loudly() {
    let app = site_and_administration(Schemas::builder().with::<Admin>().build().unwrap()).await;
    let twice = Schemas::builder().with::<Shop>().build().unwrap();
    let twice = site_and_administration(twice).await;
    let (logged, _guard) = Logged::here();
    let statuses = [
        app(TestRequest::get().uri("/admin/nowhere")).await.status(),
        twice(TestRequest::get().uri("/admin/both")).await.status(),
    ];
    assert_eq!(statuses.map(|status| status.as_u16()), [500, 500]);
    let log = logged.text();
    for why in ["none of them names it", "more than one of them names it"] {
        assert!(log.contains("ERROR") && log.contains(why), "{log}");
    }
}

/// Fails to store, because its session is too large.
async fn overfill<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<B>> {
    let mut shop = request.extract::<TypedSession<Shop>>().await?;
    shop.set_draft("too long for so small a session");
    next.call(request).await
}

/// A middleware around an inner session: its own is the outer one, before and after.
async fn between<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<B>> {
    let before = request.get_session()?.arrival();
    let response = next.call(request).await?;
    assert_eq!(response.get_session()?.arrival(), before);
    assert!(response.typed_session::<Shop>().is_ok());
    Ok(response)
}

/// Two sessions that are loaded at once, and what is wrapped by both.
async fn two_eager<F>(routes: F) -> impl AsyncFn(TestRequest) -> HttpResponse
where
    F: FnOnce(&mut web::ServiceConfig) + 'static,
{
    let store = MemoryStore::unbounded();
    let site = SessionMiddleware::builder(store.clone(), key()).eager();
    let site = site.schemas(Schemas::builder().with::<Shop>().build().unwrap()).build().unwrap();
    let admin = SessionMiddleware::builder(store, key()).cookie_name("admin").eager();
    let admin = admin.schemas(Schemas::builder().with::<Admin>().build().unwrap()).build().unwrap();
    let sign_in = |mut shop: TypedSession<Shop>| async move {
        shop.set_user(4);
        shop.session().csrf_token().await.map(Option::unwrap_or_default)
    };
    let employ = |mut admin: TypedSession<Admin>| async move {
        admin.set_employee(5);
        "welcome"
    };
    let routes = web::scope("/admin").configure(routes).route("/in", web::get().to(employ));
    // Its guard runs before the middleware that it is wrapped by.
    let outside = web::scope("/outside").guard(fn_guard(signed_in_to::<Admin>));
    let app = App::new()
        .service(outside.route("", web::get().to(|| async { "in" })).wrap(admin.clone()))
        .service(routes.wrap(admin).wrap(from_fn(between)))
        .route("/in", web::get().to(sign_in))
        .wrap(site);
    let app = init_service(app).await;
    async move |request: TestRequest| match app.call(request.to_request()).await {
        Ok(response) => response.into_parts().1.map_into_boxed_body(),
        Err(error) => error.error_response(),
    }
}

/// The cookies that a response sets, as the browser sends them.
fn cookies_of(response: &HttpResponse) -> Vec<String> {
    let lines = response.headers().get_all(SET_COOKIE);
    lines.map(|line| line.to_str().unwrap().split(';').next().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn a_guard_within_two_sessions_lets_nobody_in_unless_it_names_a_state() {
    let app = two_eager(|routes| {
        routes.service(
            web::resource("/any")
                .route(web::get().guard(fn_guard(signed_in)).to(|| async { "in" }))
                .route(web::get().to(|| async { "out" })),
        );
        let named =
            |guard: fn(&GuardContext<'_>) -> bool| web::get().guard(fn_guard(guard)).to(|| async { "in" });
        routes.service(
            web::resource("/shop")
                .route(named(signed_in_to::<Shop>))
                .route(web::get().to(|| async { "out" })),
        );
        routes.service(
            web::resource("/own")
                .route(named(signed_in_to::<Admin>))
                .route(web::get().to(|| async { "out" })),
        );
    })
    .await;
    let (logged, _guard) = Logged::here();
    let customer = cookies_of(&app(TestRequest::get().uri("/in")).await).remove(0);
    let employee = cookies_of(&app(TestRequest::get().uri("/admin/in")).await).remove(0);
    for cookies in [customer.clone(), employee.clone(), format!("{customer}; {employee}")] {
        let response = app(TestRequest::get().uri("/admin/any").insert_header(("cookie", cookies))).await;
        assert_eq!(to_bytes(response.into_body()).await.unwrap(), "out");
    }
    let both = format!("{customer}; {employee}");
    for (path, cookies, answer) in [
        ("/admin/shop", &customer, "in"),
        ("/admin/shop", &employee, "out"),
        ("/admin/own", &customer, "out"),
        ("/admin/own", &employee, "in"),
        ("/admin/own", &both, "in"),
    ] {
        let response = app(TestRequest::get().uri(path).insert_header(("cookie", cookies.as_str()))).await;
        assert_eq!(to_bytes(response.into_body()).await.unwrap(), answer, "{path} {cookies}");
    }
    let log = logged.text();
    assert!(log.contains("ERROR") && log.contains("signed_in_to"), "{log}");
    for cookies in [customer, both] {
        let outside = app(TestRequest::get().uri("/outside").insert_header(("cookie", cookies))).await;
        assert_eq!(outside.status(), 404);
    }
    assert!(logged.text().contains("no session middleware around it names `Admin`"), "{}", logged.text());
}

#[actix_web::test]
async fn what_an_inner_session_sets_goes_out_with_the_error_of_the_outer_one() {
    for fails in [false, true] {
        let store = MemoryStore::unbounded();
        let site = SessionMiddleware::builder(store.clone(), key()).max_record_bytes(8);
        let site = site.schemas(Schemas::builder().with::<Shop>().build().unwrap()).build().unwrap();
        let admin = SessionMiddleware::builder(store, key()).cookie_name("admin");
        let admin = admin.schemas(Schemas::builder().with::<Admin>().build().unwrap()).build().unwrap();
        let sign_in = move |mut admin: TypedSession<Admin>| async move {
            admin.set_employee(5);
            if fails { Err(Teapot(4)) } else { Ok("welcome") }
        };
        let scope = web::scope("/admin").route("/in", web::get().to(sign_in)).wrap(admin);
        let app = init_service(App::new().service(scope.wrap(from_fn(overfill))).wrap(site)).await;
        let response = app.call(TestRequest::get().uri("/admin/in").to_request()).await.unwrap();
        assert_eq!(response.status(), 500);
        let response = response.into_parts().1.map_into_boxed_body();
        let cookies = cookies_of(&response);
        assert!(cookies.len() == 1 && cookies[0].starts_with("__Host-admin="), "{cookies:?}");
        assert_eq!(response.headers().get("cache-control").unwrap(), "no-store");
    }
}

/// Sent again, what the inner session has stored would count twice.
#[actix_web::test]
async fn an_error_of_the_outer_session_invites_no_repetition_if_the_inner_one_has_stored() {
    for (writes, retry) in [(true, false), (false, true)] {
        let (down, store) = (FaultyStore::over(MemoryStore::unbounded()), MemoryStore::unbounded());
        down.set(Condition::ReadOnly);
        let site = SessionMiddleware::builder(down, key());
        let site = site.schemas(Schemas::builder().with::<Shop>().build().unwrap()).build().unwrap();
        let admin = SessionMiddleware::builder(store, key()).cookie_name("admin");
        let admin = admin.schemas(Schemas::builder().with::<Admin>().build().unwrap()).build().unwrap();
        let handler = move |mut admin: TypedSession<Admin>, mut shop: TypedSession<Shop>| async move {
            shop.set_visits(1);
            if writes {
                admin.set_employee(5);
            }
            "both"
        };
        let scope = web::scope("/admin").route("", web::get().to(handler)).wrap(admin);
        let app = init_service(App::new().service(scope).wrap(site)).await;
        let response = app.call(TestRequest::get().uri("/admin").to_request()).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers().contains_key("retry-after")),
            (503, retry)
        );
    }
}

#[actix_web::test]
async fn a_token_is_asked_for_every_session_that_the_request_brings() {
    let app = two_eager(|routes| {
        let token = |admin: TypedSession<Admin>, shop: TypedSession<Shop>| async move {
            let (inner, outer) = (admin.session().csrf_token().await?, shop.session().csrf_token().await?);
            Ok::<_, Error>(format!("{} {}", inner.unwrap_or_default(), outer.unwrap_or_default()))
        };
        routes.route("/tokens", web::get().to(token));
        routes.route("/do", web::post().to(|_: CsrfHeader| async { "done" }));
    })
    .await;
    let customer = cookies_of(&app(TestRequest::get().uri("/in")).await).remove(0);
    let employee = cookies_of(&app(TestRequest::get().uri("/admin/in")).await).remove(0);
    let both = format!("{customer}; {employee}");
    let page = app(TestRequest::get().uri("/admin/tokens").insert_header(("cookie", both.clone()))).await;
    let tokens = String::from_utf8(to_bytes(page.into_body()).await.unwrap().to_vec()).unwrap();
    let (of_employee, of_customer) = tokens.split_once(' ').unwrap();
    for (cookies, token, status) in [
        (&customer, "", 403),
        (&customer, of_customer, 200),
        (&customer, of_employee, 403),
        (&employee, of_employee, 200),
        (&employee, of_customer, 403),
        (&both, of_customer, 403),
        (&both, of_employee, 403),
        (&both, &*tokens, 200),
    ] {
        let request = TestRequest::post().uri("/admin/do").insert_header(("cookie", cookies.as_str()));
        let response = app(request.insert_header(("x-csrf-token", token))).await;
        assert_eq!(response.status().as_u16(), status, "{cookies} {token}");
    }
}

/// OWASP ASVS 5.0 14.2.2.
#[actix_web::test]
async fn a_page_that_used_the_session_is_private() {
    let world = World::routed(
        |builder| builder,
        |routes| {
            let page = |_: Session| async {
                HttpResponse::Ok()
                    .insert_header(("cache-control", "public, s-maxage=60, max-age=30"))
                    .finish()
            };
            routes.route("/page", web::get().to(page));
            let open = || async { HttpResponse::Ok().insert_header(("cache-control", "public")).finish() };
            routes.route("/open", web::get().to(open));
        },
    )
    .await;
    let answer = world.browser().get("/page").await;
    assert_eq!((answer.header("cache-control"), answer.jar()), (Some("private, max-age=30"), Jar::Kept));
    assert_eq!(world.browser().get("/open").await.header("cache-control"), Some("public"));
}

/// A store that starts to work when it is called, before its future is polled, and fails.
#[derive(Clone, Default)]
struct Eager(Arc<AtomicUsize>);

type Answer<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

impl Eager {
    fn begin<T: Send + 'static>(&self) -> Answer<T> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Err(StoreError::new(StoreErrorKind::Unavailable))))
    }
}

impl SessionStore for Eager {
    fn load(&self, _: &Selector) -> impl Future<Output = Result<Option<Loaded>, StoreError>> + Send {
        self.begin()
    }
    fn create(
        &self,
        _: &Selector,
        _: &NewRecord,
    ) -> impl Future<Output = Result<Created, StoreError>> + Send {
        self.begin()
    }
    fn update(&self, _: &Selector, _: &Change) -> impl Future<Output = Result<Updated, StoreError>> + Send {
        self.begin()
    }
    fn delete(
        &self,
        _: &Selector,
        _: Option<&Principal>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        self.begin()
    }
}

async fn status_of(store: impl SessionStore, deadline: Duration, times: usize, cookie: Option<&str>) -> u16 {
    let key = Key::try_from(b"0123456789abcdef0123456789abcdef".as_slice()).unwrap();
    let sessions = SessionMiddleware::builder(store, key).load_deadline(deadline).build().unwrap();
    let handler = |mut shop: TypedSession<Shop>| async move {
        shop.set_visits(1);
        "set"
    };
    let app = init_service(App::new().wrap(sessions).route("/", web::get().to(handler))).await;
    let mut status = 0;
    for _ in 0..times {
        let mut request = TestRequest::get();
        if let Some(cookie) = cookie {
            request = request.insert_header(("cookie", cookie));
        }
        status = app.call(request.to_request()).await.unwrap().status().as_u16();
    }
    status
}

#[actix_web::test]
async fn an_open_breaker_does_not_begin_a_call() {
    let store = Eager::default();
    let begun = std::time::Instant::now();
    assert_eq!(status_of(store.clone(), Duration::from_secs(1), 100, None).await, 503);
    let most = 4 + usize::try_from(begun.elapsed().as_millis() / 250).unwrap();
    assert!(store.0.load(Ordering::SeqCst) <= most, "{} calls", store.0.load(Ordering::SeqCst));
}

/// A store that counts its loads and never answers them.
#[derive(Clone)]
struct Silent(MemoryStore, Arc<AtomicUsize>);

impl SessionStore for Silent {
    async fn load(&self, _: &Selector) -> Result<Option<Loaded>, StoreError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }
    async fn create(&self, selector: &Selector, new: &NewRecord) -> Result<Created, StoreError> {
        self.0.create(selector, new).await
    }
    async fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        self.0.update(selector, change).await
    }
    async fn delete(&self, selector: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        self.0.delete(selector, only_if).await
    }
}

#[actix_web::test]
async fn a_call_that_was_too_late_is_not_made_again() {
    let world = World::new().await;
    let cookie = world.browser_after("v1").await.cookie().unwrap();
    let store = Silent(MemoryStore::unbounded(), Arc::default());
    assert_eq!(status_of(store.clone(), Duration::from_millis(20), 1, Some(&cookie)).await, 503);
    assert_eq!(store.1.load(Ordering::SeqCst), 1);
}

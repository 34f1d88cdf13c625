//! Requests that pages of other sites send.

use actix_typed_session::{
    ConfigError, Error, ErrorKind, Key, SessionMiddleware, SessionMiddlewareBuilder, TypedSession,
    store::MemoryStore,
};
use actix_web::{
    App,
    http::Method,
    middleware::DefaultHeaders,
    test::{TestRequest, call_service, init_service},
    web,
};

use super::{kit::key, logged::Logged, words::Shop};

type Headers<'a> = &'a [(&'a str, &'a str)];

/// The status of a request with this method and these headers, to a handler that writes.
async fn status(
    choose: impl FnOnce(SessionMiddlewareBuilder) -> SessionMiddlewareBuilder,
    method: Method,
    headers: Headers<'_>,
) -> u16 {
    let store = MemoryStore::unbounded();
    let sessions = choose(SessionMiddleware::builder(store.clone(), key())).build().unwrap();
    let handler = |mut shop: TypedSession<Shop>| async move {
        shop.set_visits(1);
        "set"
    };
    let app = init_service(App::new().wrap(sessions).route("/", web::to(handler))).await;
    let mut request = TestRequest::default().method(method).insert_header(("host", "shop.example"));
    for header in headers {
        request = request.insert_header(*header);
    }
    let response = call_service(&app, request.to_request()).await;
    if let Some(error) = response.response().error() {
        assert_eq!(error.as_error::<Error>().map(Error::kind), Some(ErrorKind::CrossOrigin));
    }
    let status = response.status().as_u16();
    assert_eq!(store.is_empty(), status != 200, "a request that is refused stores nothing");
    status
}

const OURS: (&str, &str) = ("origin", "https://shop.example");
const SIBLING: (&str, &str) = ("origin", "https://blog.shop.example");
const SAME_SITE: (&str, &str) = ("sec-fetch-site", "same-site");
const CROSS_SITE: (&str, &str) = ("sec-fetch-site", "cross-site");
const SAME_ORIGIN: (&str, &str) = ("sec-fetch-site", "same-origin");

/// OWASP ASVS 5.0 3.5.1, 3.5.2.
#[actix_web::test]
async fn what_may_change_something_must_come_from_a_page_of_the_same_origin() {
    let cases: [(Headers<'_>, u16); 12] = [
        (&[], 200),
        (&[SAME_ORIGIN], 200),
        (&[("sec-fetch-site", "none")], 200),
        (&[OURS], 200),
        // The proxy in front knows the scheme, the application may not.
        (&[("origin", "http://shop.example")], 200),
        (&[SAME_SITE], 403),
        (&[CROSS_SITE], 403),
        // A browser that says where it comes from is believed.
        (&[CROSS_SITE, OURS], 403),
        (&[("sec-fetch-site", "something-new")], 403),
        (&[SIBLING], 403),
        (&[("origin", "null")], 403),
        (&[("origin", "https://shop.example:8443")], 403),
    ];
    for (headers, expected) in cases {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert_eq!(status(|builder| builder, method, headers).await, expected, "{headers:?}");
        }
    }
    let forwarded = [("origin", "https://shop.example.org"), ("x-forwarded-host", "shop.example.org")];
    assert_eq!(status(|builder| builder, Method::POST, &forwarded).await, 200);
}

/// OWASP ASVS 5.0 3.5.3, 4.4.2.
#[actix_web::test]
async fn safe_methods_pass_but_for_a_handshake() {
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        assert_eq!(status(|builder| builder, method.clone(), &[CROSS_SITE, SIBLING]).await, 200, "{method}");
    }
    let upgrade = ("upgrade", "websocket");
    assert_eq!(status(|builder| builder, Method::GET, &[upgrade, SIBLING]).await, 403);
    assert_eq!(status(|builder| builder, Method::GET, &[upgrade, OURS]).await, 200);
}

#[actix_web::test]
async fn other_origins_pass_if_the_application_says_so() {
    let trusting = |builder: SessionMiddlewareBuilder| builder.trusted_origin("https://blog.shop.example");
    assert_eq!(status(trusting, Method::POST, &[SAME_SITE, SIBLING]).await, 200);
    assert_eq!(status(trusting, Method::POST, &[SIBLING]).await, 200);
    assert_eq!(status(trusting, Method::POST, &[SAME_SITE]).await, 403);
    assert_eq!(status(trusting, Method::POST, &[("origin", "https://blog.shop.example.evil")]).await, 403);
    let exempt = |path: &'static str| {
        move |builder: SessionMiddlewareBuilder| {
            builder.dangerous_cross_origin(move |request| request.uri.path() == path)
        }
    };
    assert_eq!(status(exempt("/"), Method::POST, &[CROSS_SITE]).await, 200);
    assert_eq!(status(exempt("/saml"), Method::POST, &[CROSS_SITE]).await, 403);
    let mistaken =
        SessionMiddleware::builder(MemoryStore::unbounded(), key()).trusted_origin("https://a.example/");
    assert_eq!(mistaken.build().unwrap_err(), ConfigError::NotAnOrigin("https://a.example/".into()));
}

#[actix_web::test]
async fn middleware_outside_sees_a_refusal_as_a_response() {
    let sessions = SessionMiddleware::new(MemoryStore::unbounded(), key());
    let policy = DefaultHeaders::new().add(("referrer-policy", "no-referrer"));
    let app = init_service(App::new().wrap(sessions).wrap(policy)).await;
    let response = call_service(&app, TestRequest::post().insert_header(CROSS_SITE).to_request()).await;
    assert_eq!(response.status(), 403);
    assert_eq!(response.headers().get("referrer-policy").unwrap(), "no-referrer");
}

/// OWASP ASVS 5.0 16.3.3.
#[actix_web::test]
async fn a_refusal_is_told_a_few_times_with_what_to_do() {
    let sessions = SessionMiddleware::new(MemoryStore::unbounded(), Key::generate().unwrap());
    let app = init_service(App::new().wrap(sessions).route("/", web::post().to(|| async { "never" }))).await;
    let (logged, _guard) = Logged::here();
    for _ in 0..50 {
        let request = TestRequest::post().insert_header(CROSS_SITE).insert_header(SIBLING).to_request();
        assert_eq!(call_service(&app, request).await.status(), 403);
    }
    let log = logged.text();
    assert!(log.starts_with("WARN") && log.contains("trusted_origin") && log.contains(SIBLING.1), "{log}");
    assert!(logged.count(tracing::Level::WARN) <= 6, "{log}");
}

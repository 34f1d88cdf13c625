//! What the edge does on request: an id in a header, a partitioned cookie, nothing in any cache, browsers that clear what they have.

use actix_typed_session::{
    ConfigError, CookieError, CsrfHeader, SameSite, Session, SessionMiddleware, SessionMiddlewareBuilder,
    TypedSession, store::MemoryStore,
};
use actix_web::{
    App, HttpResponse,
    dev::Service,
    http::header::{COOKIE, HeaderMap},
    test::{TestRequest, init_service},
    web,
};

use super::{
    kit::{Jar, World, key},
    words::Shop,
};

const ID: &str = "x-session-id";

async fn visit(mut shop: TypedSession<Shop>) -> String {
    shop.set_visits(shop.visits() + 1);
    format!("{} {:?}", shop.visits(), shop.session().csrf_token().await.unwrap())
}

/// The status, the headers and the body of a request to an application whose ids are in a header.
async fn send(store: &MemoryStore, request: TestRequest) -> (u16, HeaderMap, String) {
    let sessions = SessionMiddleware::builder(store.clone(), key()).id_header(ID).build().unwrap();
    let purge = |session: Session| async move {
        session.purge();
        "bye"
    };
    let app = App::new()
        .wrap(sessions)
        .route("/", web::post().to(visit))
        .route("/with-token", web::post().to(|_: CsrfHeader| async { "done" }))
        .route("/read", web::get().to(|shop: TypedSession<Shop>| async move { shop.visits().to_string() }))
        .route("/out", web::post().to(purge));
    let app = init_service(app).await;
    let response = match app.call(request.to_request()).await {
        Ok(response) => response.into_parts().1.map_into_boxed_body(),
        Err(error) => HttpResponse::from_error(error),
    };
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
    (status, headers, String::from_utf8(body.to_vec()).unwrap())
}

fn of<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).unwrap().to_str().unwrap()
}

fn id_in(headers: &HeaderMap) -> Option<String> {
    headers.get(ID).map(|value| value.to_str().unwrap().to_owned())
}

/// OWASP ASVS 5.0 3.5.2.
#[actix_web::test]
async fn an_application_without_cookies_sends_its_id_in_a_header() {
    let store = MemoryStore::unbounded();
    let (_, headers, body) = send(&store, TestRequest::post()).await;
    let id = id_in(&headers).unwrap();
    assert_eq!(body, "1 None", "no page can forge it, so there is no token");
    assert!(!headers.contains_key("set-cookie") && !format!("{headers:?}").contains(&id), "{headers:?}");
    assert_eq!((of(&headers, "vary"), of(&headers, "cache-control")), (ID, "no-store"));
    let with_id = |request: TestRequest| request.insert_header((ID, id.clone()));
    let (_, headers, body) = send(&store, with_id(TestRequest::get().uri("/read"))).await;
    assert_eq!(
        (body.as_str(), headers.get("vary").unwrap(), id_in(&headers)),
        ("1", &ID.parse().unwrap(), None)
    );
    // Where it comes from does not matter, and neither does a token.
    let foreign = TestRequest::post().insert_header(("sec-fetch-site", "cross-site"));
    assert_eq!(send(&store, with_id(foreign)).await.2, "2 None");
    assert_eq!(send(&store, with_id(TestRequest::post().uri("/with-token"))).await.0, 200);
    let (_, headers, _) = send(&store, with_id(TestRequest::post().uri("/out"))).await;
    assert_eq!((id_in(&headers).as_deref(), store.len()), (Some(""), 0));
}

/// OWASP ASVS 5.0 3.5.2.
#[actix_web::test]
async fn an_id_counts_only_where_it_belongs() {
    let store = MemoryStore::unbounded();
    let (_, headers, _) = send(&store, TestRequest::post()).await;
    let id = id_in(&headers).unwrap();
    for name in ["__Host-sid", ID] {
        let request = TestRequest::get().uri("/read").insert_header((COOKIE, format!("{name}={id}")));
        let (_, headers, body) = send(&store, request).await;
        assert_eq!((body.as_str(), of(&headers, "vary")), ("0", ID), "{name}");
    }
    // Nor does that of a cookie in the header, or that of a header in a cookie.
    let read = |shop: TypedSession<Shop>| async move { shop.visits().to_string() };
    let sessions = SessionMiddleware::new(store.clone(), key());
    let app = App::new().wrap(sessions).route("/", web::get().to(read)).route("/", web::post().to(visit));
    let app = init_service(app).await;
    let begun = app.call(TestRequest::post().to_request()).await.unwrap();
    let cookie =
        begun.headers().get("set-cookie").unwrap().to_str().unwrap().split(';').next().unwrap().to_owned();
    let request = TestRequest::get().uri("/read").insert_header((ID, cookie.split_once('=').unwrap().1));
    assert_eq!(send(&store, request).await.2, "0");
    let request =
        TestRequest::get().insert_header((COOKIE, format!("__Host-sid={id}"))).insert_header((ID, id));
    let response = app.call(request.to_request()).await.unwrap();
    assert_eq!(actix_web::test::read_body(response).await, "0");
}

/// CHIPS.
#[actix_web::test]
async fn what_cannot_be_a_header_or_a_partitioned_cookie_does_not_build() {
    let builder = || SessionMiddleware::builder(MemoryStore::unbounded(), key());
    for mistake in ["", "x session", "Cookie", "set-cookie", "größe"] {
        let built = builder().id_header(mistake).build();
        assert_eq!(built.unwrap_err(), ConfigError::IdHeader(mistake.into()));
    }
    let built = builder().cookie_partitioned().build();
    assert_eq!(built.unwrap_err(), ConfigError::Cookie(CookieError::PartitionedNeedsNone));
    let world = World::with(|builder| builder.cookie_partitioned().cookie_same_site(SameSite::None)).await;
    let answer = world.browser().go("v1").await;
    assert!(
        answer.set_cookie().unwrap().ends_with("; Secure; HttpOnly; SameSite=None; Partitioned"),
        "{answer:?}"
    );
}

/// OWASP ASVS 5.0 14.3.2.
#[actix_web::test]
async fn nothing_of_a_user_is_stored_if_the_application_says_so() {
    let world = World::with(SessionMiddlewareBuilder::no_store_when_signed_in).await;
    let browser = world.browser_after("v1").await;
    assert_eq!(browser.go("").await.header("cache-control"), None, "nobody is signed in");
    browser.go("in4").await;
    for words in ["", "v2", "err", "fail"] {
        let answer = browser.go(words).await;
        assert_eq!((answer.jar(), answer.header("cache-control")), (Jar::Kept, Some("no-store")), "{words}");
    }
    assert_eq!(browser.get("/none").await.header("cache-control"), None);
    browser.go("purge,v1").await;
    assert_eq!(browser.go("").await.header("cache-control"), None);

    let eager = World::with(|builder| builder.no_store_when_signed_in().eager()).await;
    let browser = eager.browser_after("in4").await;
    assert_eq!(browser.get("/none").await.header("cache-control"), Some("no-store"));
}

/// OWASP ASVS 5.0 14.3.1.
#[actix_web::test]
async fn a_browser_clears_what_it_has_when_its_session_ends_if_the_application_says_so() {
    let world = World::with(SessionMiddlewareBuilder::clear_site_data).await;
    let cleared = Some("\"cache\", \"storage\"");
    for words in ["purge", "out", "purge,v1", "purge,save,v1", "all"] {
        let browser = world.browser_after("in4").await;
        for before in ["v1", "renew", "in4"] {
            assert_eq!(browser.go(before).await.header("clear-site-data"), None, "{before}");
        }
        assert_eq!(browser.go(words).await.header("clear-site-data"), cleared, "{words}");
        assert_eq!(browser.go("").await.header("clear-site-data"), None);
    }
    let browser = world.browser_after("in4").await;
    world.store.damage(Some(actix_typed_session::store::StoreErrorKind::Unavailable));
    let failed = browser.go("purge").await;
    assert_eq!((failed.status, failed.header("clear-site-data")), (503, None));
    let usual = World::new().await;
    assert_eq!(usual.browser_after("in4").await.go("purge").await.header("clear-site-data"), None);
}

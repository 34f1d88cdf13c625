//! The token of a session's pages.

use actix_typed_session::{
    CsrfForm, CsrfHeader, Error, Key, Keys, Session, SessionMiddleware, TypedSession, store::MemoryStore,
};
use actix_web::{
    App, HttpResponse,
    body::to_bytes,
    dev::Service,
    http::header::{COOKIE, SET_COOKIE},
    test::{TestRequest, init_service},
    web,
};
use serde::Deserialize;

use super::{kit::key, words::Shop};

#[derive(Deserialize)]
struct Visits {
    visits: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    #[allow(dead_code)]
    visits: u32,
}

/// A page with a token, after it has done what its path says.
async fn page(mut shop: TypedSession<Shop>, what: web::Path<String>) -> Result<String, Error> {
    match what.as_str() {
        "set" => shop.set_visits(1),
        "in" => shop.set_user(4),
        "renew" => shop.session().renew(),
        "purge" => shop.session().purge(),
        _ => {}
    }
    Ok(shop.session().csrf_token().await?.unwrap_or_else(|| "none".into()))
}

async fn form(mut shop: TypedSession<Shop>, form: CsrfForm<Visits>) -> &'static str {
    shop.set_visits(form.visits);
    "set"
}

/// Ignores that there is no token.
async fn careless(mut shop: TypedSession<Shop>, _: Option<CsrfHeader>) -> &'static str {
    shop.set_visits(9);
    "set"
}

async fn by_hand(session: Session, token: String) -> Result<&'static str, Error> {
    session.check_csrf_token(&token)?;
    Ok("checked")
}

async fn show(shop: TypedSession<Shop>) -> String {
    shop.visits().to_string()
}

/// Sends one request; returns the status and the body, and keeps the cookie in `jar`.
async fn send(
    store: &MemoryStore,
    keys: &[Key],
    jar: &mut Option<String>,
    request: TestRequest,
) -> (u16, String) {
    let keys = Keys::new(keys[0].clone(), keys[1..].iter().cloned());
    let app = App::new()
        .wrap(SessionMiddleware::new(store.clone(), keys))
        .route("/page/{what}", web::get().to(page))
        .route("/form", web::post().to(form))
        .route("/strict", web::post().to(|_: CsrfForm<Strict>| async { "done" }))
        .route("/button", web::post().to(|_: CsrfForm<()>| async { "done" }))
        .route("/json", web::post().to(|_: CsrfHeader| async { "done" }))
        .route("/careless", web::post().to(careless))
        .route("/by-hand", web::post().to(by_hand))
        .route("/show", web::get().to(show));
    let app = init_service(app).await;
    let request = match &jar {
        Some(cookie) => request.insert_header((COOKIE, cookie.as_str())),
        None => request,
    };
    let response = match app.call(request.to_request()).await {
        Ok(response) => response.into_parts().1.map_into_boxed_body(),
        Err(error) => HttpResponse::from_error(error),
    };
    if let Some(line) = response.headers().get(SET_COOKIE) {
        let pair = line.to_str().unwrap().split(';').next().unwrap();
        *jar = (!pair.ends_with('=')).then(|| pair.to_owned());
    }
    let status = response.status().as_u16();
    (status, String::from_utf8(to_bytes(response.into_body()).await.unwrap().to_vec()).unwrap())
}

struct Browser(MemoryStore, Option<String>);

impl Browser {
    fn new() -> Self {
        Self(MemoryStore::unbounded(), None)
    }

    async fn send(&mut self, request: TestRequest) -> (u16, String) {
        send(&self.0, &[key()], &mut self.1, request).await
    }

    async fn page(&mut self, what: &str) -> String {
        let (status, token) = self.send(TestRequest::get().uri(&format!("/page/{what}"))).await;
        assert_eq!(status, 200);
        token
    }

    async fn form(&mut self, token: &str) -> u16 {
        let body = format!("visits=7&csrf_token={token}");
        self.send(posted("/form", &body)).await.0
    }
}

fn posted(path: &str, body: &str) -> TestRequest {
    let form = ("content-type", "application/x-www-form-urlencoded");
    TestRequest::post().uri(path).insert_header(form).set_payload(body.to_owned())
}

/// OWASP ASVS 5.0 3.5.1.
#[actix_web::test]
async fn a_form_needs_the_token_of_its_session() {
    let (mut browser, mut other) = (Browser::new(), Browser::new());
    let token = browser.page("set").await;
    let others = other.page("set").await;
    assert_eq!(browser.form(&others).await, 403);
    assert_eq!(browser.form("").await, 403);
    assert_eq!(browser.send(posted("/form", "visits=7")).await, (403, "Forbidden".into()));
    assert_eq!(browser.send(TestRequest::get().uri("/show")).await.1, "1", "nothing was stored");
    assert_eq!(browser.form(&token).await, 200);
    assert_eq!(browser.send(TestRequest::get().uri("/show")).await.1, "7");
    let header = ("x-csrf-token", token.as_str());
    assert_eq!(browser.send(posted("/form", "visits=8").insert_header(header)).await.0, 200);
    assert_eq!(browser.send(TestRequest::post().uri("/json").insert_header(header)).await.0, 200);
    assert_eq!(browser.send(TestRequest::post().uri("/json")).await.0, 403);
    assert_eq!(browser.send(TestRequest::post().uri("/by-hand").set_payload(token)).await.0, 200);
    assert_eq!(browser.send(TestRequest::post().uri("/by-hand").set_payload(others)).await.0, 403);
    assert_eq!(
        browser.send(posted("/form", "visits=x&csrf_token=")).await.0,
        403,
        "before the form is judged"
    );
}

#[actix_web::test]
async fn the_token_is_not_a_field_of_the_form() {
    let mut browser = Browser::new();
    let token = browser.page("set").await;
    let header = ("x-csrf-token", token.as_str());
    let first = format!("csrf_token={token}&visits=7");
    let last = format!("visits=7&csrf_token={token}");
    for form in [&first, &last] {
        assert_eq!(browser.send(posted("/strict", form)).await.0, 200, "{form}");
    }
    assert_eq!(browser.send(posted("/strict", "visits=7").insert_header(header)).await.0, 200);
    assert_eq!(browser.send(posted("/strict", &format!("{last}&more=1"))).await.0, 400);
    // A button has no field of its own.
    assert_eq!(browser.send(posted("/button", &format!("csrf_token={token}"))).await.0, 200);
    assert_eq!(browser.send(posted("/button", "").insert_header(header)).await.0, 200);
    assert_eq!(browser.send(posted("/button", "csrf_token=")).await.0, 403);
}

#[actix_web::test]
async fn every_page_has_another_token_and_all_are_valid() {
    let mut browser = Browser::new();
    let tokens = [browser.page("set").await, browser.page("read").await, browser.page("read").await];
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2], "{tokens:?}");
    for token in &tokens {
        assert_eq!(browser.form(token).await, 200, "{token}");
    }
}

/// OWASP ASVS 5.0 7.6.2.
#[actix_web::test]
async fn a_visitor_who_only_reads_gets_no_session_and_needs_no_token() {
    let mut browser = Browser::new();
    assert_eq!(browser.page("read").await, "none");
    assert_eq!((browser.1.clone(), browser.0.len()), (None, 0));
    assert_eq!(browser.form("none").await, 200, "there is nothing to protect");
    assert!(browser.1.is_some(), "the form has begun a session");
    assert_eq!(browser.form("none").await, 403);
}

/// OWASP ASVS 5.0 3.5.1; CVE-2022-24895.
#[actix_web::test]
async fn a_token_dies_with_a_sign_in_and_a_renewal_and_a_purge() {
    for what in ["in", "renew"] {
        let mut browser = Browser::new();
        let before = browser.page("set").await;
        // The page that signs in has the token of the session as it is then.
        let after = browser.page(what).await;
        assert_eq!(browser.form(&before).await, 403, "{what}");
        assert_eq!(browser.form(&after).await, 200, "{what}");
    }
    let mut browser = Browser::new();
    let token = browser.page("set").await;
    assert_eq!(browser.page("purge").await, "none");
    let again = browser.page("set").await;
    assert_ne!(again, "none");
    assert_eq!(browser.form(&token).await, 403);
}

#[actix_web::test]
async fn a_missing_token_that_a_handler_ignores_answers_all_the_same() {
    let mut browser = Browser::new();
    browser.page("set").await;
    assert_eq!(browser.send(TestRequest::post().uri("/careless")).await.0, 403);
    assert_eq!(browser.send(TestRequest::get().uri("/show")).await.1, "1");
}

/// OWASP ASVS 5.0 11.2.2.
#[actix_web::test]
async fn a_token_outlives_a_change_of_the_key() {
    let (store, mut jar) = (MemoryStore::unbounded(), None);
    let other = Key::try_from([key_bytes(), [7; 32]].concat().as_slice()).unwrap();
    let page = TestRequest::get().uri("/page/set");
    let (_, token) = send(&store, &[key()], &mut jar, page).await;
    let body = format!("visits=7&csrf_token={token}");
    assert_eq!(send(&store, &[other.clone(), key()], &mut jar, posted("/form", &body)).await.0, 200);
}

fn key_bytes() -> [u8; 32] {
    *b"another key of thirty-two bytes!"
}

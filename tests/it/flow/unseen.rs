//! A message that is shown once survives answers that nobody sees.

use actix_typed_session::{Error, SessionMiddleware, TypedSession, store::MemoryStore};
use actix_web::{
    App, HttpResponse,
    dev::Service,
    error::{ErrorBadRequest, ErrorImATeapot},
    http::{
        Method,
        header::{COOKIE, SET_COOKIE},
    },
    test::{TestRequest, init_service},
    web,
};

use super::{kit::key, words::Shop};

/// Takes the notice, and then does what the path says.
async fn take(mut shop: TypedSession<Shop>, then: web::Path<String>) -> actix_web::Result<HttpResponse> {
    let notice = shop.take_notice().unwrap_or_else(|| "none".into());
    match then.as_str() {
        "fail" => return Err(ErrorImATeapot("no coffee")),
        "refuse" => return Err(ErrorBadRequest("no")),
        "break" => return Ok(HttpResponse::InternalServerError().finish()),
        "write" => shop.set_visits(7),
        "save" => shop.session().save().await?,
        "fail-after-write" => {
            shop.set_visits(9);
            return Err(ErrorImATeapot("no coffee"));
        }
        "missing" => return Ok(HttpResponse::NotFound().body(notice)),
        _ => {}
    }
    Ok(HttpResponse::Ok().body(format!("{notice} {}", shop.visits())))
}

/// The notice that a second request still shows after this one.
async fn left_after(method: Method, then: &str, header: Option<(&str, &str)>) -> String {
    let sessions = SessionMiddleware::new(MemoryStore::unbounded(), key());
    let greet = |mut shop: TypedSession<Shop>| async move {
        shop.set_notice("hello");
        Ok::<_, Error>("begun")
    };
    let app = App::new().wrap(sessions).route("/begin", web::to(greet)).route("/{then}", web::to(take));
    let app = init_service(app).await;
    let answer = app.call(TestRequest::get().uri("/begin").to_request()).await.unwrap();
    let cookie =
        answer.headers().get(SET_COOKIE).unwrap().to_str().unwrap().split(';').next().unwrap().to_owned();
    let request = |method, path: &str| {
        TestRequest::default().method(method).uri(path).insert_header((COOKIE, cookie.as_str()))
    };
    let mut first = request(method, &format!("/{then}"));
    if let Some(header) = header {
        first = first.insert_header(header);
    }
    drop(app.call(first.to_request()).await);
    let second = app.call(request(Method::GET, "/show").to_request()).await.unwrap();
    String::from_utf8(actix_web::test::read_body(second).await.to_vec()).unwrap()
}

#[actix_web::test]
async fn a_page_that_is_seen_shows_it_for_the_last_time() {
    for then in ["show", "save", "missing"] {
        assert_eq!(left_after(Method::GET, then, None).await, "none 0", "{then}");
    }
    assert_eq!(left_after(Method::GET, "write", None).await, "none 7");
    assert_eq!(left_after(Method::POST, "show", Some(("sec-purpose", "else"))).await, "none 0");
}

#[actix_web::test]
async fn a_head_request_and_a_prefetch_leave_it() {
    assert_eq!(left_after(Method::HEAD, "show", None).await, "hello 0");
    for header in
        [("sec-purpose", "prefetch"), ("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch")]
    {
        assert_eq!(left_after(Method::GET, "show", Some(header)).await, "hello 0", "{header:?}");
        // Other writes of the request count.
        assert_eq!(left_after(Method::GET, "write", Some(header)).await, "hello 7", "{header:?}");
        assert_eq!(left_after(Method::GET, "save", Some(header)).await, "hello 0", "{header:?}");
    }
}

#[actix_web::test]
async fn a_handler_that_fails_after_taking_it_leaves_it() {
    for then in ["fail", "refuse", "break"] {
        assert_eq!(left_after(Method::GET, then, None).await, "hello 0", "{then}");
    }
    assert_eq!(left_after(Method::GET, "fail-after-write", None).await, "hello 9");
}

//! A session that expires while a request runs: no write, no renewal and no touch brings it back.

use std::time::Duration;

use actix_typed_session::{
    Key, SessionMiddleware, SessionState, TypedSession,
    record::Timestamp,
    store::{ManualClock, MemoryStore},
};
use actix_web::{
    App,
    http::header::{COOKIE, SET_COOKIE},
    test::{TestRequest, call_service, init_service},
    web,
};

#[derive(SessionState)]
#[session(name = "page", version = 1, lock = off)]
struct Page {
    #[session(default)]
    hits: u32,
}

/// The clock moves between the load and the commit, so the order of events is the same in every run.
/// OWASP ASVS 5.0 7.3.2.
#[actix_web::test]
async fn nothing_brings_back_a_session_that_expired_meanwhile() {
    for what in ["set", "update", "renew", "touch"] {
        let clock = ManualClock::at(Timestamp::from_millis(1_000_000));
        let store = MemoryStore::unbounded().with_clock(clock.clone());
        let key = Key::try_from(b"0123456789abcdef0123456789abcdef".as_slice()).unwrap();
        let idle = Duration::from_mins(30);
        let sessions = SessionMiddleware::builder(store.clone(), key).idle_timeout(idle).build().unwrap();
        let slow = {
            let clock = clock.clone();
            move |mut page: TypedSession<Page>, what: web::Path<String>| {
                let clock = clock.clone();
                async move {
                    // The session was live when the request began.
                    assert_eq!(page.hits, 1);
                    clock.advance(idle);
                    match what.as_str() {
                        "set" => page.set_hits(5),
                        "update" => page.update_hits(|hits| *hits += 1),
                        "renew" => page.session().renew(),
                        _ => {}
                    }
                    ""
                }
            }
        };
        let begin = async |mut page: TypedSession<Page>| {
            page.set_hits(1);
            ""
        };
        let app = App::new()
            .wrap(sessions)
            .route("/begin", web::get().to(begin))
            .route("/slow/{what}", web::get().to(slow));
        let app = init_service(app).await;
        let begun = call_service(&app, TestRequest::get().uri("/begin").to_request()).await;
        let cookie = begun.headers().get(SET_COOKIE).unwrap().to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        // So late that the request would touch the session.
        clock.advance(idle / 2);
        let request = TestRequest::get().uri(&format!("/slow/{what}")).insert_header((COOKIE, cookie));
        let response = call_service(&app, request.to_request()).await;
        assert_eq!((response.status().as_u16(), response.headers().get(SET_COOKIE)), (200, None), "{what}");
        store.sweep();
        assert!(store.is_empty(), "{what}");
    }
}

//! The flow from cookie to store and back, in this process.

mod acknowledging;
mod actix_store;
mod alone;
mod bad_input;
pub(crate) mod canaries;
mod beginning;
mod corners;
mod csrf;
pub(crate) mod devices;
mod double_sign_in;
mod edge;
mod events;
mod extract;
mod floods;
mod forged;
mod handles;
mod kept;
mod keys;
mod kit;
mod late;
mod layers;
mod lifetime;
pub(crate) mod logged;
mod origin;
mod outcomes;
mod pipelined;
mod privilege;
mod rows;
mod rows_failing;
mod rows_races;
mod rows_signing;
mod saves;
mod script;
mod sealed;
mod sealed_limits;
mod secrets;
mod several_cookies;
mod signed_in;
mod surface;
mod unreadable;
mod unseen;
mod values;
mod wire;
mod words;

use std::time::Duration;

use actix_typed_session::{
    Key, Session, SessionMiddleware, SessionState, TypedSession,
    record::Timestamp,
    store::{ManualClock, MemoryStore},
};
use actix_web::{
    App, HttpResponse,
    dev::ServiceResponse,
    http::header::{COOKIE, SET_COOKIE},
    test, web,
};

#[derive(SessionState)]
#[session(name = "shop", version = 1, lock = off)]
struct Shop {
    #[session(principal)]
    user: Option<u64>,
    #[session(default)]
    cart: Vec<u32>,
    #[session(default)]
    visits: u32,
    #[session(flash)]
    notice: Option<String>,
}

fn key() -> Key {
    Key::try_from(b"0123456789abcdef0123456789abcdef".as_slice()).unwrap()
}

/// The `name=value` of the session cookie in a response.
fn cookie_of<B>(response: &ServiceResponse<B>) -> Option<String> {
    let line = response.headers().get(SET_COOKIE)?.to_str().unwrap();
    assert!(line.starts_with("__Host-sid="), "{line}");
    line.split(';').next().map(str::to_owned)
}

#[actix_web::test]
async fn a_cart_is_kept_and_a_notice_shows_once() {
    let clock = ManualClock::at(Timestamp::from_millis(1_000_000));
    let store = MemoryStore::unbounded().with_clock(clock.clone());
    let app = test::init_service(
        App::new()
            .wrap(SessionMiddleware::new(store.clone(), key()))
            .route("/none", web::get().to(|| async { "none" }))
            .route(
                "/add/{n}",
                web::get().to(|mut shop: TypedSession<Shop>, n: web::Path<u32>| async move {
                    let n = *n;
                    shop.update_cart(move |cart| cart.push(n));
                    shop.set_visits(shop.visits() + 1);
                    shop.set_notice("added");
                    format!("{:?}", shop.cart())
                }),
            )
            .route(
                "/show",
                web::get().to(|mut shop: TypedSession<Shop>| async move {
                    let notice = shop.take_notice();
                    format!("{:?} {} {:?} {:?}", shop.cart(), shop.visits(), shop.user(), notice)
                }),
            )
            .route(
                "/in/{u}",
                web::get().to(|mut shop: TypedSession<Shop>, u: web::Path<u64>| async move {
                    shop.set_user(*u);
                    "welcome"
                }),
            )
            .route(
                "/twice",
                web::get().to(|mut shop: TypedSession<Shop>| async move {
                    let n = shop
                        .try_update(|shop| {
                            shop.visits += 1;
                            shop.visits
                        })
                        .await?;
                    Ok::<_, actix_typed_session::Error>(format!("{n} {}", shop.visits()))
                }),
            )
            .route(
                "/out",
                web::get().to(|session: Session| async move {
                    session.purge();
                    HttpResponse::Ok().body("bye")
                }),
            ),
    )
    .await;
    let get = async |path: &str, cookie: &Option<String>| {
        let mut request = test::TestRequest::get().uri(path);
        if let Some(cookie) = cookie {
            request = request.insert_header((COOKIE, cookie.as_str()));
        }
        let response = test::call_service(&app, request.to_request()).await;
        let (status, cookie) = (response.status(), cookie_of(&response));
        (status.as_u16(), cookie, String::from_utf8(test::read_body(response).await.to_vec()).unwrap())
    };
    assert_eq!(get("/none", &None).await, (200, None, "none".into()));
    assert_eq!(get("/show", &None).await, (200, None, "[] 0 None None".into()));
    let (status, cookie, body) = get("/add/7", &None).await;
    assert_eq!((status, body.as_str()), (200, "[7]"));
    assert!(cookie.is_some());
    assert_eq!(get("/add/8", &cookie).await, (200, None, "[7, 8]".into()));
    assert_eq!(get("/show", &cookie).await.2, "[7, 8] 2 None Some(\"added\")");
    assert_eq!(get("/show", &cookie).await.2, "[7, 8] 2 None None");
    assert_eq!(get("/twice", &cookie).await.2, "3 3");
    let (_, signed_in, _) = get("/in/42", &cookie).await;
    assert!(signed_in.is_some() && signed_in != cookie);
    assert_eq!(get("/show", &signed_in).await.2, "[7, 8] 3 Some(42) None");
    assert_eq!(get("/show", &cookie).await.2, "[] 0 None None");
    assert_eq!(get("/add/9", &cookie).await.0, 409);
    let (_, other, _) = get("/in/43", &signed_in).await;
    assert_eq!(get("/show", &other).await.2, "[] 0 Some(43) None");
    assert_eq!(get("/show", &signed_in).await.2, "[] 0 None None");
    let (_, removed, _) = get("/out", &other).await;
    assert_eq!(removed.as_deref(), Some("__Host-sid="));
    assert_eq!(get("/show", &other).await.2, "[] 0 None None");
    assert!(store.is_empty());
    clock.advance(Duration::from_secs(1));
}

//! What fails: a conversion, a store, a cookie. Nothing is lost by it.

use std::time::Duration;

use actix_typed_session::import::ActixSession;
use actix_web::cookie;
use tracing::Level;

use super::kit::{ADA, Call, Shelf, Shop, World, by_name, old_cookie, old_key};
use crate::flow::logged::Logged;

/// Old sessions that no conversion here fits, with a part of what is told.
const UNFIT: [(&str, &str); 5] = [
    (r#"{"user":"\"ada\""}"#, "shop.user"),
    (r#"{"user":"7","cart":"{}"}"#, "shop.cart"),
    (r#"{"v":2,"state":{}}"#, "another form"),
    ("not JSON", "not what actix-session stores"),
    ("[]", "not what actix-session stores"),
];

#[actix_web::test]
async fn a_conversion_that_fails_is_told_and_the_old_session_stays() {
    for (text, told) in UNFIT {
        let world = World::new(Shelf::with("k", text)).await;
        let visitor = world.visitor("k");
        let (logged, _guard) = Logged::here();
        let answer = visitor.get("/show").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "None [] 0 None"), "{text}");
        let text = logged.text();
        assert!(text.contains("import_failed") && text.contains(told), "{text}");
        assert!(!text.contains("ada"), "no value: {text}");
        assert_eq!((visitor.cookies().as_str(), world.shelf.has("k"), world.store.len()), ("id", true, 0));
        assert_eq!(world.told(), "import_failed");
    }
}

#[actix_web::test]
async fn the_next_release_can_still_move_what_the_first_one_could_not() {
    let shelf = Shelf::with("k", r#"{"user":"\"7\"","cart":"[1]"}"#);
    let world = World::new(shelf.clone()).await;
    let cookie = old_cookie("k", &old_key());
    assert_eq!(world.browser(&cookie).body("/show").await, "None [] 0 None");
    let old = ActixSession::in_store(shelf.clone(), old_key()).with::<Shop>(|old, shop| {
        shop.set_user(old.get::<String>("user")?.unwrap_or_default().parse::<u64>()?);
        shop.set_cart(old.get::<Vec<u32>>("cart")?.unwrap_or_default());
        Ok(())
    });
    let world = world.released(|builder| builder.import(old)).await;
    assert_eq!(world.browser(&cookie).body("/show").await, "Some(7) [1] 0 None");
    assert!(!shelf.has("k"));
}

#[actix_web::test]
async fn a_function_that_panics_or_sets_what_cannot_be_stored_is_a_failed_conversion() {
    let functions: [fn(ActixSession) -> ActixSession; 2] = [
        |old| old.with::<Shop>(|_, _| panic!("a mistake")),
        |old| {
            old.with::<Shop>(|_, shop| {
                shop.set_cart(vec![7; 100_000]);
                Ok(())
            })
        },
    ];
    for with in functions {
        let shelf = Shelf::with("k", ADA);
        let old = with(ActixSession::in_store(shelf.clone(), old_key()));
        let world = World::with(shelf, |builder| builder.import(old)).await;
        let visitor = world.visitor("k");
        assert_eq!(visitor.body("/show").await, "None [] 0 None");
        assert_eq!((visitor.cookies().as_str(), world.shelf.has("k"), world.store.len()), ("id", true, 0));
        assert_eq!(world.told(), "import_failed");
    }
}

/// A name that was mistyped must not end everybody's session.
#[actix_web::test]
async fn a_session_of_which_nothing_is_known_stays_where_it_is() {
    for text in ["{}", r#"{"basket":"[1]"}"#, r#"{"user":"null"}"#] {
        let world = World::new(Shelf::with("k", text)).await;
        let visitor = world.visitor("k");
        assert_eq!(visitor.body("/show").await, "None [] 0 None");
        assert_eq!((visitor.cookies().as_str(), world.shelf.has("k"), world.store.len()), ("id", true, 0));
        assert_eq!(world.told(), "");
    }
}

#[actix_web::test]
async fn a_forged_cookie_asks_no_store_and_a_flood_of_them_fills_no_log() {
    let world = World::new(Shelf::with("k", ADA)).await;
    let forged = old_cookie("k", &cookie::Key::from(&[8; 64]));
    let (logged, _guard) = Logged::here();
    for _ in 0..1000 {
        let visitor = world.browser(&forged);
        assert_eq!(visitor.body("/show").await, "None [] 0 None");
        assert_eq!(visitor.cookies(), "id", "it may be the cookie of something else");
    }
    assert_eq!(world.shelf.calls(), []);
    assert_eq!(world.told().matches("tampered").count(), 1000);
    let lines = logged.count(Level::INFO) + logged.count(Level::WARN) + logged.count(Level::ERROR);
    assert!((1..=10).contains(&lines), "{lines} lines: {}", logged.text());
}

#[actix_web::test]
async fn an_old_store_that_is_down_is_503_where_the_session_is_taken_and_nothing_is_lost() {
    let world = World::new(Shelf::with("k", ADA)).await;
    let ada = world.visitor("k");
    world.shelf.fail(Some(Call::Load));
    assert_eq!(ada.get("/none").await.status, 200);
    let answer = ada.get("/show").await;
    assert_eq!((answer.status, answer.set_cookies().len()), (503, 0));
    assert_eq!(world.browser("a=b").body("/show").await, "None [] 0 None", "no old cookie, no old store");
    world.shelf.fail(None);
    assert_eq!(ada.body("/show").await, "Some(7) [1, 2] 3 Some(\"x\")");
}

/// The session is stored, and nothing says whether the old record is gone: nobody may sign out of the one before the other has ended.
#[actix_web::test]
async fn an_old_record_that_could_not_be_deleted_is_deleted_before_a_browser_gets_the_session() {
    let world = World::new(Shelf::with("k", ADA)).await;
    let ada = world.visitor("k");
    world.shelf.fail(Some(Call::Delete));
    let answer = ada.get("/add/3").await;
    assert_eq!((answer.status, ada.cookies().as_str()), (503, "id"));
    assert_eq!((world.store.len(), world.shelf.has("k")), (1, true));
    world.clock.advance(Duration::from_secs(4)); // nobody can still be at it
    assert_eq!((ada.get("/show").await.status, ada.cookies().as_str()), (503, "id"));
    world.shelf.fail(None);
    assert_eq!(ada.body("/show").await, "Some(7) [1, 2] 3 Some(\"x\")");
    assert_eq!((world.store.len(), world.shelf.has("k"), ada.cookies().as_str()), (1, false, "__Host-sid"));
}

#[actix_web::test]
async fn an_old_store_that_does_not_answer_is_given_up_in_time() {
    let shelf = Shelf::with("k", ADA);
    let old = by_name(&shelf);
    let world = World::with(shelf, |it| it.import(old).load_deadline(Duration::from_millis(50))).await;
    world.shelf.hold(Call::Load);
    assert_eq!(world.visitor("k").get("/show").await.status, 503);
    assert_eq!(world.visitor("k").body("/show").await, "Some(7) [1, 2] 3 Some(\"x\")");
}

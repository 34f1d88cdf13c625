//! What moves, and what the browser is told.

use std::time::Duration;

use actix_session::storage::CookieSessionStore;
use actix_typed_session::{
    Key, SealedCookie, SessionMiddleware, SessionMiddlewareBuilder, WhenFull,
    import::{ActixSession, ImportError},
    record::Timestamp,
    store::{ActixSessionStore, ManualClock, MemoryStore},
};
use actix_web::cookie::{Cookie, CookieJar};

use super::kit::{ADA, Call, Shelf, Shop, World, by_name, old_cookie, old_key};

#[actix_web::test]
async fn the_first_request_brings_the_state_and_ends_the_old_session() {
    let world = World::new(Shelf::with("k", ADA)).await;
    let ada = world.visitor("k");
    assert_eq!(ada.get("/none").await.set_cookies(), Vec::<&str>::new(), "the session is not taken");
    assert_eq!(world.shelf.calls(), []);
    let answer = ada.get("/show").await;
    assert_eq!(answer.body, "Some(7) [1, 2] 3 Some(\"x\")");
    let lines = answer.set_cookies();
    assert!(lines.iter().any(|line| line.starts_with("__Host-sid=1.")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("id=;") && line.contains("Path=/; ")), "{lines:?}");
    assert_eq!(ada.cookies(), "__Host-sid");
    assert!(!world.shelf.has("k"));
    assert_eq!(world.told(), "created imported loaded");
    world.shelf.calls();
    assert_eq!(ada.body("/add/3").await, "[1, 2, 3]");
    assert_eq!(ada.body("/show").await, "Some(7) [1, 2, 3] 3 Some(\"x\")");
    assert_eq!((world.shelf.calls(), world.store.len()), (vec![], 1));
}

#[actix_web::test]
async fn the_user_is_found_and_has_proven_nothing() {
    let world = World::new(Shelf::with("k", ADA)).await;
    let ada = world.visitor("k");
    assert_eq!(ada.body("/count").await, "1");
    assert_eq!(ada.get("/recently").await.status, 401);
    ada.body("/in/7").await;
    assert_eq!(ada.body("/recently").await, "recently");
    assert_eq!((ada.body("/count").await.as_str(), world.store.len()), ("1", 1));
}

#[actix_web::test]
async fn the_limits_of_the_builder_begin() {
    let world = World::new(Shelf::with("k", ADA)).await;
    let ada = world.visitor("k");
    ada.body("/show").await;
    world.clock.advance(Duration::from_mins(29));
    assert!(ada.body("/show").await.starts_with("Some(7)"));
    world.clock.advance(Duration::from_mins(31));
    assert!(ada.body("/show").await.starts_with("None"));
}

#[actix_web::test]
async fn a_function_chooses_what_moves_and_who_signs_in() {
    let shelf = Shelf::with("old:k", r#"{"v":1,"state":{"actix_identity.user_id":"8","basket":[5]}}"#);
    let old = ActixSession::in_store(shelf.clone(), old_key())
        .cache_keygen(|key| format!("old:{key}"))
        .cookie_name("id")
        .with::<Shop>(|old, shop| {
            assert_eq!(old.expires_in(), Some(Duration::from_mins(1)));
            assert_eq!(old.keys().collect::<Vec<_>>(), ["actix_identity.user_id", "basket"]);
            if let Some(user) = old.identity()? {
                shop.set_user(user.parse::<u64>()?);
            }
            shop.set_cart(old.get::<Vec<u32>>("basket")?.unwrap_or_default());
            Ok(())
        });
    let world = World::with(shelf, |builder| builder.import(old)).await;
    assert_eq!(world.visitor("k").body("/show").await, "Some(8) [5] 0 None");
    assert!(!world.shelf.has("old:k"));
}

#[actix_web::test]
async fn a_visitor_who_is_not_signed_in_keeps_the_cart() {
    let world = World::new(Shelf::with("k", r#"{"cart":"[4]"}"#)).await;
    let visitor = world.visitor("k");
    assert_eq!(visitor.body("/show").await, "None [4] 0 None");
    assert_eq!(visitor.body("/add/5").await, "[4, 5]");
}

#[actix_web::test]
async fn a_visitor_with_a_session_of_ours_keeps_it_and_the_old_one_is_not_looked_at() {
    let world = World::new(Shelf::with("k", ADA)).await;
    let visitor = world.browser("a=b");
    visitor.body("/add/9").await;
    visitor.take(&old_cookie("k", &old_key()));
    let answer = visitor.get("/show").await;
    assert_eq!(answer.body, "None [9] 0 None");
    assert_eq!(answer.set_cookies().len(), 1, "the removal alone");
    assert_eq!(visitor.cookies(), "__Host-sid a");
    assert!(world.shelf.has("k"));
    assert_eq!(world.shelf.calls(), []);
}

#[actix_web::test]
async fn an_answer_that_is_lost_locks_nobody_out() {
    let world = World::new(Shelf::with("k", ADA)).await;
    let (ada, copy) = (world.visitor("k"), world.visitor("k"));
    ada.lose("/add/3").await;
    ada.body("/add/4").await;
    assert_eq!(ada.body("/show").await, "Some(7) [1, 2, 3, 4] 3 Some(\"x\")");
    assert_eq!(world.store.len(), 1);
    // As the old cookie did before, until the id is renewed.
    ada.body("/in/7").await;
    world.clock.advance(Duration::from_mins(2));
    assert!(copy.body("/show").await.starts_with("None"));
    assert!(ada.body("/show").await.starts_with("Some(7)"));
    assert_eq!(copy.cookies(), "");
}

#[actix_web::test]
async fn a_session_that_was_signed_out_does_not_come_back() {
    let world = World::new(Shelf::with("k", ADA)).await;
    let (ada, copy) = (world.visitor("k"), world.visitor("k"));
    assert_eq!(ada.body("/out").await, "out");
    assert_eq!(ada.cookies(), "");
    assert_eq!(copy.body("/show").await, "None [] 0 None");
    assert_eq!((copy.cookies().as_str(), world.store.len()), ("", 0));
}

#[actix_web::test]
async fn two_extractors_of_one_request_see_the_same_session() {
    let world = World::new(Shelf::with("k", ADA)).await;
    assert_eq!(world.visitor("k").body("/both").await, "Some(7)");
    assert_eq!(world.shelf.calls(), [Call::Load, Call::Delete]);
}

#[actix_web::test]
async fn a_session_moves_from_one_cookie_to_another() {
    let clock = ManualClock::at(Timestamp::from_millis(1_000_000));
    let home = SealedCookie::new("shop").without_server_logout().with_clock(clock.clone());
    let old = ActixSession::in_cookie(old_key()).into_state::<Shop>();
    let world =
        World::over(home, MemoryStore::unbounded(), clock, Shelf::default(), |it| it.import(old)).await;
    let ada = world.visitor(ADA);
    assert_eq!(ada.body("/show").await, "Some(7) [1, 2] 3 Some(\"x\")");
    assert_eq!(ada.cookies(), "__Host-sid");
    assert_eq!(ada.body("/add/3").await, "[1, 2, 3]");
    assert_eq!(ada.body("/show").await, "Some(7) [1, 2, 3] 3 Some(\"x\")");
}

#[actix_web::test]
async fn a_session_moves_into_a_store_of_actix_session() {
    let clock = ManualClock::at(Timestamp::from_millis(1_000_000));
    let home = ActixSessionStore::new("shop", CookieSessionStore::default()).with_clock(clock.clone());
    let shelf = Shelf::with("k", ADA);
    let old = by_name(&shelf);
    let world = World::over(home, MemoryStore::unbounded(), clock, shelf, |it| it.import(old)).await;
    let ada = world.visitor("k");
    assert_eq!(ada.body("/show").await, "Some(7) [1, 2] 3 Some(\"x\")");
    assert_eq!((ada.cookies().as_str(), world.shelf.has("k")), ("__Host-sid", false));
    assert_eq!(ada.body("/add/3").await, "[1, 2, 3]");
    assert_eq!(ada.body("/show").await, "Some(7) [1, 2, 3] 3 Some(\"x\")");
}

#[actix_web::test]
async fn requests_at_once_with_an_encrypted_cookie_come_to_one_session_and_two_visitors_never_do() {
    let old = ActixSession::in_cookie(old_key()).into_state::<Shop>();
    let world = World::with(Shelf::default(), |builder| builder.import(old)).await;
    let ada = world.visitor(ADA);
    ada.lose("/add/3").await;
    assert_eq!(ada.body("/show").await, "Some(7) [1, 2, 3] 3 Some(\"x\")");
    assert_eq!(world.store.len(), 1);
    assert_eq!(world.visitor(ADA).body("/show").await, "Some(7) [1, 2] 3 Some(\"x\")");
    assert_eq!(world.store.len(), 2);
    // Two visitors may have the same signed cookie.
    let old = ActixSession::in_cookie(old_key()).signed().into_state::<Shop>();
    let world = World::with(Shelf::default(), |builder| builder.import(old)).await;
    let mut jar = CookieJar::new();
    jar.signed_mut(&old_key()).add(Cookie::new("id", r#"{"cart":"[4]"}"#));
    let signed: String = jar.delta().map(|cookie| cookie.encoded().to_string()).collect();
    let (one, other) = (world.browser(&signed), world.browser(&signed));
    one.body("/add/5").await;
    assert_eq!(other.body("/show").await, "None [4] 0 None");
    assert_eq!(world.store.len(), 2);
}

#[actix_web::test]
async fn the_maximum_of_a_user_counts_sessions_that_move() {
    for (when_full, left) in [(WhenFull::EvictOldest, "Some(7)"), (WhenFull::RejectNew, "None")] {
        let shelf = Shelf::with("k", ADA);
        let old = by_name(&shelf);
        let world = World::with(shelf, |it| it.import(old).max_sessions_per_user(1, when_full)).await;
        let other = world.browser("a=b");
        other.body("/in/7").await;
        world.clock.advance(Duration::from_secs(1));
        assert!(world.visitor("k").body("/show").await.starts_with(left), "{when_full:?}");
        assert_eq!(world.shelf.has("k"), when_full == WhenFull::RejectNew);
        assert_eq!(world.told().contains("import_failed"), when_full == WhenFull::RejectNew);
        assert_eq!(world.store.len(), 1);
    }
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let refused = |old: ActixSession, choose: fn(SessionMiddlewareBuilder) -> SessionMiddlewareBuilder| {
        let builder = SessionMiddleware::builder(MemoryStore::unbounded(), Key::generate().unwrap());
        choose(builder.import(old)).build().map(drop).map_err(|error| error.to_string())
    };
    let old = || ActixSession::in_cookie(old_key()).into_state::<Shop>();
    let said = |error: ImportError| Err(error.to_string());
    assert_eq!(refused(old(), |builder| builder), Ok(()));
    assert_eq!(refused(ActixSession::in_cookie(old_key()), |it| it), said(ImportError::Nothing));
    assert_eq!(refused(old(), |it| it.id_header("x-session-id")), said(ImportError::NoCookie));
    assert_eq!(refused(old().cookie_path("/\n"), |it| it), said(ImportError::NotACookie));
    let same = ImportError::SameCookie("__Host-sid".into());
    assert_eq!(refused(old().cookie_name("__Host-sid"), |it| it), said(same));
}

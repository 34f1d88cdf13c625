//! Requests at once with one old cookie, and sessions that end while they move.

use actix_session::storage::CookieSessionStore;
use actix_typed_session::{
    record::Timestamp,
    store::{ActixSessionStore, ManualClock, MemoryStore},
};

use super::kit::{ADA, Call, Shelf, World, by_name};

/// Both have read the old session before either stores anything.
#[actix_web::test]
async fn two_first_requests_at_once_come_to_one_session_and_lose_nothing() {
    let world = World::new(Shelf::with("k", ADA)).await;
    let (slow, fast) = (world.visitor("k"), world.visitor("k"));
    world.shelf.hold(Call::Load);
    let (slow_answer, fast_answer) = tokio::join!(biased; slow.get("/add/3"), async {
        let answer = fast.get("/add/4").await;
        world.shelf.let_go();
        answer
    });
    assert_eq!((fast_answer.body.as_str(), slow_answer.body.as_str()), ("[1, 2, 4]", "[1, 2, 4, 3]"));
    assert_eq!((world.store.len(), world.shelf.has("k")), (1, false));
    assert_eq!(slow.cookie("__Host-sid"), fast.cookie("__Host-sid"), "whichever answer arrives last");
    assert_eq!(fast.body("/show").await, "Some(7) [1, 2, 4, 3] 3 Some(\"x\")");
    assert_eq!(fast.body("/count").await, "1");
}

/// The second one must not get a cookie while the old record is there: a logout with it would not be final.
#[actix_web::test]
async fn a_request_waits_until_another_one_has_deleted_the_old_record() {
    let world = World::new(Shelf::with("k", ADA)).await;
    let (first, second) = (world.visitor("k"), world.visitor("k"));
    world.shelf.hold(Call::Delete);
    let (one, other, ()) = tokio::join!(biased; first.get("/add/3"), second.get("/out"), async {
        world.shelf.until_held().await;
        world.shelf.until_loads(4).await;
        assert!(world.shelf.has("k"));
        assert_eq!(world.store.len(), 1);
        world.shelf.let_go();
    });
    assert_eq!((one.status, other.body.as_str()), (200, "out"));
    assert_eq!((world.store.len(), world.shelf.has("k")), (0, false));
    assert_eq!(world.visitor("k").body("/show").await, "None [] 0 None");
}

#[actix_web::test]
async fn a_sign_out_while_a_slower_request_moves_the_session_is_final() {
    let world = World::new(Shelf::with("k", ADA)).await;
    let (slow, fast) = (world.visitor("k"), world.visitor("k"));
    world.shelf.hold(Call::Load);
    let (slow_answer, ()) = tokio::join!(biased; slow.get("/show"), async {
        assert_eq!(fast.body("/out").await, "out");
        world.shelf.let_go();
    });
    assert_eq!(slow_answer.body, "None [] 0 None");
    assert_eq!(slow.cookies(), "", "neither an old cookie nor a new one");
    assert_eq!((world.store.len(), world.shelf.has("k")), (0, false));
}

/// No store of actix-session finds what another request has just moved there. So each of two requests at once moves the session.
#[actix_web::test]
async fn into_a_store_of_actix_session_each_of_two_requests_at_once_moves_it() {
    let clock = ManualClock::at(Timestamp::from_millis(1_000_000));
    let home = ActixSessionStore::new("shop", CookieSessionStore::default()).with_clock(clock.clone());
    let shelf = Shelf::with("k", ADA);
    let old = by_name(&shelf);
    let world = World::over(home, MemoryStore::unbounded(), clock, shelf, |it| it.import(old)).await;
    let (slow, fast) = (world.visitor("k"), world.visitor("k"));
    world.shelf.hold(Call::Load);
    let (slow_answer, ()) = tokio::join!(biased; slow.get("/show"), async {
        assert_eq!(fast.body("/out").await, "out");
        world.shelf.let_go();
    });
    assert_eq!(slow_answer.body, r#"Some(7) [1, 2] 3 Some("x")"#);
    assert_eq!((slow.cookies().as_str(), fast.cookies().as_str()), ("__Host-sid", ""));
    assert_eq!(world.visitor("k").body("/show").await, "None [] 0 None");
}

/// An old process, which should have been stopped, signs the user out.
#[actix_web::test]
async fn a_session_that_ends_where_it_was_while_it_moves_is_over() {
    let world = World::new(Shelf::with("k", ADA)).await;
    let ada = world.visitor("k");
    world.shelf.hold(Call::Load);
    let (answer, ()) = tokio::join!(biased; ada.get("/show"), async {
        world.shelf.remove("k");
        world.shelf.let_go();
    });
    assert_eq!(answer.body, "None [] 0 None");
    assert_eq!((ada.cookies().as_str(), world.store.len()), ("", 0));
}

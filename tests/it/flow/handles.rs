//! Handles beside one another in one request: what they show, how often they decode, and how many states they keep.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use actix_typed_session::{Session, SessionState, TypedSession};
use actix_web::web;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::kit::{EMPTY, Shop, World};

thread_local! {
    static DECODED: Cell<usize> = const { Cell::new(0) };
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

/// A number that counts how often it is decoded, and how many of it there are.
struct Counted(u32);

impl Counted {
    fn new(number: u32) -> Self {
        LIVE.set(LIVE.get() + 1);
        MOST.set(MOST.get().max(LIVE.get()));
        Self(number)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LIVE.set(LIVE.get() - 1);
    }
}

impl Default for Counted {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct("Counted", &self.0)
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DECODED.set(DECODED.get() + 1);
        u32::deserialize(deserializer).map(Self::new)
    }
}

#[derive(SessionState)]
#[session(name = "tick", version = 1, lock = off)]
struct Tick {
    #[session(default)]
    count: Counted,
}

#[derive(SessionState)]
#[session(name = "busy", version = 1, lock = off)]
struct Busy {
    #[session(default)]
    number: u32,
    #[session(default, reset_on_sign_in)]
    draft: String,
}

type Two = (TypedSession<Shop>, TypedSession<Shop>);

/// A world in which `/` runs `handle`.
async fn world<F, Args>(handle: F) -> World
where
    F: actix_web::Handler<Args, Output: actix_web::Responder> + Copy,
    Args: actix_web::FromRequest + 'static,
{
    let routes = |routes: &mut web::ServiceConfig| {
        routes.route("/", web::get().to(handle));
    };
    World::routed(|builder| builder, routes).await
}

#[actix_web::test]
async fn updates_beside_reads_of_another_schema_decode_nothing() {
    const UPDATES: u32 = 60_000;
    async fn handle(mut busy: TypedSession<Busy>, tick: TypedSession<Tick>) -> String {
        DECODED.set(0);
        let mut sum = 0;
        for _ in 0..UPDATES {
            busy.update_number(|number| *number += 1);
            sum += tick.count().0;
        }
        format!("{} {sum} {}", busy.number(), DECODED.get())
    }
    async fn set(mut tick: TypedSession<Tick>) -> &'static str {
        tick.set_count(Counted::new(1));
        "set"
    }
    let routes = |routes: &mut web::ServiceConfig| {
        routes.route("/", web::get().to(handle)).route("/set", web::get().to(set));
    };
    let world = World::routed(|builder| builder, routes).await;
    let browser = world.browser();
    assert_eq!(browser.get("/set").await.body, "set");
    assert_eq!(browser.get("/").await.body, format!("{UPDATES} {UPDATES} 0"));
    // They are stored too.
    assert_eq!(browser.get("/").await.body, format!("{} {UPDATES} 0", 2 * UPDATES));
    assert_eq!(LIVE.get(), 0);
}

/// A stream that only reads its handle, while something else of the same request changes what the handle shows.
#[actix_web::test]
async fn a_stream_of_a_million_ticks_keeps_a_bounded_number_of_states() {
    async fn handle(mut ticks: TypedSession<Tick>, reads: TypedSession<Tick>, session: Session) -> String {
        let (mut last, mut newest) = (0, 0);
        for tick in 1..=1_000_000 {
            ticks.set_count(Counted::new(tick));
            last = reads.count().0;
            newest = newest.max(last);
            if tick % 1000 == 0 {
                session.discard();
            }
        }
        format!("{}", last == newest && last > 0)
    }
    let world = world(handle).await;
    assert_eq!(world.browser().get("/").await.body, "true");
    assert_eq!(LIVE.get(), 0);
    assert!(MOST.get() < 200, "{}", MOST.get());
}

#[actix_web::test]
async fn a_read_in_which_nothing_has_changed_decodes_nothing() {
    async fn handle(mut tick: TypedSession<Tick>, mut busy: TypedSession<Busy>, session: Session) -> String {
        tick.set_count(Counted::new(7));
        session.save().await.unwrap();
        let _ = tick.count();
        DECODED.set(0);
        MOST.set(0);
        for number in 0..1000 {
            busy.set_number(number);
            session.reload().await.unwrap();
            assert_eq!(tick.count().0, 7);
        }
        format!("{} {}", DECODED.get(), MOST.get())
    }
    let world = world(handle).await;
    assert_eq!(world.browser().get("/").await.body, "0 0");
}

/// `reload` of the handle takes it exclusively, so nothing that it has shown is kept.
#[actix_web::test]
async fn a_stream_that_reloads_its_handle_sees_every_change() {
    async fn handle(mut tick: TypedSession<Tick>, mut other: TypedSession<Tick>) -> String {
        MOST.set(0);
        for number in 1..=1000 {
            other.set_count(Counted::new(number));
            other.session().save().await.unwrap();
            tick.reload().await.unwrap();
            assert_eq!(tick.count().0, number);
        }
        MOST.get().to_string()
    }
    let world = world(handle).await;
    let most: usize = world.browser().get("/").await.body.parse().unwrap();
    assert!(most < 10, "{most}");
}

#[actix_web::test]
async fn a_handle_that_is_only_read_shows_its_bound_of_states_and_then_the_last_of_them() {
    async fn handle(mut ticks: TypedSession<Tick>, mut reads: TypedSession<Tick>) -> String {
        let mut shown = 0;
        for tick in 1..=1000 {
            ticks.set_count(Counted::new(tick));
            shown = reads.count().0;
            assert_eq!(shown, tick.min(99));
        }
        reads.update_count(|count| count.0 += 1);
        format!("{shown} {} {}", reads.count().0, ticks.count().0)
    }
    let world = world(handle).await;
    assert_eq!(world.browser().get("/").await.body, "99 1001 1001");
}

#[actix_web::test]
async fn a_reference_from_before_a_change_stays_valid() {
    async fn handle((mut writes, reads): Two, session: Session) -> String {
        writes.set_cart(vec![1]);
        let before = reads.cart();
        writes.set_cart(vec![1, 2]);
        let between = reads.cart();
        session.save().await.unwrap();
        writes.set_cart(vec![1, 2, 3]);
        format!("{before:?} {between:?} {:?}", reads.cart())
    }
    let world = world(handle).await;
    assert_eq!(world.browser().get("/").await.body, "[1] [1, 2] [1, 2, 3]");
}

/// The chain of states was dropped node by node, each inside of the one before.
#[test]
fn a_handle_that_has_shown_many_states_drops_on_a_small_stack() {
    async fn handle((mut writes, reads): Two) -> String {
        for number in 0..100_000 {
            writes.set_visits(number);
            let _ = reads.visits();
        }
        "done".into()
    }
    let small = std::thread::Builder::new().stack_size(512 * 1024);
    let run = || {
        actix_web::rt::System::new().block_on(async {
            assert_eq!(world(handle).await.browser().get("/").await.body, "done");
        });
    };
    small.spawn(run).unwrap().join().unwrap();
}

/// A value that only its own setter has changed is right, and one that another handle's closure changed meanwhile is not.
#[actix_web::test]
async fn a_closure_that_changes_another_handle_leaves_no_handle_stale() {
    async fn handle((mut outer, inner): Two, mut busy: TypedSession<Busy>) -> String {
        let inner = Rc::new(RefCell::new(inner));
        let other = inner.clone();
        outer.update(move |shop| {
            shop.visits += 1;
            other.borrow_mut().set_cart(vec![7]);
        });
        let seen = format!("{:?} {} {}", outer.cart(), outer.visits(), inner.borrow().visits());
        // A sign-out changes every schema.
        busy.set_draft("draft");
        let session = outer.session();
        outer.update_visits(move |visits| {
            *visits += 1;
            session.purge();
        });
        format!("{seen} | {:?} {} {:?}", outer.cart(), outer.visits(), busy.draft())
    }
    let world = world(handle).await;
    assert_eq!(world.browser().get("/").await.body, r#"[7] 1 1 | [] 2 """#);
}

#[actix_web::test]
async fn a_sign_in_changes_what_every_handle_shows() {
    async fn handle((mut shop, reads): Two, mut busy: TypedSession<Busy>) -> String {
        busy.set_draft("draft");
        shop.set_user(4);
        let seen = format!("{:?} {:?}", busy.draft(), reads.user());
        busy.set_number(1);
        shop.clear_user();
        format!("{seen} {} {:?}", busy.number(), reads.user())
    }
    let world = world(handle).await;
    assert_eq!(world.browser().get("/").await.body, r#""" Some(4) 0 None"#);
}

/// While closures run again nothing is recorded, and so what they set on other handles is not shown either.
#[actix_web::test]
async fn a_handle_that_a_closure_sets_again_shows_what_is_recorded() {
    async fn handle((mut outer, inner): Two, gate: web::Data<tokio::sync::Notify>) -> String {
        let (inner, runs) = (Rc::new(RefCell::new(inner)), Rc::new(Cell::new(0)));
        let (other, count) = (inner.clone(), runs.clone());
        outer.update_visits(move |visits| {
            count.set(count.get() + 1);
            *visits += 1;
            other.borrow_mut().set_draft(format!("run {}", count.get()));
        });
        gate.notified().await;
        outer.session().save().await.unwrap();
        let seen = format!("{} {} {}", runs.get() > 1, inner.borrow().draft(), outer.draft());
        seen
    }
    let world = world(handle).await;
    let browser = world.browser_after("v1").await;
    let other = browser.clone();
    let (answer, answered) = tokio::join!(biased; browser.get("/"), async {
        let answer = other.go("v5").await;
        world.gate.notify_one();
        answer
    });
    assert_eq!(answered.status, 200);
    assert_eq!(answer.body, "true run 1 run 1");
    assert_eq!(browser.state().await, EMPTY.replace("[] 0 \"\"", "[] 6 \"run 1\""));
}

//! More instances of the kinds that the files beside this one test: three requests at once, several calls in one request, futures that
//! are joined or given up, and values of every kind in every kind of field.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    future::{Future, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use actix_typed_session::{
    Error, Session, SessionMiddleware, SessionState, TypedSession, WhenFull,
    change::{Change, NewRecord},
    id::Selector,
    record::Principal,
    store::{Created, Loaded, MemoryStore, SessionStore, StoreError, StoreErrorKind, Updated},
};
use actix_web::{
    App, FromRequest, HttpRequest,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::SET_COOKIE,
    middleware::{Next, from_fn},
    test::{TestRequest, call_and_read_body, init_service},
    web::{self, Data, ServiceConfig},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tracing::Level;

use super::{
    kit::{Answer, Browser, EMPTY, Jar, Shop, World, key},
    late,
    logged::Logged,
    script::Fault,
};

/// Runs `slow` up to its gate, then each of `fast` with the cookie from before, then the rest of `slow`. Returns the answer of `slow` and
/// the browser of the last `fast`.
async fn race<'a>(world: &World, browser: &Browser<'a>, slow: &str, fast: &[&str]) -> (Answer, Browser<'a>) {
    race_at(world, browser, &format!("/do/{slow}"), fast).await
}

async fn race_at<'a>(
    world: &World,
    browser: &Browser<'a>,
    slow: &str,
    fast: &[&str],
) -> (Answer, Browser<'a>) {
    let before = browser.clone();
    let mut last = browser.clone();
    let (answer, ()) = tokio::join!(biased; browser.get(slow), async {
        for words in fast {
            // `+` goes on with the cookie of the one before.
            let words = words.strip_prefix('+').unwrap_or_else(|| {
                last = before.clone();
                words
            });
            last.go(words).await;
        }
        world.gate.notify_one();
    });
    (answer, last)
}

// ── privilege ──

#[actix_web::test]
async fn a_displaced_request_that_knows_it_still_logs_out() {
    for slow in ["gate,purge", "gate,save,purge", "gate,reload,purge", "gate,v2,save,purge"] {
        let world = World::new().await;
        let browser = world.browser_after("v1").await;
        let (answer, _) = race(&world, &browser, slow, &["in4"]).await;
        assert_eq!((answer.status, answer.jar(), world.store.len()), (200, Jar::Removed, 0), "{slow}");
    }
}

#[actix_web::test]
async fn a_sign_in_after_a_save_or_a_reload_still_comes_to_one_session() {
    let mut failed = Vec::new();
    for slow in
        ["c2,save,gate,in4", "gate,save,in4", "gate,reload,in4", "c2,gate,save,in4", "in4,save,gate,c2"]
    {
        let world = World::new().await;
        let browser = world.browser_after("c1").await;
        let (answer, other) = race(&world, &browser, slow, &["in4,c7"]).await;
        assert_eq!((answer.status, answer.jar()), (200, Jar::Set), "{slow}");
        let state = browser.state().await;
        let sessions = world.store.len();
        if !state.starts_with("4 [1")
            || !state.contains('7')
            || sessions != 1
            || browser.cookie() != other.cookie()
        {
            failed.push(format!("{slow}: {sessions} {state}"));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[actix_web::test]
async fn what_was_done_before_a_sign_in_is_reset_in_a_joined_session_too() {
    let mut failed = Vec::<String>::new();
    for slow in ["d:anonymous,in4,gate", "gate,d:anonymous,in4", "d:anonymous,gate,in4"] {
        let world = World::new().await;
        let browser = world.browser_after("c1").await;
        let (answer, _) = race(&world, &browser, slow, &["in4,d:signed"]).await;
        assert_eq!(answer.status, 200);
        let state = browser.state().await;
        if state != r#"4 [1] 0 "signed" -"# {
            failed.push(format!("{slow}: {state}"));
        }
    }
    // A response that was lost, and the same again.
    let world = World::new().await;
    let browser = world.browser_after("c1").await;
    browser.clone().go("in4").await;
    let again = browser.go("d:anonymous,in4,see").await;
    assert!(again.body.starts_with(r#"4 [] 0 "" -"#), "{again:?}");
    let state = browser.state().await;
    assert_eq!((state.as_str(), failed), (r#"4 [1] 0 "" -"#, vec![]));
}

#[actix_web::test]
async fn three_sign_ins_at_once_come_to_one_session() {
    let world = World::new().await;
    let browser = world.browser_after("c1").await;
    let (one, two, three) = (browser.clone(), browser.clone(), browser.clone());
    let (a, b, ()) = tokio::join!(biased; one.go("c2,in4,gate"), two.go("in4,gate,c3"), async {
        three.go("in4,c4").await;
        world.gate.notify_one();
        tokio::task::yield_now().await;
        world.gate.notify_one();
    });
    assert_eq!((a.status, b.status, a.jar(), b.jar()), (200, 200, Jar::Set, Jar::Set));
    assert_eq!((one.cookie(), two.cookie()), (three.cookie(), three.cookie()));
    assert_eq!(world.store.len(), 1);
    let state = three.state().await;
    assert!(["1", "2", "3", "4"].iter().all(|n| state.contains(n)), "{state}");
}

#[actix_web::test]
async fn a_lost_answer_in_the_middle_of_a_joined_sign_in_locks_nobody_out() {
    for nth in [1, 2, 3] {
        let world = World::new().await;
        let browser = world.browser_after("c1").await;
        world.store.at("update", nth, Fault::Unanswered);
        let (slow, fast) = race(&world, &browser, "in4,c2,gate", &["in4,c3"]).await;
        // Whatever was answered, signing in once more comes to the same session.
        let again = browser.go("in4").await;
        assert_eq!(again.status, 200, "{nth}: {slow:?}");
        let fast_again = fast.go("in4").await;
        assert_eq!(fast_again.status, 200);
        assert_eq!((browser.cookie(), world.store.len()), (fast.cookie(), 1), "{nth}");
        assert!(browser.state().await.starts_with("4 [1"), "{nth}");
    }
}

#[actix_web::test]
async fn a_double_click_counts_once_against_a_limit() {
    for when in [WhenFull::RejectNew, WhenFull::EvictOldest] {
        for slow in ["gate,in4", "in4,gate", "c2,save,in4,gate"] {
            let world = World::with(|builder| builder.max_sessions_per_user(1, when)).await;
            let browser = world.browser_after("c1").await;
            let (answer, other) = race(&world, &browser, slow, &["in4"]).await;
            assert_eq!((answer.status, answer.jar()), (200, Jar::Set), "{slow}");
            assert_eq!((browser.cookie(), world.store.len()), (other.cookie(), 1), "{slow}");
            assert!(browser.state().await.starts_with("4 [1"), "{slow}");
        }
    }
}

#[actix_web::test]
async fn a_switch_of_users_ends_the_visits_from_before_it() {
    for slow in ["gate,v9", "gate,v9,saveq", "gate,try1", "gate,saveq"] {
        let world = World::new().await;
        let browser = world.browser_after("in4,c1").await;
        let (answer, other) = race(&world, &browser, slow, &["in5,c77,d:secret"]).await;
        assert_eq!((answer.status, answer.jar()), (409, Jar::Kept), "{slow}");
        assert!(!answer.body.contains("77"), "{slow}");
        assert_eq!(
            (other.state().await.as_str(), world.store.len()),
            (r#"5 [77] 0 "secret" -"#, 1),
            "{slow}"
        );
    }
    // A user who proves again who they are gets a session of their own, and nothing of it goes to the other.
    let world = World::new().await;
    let browser = world.browser_after("in4,c1").await;
    let (answer, other) = race(&world, &browser, "c2,gate,in4,v9", &["in5,c77"]).await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Set));
    assert_eq!(browser.state().await, r#"4 [2] 9 "" -"#);
    assert_eq!((other.state().await.as_str(), world.store.len()), (r#"5 [77] 0 "" -"#, 2));
}

#[actix_web::test]
async fn an_anonymous_visit_lists_and_ends_nobody_s_sessions_after_a_sign_in() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    world.browser_after("in4,label:other").await;
    let (answer, _) = race(&world, &browser, "gate,save,list,others,all", &["in4,label:secret"]).await;
    assert!(answer.body.starts_with("Superseded |  | 0 | 0 |"), "{answer:?}");
    assert_eq!(world.store.len(), 2);
}

#[actix_web::test]
async fn renewing_twice_gives_one_cookie_that_opens_the_session() {
    for words in [
        "renew,renew,v2",
        "renew,save,renew,v2",
        "renew,save,v2,save,renew",
        "in4,save,renew,v2",
        "renew,in4,v2",
    ] {
        let world = World::new().await;
        let browser = world.browser_after("c1").await;
        let answer = browser.go(words).await;
        assert_eq!((answer.status, answer.jar()), (200, Jar::Set), "{words}");
        assert!(browser.state().await.contains("[1] 2"), "{words}");
        assert_eq!(world.store.len(), 1);
    }
    // Overtaken by two renewals.
    let world = World::new().await;
    let browser = world.browser_after("c1").await;
    let (answer, other) =
        race(&world, &browser, "renew,v2,gate,save,see", &["renew,c77", "+renew,d:secret"]).await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Kept), "{answer:?}");
    assert!(!answer.body.contains("77") && !answer.body.contains("secret"), "{answer:?}");
    assert_eq!(other.state().await, r#"- [1, 77] 2 "secret" -"#);
}

/// The second request of three that overlap is the sign-in, and the third ends it again.
#[actix_web::test]
async fn three_requests_of_which_one_signs_in_and_one_signs_out() {
    for slow in ["gate,v2", "gate,try1", "v2,gate,saveq", "gate,d:x"] {
        let world = World::new().await;
        let browser = world.browser_after("v1").await;
        let (answer, other) = race(&world, &browser, slow, &["in4,c77", "+purge"]).await;
        assert!([200, 409].contains(&answer.status), "{slow}: {answer:?}");
        assert!(answer.jar() == Jar::Kept && !answer.body.contains("77"), "{slow}: {answer:?}");
        assert_eq!((other.state().await.as_str(), world.store.len()), (EMPTY, 0), "{slow}");
    }
}

#[actix_web::test]
async fn a_stream_goes_on_through_a_sign_in_and_a_renewal_with_what_it_had_read() {
    let world = World::routed(|builder| builder, late::streams).await;
    for (fast, said) in [
        (&["in4,c77", "+renew,c78"][..], r#"Superseded | - [1] 1 "" - | Superseded | - [1] 1 "" -"#),
        (&["renew,c77", "+in4,c78"][..], r#"Superseded | - [1] 1 "" - | Superseded | - [1] 1 "" -"#),
        (&["renew,c77", "+renew,c78"][..], r#"Ok | - [1] 1 "" - | Ok | - [1] 1 "" -"#),
        (&["in4,c77", "+in5,c78"][..], r#"Superseded | - [1] 1 "" - | Superseded | - [1] 1 "" -"#),
        (&["in4,c77", "+purge"][..], r#"Gone | - [] 0 "" - | Gone | - [] 0 "" -"#),
    ] {
        let browser = world.browser_after("v1,c1").await;
        let (answer, _) = race_at(&world, &browser, "/late/~gate,save,see,reload", fast).await;
        assert_eq!(answer.body, said, "{fast:?}");
    }
}

// ── lifetimes ──

#[actix_web::test]
async fn huge_and_tiny_lifetimes() {
    let world = World::new().await;
    let huge = u64::MAX;
    let browser = world.browser();
    let answer = browser.go(&format!("v1,life:{huge}:{huge}:1,left")).await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Set), "{answer:?}");
    assert_eq!(browser.state().await, r#"- [] 1 "" -"#);
    world.clock.advance(Duration::from_hours(24 * 365));
    assert_eq!(browser.go("v2,left").await.status, 200);
    for zero in ["life:0:60:0", "life:60:0:1", "life:0:0:0"] {
        let answer = browser.go(&format!("v3,{zero}")).await;
        assert_eq!((answer.status, answer.jar()), (500, Jar::Kept));
        assert_eq!(browser.go(&format!("v3,{zero},save,save")).await.status, 200, "acknowledged");
        assert!(browser.go(&format!("{zero},discard,see")).await.status == 200);
        // A lifetime that is right does not make up for one that is not.
        assert_eq!(browser.go(&format!("{zero},life:60:60:0")).await.status, 500);
    }
    assert_eq!(browser.state().await, r#"- [] 3 "" -"#);
}

// ── the body ──

#[actix_web::test]
async fn a_body_may_save_with_nothing_to_write_after_its_handler_began_the_session() {
    let mut failed = Vec::new();
    let world = World::routed(|builder| builder, late::streams).await;
    for begun in ["v1", "v1,in4", "purge,v1"] {
        for (words, said) in [("save", "Ok"), ("reload", "Ok"), ("save,save", "Ok | Ok")] {
            let answer = world.browser().get(&format!("/late/{begun}~{words}")).await;
            if !answer.body.strip_prefix(said).is_some_and(|state| state.contains("[] 1")) {
                failed.push(format!("{begun}~{words}: {answer:?}"));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[actix_web::test]
async fn a_body_may_save_with_nothing_to_write_after_its_handler_changed_the_user() {
    let world = World::routed(|builder| builder, late::streams).await;
    let browser = world.browser_after("in4").await;
    let answer = browser.get("/late/in5,v1~save").await;
    assert_eq!(answer.body, r#"Ok | 5 [] 1 "" -"#);
}

#[actix_web::test]
async fn a_flash_that_is_taken_in_the_handler_and_set_again_in_the_body() {
    let world = World::routed(|builder| builder, late::streams).await;
    let browser = world.browser_after("n:first").await;
    let answer = browser.get("/late/t~t,n:second,save,see").await;
    assert_eq!(answer.body, r#"none | Ok | - [] 0 "" second | - [] 0 "" second"#);
    assert!(browser.go("t").await.body.starts_with("second"));
    assert!(browser.go("t").await.body.starts_with("none"));
    // Taken while another request sets it: only what was shown is cleared.
    let browser = world.browser_after("n:first").await;
    let (answer, _) = race(&world, &browser, "t,gate", &["n:second"]).await;
    assert!(answer.body.starts_with("first"));
    assert!(browser.go("t").await.body.starts_with("second"));
}

// ── futures ──

type Saving = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

async fn poll_once<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await
}

async fn joins(mut shop: TypedSession<Shop>) -> Result<String, Error> {
    let session = shop.session();
    shop.set_visits(2);
    let first = session.save();
    shop.update_cart(|cart| cart.push(2));
    let second = session.save();
    shop.set_draft("x");
    let (third, reload) = (shop.try_update(|shop| shop.visits), shop.reload());
    let (a, b, c, d) = tokio::join!(second, first, third, reload);
    a.and(b).and(d)?;
    Ok(format!("{} {:?} {}", c?, shop.cart(), shop.draft()))
}

async fn selects(mut shop: TypedSession<Shop>) -> Result<String, Error> {
    for round in 1..=5 {
        shop.update_visits(|visits| *visits += 1);
        let saves: [Saving; 2] = [Box::pin(shop.session().save()), Box::pin(shop.session().save())];
        let (first, ..) = futures_util::future::select_all(saves).await;
        first?;
        shop.set_draft(format!("{round}"));
        // Given up half way.
        let mut dropped: Saving = Box::pin(shop.session().save());
        poll_once(&mut dropped).await;
        drop(dropped);
    }
    Ok(format!("{} {}", shop.visits(), shop.draft()))
}

async fn gives_up(request: HttpRequest) -> Result<String, Error> {
    for _ in 0..3 {
        let mut extracting = Box::pin(TypedSession::<Shop>::extract(&request));
        poll_once(&mut extracting).await;
    }
    let mut whole = Box::pin(Session::extract(&request));
    poll_once(&mut whole).await;
    let mut shop = TypedSession::<Shop>::extract(&request).await?;
    shop.update_visits(|visits| *visits += 1);
    drop(whole);
    Ok(shop.visits().to_string())
}

/// Its closures save, read another handle, and own their own.
async fn reenters(
    shop: TypedSession<Shop>,
    other: TypedSession<Shop>,
    gate: Data<Notify>,
) -> Result<String, Error> {
    let (shop, other) = (Rc::new(RefCell::new(shop)), Rc::new(other));
    let session = other.session();
    let (reads, saves) = (other.clone(), session.clone());
    shop.borrow_mut().update_visits(move |visits| {
        *visits += u32::try_from(reads.cart().len()).unwrap_or(0);
        let mut saving = pin!(saves.save());
        let waker = futures_util::task::noop_waker();
        let _ = saving.as_mut().poll(&mut std::task::Context::from_waker(&waker));
    });
    // It owns the handle that it is recorded by.
    let own = Rc::downgrade(&shop);
    let strong = shop.clone();
    shop.borrow_mut().update_cart(move |cart| {
        let _kept = &strong;
        // In the first run the handle is borrowed.
        let seen = own.upgrade().and_then(|own| own.try_borrow().ok().map(|own| own.visits()));
        let _ = seen;
        cart.push(9);
    });
    gate.notified().await;
    session.save().await?;
    let seen = shop.borrow().visits();
    Ok(format!("{seen} {:?}", other.cart()))
}

fn routes(routes: &mut ServiceConfig) {
    routes
        .route("/joins", web::get().to(joins))
        .route("/selects", web::get().to(selects))
        .route("/gives-up", web::get().to(gives_up))
        .route("/reenters", web::get().to(reenters));
}

async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it hangs")
}

#[actix_web::test]
async fn joined_and_selected_saves_and_cancelled_extractions() {
    let world = World::routed(|builder| builder.save_deadline(Duration::from_hours(1)), routes).await;
    let browser = world.browser_after("v1,c1").await;
    assert_eq!(in_time(browser.get("/joins")).await.body, "2 [1, 2] x");
    assert_eq!(browser.state().await, r#"- [1, 2] 2 "x" -"#);
    assert_eq!(in_time(browser.get("/selects")).await.body, "7 5");
    assert_eq!(browser.state().await, r#"- [1, 2] 7 "5" -"#);
    assert_eq!(in_time(browser.get("/gives-up")).await.body, "8");
    assert_eq!(world.store.asked(), "load update", "one load");
    // Without a session, each of them begins one.
    for path in ["/joins", "/selects", "/gives-up"] {
        let (fresh, before) = (world.browser(), world.store.len());
        let answer = in_time(fresh.get(path)).await;
        assert_eq!((answer.status, answer.jar(), world.store.len()), (200, Jar::Set, before + 1), "{path}");
    }
}

#[actix_web::test]
async fn closures_that_save_and_own_their_handle_neither_hang_nor_lose_a_write() {
    let world = World::routed(|builder| builder.save_deadline(Duration::from_hours(1)), routes).await;
    let browser = world.browser_after("v1,c1").await;
    let (answer, _) = in_time(race_at(&world, &browser, "/reenters", &["c2"])).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let state = browser.state().await;
    assert!(state.contains("[1, 2, 9]"), "{answer:?} {state}");
    assert!(answer.body.ends_with("[1, 2, 9]"), "{answer:?}");
}

// ── errors ──

#[actix_web::test]
async fn errors_that_are_acknowledged_in_part_still_answer() {
    let world = World::with(|builder| builder.max_record_bytes(200)).await;
    let browser = world.browser_after("v1").await;
    let large = format!("d:{}", "x".repeat(300));
    for (words, status, state) in [
        // Each save has an error of its own.
        (format!("{large},savex,save"), 200, r#"- [] 1 "" -"#),
        (format!("{large},save,{large},savex"), 500, r#"- [] 1 "" -"#),
        // A save that is refused takes with it what it would have stored.
        (format!("{large},save,v2,{large},save,c3"), 200, r#"- [3] 1 "" -"#),
        (format!("v3,life:0:0:0,save,{large},save,c4"), 200, r#"- [3, 4] 1 "" -"#),
        // It is mended.
        (format!("{large},savex,d:small"), 200, r#"- [3, 4] 1 "small" -"#),
    ] {
        let answer = browser.go(&words).await;
        assert_eq!(answer.status, status, "{}", words.replace("xxx", ""));
        assert_eq!(browser.state().await, state, "{}", words.replace("xxx", ""));
    }
}

#[actix_web::test]
async fn a_fault_and_a_refusal_in_one_request_are_each_acknowledged_by_themselves() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    world.store.at("update", 1, Fault::Fails(StoreErrorKind::Unavailable));
    let answer = browser.go("v2,save,crash").await;
    assert_eq!(answer.status, 500, "the panic is not acknowledged");
    assert_eq!(browser.state().await, r#"- [] 1 "" -"#);
    world.store.at("update", 1, Fault::Fails(StoreErrorKind::UnknownOutcome));
    let answer = browser.go("v2,savex,crash,save").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, None), "the outage is not acknowledged");
}

/// A section that is too new in the first extraction only.
#[derive(SessionState)]
#[session(name = "prefs", version = 1, lock = off)]
struct Prefs {
    #[session(default)]
    theme: String,
}

async fn swallows<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<B>> {
    let _ = request.extract::<TypedSession<Prefs>>().await;
    next.call(request).await
}

async fn acknowledges<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<B>> {
    let _ = request.extract::<TypedSession<Prefs>>().await.inspect_err(Error::acknowledge);
    next.call(request).await
}

#[actix_web::test]
async fn an_error_that_a_middleware_swallowed_answers_although_the_handler_had_its_session() {
    async fn counts(mut shop: TypedSession<Shop>) -> String {
        shop.update_visits(|visits| *visits += 1);
        shop.visits().to_string()
    }
    async fn prefers(mut prefs: TypedSession<Prefs>) -> String {
        prefs.set_theme("dark");
        prefs.theme().to_owned()
    }
    let world = World::routed(
        |builder| builder,
        |routes| {
            routes
                .route("/prefs", web::get().to(prefers))
                .service(web::resource("/swallows").wrap(from_fn(swallows)).route(web::get().to(counts)))
                .service(
                    web::resource("/acknowledges").wrap(from_fn(acknowledges)).route(web::get().to(counts)),
                );
        },
    )
    .await;
    let browser = world.browser_after("v1").await;
    assert_eq!(browser.get("/prefs").await.body, "dark");
    world.store.write("$prefs", "2").await;
    assert_eq!(browser.get("/swallows").await.status, 503);
    assert_eq!(browser.get("/acknowledges").await.body, "2");
    assert_eq!(browser.state().await, r#"- [] 2 "" -"#, "counted once");
}

// ── several cookies ──

fn orders(one: &str, other: &str) -> [String; 2] {
    [format!("{one}; {other}"), format!("{other}; {one}")]
}

#[actix_web::test]
async fn a_dead_cookie_beside_a_live_one_changes_nothing_whatever_it_died_of() {
    for death in ["purge", "renew", "in4", "expire", "in4,purge"] {
        for words in ["v2", "c1", "try5", "renew", "in4", "purge", "out", "label:x", "n:x"] {
            for order in [0, 1] {
                let world = World::new().await;
                let dead = world.browser_after("v9").await;
                let old = dead.cookie().unwrap();
                if death == "expire" {
                    world.clock.advance(Duration::from_mins(31));
                } else {
                    dead.go(death).await;
                }
                let live = world.browser_after("v1").await;
                let cookies = &orders(&live.cookie().unwrap(), &old)[order];
                let answer = world.request(&format!("/do/{words}"), Some(cookies)).await;
                let alone = world.browser_after("v1").await.go(words).await;
                assert_eq!(
                    (answer.status, answer.jar(), answer.body),
                    (alone.status, alone.jar(), alone.body),
                    "{death} {words} {order}"
                );
            }
        }
    }
}

#[actix_web::test]
async fn retired_cookies_go_wherever_the_cookie_is_set_or_removed() {
    let world = World::with(|builder| {
        builder
            .retired_cookie_path("/old")
            .retired_cookie_domain("example.com")
            .max_sessions_per_user(9, WhenFull::EvictOldest)
    })
    .await;
    let lines = |answer: &Answer| answer.headers.get_all(SET_COOKIE).count();
    let cookie = |answer: &Answer| {
        let line = answer.headers.get_all(SET_COOKIE).last()?;
        Some(line.to_str().unwrap().split(';').next().unwrap().to_owned())
    };
    let all = 4;
    for words in ["v1", "v1,err", "v1,fail", "v1,saveq", "in4", "in4,life:60:60:1"] {
        let answer = world.request(&format!("/do/{words}"), None).await;
        assert_eq!(lines(&answer), all, "{words}");
    }
    let answer = world.request("/mw/v1", None).await;
    assert_eq!((answer.status, lines(&answer)), (418, all));
    for words in
        ["renew", "in5", "purge", "out", "all", "renew,err", "purge,err", "in5,fail", "purge,v2", "out,in6"]
    {
        let begun = cookie(&world.request("/do/in4", None).await);
        let answer = world.request(&format!("/do/{words}"), begun.as_deref()).await;
        assert_eq!(lines(&answer), all, "{words} {answer:?}");
    }
    // A logout that is owed, and one that is answered with an error.
    let begun = cookie(&world.request("/do/in4", None).await);
    for nth in [1, 2] {
        world.store.at("delete", nth, Fault::Fails(StoreErrorKind::Unavailable));
    }
    assert_eq!(lines(&world.request("/do/purge", begun.as_deref()).await), 0);
    assert_eq!(lines(&world.request("/do/", begun.as_deref()).await), all);
    // A joined sign-in.
    let begun = cookie(&world.request("/do/v1", None).await);
    assert_eq!(lines(&world.request("/do/in4", begun.as_deref()).await), all);
    assert_eq!(lines(&world.request("/do/in4", begun.as_deref()).await), all);
    // Nothing is sent where nothing changes.
    assert_eq!(lines(&world.request("/do/see", begun.as_deref()).await), 0);
}

// ── values ──

#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
#[serde(untagged)]
enum Loose {
    Wide { wide: u128 },
    Map(BTreeMap<u32, u32>),
    Deep(Box<Inner>),
    Text(String),
}

#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
#[serde(tag = "t", content = "c")]
enum Inner {
    Float(f32),
    #[allow(clippy::option_option)] // that is what is tested
    Maybe(Option<Option<u32>>),
    Tree(Vec<Inner>),
    Wide(u128),
    Unit,
}

#[derive(Clone, Default, Serialize, Deserialize, PartialEq, Debug)]
struct Flat {
    #[serde(flatten)]
    rest: HashMap<u32, u32>,
    #[serde(flatten)]
    named: HashMap<String, Value>,
}

type Twice = Option<Option<u32>>;
type Unit = Option<()>;

#[derive(SessionState)]
#[session(name = "odder", version = 1, lock = off)]
struct Odder {
    #[session(principal)]
    user: Option<Inner>,
    #[session(flash)]
    flash: Option<Value>,
    #[session(flash)]
    flash_float: Option<f32>,
    #[session(default)]
    twice: Twice,
    #[session(default = Some(Some(3)))]
    third: Twice,
    #[session(default)]
    units: Vec<Unit>,
    loose: Option<Loose>,
    #[session(default, reset_on_sign_in)]
    flat: Flat,
    #[session(default)]
    floats: HashMap<String, f32>,
    #[session(default)]
    keys: BTreeMap<i64, Vec<Option<Value>>>,
    #[session(default)]
    wide: i128,
    #[session(default, lenient)]
    list: Vec<Inner>,
    #[session(default)]
    text: String,
}

type Odd = TypedSession<Odder>;

type Setter = (&'static str, fn(&mut Odd));

fn odd_setters() -> Vec<Setter> {
    vec![
        ("user nan", |odd| odd.set_user(Inner::Float(f32::NAN))),
        ("user twice", |odd| odd.set_user(Inner::Maybe(Some(None)))),
        ("user wide", |odd| odd.set_user(Inner::Wide(u128::MAX))),
        ("user unit", |odd| odd.set_user(Inner::Unit)),
        ("user float", |odd| odd.set_user(Inner::Float(0.1))),
        ("user tree", |odd| odd.set_user(Inner::Tree(vec![Inner::Tree(vec![Inner::Float(-0.0)])]))),
        ("flash null", |odd| odd.set_flash(Value::Null)),
        ("flash nested null", |odd| {
            odd.set_flash(json!({"a": [null, {"b": null}], "c": 1e300, "d": u64::MAX}));
        }),
        ("flash null by closure", |odd| odd.update_flash(|flash| *flash = Some(Value::Null))),
        ("flash float nan", |odd| odd.set_flash_float(f32::NAN)),
        ("flash float", |odd| odd.set_flash_float(f32::MIN_POSITIVE / 2.0)),
        ("twice", |odd| odd.set_twice(Some(None))),
        ("twice none", |odd| odd.set_twice(None::<Option<u32>>)),
        ("twice by closure", |odd| odd.update(|odd| odd.twice = Some(None))),
        ("third some none", |odd| odd.set_third(Some(None))),
        ("third none", |odd| odd.set_third(None::<Option<u32>>)),
        ("units", |odd| odd.set_units(vec![Some(()), None])),
        ("units none", |odd| odd.set_units(vec![None, None])),
        ("loose wide", |odd| odd.set_loose(Loose::Wide { wide: u128::MAX })),
        ("loose narrow", |odd| odd.set_loose(Loose::Wide { wide: 7 })),
        ("loose map", |odd| odd.set_loose(Loose::Map([(1, 2)].into()))),
        ("loose deep", |odd| odd.set_loose(Loose::Deep(Box::new(Inner::Tree(vec![Inner::Unit]))))),
        ("loose deep nan", |odd| odd.set_loose(Loose::Deep(Box::new(Inner::Float(f32::INFINITY))))),
        ("loose text", |odd| odd.set_loose(Loose::Text("null".into()))),
        ("flat numbers", |odd| odd.set_flat(Flat { rest: [(1, 2)].into(), named: HashMap::new() })),
        ("flat names", |odd| {
            odd.set_flat(Flat { rest: HashMap::new(), named: [("a".into(), Value::Null)].into() });
        }),
        ("flat by closure", |odd| odd.update_flat(|flat| flat.rest.extend([(1, 2)]))),
        ("floats nan", |odd| odd.set_floats([("a".into(), f32::NAN), ("b".into(), 0.1)].into())),
        ("floats", |odd| odd.set_floats((0..50_u8).map(|n| (n.to_string(), f32::from(n) / 7.0)).collect())),
        ("keys", |odd| odd.set_keys([(-1, vec![None, Some(json!([null]))])].into())),
        ("keys null", |odd| odd.set_keys([(-1, vec![Some(Value::Null)])].into())),
        ("wide", |odd| odd.set_wide(i128::MIN)),
        ("list", |odd| odd.set_list(vec![Inner::Maybe(None), Inner::Maybe(Some(Some(1))), Inner::Wide(1)])),
        ("list nan", |odd| odd.set_list(vec![Inner::Float(f32::NEG_INFINITY)])),
        ("list by closure", |odd| odd.update_list(|list| list.push(Inner::Maybe(Some(None))))),
    ]
}

/// Everything of the state, in an order that does not depend on the maps.
fn picture(odd: &Odder) -> String {
    let sorted = |flat: &Flat| {
        let (rest, named): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (flat.rest.iter().collect(), flat.named.iter().collect());
        format!("{rest:?} {named:?}")
    };
    let floats: BTreeMap<_, _> = odd.floats.iter().collect();
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {} {floats:?} {:?} {} {:?} {}",
        odd.user,
        odd.flash,
        odd.flash_float,
        odd.twice,
        odd.third,
        odd.units,
        odd.loose,
        sorted(&odd.flat),
        odd.keys,
        odd.wide,
        odd.list,
        odd.text
    )
}

/// What a handler shows after it set a value is what the next request reads, or the request is refused and nothing changes.
#[actix_web::test]
async fn whatever_is_accepted_is_read_back_as_it_was_shown() {
    async fn set(mut odd: Odd, way: web::Path<usize>) -> String {
        odd_setters()[*way].1(&mut odd);
        picture(&odd)
    }
    async fn show(odd: Odd) -> String {
        picture(&odd)
    }
    async fn text(mut odd: Odd) -> String {
        odd.set_text("t");
        String::new()
    }
    let world = World::routed(
        |builder| builder,
        |routes| {
            routes
                .route("/set/{way}", web::get().to(set))
                .route("/text", web::get().to(text))
                .route("/show", web::get().to(show));
        },
    )
    .await;
    let mut failures = Vec::new();
    for (at, (name, _)) in odd_setters().iter().enumerate() {
        let browser = world.browser();
        browser.get("/text").await;
        let before = browser.get("/show").await.body;
        let set = browser.get(&format!("/set/{at}")).await;
        let after = browser.get("/show").await;
        let expected = if set.status == 200 { &set.body } else { &before };
        if after.status != 200 || after.body != *expected || ![200, 500].contains(&set.status) {
            failures.push(format!("{name}: {} {} / {} {}", set.status, set.body, after.status, after.body));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

// ── bounds ──

#[actix_web::test]
async fn many_updates_of_many_fields_with_saves_between() {
    async fn handle(
        mut shop: TypedSession<Shop>,
        mut prefs: TypedSession<Prefs>,
        reads: TypedSession<Shop>,
    ) -> Result<String, Error> {
        for number in 0..50_000_u32 {
            shop.update_visits(|visits| *visits += 1);
            prefs.set_theme(number.to_string());
            if number % 10_000 == 0 {
                shop.session().save().await?;
                assert_eq!(reads.visits(), number + 1);
            }
        }
        Ok(format!("{} {}", reads.visits(), prefs.theme()))
    }
    let world = World::routed(
        |builder| builder,
        |routes| {
            routes.route("/", web::get().to(handle));
        },
    )
    .await;
    let browser = world.browser();
    assert_eq!(in_time(browser.get("/")).await.body, "50000 49999");
    assert!(browser.state().await.contains("50000"));
}

static LIVE: AtomicUsize = AtomicUsize::new(0);

/// Counts how many of it there are.
#[derive(Debug)]
struct Cause;

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a cause")
    }
}

impl std::error::Error for Cause {}

impl Drop for Cause {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Two updates of three fail.
#[derive(Clone)]
struct Flaky(MemoryStore, Arc<AtomicUsize>);

impl SessionStore for Flaky {
    async fn load(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        self.0.load(selector).await
    }
    async fn create(&self, selector: &Selector, new: &NewRecord) -> Result<Created, StoreError> {
        self.0.create(selector, new).await
    }
    async fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        if !self.1.fetch_add(1, Ordering::SeqCst).is_multiple_of(3) {
            LIVE.fetch_add(1, Ordering::SeqCst);
            return Err(StoreError::new(StoreErrorKind::UnknownOutcome).with_source(Cause));
        }
        self.0.update(selector, change).await
    }
    async fn delete(&self, selector: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        self.0.delete(selector, only_if).await
    }
}

/// A stream that saves through an outage keeps no error of each save.
#[actix_web::test]
async fn errors_that_were_acknowledged_are_not_kept() {
    async fn handle(mut shop: TypedSession<Shop>) -> String {
        shop.set_visits(1);
        let _ = shop.session().save().await;
        let mut failed = 0;
        for number in 2..1000 {
            shop.set_visits(number);
            failed += u32::from(shop.session().save().await.inspect_err(Error::acknowledge).is_err());
        }
        format!("{} {}", failed > 600, LIVE.load(Ordering::SeqCst) < 20)
    }
    let sessions = SessionMiddleware::new(Flaky(MemoryStore::unbounded(), Arc::default()), key());
    let app = init_service(App::new().wrap(sessions).route("/", web::get().to(handle))).await;
    let body = call_and_read_body(&app, TestRequest::get().to_request()).await;
    assert_eq!(body, "true true");
}

#[actix_web::test]
async fn a_handle_that_keeps_too_many_states_does_not_flood_the_log() {
    async fn handle(mut shop: TypedSession<Shop>, reads: TypedSession<Shop>) -> String {
        for number in 0..200 {
            shop.set_visits(number);
            let _ = reads.visits();
        }
        "read".into()
    }
    let (logged, _guard) = Logged::here();
    let world = World::routed(
        |builder| builder,
        |routes| {
            routes.route("/", web::get().to(handle));
        },
    )
    .await;
    for _ in 0..100 {
        assert_eq!(world.browser().get("/").await.status, 200);
    }
    assert!(logged.count(Level::WARN) < 20, "{}", logged.count(Level::WARN));
}

#[actix_web::test]
async fn a_user_who_proves_again_who_they_are_is_not_locked_out_by_a_lost_response() {
    for words in ["in4", "in4,c2", "in4,life:7200:86400:1", "in4,label:x"] {
        let world = World::with(|builder| builder.max_sessions_per_user(1, WhenFull::RejectNew)).await;
        let browser = world.browser_after("in4,c1").await;
        world.clock.advance(Duration::from_mins(2));
        let lost = browser.clone();
        assert_eq!(lost.go(words).await.jar(), Jar::Set, "{words}");
        let again = browser.go(words).await;
        assert_eq!(
            (again.status, again.jar(), browser.cookie() == lost.cookie()),
            (200, Jar::Set, true),
            "{words}"
        );
        assert!(browser.state().await.starts_with("4 [1"), "{words}");
        assert_eq!(world.store.len(), 1);
    }
    // Both at once.
    let world = World::new().await;
    let browser = world.browser_after("in4,c1").await;
    world.clock.advance(Duration::from_mins(2));
    let (answer, other) = race(&world, &browser, "in4,c2,gate", &["in4,c3"]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(other.state().await, r#"4 [1, 3, 2] 0 "" -"#);
}

#[actix_web::test]
async fn both_answers_of_a_double_click_send_the_cookie_of_the_session_as_it_is() {
    for (slow, fast) in [
        ("in4,life:7200:86400:1,gate", "in4"),
        ("in4,gate", "in4,life:7200:86400:1"),
        ("life:7200:86400:1,gate,in4", "in4,label:x"),
    ] {
        let world = World::new().await;
        let browser = world.browser_after("c1").await;
        let (answer, other) = race(&world, &browser, slow, &[fast]).await;
        assert!(
            answer.set_cookie().is_some_and(|line| line.contains("Max-Age=86400")),
            "{slow} {fast} {answer:?}"
        );
        assert_eq!(browser.cookie(), other.cookie());
        assert!(browser.go("left").await.body.starts_with("Some(7200)"), "{slow} {fast}");
    }
}

/// The save is on its way when the other request signs in.
#[actix_web::test]
async fn a_save_that_was_given_up_half_way_is_refused_after_a_sign_in_as_well() {
    for (slow, status) in [
        ("v2,savedrop,c3", 409),
        ("v2,savedrop", 409),
        ("up1,savedrop,saveq", 409),
        // The second save has the same error, and acknowledges it.
        ("up1,savedrop,save", 200),
        ("v2,savedrop,discard", 409),
    ] {
        let world = World::new().await;
        let browser = world.browser_after("v1").await;
        let other = browser.clone();
        world.store.at("update", 1, Fault::Held(None));
        let (answer, ()) = tokio::join!(biased; browser.go(slow), async {
            while !world.store.was_asked("update") {
                tokio::task::yield_now().await;
            }
            other.go("in4,c77").await;
            world.store.release();
        });
        assert!(!answer.body.contains("77") && answer.jar() == Jar::Kept, "{slow}: {answer:?}");
        assert_eq!(answer.status, status, "{slow}: {answer:?}");
        assert_eq!(other.state().await, r#"4 [77] 1 "" -"#, "{slow}");
    }
}

/// The record is loaded on its way, and the other request signs in before it arrives.
#[actix_web::test]
async fn a_reload_or_a_save_whose_load_is_on_its_way_shows_nothing_from_after_a_sign_in() {
    for slow in ["reload,see", "save,see", "v2,save,reload,see"] {
        let world = World::new().await;
        let browser = world.browser_after("v1").await;
        let other = browser.clone();
        world.store.at("load", 2, Fault::Held(None));
        let (answer, ()) = tokio::join!(biased; browser.go(slow), async {
            while !world.store.was_asked("load load") && !world.store.was_asked("update load") {
                tokio::task::yield_now().await;
            }
            other.go("in4,c77").await;
            world.store.release();
        });
        assert!(answer.body.contains("Superseded") && !answer.body.contains("77"), "{slow}: {answer:?}");
    }
}

#[actix_web::test]
async fn a_purge_in_every_place_ends_what_a_sign_in_beside_it_made() {
    for slow in
        ["gate,purge,v5", "v2,gate,purge", "c2,savex,gate,purge", "gate,purge,save", "up1,gate,purge,in5"]
    {
        let world = World::new().await;
        let browser = world.browser_after("v1").await;
        let (answer, other) = race(&world, &browser, slow, &["in4,c77"]).await;
        assert_eq!(answer.status, 200, "{slow} {answer:?}");
        assert_eq!(other.state().await, EMPTY, "{slow}");
        assert!(world.store.len() <= 1 && !browser.state().await.contains("77"), "{slow}");
    }
}

#[actix_web::test]
async fn what_was_refused_and_acknowledged_is_not_shown_any_more() {
    let world =
        World::with(|builder| builder.max_sessions_per_user(1, WhenFull::RejectNew).max_record_bytes(200))
            .await;
    world.browser_after("in4,label:other").await;
    let large = format!("d:{}", "x".repeat(300));
    let browser = world.browser_after("v1").await;
    let mut failed = Vec::new();
    for (words, said) in [
        ("in4,save,who,see".to_owned(), r#"TooManySessions | nobody | - [] 1 "" - | - [] 1 "" -"#),
        ("in4,save,list,see".to_owned(), r#"TooManySessions |  | - [] 1 "" - | - [] 1 "" -"#),
        (format!("{large},save,see"), r#"TooLarge | - [] 1 "" - | - [] 1 "" -"#),
    ] {
        let answer = browser.go(&words).await;
        if answer.body != said {
            failed.push(answer.body.replace("xxx", ""));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[actix_web::test]
async fn a_refusal_that_was_mended_does_not_come_back() {
    let world = World::with(|builder| builder.max_record_bytes(200)).await;
    let large = format!("d:{}", "x".repeat(300));
    for fault in [Fault::Fails(StoreErrorKind::Unavailable), Fault::Gone] {
        for after in ["", ",see", ",v3"] {
            let browser = world.browser_after("v1").await;
            world.store.at("update", 1, fault.clone());
            let answer = browser.go(&format!("{large},savex,d:small,save{after}")).await;
            assert_eq!(answer.status, 200, "{fault:?} {after}: {answer:?}");
        }
    }
}

#[actix_web::test]
async fn closures_before_and_after_a_renewal_count_once_each() {
    let world = World::new().await;
    let browser = world.browser_after("v1,c1").await;
    let (answer, other) =
        race(&world, &browser, "up1,c2,save,gate,up1,save,c3,up1,save,up1", &["renew,up10,c77"]).await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Kept), "{answer:?}");
    assert!(answer.body.ends_with(r#"- [1, 2, 3] 5 "" -"#), "{answer:?}");
    assert_eq!(
        other.state().await,
        r#"- [1, 77, 3] 15 "" -"#.replace("[1, 77", "[1, 2, 77"),
        "the other began with it"
    );
}

#[actix_web::test]
async fn a_list_and_a_revocation_after_the_session_has_ended() {
    for (slow, said) in [("gate,save,list", "Gone |  | "), ("gate,reload,others,all", "Gone | 0 | 0 | ")] {
        let world = World::new().await;
        let browser = world.browser_after("in4,label:mine").await;
        world.browser_after("in4,label:other").await;
        let (answer, _) = race(&world, &browser, slow, &["purge"]).await;
        assert!(answer.body.starts_with(said), "{answer:?}");
        assert_eq!(world.store.len(), 1);
    }
}

/// Each of two mistakes has an error of its own.
#[actix_web::test]
async fn an_acknowledged_mistake_does_not_hide_another_one() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    for words in ["v2,life:0:60:0,crash,save", "v2,crash,life:0:60:0,save", "v2,crash,save,crash"] {
        assert_eq!(browser.go(words).await.status, 500, "{words}");
        assert_eq!(browser.state().await, r#"- [] 1 "" -"#, "{words}");
    }
    assert_eq!(browser.go("v2,crash,save,life:0:60:0,save").await.status, 200);
}

#[actix_web::test]
async fn a_sign_in_whose_answer_was_lost_is_repeated_in_the_same_request() {
    for words in ["in4,save,in4", "c2,in4,save,in4,c3", "in4,save,reload,in4"] {
        let world = World::new().await;
        let browser = world.browser_after("c1").await;
        world.store.at("update", 1, Fault::Unanswered);
        let answer = browser.go(words).await;
        let state = browser.state().await;
        assert!(state.starts_with("4 [1"), "{words}: {answer:?} {state}");
        assert_eq!((answer.status, answer.jar(), world.store.len()), (200, Jar::Set, 1), "{words}");
    }
}

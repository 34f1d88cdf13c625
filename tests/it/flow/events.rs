//! What an observer and the log are told, and when.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use actix_typed_session::{
    Event, Session, SessionMiddleware, TypedSession,
    change::NewRecord,
    id::{Selector, VerifierHash},
    record::{Limits, Timestamp},
    store::{ManualClock, MemoryStore, SessionStore, SqliteStore, StoreErrorKind, Sweep},
};
use actix_web::web;
use tracing::Level;

use super::{
    alone::alone,
    bad_input::forged,
    kit::{Browser, EMPTY, Jar, Shop, World, key},
    logged::Logged,
    script::Fault,
};

/// The events since the last call, by name. Each answer of the store is one too, and left out.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn observer(&self) -> impl Fn(&Event<'_>) + Send + Sync + 'static {
        let told = self.0.clone();
        move |event| {
            let count = match event {
                Event::StoreAnswered { .. } => return,
                Event::RevokedAll { count }
                | Event::Swept { count }
                | Event::Tampered { count }
                | Event::Ambiguous { count } => format!("={count}"),
                Event::StoreFailed { call, .. } => format!("={call}"),
                _ => String::new(),
            };
            told.lock().unwrap().push(format!("{}{count}", event.name()));
        }
    }

    fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join(" ")
    }
}

async fn world() -> (World, Told) {
    let told = Told::default();
    let observer = told.observer();
    let world =
        World::with(|builder| builder.observer(observer).save_deadline(Duration::from_millis(100))).await;
    (world, told)
}

/// What is told of a request for `words`.
async fn after(told: &Told, browser: &Browser<'_>, words: &str) -> String {
    told.take();
    browser.go(words).await;
    told.take()
}

#[actix_web::test]
async fn the_life_of_a_session_is_told_step_by_step() {
    let (world, told) = world().await;
    let browser = world.browser();
    for (words, events) in [
        ("", ""),
        ("v1", "created"),
        ("", "loaded"),
        ("v2", "loaded"),
        ("renew", "loaded renewed"),
        ("in4", "loaded renewed signed_in"),
        ("in5", "loaded signed_out renewed signed_in"),
        ("purge,v3", "loaded signed_out purged created"),
        ("purge", "loaded purged"),
        ("", ""),
        ("in4", "created signed_in"),
        ("purge,in4", "loaded signed_out purged renewed signed_in"),
        ("out", "loaded signed_out purged"),
    ] {
        assert_eq!(after(&told, &browser, words).await, events, "{words}");
    }
}

#[actix_web::test]
async fn what_a_cookie_does_not_open_is_told() {
    let (world, told) = world().await;
    let browser = world.browser_after("v1").await;
    let (old, ended) = (browser.clone(), world.browser_after("v1").await);
    browser.go("renew").await;
    assert_eq!(after(&told, &old, "").await, "superseded");
    ended.clone().go("purge").await;
    assert_eq!(after(&told, &ended, "").await, "expired");
    let (ours, other) = (browser.cookie().unwrap(), world.browser_after("v2").await.cookie().unwrap());
    told.take();
    world.request("/do/", Some(&format!("{ours}; {other}"))).await;
    assert_eq!(told.take(), "ambiguous=2");
    world.request("/do/", Some(&format!("{}; {ours}; {}", forged(&ours, 1), forged(&ours, 2)))).await;
    assert_eq!(told.take(), "tampered=2 loaded");
}

/// CVE-2021-34428.
#[actix_web::test]
async fn an_observer_that_panics_keeps_no_session_alive() {
    let world = World::with(|builder| builder.observer(|_: &Event<'_>| panic!("an observer panics"))).await;
    for logout in ["purge", "out", "all"] {
        let browser = world.browser_after("v1").await;
        let before = browser.clone();
        assert_eq!(browser.go("in4").await.jar(), Jar::Set, "{logout}");
        assert_eq!(before.state().await, EMPTY, "{logout}");
        let copy = browser.clone();
        let answer = browser.go(logout).await;
        assert_eq!((answer.status, answer.jar(), world.store.len()), (200, Jar::Removed, 0), "{logout}");
        assert_eq!(copy.state().await, EMPTY, "{logout}");
    }
}

/// Three extractors of one request share one load, and each event is told once.
#[actix_web::test]
async fn several_extractors_tell_once() {
    let told = Told::default();
    let observer = told.observer();
    let world = World::routed(
        |builder| builder.observer(observer),
        |routes| {
            routes.route("/two", web::get().to(async |_: Session, _: TypedSession<Shop>| "two"));
        },
    )
    .await;
    let ours = world.browser_after("v1").await.cookie().unwrap();
    told.take();
    world.request("/two", Some(&format!("{}; {ours}", forged(&ours, 1)))).await;
    assert_eq!(told.take(), "tampered=1 loaded");
}

#[actix_web::test]
async fn conflicts_and_failures_of_the_store_are_told() {
    let (world, told) = world().await;
    let browser = world.browser_after("v1").await;
    world.store.at("update", 1, Fault::Conflict);
    assert_eq!(after(&told, &browser, "up1").await, "loaded conflict");
    world.store.always(Some(Fault::Conflict));
    let contended = after(&told, &browser, "up1").await;
    assert!(contended.starts_with("loaded conflict conflict") && contended.ends_with("conflict contended"));
    world.store.always(None);
    world.store.at("update", 1, Fault::Fails(StoreErrorKind::UnknownOutcome));
    assert_eq!(after(&told, &browser, "v3").await, "loaded store_failed=update");
    for nth in [1, 2] {
        world.store.at("delete", nth, Fault::Fails(StoreErrorKind::Unavailable));
    }
    assert_eq!(after(&told, &browser, "purge").await, "loaded store_failed=delete unconfirmed");
    assert_eq!(after(&told, &browser, "").await, "signed_out purged", "the next request pays the debt");
    let browser = world.browser_after("v1").await;
    world.store.damage(Some(StoreErrorKind::Unreadable));
    assert_eq!(after(&told, &browser, "").await, "unreadable");
    world.store.damage(None);
    for (key, json, event) in
        [("shop.visits", "\"canary\"", "loaded cell_unreadable"), ("$shop", "2", "loaded schema_too_new")]
    {
        world.store.write(key, json).await;
        assert_eq!(after(&told, &browser, "").await, event);
    }
}

/// Such as `env_logger`, in a process that has no subscriber of `tracing`.
#[actix_web::test]
async fn a_logger_is_told_what_it_reads() {
    struct Lines(Mutex<Vec<String>>);
    impl log::Log for Lines {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            self.0.lock().unwrap().push(format!("{} {}", record.level(), record.args()));
        }

        fn flush(&self) {}
    }
    static LINES: Lines = Lines(Mutex::new(Vec::new()));
    if !alone("flow::events::a_logger_is_told_what_it_reads") {
        return;
    }
    log::set_logger(&LINES).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    let world = World::new().await;
    let browser = world.browser_after("in4").await;
    world.store.write("$shop", "2").await;
    browser.go("").await;
    let lines = std::mem::take(&mut *LINES.0.lock().unwrap());
    let said = |level: &str, event: &str| {
        let event = format!("event=\"{event}\"");
        lines.iter().any(|line| line.starts_with(level) && line.contains(&event))
    };
    assert!(said("INFO", "signed_in") && said("WARN", "schema_too_new"), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("event=\"loaded\"")), "{lines:#?}");
}

#[actix_web::test]
async fn an_end_is_a_sign_out_if_nobody_knows_who_was_signed_in() {
    let (world, told) = world().await;
    let (one, other) = (world.browser_after("in4").await, world.browser_after("in4").await);
    let cookies = format!("{}; {}", one.cookie().unwrap(), other.cookie().unwrap());
    told.take();
    world.request("/do/purge", Some(&cookies)).await;
    assert_eq!(told.take(), "ambiguous=2 signed_out purged signed_out purged");
}

#[actix_web::test]
async fn a_call_that_the_breaker_refuses_is_no_failure_of_the_store() {
    let (world, told) = world().await;
    let browser = world.browser_after("v1").await;
    world.store.damage(Some(StoreErrorKind::Unavailable));
    let begun = Instant::now();
    told.take();
    for _ in 0..100 {
        assert_eq!(browser.go("").await.status, 503);
    }
    let most = 4 + usize::try_from(begun.elapsed().as_millis() / 250).unwrap();
    let failures = told.take().matches("store_failed=load").count();
    assert!((3..=most).contains(&failures), "{failures} failures");
}

#[actix_web::test]
async fn ending_other_sessions_is_told() {
    let (world, told) = world().await;
    let browser = world.browser_after("in4").await;
    // The list begins with the oldest sign-in.
    world.clock.advance(Duration::from_secs(1));
    let (other, third) = (world.browser_after("in4").await, world.browser_after("in4").await);
    assert_eq!(after(&told, &browser, "end1").await, "loaded revoked");
    assert_eq!(after(&told, &browser, "others").await, "loaded revoked_all=1");
    assert_eq!(after(&told, &browser, "all").await, "loaded revoked_all=1 signed_out purged");
    for browser in [other, third] {
        assert_eq!(after(&told, &browser, "").await, "expired");
    }
}

/// The store tells of what it removes, to the observer that the builder gave it.
#[actix_web::test]
async fn sweeps_are_told_with_the_number_of_sessions() {
    let clock = ManualClock::at(Timestamp::from_millis(1_000_000));
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::options(folder.path().join("sessions.db")).clock(clock.clone());
    let sqlite = sqlite.sweep_every(None).open().await.unwrap();
    let memory = MemoryStore::unbounded().with_clock(clock.clone());
    swept(&sqlite, &clock).await;
    swept(&memory, &clock).await;
}

async fn swept(store: &(impl SessionStore + Sweep + Clone), clock: &ManualClock) {
    let told = Told::default();
    let builder = SessionMiddleware::builder(store.clone(), key());
    let _sessions = builder.observer(told.observer()).build().unwrap();
    for byte in 1..=3 {
        store.create(&Selector::from_bytes([byte; 16]), &new_record(byte)).await.unwrap();
    }
    clock.advance(Duration::from_secs(2));
    assert_eq!(store.sweep(100).await.unwrap(), 3);
    assert_eq!(store.sweep(100).await.unwrap(), 0);
    assert_eq!(told.take(), "swept=3");
    // A new session removes some of those that have expired, under the same selector at least.
    for _ in 0..2 {
        store.create(&Selector::from_bytes([9; 16]), &new_record(9)).await.unwrap();
        clock.advance(Duration::from_secs(2));
    }
    assert_eq!(told.take(), "swept=1");
}

/// A record that lives for a second.
fn new_record(byte: u8) -> NewRecord {
    let limits = Limits::new(Duration::from_secs(1), Duration::from_secs(1));
    NewRecord::new(VerifierHash::from_bytes([byte; 32]), limits)
}

/// OWASP ASVS 5.0 16.3.1: successful authentications are logged, each of them, with what finds the session again.
#[actix_web::test]
async fn every_sign_in_and_sign_out_is_logged_with_the_public_id() {
    let world = World::new().await;
    let browser = world.browser();
    let (logged, _guard) = Logged::here();
    for _ in 0..100 {
        browser.go("in4").await;
        browser.go("out").await;
    }
    let text = logged.text();
    let ids = |event: &str| {
        let lines = text.lines().filter(|line| line.starts_with("INFO") && line.contains(event));
        lines.map(|line| line.split("public_id=").nth(1).unwrap()[..22].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids("\"signed_in\"").len(), 100);
    assert_eq!(ids("\"signed_in\""), ids("\"signed_out\""));
    assert_eq!(logged.count(Level::INFO), 200);
}

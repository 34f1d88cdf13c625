//! Whatever strangers send, the log grows by a bounded number of lines a second; an outage is told when it begins and when it ends.

use std::time::{Duration, Instant};

use actix_typed_session::{SessionState, TypedSession, WhenFull, store::StoreErrorKind};
use actix_web::{HttpResponse, web};
use tracing::Level;

use super::{
    bad_input::forged,
    kit::{Shop, World},
    logged::Logged,
};

const MANY: usize = 1000;

/// At most five lines at once and one a second.
fn assert_few(logged: &Logged, since: Instant, what: &str) {
    let lines = logged.count(Level::WARN) + logged.count(Level::ERROR);
    let most = 5 + usize::try_from(since.elapsed().as_secs()).unwrap();
    assert!((1..=most).contains(&lines), "{what}: {lines} lines");
}

/// OWASP ASVS 5.0 16.3.3.
#[actix_web::test]
async fn odd_cookies_write_a_bounded_number_of_lines() {
    for what in ["ambiguous", "too many"] {
        let world = World::new().await;
        let (ours, other) = (world.browser_after("v1").await, world.browser_after("v2").await);
        let (ours, other) = (ours.cookie().unwrap(), other.cookie().unwrap());
        let cookies = match what {
            "ambiguous" => format!("{ours}; {other}"),
            _ => (1..6).map(|seed| forged(&ours, seed)).collect::<Vec<_>>().join("; "),
        };
        let (logged, _guard) = Logged::here();
        let since = Instant::now();
        for _ in 0..MANY {
            assert_eq!(world.request("/do/", Some(&cookies)).await.status, 200);
        }
        assert_few(&logged, since, what);
    }
}

#[actix_web::test]
async fn mistakes_of_clients_are_no_errors_of_the_server() {
    let world = World::with(|builder| builder.max_sessions_per_user(1, WhenFull::RejectNew)).await;
    let browser = world.browser_after("v1,in4").await;
    let old = browser.clone();
    browser.go("renew").await;
    let (logged, _guard) = Logged::here();
    assert_eq!(old.go("v2").await.status, 409, "superseded");
    assert_eq!(world.browser().go("in4").await.status, 403, "too many sessions");
    assert_eq!(logged.count(Level::ERROR) + logged.count(Level::WARN), 0, "{}", logged.text());
    assert!(logged.text().contains("answered with a session error"));
}

/// OWASP ASVS 5.0 16.3.4.
#[actix_web::test]
async fn an_outage_is_told_when_it_begins_and_when_it_ends() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    let (logged, _guard) = Logged::here();
    world.store.damage(Some(StoreErrorKind::Unavailable));
    for _ in 0..MANY {
        assert_eq!(browser.go("").await.status, 503);
    }
    let text = logged.take();
    assert_eq!(text.matches("does not answer").count(), 1, "{text}");
    assert!(
        text.lines().filter(|line| !line.starts_with("DEBUG")).count() <= 4,
        "two until the breaker opened"
    );
    world.store.damage(None);
    while browser.go("").await.status != 200 {}
    let text = logged.take();
    assert_eq!(text.lines().filter(|line| !line.starts_with("DEBUG")).count(), 1, "{text}");
    assert!(text.contains("INFO") && text.contains("answers again"), "{text}");
}

/// A section that a later release writes while a request reads it.
#[derive(SessionState)]
#[session(name = "prefs", version = 1, lock = off)]
struct Prefs {
    #[session(default)]
    theme: String,
}

async fn reads(mut prefs: TypedSession<Prefs>, shop: TypedSession<Shop>) -> HttpResponse {
    for _ in 0..MANY {
        prefs.session().renew();
        let _ = (prefs.theme().len(), shop.visits());
    }
    prefs.set_theme("dark");
    HttpResponse::Ok().finish()
}

/// OWASP ASVS 5.0 16.3.4.
#[actix_web::test]
async fn what_cannot_be_read_is_told_now_and_then_and_not_by_every_getter_and_request() {
    for (key, json) in [("$prefs", "2"), ("prefs.theme", "7")] {
        let world = World::routed(
            |builder| builder,
            |routes| {
                routes.route("/reads", web::get().to(reads));
            },
        )
        .await;
        let browser = world.browser_after("v1").await;
        world.store.write(key, json).await;
        let (logged, _guard) = Logged::here();
        let since = Instant::now();
        for _ in 0..MANY / 10 {
            assert!(browser.get("/reads").await.status >= 500);
        }
        let lines = logged.count(Level::WARN) + logged.count(Level::ERROR);
        let most = 2 * (5 + usize::try_from(since.elapsed().as_secs()).unwrap());
        assert!((2..=most).contains(&lines), "{key}: {lines} lines");
    }
}

#[actix_web::test]
async fn a_line_counts_those_that_were_left_out_before_it() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    let forgeries: Vec<_> = (1..6).map(|seed| forged(&browser.cookie().unwrap(), seed)).collect();
    let (logged, _guard) = Logged::here();
    let since = Instant::now();
    while logged.count(Level::WARN) < 6 {
        assert!(since.elapsed() < Duration::from_secs(30));
        world.request("/do/", Some(&forgeries.join("; "))).await;
    }
    let text = logged.text();
    let whole = text.lines().filter(|line| line.starts_with("WARN") && line.contains("left_out=0 "));
    assert_eq!(whole.count(), 5, "{text}");
}

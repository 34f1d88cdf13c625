//! Handlers and routes for users who are signed in, authenticating again, and an end that nothing extends.
#![allow(clippy::unchecked_time_subtraction)] // the operands are constants, the larger one first

use std::time::{Duration, SystemTime};

use actix_typed_session::{
    ConfigError, NotSignedIn, Session, SessionMiddleware, SessionMiddlewareBuilder, SignedIn, TypedSession,
    signed_in,
    store::{MemoryStore, StoreErrorKind},
};
use actix_web::{guard::fn_guard, web};

use super::{
    kit::{Jar, World, key},
    logged::Logged,
    words::Shop,
};

const MINUTE: Duration = Duration::from_mins(1);

fn routes(routes: &mut web::ServiceConfig) {
    async fn change_password(session: Session) -> Result<&'static str, NotSignedIn> {
        session.signed_in_within(5 * MINUTE)?;
        Ok("changed")
    }
    routes
        .route("/mine", web::get().to(|SignedIn(user): SignedIn<Shop>| async move { user.to_string() }))
        .route(
            "/both",
            web::get().to(|user: Option<SignedIn<Shop>>| async move {
                user.map_or_else(|| "stranger".into(), |user| user.to_string())
            }),
        )
        .route(
            "/told",
            web::get().to(async |mut shop: TypedSession<Shop>| {
                shop.set_notice("please sign in");
                shop.session().signed_in_within(MINUTE)?;
                Ok::<_, NotSignedIn>("fine")
            }),
        )
        .route("/password", web::get().to(change_password))
        .service(
            web::resource("/guarded")
                .route(web::get().guard(fn_guard(signed_in)).to(|| async { "in" }))
                .route(web::get().to(|| async { "out" })),
        );
}

async fn world(choose: impl FnOnce(SessionMiddlewareBuilder) -> SessionMiddlewareBuilder) -> World {
    World::routed(choose, routes).await
}

/// OWASP ASVS 5.0 7.5.3; ASVS 4.0 3.7.1.
#[actix_web::test]
async fn a_handler_for_users_is_not_called_for_strangers() {
    let world = world(|builder| builder).await;
    let browser = world.browser();
    let answer = browser.get("/mine").await;
    assert_eq!((answer.status, answer.body.as_str(), answer.jar()), (401, "Unauthorized", Jar::Kept));
    assert_eq!(answer.header("vary"), Some("Cookie"));
    assert_eq!(browser.get("/both").await.body, "stranger");
    browser.go("v1").await;
    assert_eq!(browser.get("/mine").await.status, 401, "a session alone is nobody");
    browser.go("in4").await;
    assert_eq!((browser.get("/mine").await.body, browser.get("/both").await.body), ("4".into(), "4".into()));
    browser.go("purge,v1").await;
    assert_eq!(browser.get("/mine").await.status, 401);
}

/// OWASP ASVS 5.0 16.5.3.
#[actix_web::test]
async fn an_outage_makes_nobody_a_stranger() {
    let world = world(|builder| builder.sign_in_page("/sign-in")).await;
    let browser = world.browser_after("in4").await;
    world.store.damage(Some(StoreErrorKind::Unavailable));
    for path in ["/mine", "/both"] {
        assert_eq!(browser.get(path).await.status, 503, "{path}");
    }
}

/// OWASP ASVS 5.0 7.5.1.
#[actix_web::test]
async fn strangers_are_sent_to_the_page_for_signing_in() {
    let world = world(|builder| builder.sign_in_page("/sign-in?why=needed")).await;
    let browser = world.browser();
    for path in ["/mine", "/password"] {
        let answer = browser.get(path).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/sign-in?why=needed")), "{path}");
    }
    // What the request said to the visitor is kept for that page.
    let answer = browser.get("/told").await;
    assert_eq!((answer.status, answer.jar()), (303, Jar::Set));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(browser.go("t").await.body.starts_with("please sign in"));
    for mistake in
        ["", "sign-in", "//evil.example", "/\\evil.example", "https://evil.example/", "/sign in", "/ü"]
    {
        let built = SessionMiddleware::builder(MemoryStore::unbounded(), key()).sign_in_page(mistake).build();
        assert_eq!(built.unwrap_err(), ConfigError::SignInPage(mistake.into()));
    }
}

/// OWASP ASVS 5.0 7.5.1, 7.5.3.
#[actix_web::test]
async fn a_sensitive_act_needs_a_sign_in_of_a_moment_ago() {
    let world = world(|builder| builder).await;
    let browser = world.browser();
    assert_eq!(browser.get("/password").await.status, 401);
    browser.go("in4").await;
    world.clock.advance(5 * MINUTE);
    assert_eq!(browser.get("/password").await.body, "changed");
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(browser.get("/password").await.status, 401);
    browser.go("renew").await;
    assert_eq!(browser.get("/password").await.status, 401, "a new id proves nothing");
    browser.go("in4").await;
    assert_eq!(browser.get("/password").await.body, "changed");
}

#[actix_web::test]
async fn a_guard_that_cannot_see_the_session_is_told_in_the_log() {
    let (logged, _guard) = Logged::here();
    let seeing = world(SessionMiddlewareBuilder::eager).await;
    let browser = seeing.browser_after("in4").await;
    assert_eq!(browser.get("/guarded").await.body, "in");
    assert_eq!(seeing.browser().get("/guarded").await.body, "out");
    assert!(!logged.text().contains("ERROR"), "{}", logged.text());
    let blind = world(|builder| builder).await;
    let browser = blind.browser_after("in4").await;
    assert_eq!(browser.get("/guarded").await.body, "out");
    let log = logged.text();
    assert!(log.contains("ERROR") && log.contains(".eager()") && log.contains("/guarded"), "{log}");
}

/// Signs in with an end after `left`, and then does what `words` says of the lifetime.
fn ending(routes: &mut web::ServiceConfig) {
    async fn sign_in(
        mut shop: TypedSession<Shop>,
        path: web::Path<(u64, String)>,
    ) -> Result<&'static str, actix_typed_session::Error> {
        let (left, order) = path.into_inner();
        let (session, week) = (shop.session(), Duration::from_hours(24 * 7));
        let end = || session.set_end(SystemTime::now() + Duration::from_secs(left));
        match order.as_str() {
            "first" => {
                end();
                shop.set_user(4);
            }
            "last" => {
                shop.set_user(4);
                end();
            }
            "long" => {
                end();
                session.set_lifetime(week, week, true);
                shop.set_user(4);
            }
            _ => {
                shop.set_user(4);
                session.set_lifetime(week, week, true);
                session.save().await?;
                end();
            }
        }
        Ok("welcome")
    }
    routes.route("/in/{left}/{order}", web::get().to(sign_in));
}

/// OWASP ASVS 5.0 7.6.1.
#[actix_web::test]
async fn a_session_ends_with_that_of_the_identity_provider() {
    let (hour, second) = (Duration::from_hours(1), Duration::from_secs(1));
    for order in ["first", "last", "long", "saved"] {
        let world = World::routed(|builder| builder, ending).await;
        let browser = world.browser_after("v1").await;
        world.clock.advance(10 * MINUTE);
        assert_eq!(browser.get(&format!("/in/3600/{order}")).await.jar(), Jar::Set, "{order}");
        for _ in 0..5 {
            world.clock.advance(hour / 6);
            assert!(browser.go("renew,who").await.body.starts_with("shop.user=4"), "{order}");
        }
        world.clock.advance(hour / 6 - 2 * second);
        assert!(browser.go("who").await.body.starts_with("shop.user=4"), "{order}");
        world.clock.advance(2 * second);
        assert!(browser.go("who").await.body.starts_with("nobody"), "{order}");
    }
}

#[actix_web::test]
async fn an_end_beyond_the_absolute_timeout_changes_nothing_and_one_that_has_passed_is_refused() {
    let world = World::routed(|builder| builder.absolute_timeout(20 * MINUTE), ending).await;
    let browser = world.browser();
    browser.get("/in/36000/last").await;
    assert!(browser.go("left").await.body.starts_with("Some(1200)"));
    let answer = world.browser().get("/in/0/last").await;
    assert_eq!((answer.status, answer.jar()), (500, Jar::Kept));
}

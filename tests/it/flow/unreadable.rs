//! Unreadable is not empty: outages, damaged records, fields of another type, sections of a later schema. The browser is told nothing
//! about them, and the log contains no id and no value.

use actix_typed_session::{Error, ErrorKind, Session, TypedSession, store::StoreErrorKind};
use actix_web::web;

use super::{
    kit::{Jar, Shop, World},
    logged::Logged,
};

type Taken = Result<TypedSession<Shop>, Error>;

async fn world() -> World {
    World::routed(
        |builder| builder,
        |routes| {
            routes
                .route(
                    "/option",
                    web::get().to(|shop: Option<TypedSession<Shop>>| async move {
                        shop.map_or_else(|| "nobody".to_owned(), |shop| shop.visits().to_string())
                    }),
                )
                .route("/unlooked", web::get().to(|shop: Taken| async move { shop.is_ok().to_string() }))
                .route(
                    "/acknowledged",
                    web::get().to(|shop: Taken| async move {
                        shop.inspect_err(Error::acknowledge).map_or_else(
                            |error| format!("{:?}", error.kind()),
                            |shop| shop.visits().to_string(),
                        )
                    }),
                )
                .route(
                    "/exists",
                    web::get().to(|session: Session| async move { session.exists().to_string() }),
                )
                .route(
                    "/who",
                    web::get().to(|session: Session| async move { format!("{:?}", session.principal()) }),
                )
                .route(
                    "/purge",
                    web::get().to(|session: Session| async move {
                        session.purge();
                        "bye"
                    }),
                )
                .route(
                    "/renew",
                    web::get().to(|session: Session| async move {
                        session.renew();
                        "renewed"
                    }),
                );
        },
    )
    .await
}

/// OWASP ASVS 5.0 16.5.1, 16.5.3.
#[actix_web::test]
async fn an_outage_cannot_be_swallowed() {
    let world = world().await;
    let browser = world.browser_after("v1").await;
    assert_eq!(browser.get("/option").await.body, "1");
    assert_eq!(browser.get("/unlooked").await.body, "true");
    world.store.damage(Some(StoreErrorKind::Unavailable));
    for path in ["/option", "/unlooked", "/exists", "/who", "/do/v1"] {
        let answer = browser.get(path).await;
        assert_eq!(
            (answer.status, answer.jar(), answer.body.as_str()),
            (503, Jar::Kept, "Service Unavailable"),
            "{path}"
        );
        assert_eq!((answer.header("retry-after"), answer.header("vary")), (Some("1"), Some("Cookie")));
    }
    let answer = browser.get("/acknowledged").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "StoreUnavailable"));
    // A request without a cookie does not need the store.
    let answer = world.browser().get("/option").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "0"));
}

/// OWASP ASVS 5.0 16.5.3.
#[actix_web::test]
async fn a_damaged_record_can_only_be_purged() {
    for (kind, asked) in [(StoreErrorKind::Unreadable, "load"), (StoreErrorKind::TooNew, "load")] {
        let world = world().await;
        let browser = world.browser_after("v1,in4").await;
        let before = world.store.record().await.unwrap();
        world.store.damage(Some(kind));
        for path in ["/option", "/unlooked", "/exists", "/who", "/renew", "/do/v1", "/do/in5", "/do/purge"] {
            let answer = browser.get(path).await;
            assert_eq!((answer.status, answer.jar()), (503, Jar::Kept), "{path}");
            assert_eq!(world.store.asked(), asked, "a damaged record does not heal by asking twice: {path}");
        }
        assert_eq!(browser.get("/acknowledged").await.body, "Unreadable");
        assert_eq!(world.store.record().await.unwrap(), before);
        world.store.asked();
        let answer = browser.get("/purge").await;
        assert_eq!((answer.status, answer.jar()), (200, Jar::Removed));
        assert_eq!((world.store.asked().as_str(), world.store.len()), ("load delete", 0));
    }
}

#[actix_web::test]
async fn a_field_of_another_type_is_a_500_and_stays() {
    let world = world().await;
    let browser = world.browser_after("v1,c1").await;
    world.store.write("shop.visits", r#""canary""#).await;
    let before = world.store.record().await.unwrap();
    let (logged, _guard) = Logged::here();
    for path in ["/option", "/unlooked", "/do/v1", "/do/c1", "/do/in4", "/do/purge"] {
        let answer = browser.get(path).await;
        assert_eq!(
            (answer.status, answer.jar(), answer.body.as_str()),
            (500, Jar::Kept, "Internal Server Error"),
            "{path}"
        );
        assert_eq!(world.store.asked(), "load", "{path}");
    }
    assert_eq!(world.store.record().await.unwrap(), before);
    assert_eq!(browser.get("/acknowledged").await.body, "UnreadableField");
    let log = logged.text();
    assert!(log.contains("`shop.visits`") && !log.contains("canary"), "{log}");
    // The session as a whole is readable, and can be ended.
    assert_eq!(browser.get("/exists").await.body, "true");
    assert_eq!(browser.get("/purge").await.jar(), Jar::Removed);
}

/// OWASP ASVS 5.0 1.5.2.
#[actix_web::test]
async fn a_value_that_is_nested_too_deep_is_an_error() {
    let world = world().await;
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let object = r#"{"a":"#.repeat(100_000) + "1" + &"}".repeat(100_000);
    for json in [deep, object] {
        for (key, status) in [("shop.cart", 500), ("shop.draft", 500), ("$shop", 503)] {
            let browser = world.browser_after("v1,c1,d:x").await;
            world.store.write(key, &json).await;
            for path in ["/do/", "/do/c2"] {
                assert_eq!(browser.get(path).await.status, status, "{key} {path}");
            }
            assert_eq!(browser.get("/purge").await.jar(), Jar::Removed, "{key}");
        }
    }
}

#[actix_web::test]
async fn a_section_of_a_later_schema_stays_byte_for_byte() {
    let world = world().await;
    let browser = world.browser_after("v1,c1").await;
    world.store.write("$shop", "2").await;
    world.store.write("shop.cart", r#"{"lines":[1]}"#).await;
    let before = world.store.record().await.unwrap();
    for path in ["/option", "/unlooked", "/do/v1", "/do/c1", "/do/in4", "/do/renew"] {
        let answer = browser.get(path).await;
        assert_eq!((answer.status, answer.jar()), (503, Jar::Kept), "{path}");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(world.store.asked(), "load", "{path}");
    }
    assert_eq!(browser.get("/acknowledged").await.body, "SchemaTooNew");
    assert_eq!(world.store.record().await.unwrap(), before);
    // Other schemas and the life of the session are not affected.
    assert_eq!(browser.get("/renew").await.jar(), Jar::Set);
    assert_eq!(world.store.record().await.unwrap().cells(), before.cells());
}

#[actix_web::test]
async fn a_section_that_becomes_unreadable_during_a_request_is_an_error_too() {
    for (key, json, status) in [("$shop", "2", 503), ("shop.cart", r#""text""#, 500)] {
        let world = World::new().await;
        let browser = world.browser_after("c1").await;
        let (answer, ()) = tokio::join!(biased; browser.go("c2,gate"), async {
            world.store.write(key, json).await;
            world.gate.notify_one();
        });
        assert_eq!((answer.status, answer.jar()), (status, Jar::Kept), "{key}");
        let after = world.store.record().await.unwrap();
        assert_eq!(after.cell(key).unwrap().json.as_str(), json);
        assert_eq!(world.store.asked(), "load update");
    }
}

/// OWASP ASVS 5.0 16.2.5, 16.5.1.
#[actix_web::test]
async fn no_secret_and_no_value_is_logged_or_answered() {
    let (logged, _guard) = Logged::here();
    let world = world().await;
    let browser = world.browser_after("d:canary-draft,n:canary-notice,c777001,in888002").await;
    let cookie = browser.cookie().unwrap();
    let mut bodies = String::new();
    for words in ["crash", "v1,savex", "purge,savex", "in888002,err"] {
        use super::script::Fault::Fails;
        world.store.at("update", 1, Fails(StoreErrorKind::Unavailable));
        world.store.at("delete", 1, Fails(StoreErrorKind::Unavailable));
        world.store.at("delete", 2, Fails(StoreErrorKind::Unavailable));
        let answer = browser.clone().go(words).await;
        if answer.status >= 400 {
            bodies.push_str(&answer.body);
        }
    }
    world.store.write("shop.visits", r#""canary-visits""#).await;
    bodies.push_str(&browser.go("").await.body);
    let twice = format!("{cookie}; {}", world.browser_after("v1").await.cookie().unwrap());
    assert_eq!(world.request("/do/", Some(&twice)).await.status, 200);
    world.store.damage(Some(StoreErrorKind::Unreadable));
    bodies.push_str(&browser.go("").await.body);
    let log = logged.text();
    assert!(log.lines().count() > 5, "{log}");
    // The version, the id of the key and the selector are no secrets.
    let parts = cookie.trim_start_matches("__Host-sid=").split('.').skip(3);
    for secret in parts.chain(["canary", "777001", "888002"]) {
        assert!(!log.contains(secret), "{secret} in {log}");
        assert!(!bodies.contains(secret), "{secret} in {bodies}");
    }
    assert!(!bodies.contains("shop") && !bodies.contains("store"), "{bodies}");
}

/// OWASP ASVS 5.0 3.3.4, 16.2.5.
#[actix_web::test]
async fn debug_shows_no_value() {
    let world = World::routed(
        |builder| builder,
        |routes| {
            routes.route(
                "/debug",
                web::get().to(|mut shop: TypedSession<Shop>, session: Session| async move {
                    shop.set_draft("canary");
                    shop.set_user(888_002);
                    format!("{shop:?} {session:?} {:?}", session.principal())
                }),
            );
        },
    )
    .await;
    let body = world.browser().get("/debug").await.body;
    assert!(body.starts_with(r#"TypedSession("shop") Session { public_id: None"#), "{body}");
    assert!(!body.contains("canary") && !body.contains("888002"), "{body}");
    assert_eq!(format!("{:?}", ErrorKind::Gone), "Gone");
}

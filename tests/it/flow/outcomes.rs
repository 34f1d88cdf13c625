//! Whatever a handler answers, its operations on the session are stored; if it panics, none is. Over real HTTP/1, with one worker that
//! must go on.

use actix_typed_session::{Session, SessionState, TypedSession};
use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use serde::{Deserialize, Serialize, Serializer, ser::Error as _};

use super::{
    kit::{Jar, Shop, World},
    wire::Server,
};

/// A value whose serialisation may fail.
#[derive(Clone, Default, Deserialize)]
struct Moody(u8);

impl Serialize for Moody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            1 => Err(S::Error::custom("canary")),
            2 => panic!("a serialiser panics"),
            mood => serializer.serialize_u8(mood),
        }
    }
}

#[derive(SessionState)]
#[session(name = "odd", version = 1, lock = off)]
struct Odd {
    #[session(default)]
    moody: Moody,
}

/// An extractor that panics.
struct Explosive;

impl FromRequest for Explosive {
    type Error = actix_web::Error;
    type Future = std::future::Ready<Result<Self, actix_web::Error>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        panic!("an extractor panics")
    }
}

fn odd_routes(routes: &mut web::ServiceConfig) {
    let mood = |mut odd: TypedSession<Odd>, mut shop: TypedSession<Shop>, mood: web::Path<u8>| async move {
        shop.set_visits(9);
        odd.set_moody(Moody(*mood));
        format!("{}", odd.moody().0)
    };
    let explode = |session: Session, _: Explosive| async move {
        session.purge();
        "never"
    };
    routes.route("/mood/{mood}", web::get().to(mood)).route("/explode", web::get().to(explode));
}

/// OWASP ASVS 5.0 16.5.3.
#[test]
fn a_panic_commits_nothing_and_the_worker_goes_on() {
    let server = Server::with(odd_routes);
    let cookie = server.cookie("v1,c1,in4");
    for path in [
        "/do/boom",
        "/do/v2,c2,boom",
        "/do/purge,boom",
        "/do/renew,boom",
        "/do/in5,boom",
        "/do/out,boom",
        "/explode",
        "/mood/2",
        "/mw/v2,boom",
    ] {
        let reply = server.ask_with(path, &cookie);
        assert!(reply.0.is_empty(), "{path}: the connection is dropped");
        assert!(["load", ""].contains(&server.store.asked().as_str()), "{path}");
        assert_eq!(server.state(&cookie), r#"4 [1] 1 "" -"#, "{path}");
    }
    // Changes that were acknowledged before stay.
    let reply = server.ask_with("/do/v7,save,v8,boom", &cookie);
    assert!(reply.0.is_empty());
    assert_eq!(server.store.asked(), "load update");
    assert_eq!(server.state(&cookie), r#"4 [1] 7 "" -"#);
    // A panic in a closure is caught.
    assert_eq!(server.ask_with("/do/crash", &cookie).status(), 500);
    assert_eq!(server.state(&cookie), r#"4 [1] 7 "" -"#);
}

/// OWASP ASVS 5.0 16.2.5.
#[actix_web::test]
async fn a_field_that_cannot_be_serialised_is_a_500_and_nothing_is_written() {
    let (logged, _guard) = super::logged::Logged::here();
    let world = World::routed(|builder| builder, odd_routes).await;
    let browser = world.browser_after("v1").await;
    let answer = browser.get("/mood/1").await;
    assert_eq!(
        (answer.status, answer.jar(), answer.body.as_str()),
        (500, Jar::Kept, "Internal Server Error")
    );
    assert_eq!(world.store.asked(), "load");
    assert!(logged.text().contains("`odd.moody`") && !logged.text().contains("canary"), "{}", logged.text());
    assert_eq!(browser.state().await, r#"- [] 1 "" -"#);
    assert_eq!(browser.get("/mood/3").await.body, "3");
    assert_eq!(browser.state().await, r#"- [] 9 "" -"#);
}

#[test]
fn every_outcome_with_every_operation() {
    let outcomes = [
        ("/do/", "", 200),
        ("/do/", ",fail", 500),
        ("/do/", ",err", 418),
        ("/mw/", "", 418),
        ("/mw/", ",err", 418),
    ];
    for (route, ending, status) in outcomes {
        let server = Server::start();
        let cookie = server.cookie("c1");

        let reply = server.ask_with(&format!("{route}v2{ending}"), &cookie);
        assert_eq!((reply.status(), reply.set_cookie()), (status, None), "set {route}{ending}");
        assert_eq!(server.state(&cookie), r#"- [1] 2 "" -"#, "set {route}{ending}");

        let reply = server.ask_with(&format!("{route}renew{ending}"), &cookie);
        let renewed = reply.cookie().unwrap();
        assert_eq!(reply.status(), status, "renew {route}{ending}");
        assert_eq!(server.state(&renewed), r#"- [1] 2 "" -"#, "renew {route}{ending}");

        let reply = server.ask_with(&format!("{route}in4,discard{ending}"), &renewed);
        assert_eq!((reply.status(), reply.set_cookie()), (status, None), "discard {route}{ending}");

        let reply = server.ask_with(&format!("{route}purge{ending}"), &renewed);
        assert_eq!(
            (reply.status(), reply.cookie().as_deref()),
            (status, Some("__Host-sid=")),
            "purge {route}{ending}"
        );
        assert_eq!(server.store.len(), 0, "purge {route}{ending}");

        let begun = server.ask(&format!("{route}v5{ending}"), &[]);
        assert_eq!(begun.status(), status);
        assert_eq!(server.state(&begun.cookie().unwrap()), r#"- [] 5 "" -"#, "begin {route}{ending}");
    }
}

#[test]
fn a_store_failure_takes_precedence_over_a_middleware_error() {
    use super::script::Fault::Fails;
    use actix_typed_session::store::StoreErrorKind::Unavailable;
    let server = Server::start();
    let cookie = server.cookie("c1");
    for path in ["/mw/v2", "/mw/v2,err", "/do/v2,err", "/do/v2,fail"] {
        server.store.at("update", 1, Fails(Unavailable));
        let reply = server.ask_with(path, &cookie);
        assert_eq!(
            (reply.status(), reply.set_cookie(), reply.body().as_str()),
            (503, None, "Service Unavailable"),
            "{path}"
        );
    }
}

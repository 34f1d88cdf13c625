//! A browser that sends several cookies of one name: after a change of the cookie's domain or path, or because somebody planted one.

use std::cell::RefCell;

use actix_typed_session::{
    SessionMiddleware, SessionMiddlewareBuilder,
    store::{MemoryStore, StoreErrorKind},
};
use actix_web::{
    App,
    http::header::{COOKIE, SET_COOKIE},
    test::{TestRequest, call_service, init_service, read_body},
    web,
};
use tokio::sync::Notify;

use super::{
    kit::{EMPTY, World, key},
    script::Fault,
    words,
};

/// The same cookies in both orders.
fn orders(one: &str, other: &str) -> [String; 2] {
    [format!("{one}; {other}"), format!("{other}; {one}")]
}

/// RFC 6265bis 4.2.2.
#[actix_web::test]
async fn a_cookie_that_opens_nothing_hides_none_that_does() {
    let world = World::new().await;
    let (ours, dead) = (world.browser_after("v1").await, world.browser_after("v2").await);
    let before = ours.clone();
    let ended = dead.cookie().unwrap();
    dead.go("purge").await;
    ours.go("renew").await;
    for beside in [ended, before.cookie().unwrap()] {
        for cookies in orders(&ours.cookie().unwrap(), &beside) {
            let answer = world.request("/do/", Some(&cookies)).await;
            assert_eq!((answer.status, answer.body.as_str()), (200, r#"- [] 1 "" -"#));
        }
    }
}

/// OWASP ASVS 5.0 15.3.7.
#[actix_web::test]
async fn two_live_sessions_are_nobody_until_a_sign_in() {
    let world = World::new().await;
    let (one, other) = (world.browser_after("v1").await, world.browser_after("v2,in4").await);
    for cookies in orders(&one.cookie().unwrap(), &other.cookie().unwrap()) {
        assert_eq!(world.request("/do/", Some(&cookies)).await.body, EMPTY);
        assert!(world.request("/do/in5", Some(&cookies)).await.set_cookie().is_some());
    }
    assert_eq!(one.state().await, r#"- [] 1 "" -"#);
    assert_eq!(other.state().await, r#"4 [] 2 "" -"#);
}

/// It is not known whose logout it is, and a browser from which somebody logged out must not be signed in.
#[actix_web::test]
async fn signing_out_ends_every_session_that_it_may_be_about() {
    let world = World::new().await;
    for words in ["purge", "out", "out,in7", "purge,v7"] {
        for order in [0, 1] {
            let (one, other) = (world.browser_after("v1,in3").await, world.browser_after("v2,in4").await);
            let cookies = &orders(&one.cookie().unwrap(), &other.cookie().unwrap())[order];
            let before = world.store.len();
            let answer = world.request(&format!("/do/{words}"), Some(cookies)).await;
            assert_eq!(answer.status, 200, "{words}");
            assert!(answer.set_cookie().is_some(), "{words}");
            assert_eq!(world.store.len() - (before - 2), usize::from(words.contains('7')), "{words}");
            assert_eq!([one.state().await, other.state().await], [EMPTY, EMPTY], "{words}");
        }
    }
    // One that was not confirmed is owed.
    let (one, other) = (world.browser_after("v1,in3").await, world.browser_after("v2,in4").await);
    let [cookies, _] = orders(&one.cookie().unwrap(), &other.cookie().unwrap());
    for nth in [1, 2] {
        world.store.at("delete", nth, Fault::Fails(StoreErrorKind::Unavailable));
    }
    assert_eq!(world.request("/do/purge", Some(&cookies)).await.status, 503);
    assert_eq!(world.request("/do/purge", Some(&cookies)).await.status, 200);
    assert_eq!(one.state().await, EMPTY);
}

#[actix_web::test]
async fn an_outage_during_one_of_several_loads_is_no_stranger() {
    let world = World::new().await;
    let (one, other) = (world.browser_after("v1").await, world.browser_after("v2").await);
    let both = orders(&one.cookie().unwrap(), &other.cookie().unwrap());
    other.go("purge").await;
    for cookies in both {
        for nth in [3, 2] {
            world.store.at("load", nth, Fault::Fails(StoreErrorKind::Unavailable));
        }
        assert_eq!(world.request("/do/", Some(&cookies)).await.status, 503);
    }
}

#[actix_web::test]
async fn a_logout_that_is_owed_is_paid_although_another_cookie_is_live() {
    let world = World::new().await;
    let (one, other) = (world.browser_after("v1").await, world.browser_after("v2,in4").await);
    for nth in [1, 2] {
        world.store.at("delete", nth, Fault::Fails(StoreErrorKind::Unavailable));
    }
    assert_eq!(other.go("purge").await.status, 503);
    let cookies = orders(&one.cookie().unwrap(), &other.cookie().unwrap());
    assert_eq!(world.request("/do/", Some(&cookies[0])).await.body, EMPTY);
    assert_eq!(world.store.len(), 1);
    assert_eq!(world.request("/do/", Some(&cookies[1])).await.body, r#"- [] 1 "" -"#);
}

/// A browser that keeps a cookie per name, domain and path, and sends all of them, the longest path first.
#[derive(Default)]
struct Jar(RefCell<Vec<(String, String)>>);

impl Jar {
    fn take(&self, line: &str) {
        let (pair, attributes) = line.split_once("; ").unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        let of =
            |part: &str| attributes.split("; ").find(|one| one.starts_with(part)).unwrap_or(part).to_owned();
        let place = format!("{name} {:>30} {}", of("Path="), of("Domain="));
        let mut cookies = self.0.borrow_mut();
        cookies.retain(|(known, _)| *known != place);
        if !value.is_empty() {
            cookies.push((place, format!("{name}={value}")));
            cookies.sort();
        }
    }

    fn sent(&self) -> String {
        self.0.borrow().iter().map(|(_, pair)| pair.as_str()).collect::<Vec<_>>().join("; ")
    }

    fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// One request to an application with this configuration.
    async fn go(
        &self,
        store: &MemoryStore,
        configure: impl FnOnce(SessionMiddlewareBuilder) -> SessionMiddlewareBuilder,
        words: &str,
    ) -> String {
        let sessions = configure(SessionMiddleware::builder(store.clone(), key())).build().unwrap();
        let gate = web::Data::new(Notify::new());
        let app = init_service(App::new().app_data(gate).wrap(sessions).configure(words::routes)).await;
        let request = TestRequest::get().uri(&format!("/do/{words}")).insert_header((COOKIE, self.sent()));
        let response = call_service(&app, request.to_request()).await;
        response.headers().get_all(SET_COOKIE).for_each(|line| self.take(line.to_str().unwrap()));
        String::from_utf8(read_body(response).await.to_vec()).unwrap()
    }
}

/// OWASP cheat sheet: several cookies.
#[actix_web::test]
async fn a_new_path_or_domain_locks_nobody_out() {
    type Configure = fn(SessionMiddlewareBuilder) -> SessionMiddlewareBuilder;
    let changes: [(Configure, Configure); 3] = [
        (|old| old.cookie_path("/do"), |new| new.cookie_path("/do/").retired_cookie_path("/do")),
        (
            |old| old.cookie_domain("shop.example.com"),
            |new| new.cookie_domain("example.com").retired_cookie_domain("shop.example.com"),
        ),
        (
            |old| old.cookie_path("/do"),
            |new| new.cookie_path("/do").cookie_domain("example.com").retired_cookie_domain(""),
        ),
    ];
    for (old, new) in changes {
        let (store, jar) = (MemoryStore::unbounded(), Jar::default());
        jar.go(&store, old, "v1").await;
        assert_eq!(jar.go(&store, new, "").await, r#"- [] 1 "" -"#, "the old cookie still opens the session");
        jar.go(&store, new, "in4").await;
        assert_eq!(jar.len(), 1, "{}", jar.sent());
        assert_eq!(
            jar.go(&store, new, "").await,
            r#"4 [] 1 "" -"#,
            "and the page after the sign-in shows it"
        );
        // A browser that has both, as from a release without the setting.
        jar.go(&store, old, "v2").await;
        let unset = |builder: SessionMiddlewareBuilder| new(builder);
        jar.go(&store, unset, "out").await;
        assert_eq!((jar.len(), store.len()), (0, 0), "{}", jar.sent());
    }
}

/// The prefix of a name says what the cookie's attributes are, also for one that is removed.
#[actix_web::test]
async fn a_retired_cookie_has_the_name_that_its_attributes_give_it() {
    let world = World::with(|builder| {
        builder.retired_cookie_domain("example.com").retired_cookie_path("/app").retired_cookie_path("/")
    })
    .await;
    let answer = world.request("/do/v1", None).await;
    let lines: Vec<_> = answer.headers.get_all(SET_COOKIE).map(|line| line.to_str().unwrap()).collect();
    let attributes = "; Secure; HttpOnly; SameSite=Lax";
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(lines[0], format!("__Secure-sid=; Path=/app; Domain=example.com{attributes}; Max-Age=0"));
    assert_eq!(lines[1], format!("__Secure-sid=; Path=/; Domain=example.com{attributes}; Max-Age=0"));
    assert_eq!(lines[2], format!("__Secure-sid=; Path=/app{attributes}; Max-Age=0"));
    assert!(lines[3].starts_with("__Host-sid=") && !lines[3].contains("Max-Age"), "{lines:?}");
    // A domain is compared as browsers do.
    let world =
        World::with(|builder| builder.cookie_domain("Example.com").retired_cookie_domain("example.COM"))
            .await;
    assert_eq!(world.request("/do/v1", None).await.headers.get_all(SET_COOKIE).count(), 1);
    let refused =
        SessionMiddleware::builder(MemoryStore::unbounded(), key()).retired_cookie_path("app").build();
    assert!(refused.unwrap_err().to_string().contains("is not absolute"));
}

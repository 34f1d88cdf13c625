//! The sessions of one user: listing, ending and limiting them.

use std::time::Duration;

use actix_typed_session::{
    ConfigError, Session, SessionMiddleware, TypedSession, WhenFull,
    change::{Change, NewRecord},
    id::{PublicId, Selector},
    record::Principal,
    store::{
        Created, Loaded, MemoryStore, PrincipalIndex, SessionStore, StoreError, StoreErrorKind, Updated,
    },
    testing::TestSession,
};
use actix_web::{App, test, web};

use super::{
    kit::{Browser, EMPTY, Jar, Shop, World, key},
    script::Fault,
};

/// Signs in the browsers one after the other.
async fn signed_in<'a, const N: usize>(world: &'a World, names: [&str; N]) -> [Browser<'a>; N] {
    let browsers = names.map(|name| (world.browser(), name));
    for (browser, name) in &browsers {
        assert_eq!(browser.go(&format!("in4,label:{name}")).await.status, 200);
        world.clock.advance(Duration::from_secs(1));
    }
    world.store.asked();
    browsers.map(|(browser, _)| browser)
}

/// OWASP ASVS 5.0 7.5.2.
#[actix_web::test]
async fn a_list_shows_the_sessions_of_one_user_and_opens_none() {
    let world = World::new().await;
    let [phone, laptop] = signed_in(&world, ["phone", "laptop"]).await;
    world.browser_after("in5,label:theirs").await;
    world.browser_after("v1").await;
    assert_eq!(phone.go("list").await.body, r#"*phone+laptop | 4 [] 0 "" -"#);
    assert_eq!(world.store.asked(), "load load list");
    assert_eq!(laptop.go("list").await.body, r#"phone+*laptop | 4 [] 0 "" -"#);
    // The public id cannot be used as a cookie.
    let id = laptop.go("id").await.body;
    let id = id.split(' ').next().unwrap();
    for forged in [
        format!("__Host-sid={id}"),
        format!("__Host-sid=1.{id}"),
        format!("__Host-sid=1.AAAA.{id}.{id}.{id}"),
    ] {
        assert_eq!(world.request("/do/", Some(&forged)).await.body, EMPTY);
    }
}

/// The example of `docs/signing-in.md`.
#[actix_web::test]
async fn a_form_names_the_session_to_end() {
    #[derive(serde::Deserialize)]
    struct End {
        id: PublicId,
    }
    let end = |session: Session, form: web::Form<End>| async move {
        session.revoke(form.id).await.map(|()| "ended")
    };
    let sessions = SessionMiddleware::new(MemoryStore::unbounded(), key());
    let app = App::new().wrap(sessions.clone()).route("/end", web::post().to(end));
    let app = test::init_service(app).await;
    let ada = async || TestSession::<Shop>::with(&sessions, |shop| shop.set_user(4)).await.unwrap();
    let (laptop, phone) = (ada().await, ada().await);
    let id = phone.state().await.unwrap().session().public_id().unwrap().to_string();
    for (id, status) in [("", 400), ("no id", 400), (id.as_str(), 200)] {
        let form = test::TestRequest::post().uri("/end").set_form([("id", id)]);
        assert_eq!(test::call_service(&app, laptop.sends(form).to_request()).await.status(), status, "{id}");
    }
    assert!(phone.state().await.unwrap().user().is_none() && laptop.state().await.unwrap().user().is_some());
}

#[actix_web::test]
async fn pages_show_the_sessions_of_one_user() {
    let world = World::new().await;
    let [phone, ..] = signed_in(&world, ["a", "b", "c", "d"]).await;
    world.browser_after("in5,label:theirs").await;
    for (size, pages) in [(1, 5), (2, 3), (3, 2), (5, 1)] {
        let seen = phone.go(&format!("pages{size}")).await.body;
        assert_eq!(seen, format!(r#"*a+b+c+d in {pages} of 4 | 4 [] 0 "" -"#));
    }
    assert_eq!(world.browser().go("pages3").await.body, format!(" in 1 of 0 | {EMPTY}"));
}

#[actix_web::test]
async fn an_anonymous_visitor_has_no_list() {
    let world = World::new().await;
    for words in ["list", "others", "all"] {
        assert_eq!(world.browser().go(words).await.body.split(" | ").last(), Some(EMPTY));
    }
    let browser = world.browser_after("v1").await;
    assert_eq!(browser.go("list,others,all").await.body, r#" | 0 | 0 | - [] 1 "" -"#);
    assert_eq!(world.store.asked(), "load", "nobody to ask about");
}

#[actix_web::test]
async fn a_label_is_kept_until_it_is_removed_and_does_not_begin_a_session() {
    let world = World::new().await;
    assert_eq!(world.browser().go("label:phone").await.jar(), Jar::Kept);
    assert_eq!(world.store.asked(), "");
    let [browser] = signed_in(&world, ["phone"]).await;
    assert_eq!(browser.go("label:phone").await.status, 200);
    assert_eq!(world.store.asked(), "load", "it is called that already");
    browser.go("label:tablet").await;
    assert_eq!(world.store.asked(), "load update");
    assert_eq!(browser.go("list").await.body, r#"*tablet | 4 [] 0 "" -"#);
    browser.go("label:").await;
    assert_eq!(browser.go("list").await.body, r#"*- | 4 [] 0 "" -"#);
    browser.go(&format!("label:{}%0A%1Bx", "y".repeat(300))).await;
    assert_eq!(browser.go("list").await.body, format!("*{} | 4 [] 0 \"\" -", "y".repeat(256)));
    browser.go("label:a%0A%1Bb").await;
    assert_eq!(browser.go("list").await.body, r#"*ab | 4 [] 0 "" -"#);
}

#[actix_web::test]
async fn a_label_set_in_the_same_request_survives_a_change_of_user() {
    let world = World::new().await;
    let [browser] = signed_in(&world, ["phone"]).await;
    browser.go("label:tablet,in5").await;
    assert_eq!(browser.go("list").await.body, r#"*tablet | 5 [] 0 "" -"#);
    browser.go("label:tv,purge,in6").await;
    assert_eq!(browser.go("list").await.body, r#"*tv | 6 [] 0 "" -"#);
}

/// OWASP ASVS 5.0 7.5.2.
#[actix_web::test]
async fn one_session_is_ended_by_another() {
    let world = World::new().await;
    let [phone, laptop, tablet] = signed_in(&world, ["phone", "laptop", "tablet"]).await;
    let answer = phone.go("end1").await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Kept));
    assert_eq!(world.store.asked(), "load load list load delete");
    assert_eq!(laptop.state().await, EMPTY);
    assert_eq!(tablet.go("list").await.body, r#"phone+*tablet | 4 [] 0 "" -"#);
}

#[actix_web::test]
async fn ending_the_own_session_removes_the_cookie() {
    let world = World::new().await;
    let [phone, laptop] = signed_in(&world, ["phone", "laptop"]).await;
    let answer = phone.go("end0,see").await;
    assert_eq!((answer.body, answer.status), (format!("{EMPTY} | {EMPTY}"), 200));
    assert_eq!(phone.cookie(), None);
    assert_eq!(laptop.go("list").await.body, r#"*laptop | 4 [] 0 "" -"#);
}

/// OWASP ASVS 5.0 7.5.2.
#[actix_web::test]
async fn a_session_of_another_user_cannot_be_ended() {
    let world = World::new().await;
    let [mine] = signed_in(&world, ["phone"]).await;
    let theirs = world.browser_after("in5").await;
    let id = theirs.go("id").await.body;
    let id = id.split(' ').next().unwrap();
    assert_eq!(mine.go(&format!("endid:{id}")).await.status, 200);
    assert_eq!(theirs.state().await, r#"5 [] 0 "" -"#);
    // An anonymous visitor cannot end it either.
    let anonymous = world.browser_after("v1").await;
    assert_eq!(anonymous.go(&format!("endid:{id}")).await.status, 200);
    assert_eq!(world.store.asked(), "load");
    assert_eq!(theirs.state().await, r#"5 [] 0 "" -"#);
}

/// OWASP ASVS 5.0 7.4.3.
#[actix_web::test]
async fn all_other_sessions_are_ended_at_once() {
    let world = World::new().await;
    let [phone, laptop, tablet] = signed_in(&world, ["phone", "laptop", "tablet"]).await;
    let theirs = world.browser_after("in5").await;
    let answer = laptop.go("others,err").await;
    assert_eq!((answer.status, answer.jar()), (418, Jar::Kept), "whatever the handler answers");
    assert_eq!(phone.state().await, EMPTY);
    assert_eq!(tablet.state().await, EMPTY);
    assert_eq!(laptop.go("list").await.body, r#"*laptop | 4 [] 0 "" -"#);
    assert_eq!(theirs.state().await, r#"5 [] 0 "" -"#);
}

/// OWASP ASVS 5.0 7.5.2.
#[actix_web::test]
async fn all_sessions_are_ended_including_this_one() {
    let world = World::new().await;
    let [phone, laptop] = signed_in(&world, ["phone", "laptop"]).await;
    let copy = phone.clone();
    let answer = phone.go("all,see,v3").await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Set), "what is set afterwards begins a new session");
    assert_eq!(answer.body, format!(r#"2 | {EMPTY} | - [] 3 "" -"#));
    assert_eq!((copy.state().await, laptop.state().await), (EMPTY.into(), EMPTY.into()));
    assert_eq!(phone.state().await, r#"- [] 3 "" -"#);
    assert_eq!(world.store.len(), 1);
}

/// An administrator disables an account, with only the user's principal and no session of theirs.
/// OWASP ASVS 5.0 7.4.2, 7.4.5.
#[actix_web::test]
async fn all_sessions_of_an_absent_user_are_ended_by_principal() {
    let world = World::new().await;
    let [phone, laptop] = signed_in(&world, ["phone", "laptop"]).await;
    let theirs = world.browser_after("in44").await;
    let nobody = TypedSession::<Shop>::principal_of(None).unwrap();
    assert_eq!(world.store.delete_all(&nobody, None).await.unwrap(), 0);
    let four = TypedSession::<Shop>::principal_of(4).unwrap();
    assert_eq!(world.store.sessions_of(&four).await.unwrap().len(), 2);
    assert_eq!(world.store.delete_all(&four, None).await.unwrap(), 2);
    assert_eq!((phone.state().await, laptop.state().await), (EMPTY.into(), EMPTY.into()));
    assert_eq!(theirs.state().await, r#"44 [] 0 "" -"#);
}

#[actix_web::test]
async fn a_write_in_flight_brings_no_ended_session_back() {
    for words in ["gate,v3", "gate,c1", "gate,renew", "gate,in4", "v3,gate"] {
        let world = World::new().await;
        let [phone, laptop] = signed_in(&world, ["phone", "laptop"]).await;
        let (slow, fast) = tokio::join!(biased; phone.go(words), async {
            let answer = laptop.go("others").await;
            world.gate.notify_one();
            answer
        });
        assert_eq!((slow.status, slow.jar(), fast.status), (200, Jar::Kept, 200), "{words}");
        assert_eq!(laptop.go("list").await.body, r#"*laptop | 4 [] 0 "" -"#, "{words}");
        assert_eq!((phone.state().await, world.store.len()), (EMPTY.into(), 1), "{words}");
    }
}

#[actix_web::test]
async fn an_index_that_fails_is_called_twice_and_then_the_answer_is_503() {
    let world = World::new().await;
    let [phone, laptop] = signed_in(&world, ["phone", "laptop"]).await;
    world.store.at("list", 1, Fault::Fails(StoreErrorKind::Unavailable));
    assert_eq!(phone.go("list").await.body, r#"*phone+laptop | 4 [] 0 "" -"#);
    assert_eq!(world.store.asked(), "load load list list");
    for (words, call) in [("list", "list"), ("others", "end"), ("all", "end")] {
        world.store.at(call, 1, Fault::Fails(StoreErrorKind::Unavailable));
        world.store.at(call, 2, Fault::Fails(StoreErrorKind::UnknownOutcome));
        let answer = phone.go(words).await;
        assert_eq!(
            (answer.status, answer.jar()),
            (503, Jar::Kept),
            "{words}: the cookie is needed to try again"
        );
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(world.store.asked(), format!("load load {call} {call}"));
    }
    assert_eq!(phone.go("all").await.jar(), Jar::Removed);
    assert_eq!(laptop.state().await, EMPTY);
}

/// OWASP ASVS 5.0 7.1.2; OWASP cheat sheet: denial of service.
#[actix_web::test]
async fn a_sign_in_beyond_the_maximum_is_refused() {
    let world = World::with(|builder| builder.max_sessions_per_user(2, WhenFull::RejectNew)).await;
    let [phone, laptop] = signed_in(&world, ["phone", "laptop"]).await;
    let tablet = world.browser_after("v3").await;
    let answer = tablet.go("v4,in4").await;
    assert_eq!((answer.status, answer.jar()), (403, Jar::Kept));
    assert_eq!(answer.header("retry-after"), None);
    assert_eq!(tablet.state().await, r#"- [] 3 "" -"#, "nothing of the refused request is stored");
    let answer = world.browser().go("in4").await;
    assert_eq!((answer.status, answer.jar()), (403, Jar::Kept), "also without a session");
    // A handler may handle the error and answer differently.
    let answer = tablet.go("in4,save,discard").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"TooManySessions | - [] 3 "" -"#));
    assert_eq!(phone.go("in4").await.status, 200, "who is signed in may sign in again");
    assert_eq!(tablet.go("in5").await.status, 200, "somebody else may");
    laptop.go("out").await;
    assert_eq!(world.browser().go("in4").await.status, 200, "there is room again");
}

/// OWASP ASVS 5.0 7.1.2.
#[actix_web::test]
async fn a_sign_in_beyond_the_maximum_ends_the_oldest_session() {
    let world = World::with(|builder| builder.max_sessions_per_user(2, WhenFull::EvictOldest)).await;
    let [phone, laptop] = signed_in(&world, ["phone", "laptop"]).await;
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(phone.go("in4").await.status, 200);
    world.clock.advance(Duration::from_secs(1));
    let [tablet] = signed_in(&world, ["tablet"]).await;
    assert_eq!(laptop.state().await, EMPTY, "it was the oldest: the phone signed in again since");
    assert_eq!(tablet.go("list").await.body, r#"phone+*tablet | 4 [] 0 "" -"#);
}

#[actix_web::test]
async fn an_index_that_expires_is_told_of_a_longer_lifetime() {
    let world = World::new().await;
    let [phone] = signed_in(&world, ["phone"]).await;
    phone.go("life:60:600:1").await;
    let change = world.store.last_change();
    assert_eq!(change.principal.flatten().map(|who| who.as_str().to_owned()).as_deref(), Some("shop.user=4"));
    assert!(change.limits.is_some() && !change.authenticated && change.max_sessions.is_none());
    phone.go("in4").await;
    assert_eq!(world.store.last_change().limits.map(|limits| limits.idle), Some(Duration::from_mins(1)));
}

/// A store with only the four required methods.
pub(crate) struct Plain(pub(crate) MemoryStore);

impl SessionStore for Plain {
    async fn load(&self, key: &Selector) -> Result<Option<Loaded>, StoreError> {
        self.0.load(key).await
    }

    async fn create(&self, key: &Selector, record: &NewRecord) -> Result<Created, StoreError> {
        self.0.create(key, record).await
    }

    async fn update(&self, key: &Selector, change: &Change) -> Result<Updated, StoreError> {
        self.0.update(key, change).await
    }

    async fn delete(&self, key: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        self.0.delete(key, only_if).await
    }
}

#[actix_web::test]
async fn a_store_without_an_index_is_reported() {
    let builder = || SessionMiddleware::builder(Plain(MemoryStore::unbounded()), key());
    let refused = builder().max_sessions_per_user(3, WhenFull::RejectNew).build();
    assert!(matches!(refused, Err(ConfigError::NoIndex)));
    let none = SessionMiddleware::builder(MemoryStore::unbounded(), key());
    assert!(matches!(
        none.max_sessions_per_user(0, WhenFull::RejectNew).build(),
        Err(ConfigError::NoSessions)
    ));
    let list = async |session: Session| session.sessions().await.map(|sessions| sessions.len().to_string());
    let app = App::new().wrap(builder().build().unwrap()).route("/list", web::get().to(list));
    let app = test::init_service(app).await;
    let answer = test::call_service(&app, test::TestRequest::get().uri("/list").to_request()).await;
    assert_eq!(answer.status(), 500);
    let error = answer.response().error().unwrap();
    assert!(error.to_string().contains("implement `PrincipalIndex`"), "{error}");
}

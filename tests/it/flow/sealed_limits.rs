//! What sessions that live in their cookies cannot promise, and what revocations mend.

use std::sync::{Arc, Mutex};

use actix_typed_session::{
    ConfigError, Error, Event, Revocations, SameSite, SealedCookie, SessionMiddleware,
    SessionMiddlewareBuilder, TypedSession, WhenFull,
    id::Selector,
    record::Principal,
    store::{Listed, StoreError, StoreErrorKind},
};
use actix_web::{
    HttpResponse,
    web::{self, Bytes},
};
use futures_util::stream;

use super::{
    kit::{Browser, EMPTY, Jar, World, key},
    sealed::{MINUTE, home, state, text, world},
    words::{Shop, said},
};

#[actix_web::test]
async fn the_last_of_two_overlapping_responses_counts() {
    let world = world().await;
    let browser = world.browser_after("c1").await;
    let (slow, fast) = browser.overlap("gate,c2", "c3").await;
    assert_eq!((slow.status, fast.status, slow.jar(), fast.jar()), (200, 200, Jar::Set, Jar::Set));
    assert_eq!(state(&browser).await, r#"- [1, 2] 0 "" -"#);
}

#[actix_web::test]
async fn after_the_response_has_begun_nothing_can_be_stored() {
    async fn late(shop: TypedSession<Shop>, what: web::Path<String>) -> HttpResponse {
        HttpResponse::Ok().streaming(stream::once(async move {
            let mut shop = shop;
            match what.as_str() {
                "set" => shop.set_visits(9),
                "purge" => shop.session().purge(),
                _ => {}
            }
            Ok::<_, Error>(Bytes::from(said(shop.session().save().await)))
        }))
    }
    let routes = |routes: &mut web::ServiceConfig| {
        routes.route("/late/{what}", web::get().to(late));
    };
    let world = World::sealed(home(), key(), |builder| builder, routes).await;
    let browser = world.browser_after("v1").await;
    for (what, said) in [("set", "TooLate"), ("purge", "TooLate"), ("nothing", "Ok")] {
        assert_eq!(browser.get(&format!("/late/{what}")).await.body, said, "{what}");
    }
    // Nor a touch that is due.
    world.clock.advance(10 * MINUTE);
    assert_eq!(browser.get("/late/nothing").await.body, "Ok");
}

/// OWASP ASVS 5.0 7.4.1; Rails `CookieStore`.
#[actix_web::test]
async fn without_a_server_a_logout_leaves_copies() {
    let world = world().await;
    let browser = world.browser_after("v1,in4").await;
    let copy = browser.clone();
    assert_eq!(browser.go("purge").await.jar(), Jar::Removed);
    assert_eq!(state(&browser).await, EMPTY);
    assert_eq!(state(&copy).await, r#"4 [] 1 "" -"#);
}

/// Sessions that were ended, and an outage of what knows them.
#[derive(Clone, Default)]
struct Ended(Arc<Mutex<(Vec<Named>, bool)>>);

type Named = (Selector, Option<Principal>);

fn named(session: &Listed) -> Named {
    (session.selector, session.meta.principal.clone())
}

impl Ended {
    fn fails(&self, fails: bool) {
        self.0.lock().unwrap().1 = fails;
    }
}

impl Revocations for Ended {
    async fn is_revoked(&self, session: &Listed) -> Result<bool, StoreError> {
        let (ended, fails) = &*self.0.lock().unwrap();
        if *fails {
            Err(StoreError::new(StoreErrorKind::Unavailable))
        } else {
            Ok(ended.contains(&named(session)))
        }
    }

    async fn revoke(&self, session: &Listed) -> Result<(), StoreError> {
        let (ended, fails) = &mut *self.0.lock().unwrap();
        if *fails {
            return Err(StoreError::new(StoreErrorKind::Unavailable));
        }
        ended.push(named(session));
        Ok(())
    }
}

async fn revoked_by(ended: &Ended) -> World {
    let home = SealedCookie::new("shop").revoked_by(ended.clone());
    World::sealed(home, key(), |builder| builder, |_| ()).await
}

/// OWASP ASVS 5.0 7.4.1; ASVS 4.0 3.5.3; CVE-2024-31999; Rails `CookieStore`.
#[actix_web::test]
async fn a_revoked_session_has_ended_for_every_copy() {
    let world = revoked_by(&Ended::default()).await;
    for words in ["purge", "out", "in5", "purge,in4", "purge,v7"] {
        let browser = world.browser_after("v1,in4").await;
        let (copy, id) = (browser.clone(), browser.clone().go("id").await.body);
        assert_eq!(browser.go(words).await.status, 200);
        assert_eq!(copy.clone().go("came").await.body, format!("Ended | {EMPTY}"), "{words}");
        // A slow request of before cannot bring it back.
        assert_eq!(copy.clone().go("v9").await.status, 200);
        assert_ne!(browser.clone().go("id").await.body, id, "{words}");
    }
}

/// Both cookies in both orders.
fn orders(one: &Browser<'_>, other: &Browser<'_>) -> [String; 2] {
    let (one, other) = (one.cookie().unwrap(), other.cookie().unwrap());
    [format!("{one}; {other}"), format!("{other}; {one}")]
}

/// OWASP ASVS 5.0 7.4.1.
#[actix_web::test]
async fn a_planted_fork_of_the_visitors_session_is_nobody_and_a_logout_ends_both() {
    let world = revoked_by(&Ended::default()).await;
    for words in ["in5", "v2,in5", "renew,save,renew,save,in5,v3"] {
        let visitor = world.browser_after("v1").await;
        let thief = visitor.clone();
        visitor.go("in4").await;
        for word in words.split(",save") {
            thief.go(word.trim_start_matches(',')).await;
        }
        for cookies in orders(&visitor, &thief) {
            let both = world.request("/do/came", Some(&cookies)).await;
            assert_eq!(both.body, format!("Ambiguous | {EMPTY}"), "{words}");
        }
        // A session that has ended contests nothing.
        let gone = thief.clone();
        thief.go("purge").await;
        for cookies in orders(&gone, &visitor) {
            assert_eq!(world.request("/do/", Some(&cookies)).await.body, r#"4 [] 1 "" -"#, "{words}");
        }
    }
    for logout in ["purge", "out"] {
        let visitor = world.browser_after("v1").await;
        let thief = visitor.clone();
        visitor.go("in4").await;
        thief.go("in5,v2").await;
        let [cookies, _] = orders(&visitor, &thief);
        assert_eq!(world.request(&format!("/do/{logout}"), Some(&cookies)).await.status, 200);
        for ended in [visitor, thief] {
            assert_eq!(ended.go("came").await.body, format!("Ended | {EMPTY}"), "{logout}");
        }
    }
}

/// OWASP ASVS 5.0 7.4.1.
#[actix_web::test]
async fn the_holder_of_an_anonymous_fork_can_neither_hide_nor_end_the_session_that_was_signed_in_to() {
    let world = revoked_by(&Ended::default()).await;
    let visitor = world.browser_after("v1").await;
    let thief = visitor.clone();
    visitor.go("in4").await;
    for words in ["renew", "v9", "renew"] {
        thief.go(words).await;
        for cookies in orders(&visitor, &thief) {
            assert_eq!(world.request("/do/", Some(&cookies)).await.body, r#"4 [] 1 "" -"#, "{words}");
        }
    }
    thief.go("purge").await;
    assert_eq!(state(&visitor).await, r#"4 [] 1 "" -"#);
}

/// OWASP ASVS 5.0 7.4.1.
#[actix_web::test]
async fn an_outage_of_the_revocations_is_an_error_and_no_stranger() {
    let ended = Ended::default();
    let world = revoked_by(&ended).await;
    let browser = world.browser_after("v1,in4").await;
    ended.fails(true);
    let answer = browser.go("").await;
    assert_eq!((answer.status, answer.jar(), answer.header("retry-after")), (503, Jar::Kept, Some("1")));
    assert_eq!(world.browser().go("").await.status, 200, "who has no session needs none");
    ended.fails(false);
    assert_eq!(state(&browser).await, r#"4 [] 1 "" -"#);
}

#[actix_web::test]
async fn a_touch_that_does_not_fit_answers_the_request_as_it_is() {
    let world = world().await;
    let longer =
        |builder: SessionMiddlewareBuilder| builder.cookie_same_site(SameSite::None).cookie_partitioned();
    let longer = World::sealed(home(), key(), longer, |_| ()).await;
    let (mut browser, mut length) = (world.browser_after("v1").await, 3500);
    loop {
        let next = world.browser();
        if next.go(&format!("d:{}", text(length))).await.status != 200 {
            break;
        }
        (browser, length) = (next, length + 1);
    }
    let state = state(&browser).await;
    longer.clock.advance(10 * MINUTE);
    assert_eq!(browser.go_at(&longer, "v1").await.status, 500, "it does not fit");
    let answer = browser.go_at(&longer, "").await;
    assert_eq!((answer.status, answer.jar(), answer.body), (200, Jar::Kept, state));
}

#[actix_web::test]
async fn nothing_is_told_of_a_commit_that_was_undone() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let observer = {
        let told = told.clone();
        move |event: &Event<'_>| told.lock().unwrap().push(event.name())
    };
    let world = World::sealed(home(), key(), |builder| builder.observer(observer), |_| ()).await;
    let browser = world.browser_after("v1").await;
    let long = text(6000);
    for begins in [true, false] {
        let browser = if begins { world.browser() } else { browser.clone() };
        told.lock().unwrap().clear();
        assert_eq!(browser.go(&format!("in4,d:{long}")).await.status, 500);
        let told = told.lock().unwrap().clone();
        assert!(!told.iter().any(|name| ["created", "signed_in", "renewed"].contains(name)), "{told:?}");
        assert_eq!(browser.go("in4").await.status, 200);
    }
    assert!(told.lock().unwrap().contains(&"signed_in"));
}

#[actix_web::test]
async fn values_that_are_too_short_or_too_long_use_up_no_guesses() {
    let world = world().await;
    let browser = world.browser_after("v1").await;
    let cookie = browser.cookie().unwrap();
    let planted = |value: &str| vec![format!("__Host-sid={value}"); 100].join("; ");
    for value in ["", "x", &"x".repeat(100), &"x".repeat(4097)] {
        let answer = world.request("/do/", Some(&format!("{}; {cookie}", planted(value)))).await;
        assert_eq!(answer.body, r#"- [] 1 "" -"#, "{} characters", value.len());
    }
    // Those that may be sealed do, as ids do.
    let answer = world.request("/do/", Some(&format!("{}; {cookie}", planted(&"x".repeat(200))))).await;
    assert_eq!(answer.body, EMPTY);
}

#[actix_web::test]
async fn what_needs_a_store_is_refused() {
    let refused = SessionMiddleware::builder(home(), key())
        .max_sessions_per_user(3, WhenFull::RejectNew)
        .build()
        .unwrap_err();
    assert_eq!(refused, ConfigError::NoIndex);
    let world = world().await;
    let browser = world.browser_after("in4").await;
    for words in ["list", "others", "all", "endid:AAECAwQFBgcICQoLDA0ODw"] {
        assert_eq!(browser.go(words).await.status, 500, "{words}");
    }
}

//! The commit table, row by row: the store calls, the cookie and the response.
//! Rows about overlapping requests are in `rows_races`, rows about signing in and out in `rows_signing`, and rows about a failing store
//! in `rows_failing`.

use std::{
    sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
    time::Duration,
};

use super::{
    kit::{EMPTY, Jar, World},
    script::Fault,
};

const IDLE: Duration = Duration::from_mins(30);
const MILLI: Duration = Duration::from_millis(1);

/// OWASP ASVS 5.0 8.3.2.
#[actix_web::test]
async fn a_route_without_the_session_makes_no_store_call_and_reading_makes_one() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    let answer = browser.get("/none").await;
    assert_eq!((answer.status, answer.jar(), world.store.asked().as_str()), (200, Jar::Kept, ""));
    let answer = browser.go("see").await;
    assert_eq!((answer.status, answer.jar(), world.store.asked().as_str()), (200, Jar::Kept, "load"));
    assert_eq!(answer.body, r#"- [] 1 "" - | - [] 1 "" -"#);
}

/// OWASP ASVS 5.0 7.6.2; CVE-2015-5143.
#[actix_web::test]
async fn reading_or_clearing_does_not_begin_a_session() {
    let world = World::new().await;
    for words in ["", "see", "t", "out", "renew", "purge", "save", "discard", "life:60:60:1", "v1,discard"] {
        let answer = world.browser().go(words).await;
        assert_eq!((answer.status, answer.jar()), (200, Jar::Kept), "{words}");
        assert_eq!(world.store.asked(), "", "{words}");
    }
    assert_eq!(world.store.len(), 0);
}

#[actix_web::test]
async fn the_first_value_creates_a_session() {
    let world = World::new().await;
    let browser = world.browser();
    let answer = browser.go("c3").await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Set));
    let created = world.store.last_created();
    assert_eq!(
        created.cells.iter().map(|cell| cell.key.as_str()).collect::<Vec<_>>(),
        ["$shop", "shop.cart"]
    );
    assert!(created.principal.is_none() && !created.authenticated && !created.persistent);
    assert_eq!(world.store.asked(), "create");
    assert_eq!(browser.state().await, r#"- [3] 0 "" -"#);
}

#[actix_web::test]
async fn a_change_is_one_update_of_the_fields_it_wrote() {
    let world = World::new().await;
    let browser = world.browser_after("c1,v1,n:x").await;
    let answer = browser.go("v2").await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Kept));
    let change = world.store.last_change();
    assert_eq!(change.write.iter().map(|cell| cell.key.as_str()).collect::<Vec<_>>(), ["shop.visits"]);
    assert_eq!(change.guards.iter().map(|guard| guard.key.as_str()).collect::<Vec<_>>(), ["$shop"]);
    assert!(change.expected_generation.is_some() && !change.touch);
    assert_eq!(world.store.asked(), "load update");
    assert_eq!(browser.state().await, r#"- [1] 2 "" x"#);
}

/// OWASP ASVS 5.0 7.3.1.
#[actix_web::test]
async fn a_visit_is_recorded_after_a_tenth_of_the_idle_time() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    world.clock.advance(IDLE / 10);
    browser.go("").await;
    assert_eq!(world.store.asked(), "load");
    world.clock.advance(MILLI);
    let answer = browser.go("").await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Kept));
    assert!(world.store.last_change().expected_generation.is_none());
    assert_eq!(world.store.asked(), "load touch");
    browser.go("").await;
    assert_eq!(world.store.asked(), "load");
}

/// OWASP cheat sheet: strict ids; CVE-2024-38513.
#[actix_web::test]
async fn a_missing_record_reads_as_no_session_and_its_cookie_is_left_alone() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    let old = browser.cookie();
    assert_eq!(browser.clone().go("purge").await.jar(), Jar::Removed);
    world.store.asked();
    let answer = browser.go("").await;
    assert_eq!((answer.status, answer.jar(), answer.body.as_str()), (200, Jar::Kept, EMPTY));
    assert_eq!(browser.go("purge").await.jar(), Jar::Kept);
    assert_eq!(world.store.asked(), "load load");
    assert_eq!(browser.go("v5").await.jar(), Jar::Set);
    assert_eq!(world.store.asked(), "load create");
    assert_ne!(browser.cookie(), old);
    assert_eq!(browser.state().await, r#"- [] 5 "" -"#);
}

/// OWASP ASVS 5.0 7.4.1; NIST SP 800-63B 7.1.
#[actix_web::test]
async fn purging_deletes_and_removes_the_cookie() {
    let world = World::new().await;
    for words in
        ["purge", "v9,purge", "renew,purge", "in4,purge", "purge,purge", "purge,t,out", "v9,purge,v8,purge"]
    {
        let browser = world.browser_after("v1").await;
        let answer = browser.go(words).await;
        assert_eq!((answer.status, answer.jar()), (200, Jar::Removed), "{words}");
        let line = answer.set_cookie().unwrap().to_owned();
        assert_eq!(line, "__Host-sid=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
        assert_eq!(world.store.asked(), "load delete", "{words}");
        assert_eq!(world.store.len(), 0, "{words}");
    }
}

/// CVE-2015-3982.
#[actix_web::test]
async fn fields_set_after_a_purge_begin_a_new_session() {
    let world = World::new().await;
    let browser = world.browser_after("v1,c1,in4").await;
    let old = browser.clone();
    let answer = browser.go("c2,see,purge,see,v7").await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Set));
    assert_eq!(answer.body, format!(r#"4 [1, 2] 1 "" - | {EMPTY} | - [] 7 "" -"#));
    assert_eq!(world.store.asked(), "load delete create");
    assert_eq!(browser.state().await, r#"- [] 7 "" -"#);
    assert_eq!(old.state().await, EMPTY);
    assert_eq!(world.store.len(), 1);
}

/// actix-extras #244.
#[actix_web::test]
async fn effects_do_not_depend_on_the_order_of_renewing_signing_in_and_setting() {
    for words in ["renew,v2,in4", "in4,renew,v2", "v2,in4,renew", "v2,renew,in4"] {
        let world = World::new().await;
        let browser = world.browser_after("c1").await;
        let answer = browser.go(words).await;
        assert_eq!((answer.status, answer.jar()), (200, Jar::Set), "{words}");
        assert_eq!(world.store.asked(), "load renew", "one step: {words}");
        assert_eq!(browser.state().await, r#"4 [1] 2 "" -"#, "{words}");
    }
}

/// CVE-2024-7341.
#[actix_web::test]
async fn operations_are_stored_whatever_the_handler_answers() {
    for (ending, status) in [("", 200), (",fail", 500), (",err", 418)] {
        let world = World::new().await;
        let browser = world.browser();
        let answer = browser.go(&format!("c1{ending}")).await;
        assert_eq!((answer.status, answer.jar()), (status, Jar::Set));
        let answer = browser.go(&format!("in4{ending}")).await;
        assert_eq!((answer.status, answer.jar()), (status, Jar::Set));
        assert_eq!(browser.state().await, r#"4 [1] 0 "" -"#);
        let answer = browser.go(&format!("v9,in5,discard{ending}")).await;
        assert_eq!((answer.status, answer.jar()), (status, Jar::Kept));
        assert_eq!(world.store.asked(), "load");
        assert_eq!(browser.state().await, r#"4 [1] 0 "" -"#);
        let answer = browser.go(&format!("purge{ending}")).await;
        assert_eq!((answer.status, answer.jar()), (status, Jar::Removed));
        assert_eq!(world.store.len(), 0);
    }
}

/// OWASP ASVS 5.0 7.2.3.
#[actix_web::test]
async fn an_id_that_exists_is_minted_again() {
    let world = World::new().await;
    let browser = world.browser();
    world.store.at("create", 1, Fault::Exists);
    assert_eq!(browser.go("v1").await.jar(), Jar::Set);
    assert_eq!(world.store.asked(), "create create");
    assert_eq!(browser.state().await, r#"- [] 1 "" -"#);
}

/// OWASP ASVS 5.0 7.2.3; tower-sessions #188.
#[actix_web::test]
async fn repeating_randomness_never_opens_another_session() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let world = World::with(|builder| {
        builder.chosen_randomness(|bytes| {
            CALLS.fetch_add(1, Ordering::Relaxed);
            bytes.fill(7);
            true
        })
    })
    .await;
    let first = world.browser_after("in4,c1").await;
    let second = world.browser();
    let answer = second.go("c2").await;
    assert_eq!(
        (answer.status, answer.jar(), answer.body.as_str()),
        (500, Jar::Kept, "Internal Server Error")
    );
    assert_eq!(world.store.asked(), "create create create");
    assert!(CALLS.load(Ordering::Relaxed) > 0);
    assert_eq!(first.state().await, r#"4 [1] 0 "" -"#);
    assert_eq!(second.state().await, EMPTY);
}

/// A virtual machine is cloned, and both machines go on with the same random bytes.
/// OWASP ASVS 5.0 11.5.2; spring-session on cloned machines.
#[actix_web::test]
async fn a_clone_of_a_machine_with_the_same_random_bytes_gets_another_id() {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let world = World::with(|builder| {
        builder.chosen_randomness(|bytes| {
            bytes.fill(NEXT.fetch_add(1, Ordering::Relaxed));
            true
        })
    })
    .await;
    let first = world.browser_after("in4,c1").await;
    NEXT.store(0, Ordering::Relaxed);
    let second = world.browser();
    assert_eq!(second.go("c2").await.jar(), Jar::Set);
    assert_eq!(world.store.asked(), "create create", "the first id exists");
    assert_ne!(second.cookie(), first.cookie());
    assert_eq!(first.state().await, r#"4 [1] 0 "" -"#);
    assert_eq!(second.state().await, r#"- [2] 0 "" -"#);
}

/// OWASP ASVS 5.0 7.2.3, 11.5.2.
#[actix_web::test]
async fn without_random_bytes_there_is_an_error_and_no_new_id() {
    static HAS_SOME: AtomicBool = AtomicBool::new(true);
    let world = World::with(|builder| {
        builder.chosen_randomness(|bytes| {
            bytes.fill(7);
            HAS_SOME.load(Ordering::Relaxed)
        })
    })
    .await;
    let browser = world.browser_after("v1").await;
    HAS_SOME.store(false, Ordering::Relaxed);
    for (visitor, words) in [(&world.browser(), "v2"), (&world.browser(), "in4"), (&browser, "renew")] {
        let answer = visitor.go(words).await;
        assert_eq!(
            (answer.status, answer.jar(), answer.body.as_str()),
            (500, Jar::Kept, "Internal Server Error"),
            "{words}"
        );
    }
    assert_eq!((browser.state().await.as_str(), world.store.len()), (r#"- [] 1 "" -"#, 1));
}

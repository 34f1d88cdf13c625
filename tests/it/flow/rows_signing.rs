//! The commit table, rows about signing in and out.

use std::time::Duration;

use super::{
    kit::{EMPTY, Jar, World},
    script::Fault,
};

/// OWASP ASVS 5.0 7.2.4; CVE-2022-25896.
#[actix_web::test]
async fn signing_in_keeps_the_cells_and_changes_the_id_in_one_step() {
    let world = World::new().await;
    let browser = world.browser_after("c1,d:secret,n:x").await;
    let before = browser.clone();
    let answer = browser.go("see,in4,see").await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Set));
    assert_eq!(answer.body, r#"- [1] 0 "secret" x | 4 [1] 0 "" x | 4 [1] 0 "" x"#);
    let change = world.store.last_change();
    assert!(change.renewal.is_some() && change.authenticated);
    assert!(change.principal.unwrap().unwrap().as_str().ends_with('4'));
    assert_eq!(world.store.asked(), "load renew");
    assert_eq!(browser.state().await, r#"4 [1] 0 "" x"#);
    assert_eq!(before.state().await, EMPTY, "the old id is dead at once");
}

#[actix_web::test]
async fn signing_in_without_a_session_creates_one() {
    let world = World::new().await;
    let browser = world.browser();
    assert_eq!(browser.go("v3,in4").await.jar(), Jar::Set);
    let created = world.store.last_created();
    assert!(created.authenticated && created.principal.is_some());
    assert_eq!(world.store.asked(), "create");
    assert_eq!(browser.state().await, r#"4 [] 3 "" -"#);
}

/// OWASP ASVS 5.0 7.2.4; CVE-2022-24895; CVE-2024-7341.
#[actix_web::test]
async fn signing_in_again_renews_the_id_and_the_time_of_sign_in() {
    let world = World::new().await;
    let browser = world.browser_after("c1,in4,d:mine").await;
    let before = browser.clone();
    world.clock.advance(Duration::from_secs(100));
    assert_eq!(browser.go("auth99,auth100").await.body, r#"false | true | 4 [1] 0 "mine" -"#);
    world.store.asked();
    let answer = browser.go("in4").await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Set));
    assert!(world.store.last_change().authenticated);
    assert_eq!(world.store.asked(), "load renew");
    assert_eq!(browser.go("auth0").await.body, r#"true | 4 [1] 0 "mine" -"#, "it was theirs before");
    assert_eq!(before.state().await, EMPTY);
}

#[actix_web::test]
async fn a_second_user_gets_a_session_of_their_own() {
    let world = World::new().await;
    let browser = world.browser_after("c1,v1,n:x,in4").await;
    let old = browser.clone();
    let answer = browser.go("c2,v9,see,in5,see,c7,d:y").await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Set));
    assert_eq!(answer.body, r#"4 [1, 2] 9 "" x | 5 [] 0 "" - | 5 [7] 0 "y" -"#);
    assert_eq!(world.store.asked(), "load renew", "in one step");
    assert_eq!(browser.state().await, r#"5 [7] 0 "y" -"#);
    assert_eq!(old.state().await, EMPTY);
    assert_eq!(world.store.len(), 1, "the session of A has ended");
}

#[actix_web::test]
async fn late_writes_of_a_do_not_reach_b() {
    let world = World::new().await;
    let browser = world.browser_after("in4,c1").await;
    let other = browser.clone();
    let (slow, fast) = browser.overlap_with(&other, "c666,gate", "in5").await;
    assert_eq!((slow.status, slow.jar(), fast.jar()), (409, Jar::Kept, Jar::Set));
    assert_eq!(other.state().await, r#"5 [] 0 "" -"#);
    assert_eq!(world.store.len(), 1);
}

#[actix_web::test]
async fn signing_in_never_fails_because_of_a_race() {
    // If another request renewed, ended or replaced the session, this one begins a new session with all of its own operations.
    for (other_does, left) in [("renew", 2), ("purge", 1), ("in5", 2)] {
        let world = World::new().await;
        let browser = world.browser_after("c1").await;
        let other = browser.clone();
        let (slow, _) = browser.overlap_with(&other, "c2,gate,in4,v8", other_does).await;
        assert_eq!((slow.status, slow.jar()), (200, Jar::Set), "{other_does}");
        assert_eq!(browser.state().await, r#"4 [2] 8 "" -"#, "nothing of the other's: {other_does}");
        assert_eq!(world.store.len(), left, "{other_does}");
        assert_ne!(browser.cookie(), other.cookie());
    }
    let world = World::new().await;
    let old = world.browser_after("c1").await;
    old.clone().go("renew").await;
    world.store.asked();
    let answer = old.go("c2,in4").await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Set), "superseded");
    assert_eq!(world.store.asked(), "load create");
    assert_eq!(old.state().await, r#"4 [2] 0 "" -"#);
}

#[actix_web::test]
async fn a_sign_in_after_a_conflict_keeps_the_session() {
    let world = World::new().await;
    let browser = world.browser_after("c1").await;
    world.store.at("update", 1, Fault::Conflict);
    let answer = browser.go("c2,in4").await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Set));
    assert_eq!(world.store.asked(), "load renew renew");
    assert_eq!(browser.state().await, r#"4 [1, 2] 0 "" -"#);
}

#[actix_web::test]
async fn signing_in_as_the_same_user_does_not_revive_a_session_that_ended() {
    let world = World::new().await;
    let browser = world.browser_after("in4,c1").await;
    let (slow, _) = browser.overlap("gate,in4", "purge").await;
    assert_eq!((slow.status, slow.jar()), (200, Jar::Kept));
    assert_eq!(world.store.len(), 0);
}

/// CVE-2023-20862.
#[actix_web::test]
async fn clearing_the_principal_is_a_purge() {
    let world = World::new().await;
    for words in ["out", "c2,out", "in4,out"] {
        let browser = world.browser_after("c1,in4").await;
        let old = browser.clone();
        let answer = browser.go(words).await;
        assert_eq!(
            (answer.status, answer.jar(), answer.body.as_str()),
            (200, Jar::Removed, EMPTY),
            "{words}"
        );
        assert_eq!(world.store.asked(), "load delete", "{words}");
        assert_eq!(old.state().await, EMPTY);
    }
    // If no user is signed in, clearing the principal changes nothing.
    let browser = world.browser_after("c1").await;
    assert_eq!(browser.go("out").await.jar(), Jar::Kept);
    assert_eq!(browser.state().await, r#"- [1] 0 "" -"#);
    // Fields set after the principal is cleared begin a new session.
    let browser = world.browser_after("c1,in4").await;
    assert_eq!(browser.go("out,c5").await.jar(), Jar::Set);
    assert_eq!(world.store.asked(), "load delete create");
    assert_eq!(browser.state().await, r#"- [5] 0 "" -"#);
}

#[actix_web::test]
async fn signing_out_and_in_as_another_user_in_one_request() {
    let world = World::new().await;
    for words in ["c2,out,in5,c3", "c2,purge,in5,c3", "c2,in5,c3", "in6,c9,in5,c3"] {
        let browser = world.browser_after("c1,in4").await;
        let before = world.store.len();
        let answer = browser.go(words).await;
        assert_eq!((answer.status, answer.jar()), (200, Jar::Set), "{words}");
        assert_eq!(browser.state().await, r#"5 [3] 0 "" -"#, "{words}");
        assert_eq!(world.store.len(), before, "{words}");
    }
}

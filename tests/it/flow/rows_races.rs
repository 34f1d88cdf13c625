//! The commit table, rows where another request commits first: conflicts, renewals, and sessions that end in the meantime.
//!
//! The slow request waits at a gate in its handler, so that every run has the same order.

use std::time::{Duration, Instant};

use actix_typed_session::{
    change::{CellWrite, Change, Renewal},
    id::VerifierHash,
    record::{Json, WireKey},
};

use super::{
    kit::{EMPTY, Jar, World},
    script::Fault,
};

const MINUTE: Duration = Duration::from_mins(1);

fn writing(key: &'static str, json: &str) -> Change {
    let mut change = Change::default();
    change.write = vec![CellWrite::new(WireKey::from_static(key), Json::from_store(json))];
    change
}

#[actix_web::test]
async fn closures_run_again_on_the_stored_data_and_sets_keep_their_values() {
    let world = World::new().await;
    let browser = world.browser_after("c1,v1,d:a").await;
    let (slow, fast) = browser.overlap("c2,v2,gate", "c3,v3,d:b").await;
    assert_eq!((slow.status, slow.jar(), fast.status), (200, Jar::Kept, 200));
    assert_eq!(world.store.asked(), "load load update update update", "no load between the two");
    assert_eq!(browser.state().await, r#"- [1, 3, 2] 2 "b" -"#);
}

#[actix_web::test]
async fn overlapping_requests_that_write_different_fields_do_not_conflict() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    let (slow, _) = browser.overlap("c2,gate", "v3,d:b").await;
    assert_eq!(slow.status, 200);
    assert_eq!(world.store.asked(), "load load update update");
    assert_eq!(browser.state().await, r#"- [2] 3 "b" -"#);
}

#[actix_web::test]
async fn a_closure_over_the_whole_state_conflicts_with_every_other_write() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    let (slow, _) = browser.overlap("up10,gate", "c1").await;
    assert_eq!(slow.status, 200);
    assert_eq!(world.store.asked(), "load load update update update", "an absent cell is guarded too");
    assert_eq!(browser.state().await, r#"- [1] 11 "" -"#);
}

#[actix_web::test]
async fn several_conflicts_in_a_row_are_retried() {
    let world = World::new().await;
    let browser = world.browser_after("c1").await;
    for line in 1..=4 {
        world.store.at("update", line, Fault::After(Box::new(writing("shop.cart", &format!("[{line}]")))));
    }
    assert_eq!(browser.go("c9").await.status, 200);
    assert_eq!(world.store.asked(), "load update update update update update");
    assert_eq!(browser.state().await, r#"- [4, 9] 0 "" -"#);
}

#[actix_web::test]
async fn endless_conflicts_are_a_503_after_the_deadline() {
    let deadline = Duration::from_millis(80);
    let world = World::with(|builder| builder.save_deadline(deadline)).await;
    let browser = world.browser_after("c1").await;
    world.store.always(Some(Fault::Conflict));
    let begun = Instant::now();
    let answer = browser.go("c2").await;
    assert_eq!((answer.status, answer.jar(), answer.header("retry-after")), (503, Jar::Kept, Some("1")));
    assert!(begun.elapsed() >= deadline);
    let asked = world.store.asked();
    assert!(asked.starts_with("load update update"), "{asked}");
    // A handler that saves gets the error, and the commit at the end does not try again.
    let answer = browser.go("c2,save").await;
    assert_eq!(answer.body, r#"Contended | - [1] 0 "" -"#);
    world.store.always(None);
    assert_eq!(browser.state().await, r#"- [1] 0 "" -"#);
}

#[actix_web::test]
async fn a_flash_is_shown_at_least_once() {
    let world = World::new().await;
    let browser = world.browser_after("n:hello").await;
    let (slow, fast) = browser.overlap("t,gate", "t").await;
    assert!(slow.body.starts_with("hello") && fast.body.starts_with("hello"), "{slow:?} {fast:?}");
    assert_eq!((slow.status, fast.status), (200, 200));
    assert_eq!(browser.state().await, EMPTY);
    // A notice that another request has set in the meantime is not cleared unseen.
    browser.go("n:one").await;
    let (slow, _) = browser.overlap("t,gate", "n:two").await;
    assert_eq!((slow.status, slow.body.as_str()), (200, r#"one | - [] 0 "" -"#));
    assert_eq!(browser.state().await, r#"- [] 0 "" two"#);
}

#[actix_web::test]
async fn try_update_counts_exactly_once_and_returns_the_stored_result() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    let (slow, fast) = browser.overlap("gate,try1", "try10").await;
    assert_eq!(fast.body, r#"11 | - [] 11 "" -"#);
    assert_eq!(slow.body, r#"12 | - [] 12 "" -"#);
    assert_eq!(world.store.asked(), "load load update update update");
    assert_eq!(browser.state().await, r#"- [] 12 "" -"#);
}

#[actix_web::test]
async fn a_renewal_by_another_request_keeps_the_writes_and_sends_no_cookie() {
    let world = World::new().await;
    let browser = world.browser_after("c1,v1").await;
    let other = browser.clone();
    let (slow, fast) = browser.overlap_with(&other, "c2,v2,renew,gate", "renew,v3,d:b").await;
    assert_eq!((slow.status, slow.jar(), fast.jar()), (200, Jar::Kept, Jar::Set));
    // The blind set counts as written before the renewal, the closure runs again, and this request's own renewal is not repeated.
    assert_eq!(other.state().await, r#"- [1, 2] 3 "b" -"#);
    assert_eq!(browser.state().await, EMPTY, "the old id is dead");
}

#[actix_web::test]
async fn a_late_set_does_not_bring_back_a_field_that_a_sign_in_reset() {
    let world = World::new().await;
    let browser = world.browser_after("d:before").await;
    let other = browser.clone();
    let (slow, _) = browser.overlap_with(&other, "d:late,c1,gate", "in4").await;
    assert_eq!((slow.status, slow.jar()), (409, Jar::Kept));
    assert_eq!(other.state().await, r#"4 [] 0 "" -"#);
}

#[actix_web::test]
async fn writes_to_a_session_that_ended_count_as_done_before_it() {
    let world = World::new().await;
    for words in ["v2,gate", "c2,gate", "renew,gate", "gate,v2"] {
        let browser = world.browser_after("v1").await;
        let (slow, fast) = browser.overlap(words, "purge").await;
        assert_eq!((slow.status, slow.jar(), fast.jar()), (200, Jar::Kept, Jar::Removed), "{words}");
        assert_eq!(world.store.len(), 0, "nothing brings it back: {words}");
        world.store.asked();
    }
    let browser = world.browser_after("v1").await;
    let (slow, _) = browser.overlap("gate,v2,save", "purge").await;
    assert_eq!((slow.status, slow.jar(), slow.body), (200, Jar::Kept, format!("Gone | {EMPTY}")));
    let browser = world.browser_after("v1").await;
    let (slow, _) = browser.overlap("gate,try1", "purge").await;
    assert_eq!((slow.status, slow.jar()), (409, Jar::Kept));
    assert_eq!(world.store.len(), 0);
}

#[actix_web::test]
async fn a_superseded_cookie_reads_no_session_and_its_writes_are_refused_for_a_minute() {
    let world = World::new().await;
    let old = world.browser_after("v1,c1").await;
    let new = old.clone();
    assert_eq!(new.go("renew").await.jar(), Jar::Set);
    world.clock.advance(Duration::from_millis(59_999));
    world.store.asked();
    assert_eq!(old.go("is").await.body, format!("00 | {EMPTY}"));
    for words in ["v2", "c2", "try1", "purge", "n:x", "v2,purge"] {
        let answer = old.go(words).await;
        assert_eq!(
            (answer.status, answer.jar(), answer.body.as_str()),
            (409, Jar::Kept, "Conflict"),
            "{words}"
        );
        assert_eq!(world.store.asked().replace("load", "").trim(), "", "{words}");
    }
    assert_eq!(new.state().await, r#"- [1] 1 "" -"#);
    // From then on it is treated like any other cookie without a session.
    world.clock.advance(Duration::from_millis(1));
    let answer = old.go("purge").await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Kept));
    let answer = old.go("v7").await;
    assert_eq!((answer.status, answer.jar()), (200, Jar::Set));
    assert_eq!(old.state().await, r#"- [] 7 "" -"#);
    assert_eq!(new.state().await, r#"- [1] 1 "" -"#);
}

/// nextjs-auth0 #2530.
#[actix_web::test]
async fn a_purge_wins_over_a_renewal_in_both_orders() {
    let world = World::new().await;
    let browser = world.browser_after("v1,in4").await;
    let (renewing, purging) = browser.overlap("renew,gate", "purge").await;
    assert_eq!((renewing.jar(), purging.jar()), (Jar::Kept, Jar::Removed));
    assert_eq!(world.store.len(), 0);
    let browser = world.browser_after("v1,in4").await;
    let (purging, renewing) = browser.overlap("purge,gate", "renew").await;
    assert_eq!((renewing.jar(), purging.jar()), (Jar::Set, Jar::Removed));
    assert_eq!(world.store.len(), 0);
}

/// spring-session #1137.
#[actix_web::test]
async fn of_two_renewals_one_sends_a_cookie() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    let other = browser.clone();
    let (slow, fast) = browser.overlap_with(&other, "renew,gate", "renew").await;
    assert_eq!((slow.status, slow.jar(), fast.jar()), (200, Jar::Kept, Jar::Set));
    assert_eq!(other.state().await, r#"- [] 1 "" -"#);
}

#[actix_web::test]
async fn a_session_that_expires_between_load_and_save_is_not_brought_back() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    let (slow, ()) = tokio::join!(biased; browser.go("v2,gate"), async {
        world.clock.advance(30 * MINUTE);
        world.gate.notify_one();
    });
    assert_eq!((slow.status, slow.jar()), (200, Jar::Kept));
    assert_eq!(world.store.asked(), "load update");
    assert_eq!(browser.state().await, EMPTY);
}

/// The request only reads, and its touch comes after another process has ended or renewed the session.
/// spring-session #1111; scs.
#[actix_web::test]
async fn a_late_touch_brings_nothing_back_and_leaves_no_half_of_a_record() {
    let mut renewed = Change::default();
    renewed.renewal = Some(Renewal::new(VerifierHash::from_bytes([7; 32])));
    for (fault, left) in [(Fault::AfterDelete, 0), (Fault::After(Box::new(renewed)), 1)] {
        let world = World::new().await;
        let browser = world.browser_after("v1").await;
        world.clock.advance(10 * MINUTE);
        world.store.at("update", 1, fault.clone());
        let answer = browser.go("").await;
        assert_eq!((answer.status, answer.jar(), answer.body.as_str()), (200, Jar::Kept, r#"- [] 1 "" -"#));
        assert_eq!((world.store.asked().as_str(), world.store.len()), ("load touch", left), "{fault:?}");
        assert_eq!(browser.go("is").await.body, format!("00 | {EMPTY}"), "{fault:?}");
    }
}

//! Two sign-ins with one cookie: a double click on the button, or a proxy that signs in on every request.

use std::time::Duration;

use super::kit::{EMPTY, Jar, World};

#[actix_web::test]
async fn overlapping_sign_ins_leave_one_session_one_cookie_and_the_cart() {
    for (slow, fast, state) in [
        ("gate,in4", "in4", r#"4 [1] 0 "" -"#),
        ("in4,gate", "in4", r#"4 [1] 0 "" -"#),
        ("in4,c3,gate", "in4,c2", r#"4 [1, 2, 3] 0 "" -"#),
        ("c3,in4,gate", "c2,in4,d:x", r#"4 [1, 2, 3] 0 "x" -"#),
        // The overtaken one may have looked at its session first.
        ("gate,save,in4", "in4,c2", r#"4 [1, 2] 0 "" -"#),
        ("in4,gate,reload", "in4,c2", r#"4 [1, 2] 0 "" -"#),
        ("gate,c3,save,in4", "in4", r#"4 [1] 0 "" -"#),
        // What is reset on sign-in was so for its handler too.
        ("d:y,in4,gate", "in4", r#"4 [1] 0 "" -"#),
        ("d:y,in4,d:z,gate", "in4", r#"4 [1] 0 "z" -"#),
    ] {
        let world = World::new().await;
        let browser = world.browser_after("c1").await;
        let other = browser.clone();
        let (slow, fast) = browser.overlap_with(&other, slow, fast).await;
        assert_eq!((slow.status, slow.jar(), fast.status, fast.jar()), (200, Jar::Set, 200, Jar::Set));
        // Whichever response arrives last, and whichever is lost.
        assert_eq!(browser.cookie(), other.cookie());
        assert_eq!((browser.state().await.as_str(), world.store.len()), (state, 1));
    }
}

#[actix_web::test]
async fn overlapping_switches_and_purges_leave_one_session_and_one_cookie_too() {
    for before in ["c1,in4", "c1"] {
        for (slow, fast, state) in [
            ("gate,in5,c3", "in5,c2", r#"5 [2, 3] 0 "" -"#),
            ("in5,c3,gate", "in5,c2", r#"5 [2, 3] 0 "" -"#),
            ("purge,in5,c3,gate", "purge,in5,c2", r#"5 [2, 3] 0 "" -"#),
            ("c9,d:y,purge,in5,gate,c3", "c8,purge,in5,c2", r#"5 [2, 3] 0 "" -"#),
            ("gate,reload,in5,c3", "in5,c2", r#"5 [2, 3] 0 "" -"#),
            ("gate,save,in5,c3", "in5,c2", r#"5 [2, 3] 0 "" -"#),
        ] {
            let purges = slow.contains("purge");
            if before == "c1" && !purges {
                continue; // The cart goes with a sign-in from nobody; see above.
            }
            let world = World::new().await;
            let browser = world.browser_after(before).await;
            let other = browser.clone();
            let (slow_answer, fast_answer) = browser.overlap_with(&other, slow, fast).await;
            assert_eq!((slow_answer.status, fast_answer.status), (200, 200), "{before} {slow}");
            assert_eq!(browser.cookie(), other.cookie(), "{before} {slow}");
            assert_eq!((browser.state().await.as_str(), world.store.len()), (state, 1), "{before} {slow}");
        }
    }
}

#[actix_web::test]
async fn a_second_click_that_comes_after_the_first_was_done_joins_it() {
    for (before, words) in [("c1,in4", "in5,c2"), ("c1", "purge,in5,c2"), ("in4", "purge,in4,c2")] {
        let world = World::new().await;
        let browser = world.browser_after(before).await;
        let first = browser.clone();
        first.go(words).await;
        assert_eq!((browser.go(words).await.status, browser.cookie()), (200, first.cookie()), "{words}");
        assert!(browser.state().await.contains("[2, 2]"), "{words}");
        assert_eq!(world.store.len(), 1, "{words}");
    }
}

/// OWASP ASVS 5.0 7.2.4; OWASP cheat sheet: sessions of before the sign-in.
#[actix_web::test]
async fn a_session_that_another_user_takes_over_keeps_nothing() {
    let world = World::new().await;
    let browser = world.browser_after("in4,c1,v7,n:x,label:phone,life:7200:7200:1").await;
    world.clock.advance(Duration::from_secs(100));
    assert_eq!(browser.go("in5,left,born,auth1").await.status, 200);
    let answer = browser.go("list,left,born,auth1").await;
    assert_eq!(answer.body, r#"*- | Some(1800) | Some(1100000) | true | 5 [] 0 "" -"#);
    // Nor does a user who signs in anew after a purge.
    browser.go("v7,label:phone").await;
    let late = browser.clone();
    let (late, _) = late.overlap_with(&browser, "c9,gate", "purge,in5").await;
    assert_eq!(late.status, 409);
    assert_eq!(browser.go("list").await.body, r#"*- | 5 [] 0 "" -"#);
}

#[actix_web::test]
async fn a_sign_in_whose_response_was_lost_can_be_repeated() {
    let world = World::new().await;
    let browser = world.browser_after("c1").await;
    let lost = browser.clone();
    lost.go("in4,c2").await;
    let again = browser.go("in4,c3").await;
    assert_eq!((again.status, again.jar()), (200, Jar::Set));
    assert_eq!((browser.cookie(), browser.state().await.as_str()), (lost.cookie(), r#"4 [1, 2, 3] 0 "" -"#));
    assert_eq!(world.store.len(), 1);
}

#[actix_web::test]
async fn another_user_or_a_late_one_gets_a_session_of_their_own() {
    let world = World::new().await;
    let browser = world.browser_after("c1").await;
    let first = browser.clone();
    first.go("in4,c2").await;
    let other = browser.clone();
    assert_eq!(other.go("in5").await.jar(), Jar::Set);
    assert_eq!(other.state().await, r#"5 [] 0 "" -"#);
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(browser.go("in4").await.jar(), Jar::Set);
    assert_eq!(browser.state().await, r#"4 [] 0 "" -"#);
    assert_eq!(first.state().await, r#"4 [1, 2] 0 "" -"#);
}

#[actix_web::test]
async fn the_cookie_from_before_a_sign_in_opens_nothing_without_the_sign_in() {
    let world = World::new().await;
    let browser = world.browser_after("c1").await;
    browser.clone().go("in4,c2").await;
    assert_eq!(browser.state().await, EMPTY);
    assert_eq!(browser.go("c3").await.status, 409);
}

#[actix_web::test]
async fn a_proxy_that_signs_in_on_every_request_pays_for_a_cookie_once_a_minute() {
    let world = World::new().await;
    let browser = world.browser();
    assert_eq!(browser.go("in4").await.jar(), Jar::Set);
    world.store.asked();
    for _ in 0..3 {
        assert_eq!(browser.go("in4").await.jar(), Jar::Kept);
    }
    assert_eq!(world.store.asked(), "load load load");
    assert_eq!(browser.go("in4,v7").await.jar(), Jar::Kept);
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(browser.go("in4").await.jar(), Jar::Set, "the user has proved again who they are");
    assert_eq!(browser.go("auth1").await.body, r#"true | 4 [] 7 "" -"#);
}

//! Requests that are open while another one changes who is signed in, or renews the session: what they may store and read.
//!
//! The slow request came with the cookie from before. Somebody else may know that cookie (session fixation), so it must learn nothing
//! of what is stored after the change.

use super::{
    kit::{Answer, Browser, EMPTY, Jar, World},
    late,
};

/// Runs `slow` with the cookie from before `privileged`, which is answered while `slow` waits at its gate.
async fn overtaken(browser: &Browser<'_>, slow: &str, privileged: &str) -> (Answer, Answer) {
    let (slow, fast) = browser.overlap(slow, privileged).await;
    assert_eq!((fast.status, fast.jar()), (200, Jar::Set));
    (slow, fast)
}

/// OWASP ASVS 5.0 7.2.4.
#[actix_web::test]
async fn whoever_holds_the_cookie_from_before_a_sign_in_reads_and_writes_nothing_after_it() {
    for slow in [
        "gate,v2",
        "v2,gate",
        "gate,c2",
        "c2,gate",
        "gate,up1",
        "gate,try1",
        "gate,d:x",
        "gate,n:x",
        "gate,renew",
        "gate,label:x",
        "gate,life:60:60:0",
        "gate,v2,saveq",
        "gate,saveq",
        "gate,v2,out",
    ] {
        let world = World::new().await;
        let browser = world.browser_after("v1,c1").await;
        let other = browser.clone();
        let (answer, _) = browser.overlap_with(&other, slow, "in4,c77,d:secret").await;
        assert_eq!((answer.status, answer.jar()), (409, Jar::Kept), "{slow}");
        assert!(!answer.body.contains("77") && !answer.body.contains("secret"), "{slow}: {answer:?}");
        assert_eq!(other.state().await, r#"4 [1, 77] 1 "secret" -"#, "{slow}");
        assert_eq!(world.store.len(), 1, "{slow}");
    }
}

#[actix_web::test]
async fn a_handler_that_looks_at_the_refusal_still_sees_only_what_it_had_read() {
    let world = World::new().await;
    for (slow, body) in [
        ("gate,save,see", r#"Superseded | - [1] 1 "" - | - [1] 1 "" -"#),
        ("gate,v2,save,see", r#"Superseded | - [1] 1 "" - | - [1] 1 "" -"#),
        ("gate,reload,see", r#"Superseded | - [1] 1 "" - | - [1] 1 "" -"#),
        ("gate,c2,save,reload,save", r#"Superseded | Superseded | Superseded | - [1] 1 "" -"#),
        ("gate,save,who,auth60", r#"Superseded | nobody | false | - [1] 1 "" -"#),
    ] {
        let browser = world.browser_after("v1,c1").await;
        let (answer, _) = overtaken(&browser, slow, "in4,c77,v9").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{slow}");
    }
}

#[actix_web::test]
async fn a_closure_does_not_run_on_what_is_stored_after_a_sign_in() {
    let world = World::new().await;
    let browser = world.browser_after("c1").await;
    // It would panic on the other's cart, and so be a 500.
    let (answer, _) = overtaken(&browser, "picky,v2,gate", "in4,c77").await;
    assert_eq!(answer.status, 409);
}

#[actix_web::test]
async fn a_request_that_only_reads_is_answered_with_what_it_had_read() {
    let world = World::new().await;
    let browser = world.browser_after("v1,c1").await;
    let (answer, _) = overtaken(&browser, "gate,see", "in4,c77").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"- [1] 1 "" - | - [1] 1 "" -"#));
}

#[actix_web::test]
async fn a_logout_is_carried_out_whoever_signed_in_meanwhile() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    let (answer, _) = overtaken(&browser, "gate,purge", "in4").await;
    assert_eq!((answer.status, answer.jar(), world.store.len()), (200, Jar::Removed, 0));
}

#[actix_web::test]
async fn a_request_that_a_renewal_overtook_writes_and_learns_nothing() {
    for (slow, body, stored) in [
        ("gate,v2,save,see", r#"Ok | - [1] 2 "" - | - [1] 2 "" -"#, r#"- [1, 77] 2 "secret" -"#),
        ("gate,c2,save,see", r#"Ok | - [1, 2] 1 "" - | - [1, 2] 1 "" -"#, r#"- [1, 77, 2] 1 "secret" -"#),
        ("gate,reload,see", r#"Ok | - [1] 1 "" - | - [1] 1 "" -"#, r#"- [1, 77] 1 "secret" -"#),
        ("gate,save,see", r#"Ok | - [1] 1 "" - | - [1] 1 "" -"#, r#"- [1, 77] 1 "secret" -"#),
        // Its second write of a field is not late: the first one was stored after the renewal.
        ("v2,gate,v3,save,v4,save", r#"Ok | Ok | - [1] 4 "" -"#, r#"- [1, 77] 4 "secret" -"#),
        // Dropped, because the other one has written the field since.
        ("d:late,gate,save,see", r#"Ok | - [1] 1 "late" - | - [1] 1 "late" -"#, r#"- [1, 77] 1 "secret" -"#),
    ] {
        let world = World::new().await;
        let browser = world.browser_after("v1,c1").await;
        let other = browser.clone();
        let (answer, _) = browser.overlap_with(&other, slow, "renew,c77,d:secret").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{slow}");
        assert_eq!(other.state().await, stored, "{slow}");
    }
}

#[actix_web::test]
async fn what_a_closure_returns_is_not_told_across_a_renewal() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    let other = browser.clone();
    let (answer, _) = browser.overlap_with(&other, "gate,try1", "renew,v77").await;
    assert_eq!((answer.status, answer.jar()), (409, Jar::Kept));
    assert_eq!(other.state().await, r#"- [] 77 "" -"#, "it was not applied either");
}

/// OWASP ASVS 5.0 4.4.3.
#[actix_web::test]
async fn a_stream_that_was_open_before_a_sign_in_learns_nothing() {
    let world = World::routed(|builder| builder, late::streams).await;
    for (words, said) in [
        ("gate,save,see", r#"Superseded | - [1] 1 "" - | - [1] 1 "" -"#),
        ("gate,v2,save,see", r#"Superseded | - [1] 1 "" - | - [1] 1 "" -"#),
        ("gate,reload,see", r#"Superseded | - [1] 1 "" - | - [1] 1 "" -"#),
    ] {
        let browser = world.browser_after("v1,c1").await;
        let other = browser.clone();
        let path = format!("/late/~{words}");
        let (answer, _) = tokio::join!(biased; browser.get(&path), async {
            let answer = other.go("in4,c77").await;
            world.gate.notify_one();
            answer
        });
        assert_eq!(answer.body, said, "{words}");
    }
}

/// OWASP ASVS 5.0 4.4.3.
#[actix_web::test]
async fn reload_tells_whether_the_session_still_is_and_whose() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    for (other, said) in [("v7", r#"Ok | - [] 7 "" -"#), ("purge", r#"Gone | - [] 0 "" -"#)] {
        let browser = browser.clone();
        let (answer, _) = browser.overlap("gate,reload", other).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, said), "{other}");
    }
    assert_eq!(
        world.browser().go("reload").await.body,
        format!("Ok | {EMPTY}"),
        "there is no session to lose"
    );
}

#[actix_web::test]
async fn a_save_with_nothing_to_write_reads_what_others_wrote() {
    let world = World::new().await;
    let browser = world.browser_after("v1").await;
    let (answer, _) = browser.overlap("gate,save", "v7").await;
    assert_eq!(answer.body, r#"Ok | - [] 7 "" -"#);
    let (answer, _) = browser.overlap("gate,save", "purge").await;
    assert_eq!(answer.body, format!("Gone | {EMPTY}"));
}

#[actix_web::test]
async fn the_sessions_of_a_user_are_not_shown_or_ended_for_the_cookie_from_before_a_renewal() {
    for (does, status) in [("renew", 409), ("purge", 409), ("v7", 200)] {
        for words in ["gate,list", "gate,others", "gate,all", "gate,end0"] {
            let world = World::new().await;
            let browser = world.browser_after("in4,label:mine").await;
            let second = world.browser_after("in4,label:second").await;
            let other = browser.clone();
            let (answer, _) = browser.overlap_with(&other, words, does).await;
            assert_eq!(answer.status, status, "{does} {words}");
            if status == 409 {
                assert!(!answer.body.contains("second"), "{does} {words}: {answer:?}");
                assert_eq!(&second.state().await[..1], "4", "{does} {words}: it has not ended");
            }
        }
    }
}

#[actix_web::test]
async fn a_closure_that_fails_when_it_runs_again_is_not_stored_after_an_acknowledgement() {
    for slow in
        ["picky,v2,gate,reload,save,v5", "picky,gate,reload,save,v5", "picky,v2,gate,reload,v5,save,v6"]
    {
        let world = World::new().await;
        let browser = world.browser_after("v1,c1").await;
        let (answer, _) = browser.overlap(slow, "c77").await;
        assert!(answer.body.contains("ClosurePanicked"), "{slow}: {answer:?}");
        let state = browser.state().await;
        assert!(state.contains("[1, 77]") && !state.contains("] 2 "), "{slow}: {state}");
    }
}

//! Calls of the store that fail or never end.

use std::time::{Duration, Instant};

use actix_typed_session::ErrorKind;
use futures_util::future::join_all;

use super::{
    kit::{MINUTE, Shop},
    shelf::Fate,
};
use crate::flow::{
    kit::{EMPTY, Jar},
    logged::Logged,
};

/// What happens to the next calls.
type Fates = &'static [(&'static str, Fate)];

/// The error of each call, and whether the client may try again. OWASP ASVS 5.0 16.2.5, 16.5.1.
#[actix_web::test]
async fn what_fails_is_answered_503_and_told_without_a_secret() {
    let rows: [(&str, Fates, &str, Option<&str>); 9] = [
        // A load is made once more.
        ("", &[("load", Fate::Fails), ("load", Fate::Fails)], "load load", Some("1")),
        ("", &[("load", Fate::Garbles)], "load", Some("1")),
        ("new", &[("save", Fate::Garbles)], "save", Some("1")),
        ("new", &[("save", Fate::Fails)], "save", None),
        ("new", &[("save", Fate::Unanswered)], "save", None),
        ("v2", &[("update", Fate::Garbles)], "load load update", Some("1")),
        // It may be stored, so it is not sent again.
        ("v2", &[("update", Fate::Fails)], "load load update", None),
        ("v2", &[("update", Fate::Unanswered)], "load load update", None),
        ("purge", &[("delete", Fate::Fails), ("delete", Fate::Fails)], "load delete delete", Some("1")),
    ];
    for (words, fates, calls, retry) in rows {
        let shop = Shop::new().await;
        let browser = shop.browser_after("v1,d:canary-draft,in88800222").await;
        let (browser, words) = if words == "new" {
            (shop.world.browser(), "d:canary-draft,in88800222")
        } else {
            (browser, words)
        };
        for (call, fate) in fates {
            shop.shelf.next(call, *fate);
        }
        let records = shop.shelf.records();
        let (logged, _guard) = Logged::here();
        let answer = browser.go(words).await;
        let (text, what) = (logged.text(), format!("{words} {fates:?}"));
        assert_eq!(
            (answer.status, answer.jar(), answer.header("retry-after")),
            (503, Jar::Kept, retry),
            "{what}"
        );
        assert_eq!(shop.shelf.calls(), calls, "{what}");
        assert!(text.contains("is out of reach"), "{what}: {text}");
        let sealed = records.values().map(|state| state["sealed"].clone());
        // No key, and neither one that the store was about to choose.
        for secret in sealed.chain(["key-of-the-shelf".into(), "canary".into(), "88800222".into()]) {
            assert!(!text.contains(&secret) && !answer.body.contains(&secret), "{what}: {secret} in {text}");
        }
        assert!(!answer.body.contains("out of reach"), "{}", answer.body);
    }
}

#[actix_web::test]
async fn what_never_ends_is_given_up_in_time() {
    let short = Duration::from_millis(40);
    for (words, call) in [("", "load"), ("v2", "update"), ("purge", "delete")] {
        let shop = Shop::with(|builder| builder.load_deadline(short).save_deadline(short), |_| ()).await;
        let browser = shop.browser_after("v1").await;
        for _ in 0..2 {
            shop.shelf.next(call, Fate::Hangs);
        }
        assert_eq!(browser.go(words).await.status, 503, "{call}");
        shop.shelf.recovers();
        let (body, records) = (browser.go("").await.body, shop.shelf.records().len());
        // A logout that was asked for is made up for.
        let expected = if words == "purge" { (EMPTY, 0) } else { (r#"- [] 1 "" -"#, 1) };
        assert_eq!((body.as_str(), records), expected, "{call}");
    }
}

/// A change that waits for another one to end gives up in time too, and nothing of it is stored.
#[actix_web::test]
async fn who_waits_for_a_turn_is_not_kept_for_ever() {
    let short = Duration::from_millis(40);
    let shop = Shop::with(|builder| builder.save_deadline(short), |_| ()).await;
    let browser = shop.browser_after("v1").await;
    shop.shelf.next("update", Fate::Hangs);
    let begun = Instant::now();
    let (one, other) = tokio::join!(browser.go("v2"), browser.go("d:x"));
    assert_eq!(one.status, 503);
    assert!([200, 503].contains(&other.status) && begun.elapsed() < Duration::from_secs(1));
    assert_eq!(browser.go("c4").await.status, 200);
}

/// OWASP ASVS 5.0 7.4.1.
/// That others were waited for is not the fault of the store, which serves everybody else.
#[actix_web::test]
async fn who_has_waited_for_a_turn_leaves_the_store_its_time() {
    let deadline = Duration::from_millis(200);
    let shop = Shop::with(|builder| builder.load_deadline(deadline), |_| ()).await;
    let (browser, other) = (shop.browser_after("v1").await, shop.browser_after("v2").await);
    for _ in 0..10 {
        shop.shelf.next("load", Fate::Slow);
    }
    shop.shelf.next("update", Fate::Held);
    let all = join_all((1..=5).map(|line| {
        let browser = browser.clone();
        async move { browser.go(&format!("c{line}")).await.status }
    }));
    let (all, ()) = tokio::join!(all, async {
        shop.shelf.until_held().await;
        tokio::time::sleep(deadline).await;
        shop.shelf.let_go();
    });
    assert_eq!((all.as_slice(), other.go("").await.status), ([200; 5].as_slice(), 200));
}

#[actix_web::test]
async fn a_logout_that_was_not_confirmed_is_answered_503_and_made_up_for() {
    for words in ["purge", "out"] {
        let shop = Shop::new().await;
        let browser = shop.browser_after("in4").await;
        for _ in 0..2 {
            shop.shelf.next("delete", Fate::Fails);
        }
        let answer = browser.go(words).await;
        assert_eq!((answer.status, answer.jar()), (503, Jar::Kept), "{words}");
        assert_eq!(shop.shelf.records().len(), 1);
        shop.shelf.calls();
        // This process does not open it any more.
        let answer = browser.go("").await;
        assert_eq!(
            (answer.status, answer.jar(), answer.body.as_str()),
            (200, Jar::Removed, EMPTY),
            "{words}"
        );
        assert_eq!((shop.shelf.calls().as_str(), shop.shelf.records().len()), ("delete", 0), "{words}");
    }
}

#[actix_web::test]
async fn a_touch_that_fails_answers_the_request_as_it_is() {
    let shop = Shop::new().await;
    let browser = shop.browser_after("v1").await;
    shop.world.clock.advance(10 * MINUTE);
    shop.shelf.next("update_ttl", Fate::Fails);
    let answer = browser.go("").await;
    assert_eq!((answer.status, answer.jar(), answer.body.as_str()), (200, Jar::Kept, r#"- [] 1 "" -"#));
    assert_eq!(browser.go("").await.jar(), Jar::Set, "the next request makes it");
}

#[actix_web::test]
async fn a_store_that_does_not_answer_is_not_asked_for_each_request() {
    let shop = Shop::new().await;
    let browser = shop.browser_after("v1").await;
    for _ in 0..20 {
        shop.shelf.next("load", Fate::Fails);
    }
    let (logged, _guard) = Logged::here();
    for _ in 0..10 {
        assert_eq!(browser.go("").await.status, 503);
    }
    assert!(shop.shelf.calls().split(' ').count() <= 8, "three failures of two calls, and one that is due");
    let text = logged.text();
    assert!(text.contains("does not answer"), "{text}");
}

#[actix_web::test]
async fn a_failed_save_can_be_told_by_the_handler() {
    let shop = Shop::new().await;
    let browser = shop.browser_after("v1").await;
    shop.shelf.next("update", Fate::Fails);
    let told = browser.go("v2,why").await.body;
    let kind = format!("{:?}", ErrorKind::StoreUnavailable);
    assert!(told.starts_with("the session store"), "{told} is no {kind}");
    assert!(!told.contains("key-of-the-shelf"), "{told}");
}

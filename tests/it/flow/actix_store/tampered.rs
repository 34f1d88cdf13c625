//! What somebody who writes to the store can do. OWASP ASVS 5.0 11.3.3.

use std::collections::HashMap;

use super::kit::Shop;
use crate::flow::kit::{EMPTY, Jar, key};

/// A text that no key of the application sealed is no session, and no empty one either: it stays, and can be ended.
#[actix_web::test]
async fn a_record_that_was_changed_is_an_error_and_stays() {
    let shop = Shop::new().await;
    let browser = shop.browser_after("v1,in4").await;
    let (name, state) = shop.shelf.only();
    let text = state["sealed"].clone();
    let put = |text: &str| {
        let state = HashMap::from([("sealed".to_owned(), text.to_owned())]);
        shop.shelf.put([(name.clone(), state)].into());
    };
    let sealed = text.rfind('.').unwrap() + 1;
    let changed = (sealed..text.len()).map(|at| {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    });
    let cut = (0..text.len()).step_by(7).map(|at| text[..at].to_owned());
    let others = ["{}".to_owned(), "1..".to_owned(), format!("2{}", &text[1..]), format!("{text}A")];
    for changed in changed.chain(cut).chain(others).filter(|changed| *changed != text) {
        put(&changed);
        for words in ["", "v2", "in5"] {
            let answer = browser.go(words).await;
            assert_eq!((answer.status, answer.jar()), (503, Jar::Kept), "{words}: {changed}");
        }
        assert_eq!(shop.shelf.only().1["sealed"], changed);
    }
    assert_eq!(browser.clone().get("/do/came").await.status, 503);
    put(&text);
    assert_eq!(browser.go("").await.body, r#"4 [] 1 "" -"#);
}

#[actix_web::test]
async fn a_record_without_a_session_of_ours_is_none() {
    let shop = Shop::new().await;
    let browser = shop.browser_after("v1,in4").await;
    let (name, _) = shop.shelf.only();
    for state in [HashMap::new(), HashMap::from([("user".to_owned(), "7".to_owned())])] {
        shop.shelf.put([(name.clone(), state)].into());
        assert_eq!(browser.go("came").await.body, format!("Ended | {EMPTY}"));
    }
}

/// The record of another session, of another application, and a cookie's value in the place of a record.
#[actix_web::test]
async fn a_record_in_another_place_is_nobodys() {
    let shop = Shop::new().await;
    let ada = shop.browser_after("v1,in4").await;
    let (of_ada, adas) = shop.shelf.only();
    let mallory = shop.browser_after("v2,in5").await;
    let mut records = shop.shelf.records();
    let (of_mallory, mallorys) = records.clone().into_iter().find(|(name, _)| *name != of_ada).unwrap();
    records.insert(of_mallory.clone(), adas.clone());
    records.insert(of_ada.clone(), mallorys.clone());
    shop.shelf.put(records);
    for browser in [&ada, &mallory] {
        assert_eq!(browser.go("came").await.body, format!("Ended | {EMPTY}"));
    }
    // What mallory stores now is a session of its own.
    assert_eq!(mallory.go("v7").await.jar(), Jar::Set);
    assert_eq!(shop.shelf.records()[&of_mallory], adas);

    // An application with the same key, and with another name.
    let blog = shop.beside_as("blog", key(), |builder| builder).await;
    shop.shelf.put([].into());
    let there = blog.browser();
    there.go("v1,in4").await;
    let (name, theirs) = shop.shelf.only();
    let browser = shop.browser_after("v3").await;
    let ours = shop.shelf.records().into_keys().find(|other| *other != name).unwrap();
    shop.shelf.put([(ours.clone(), theirs)].into());
    assert_eq!(browser.go("").await.status, 503);

    // A record as a cookie, and a cookie as a record.
    let sealed = adas["sealed"].clone();
    let answer = shop.world.request("/do/", Some(&format!("__Host-sid={sealed}"))).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, EMPTY));
    let cookie = browser.cookie().unwrap().split_once('=').unwrap().1.to_owned();
    shop.shelf.put([(ours, HashMap::from([("sealed".to_owned(), cookie)]))].into());
    assert_eq!(browser.go("").await.status, 503);
}

/// What the store has had before counts again: that is what no seal prevents. An id of before a sign-in does not count with it.
#[actix_web::test]
async fn an_older_record_of_the_same_session_can_be_put_back() {
    let shop = Shop::new().await;
    let browser = shop.browser_after("v1").await;
    let anonymous = shop.shelf.records();
    browser.go("in4,v2").await;
    let early = shop.shelf.records();
    browser.go("v3").await;
    shop.shelf.put(early.clone());
    assert_eq!(browser.go("").await.body, r#"4 [] 2 "" -"#);
    shop.shelf.put(anonymous);
    assert_eq!(browser.go("came").await.body, format!("Superseded | {EMPTY}"));
    shop.shelf.put(early);
    browser.go("purge").await;
    assert!(shop.shelf.records().is_empty());
}

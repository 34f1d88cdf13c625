//! Somebody has a copy of everything that the store holds.

use super::{Place, on_every_store};
use crate::flow::canaries::{decoded, hex};

on_every_store! {
    a_copy_of_the_store_opens_no_session
}

/// CVE-2019-16782.
async fn a_copy_of_the_store_opens_no_session(place: Place) {
    const VALUE: &str = "777000111";
    let node = place.node();
    let mut client = node.client();
    let mut lines = Vec::new();
    for path in [&format!("/set/0/{VALUE}"), "/in/7", "/renew"] {
        let reply = client.ask(path).await.unwrap();
        reply.set_cookies.iter().for_each(|line| client.jar.take(line));
        lines.extend(reply.set_cookies);
    }
    assert_eq!((lines.len(), client.read().await.user), (3, Some(7)));
    let copy = place.copy().await;
    let holds = |part: &[u8]| copy.windows(part.len()).any(|window| window == part);
    assert!(holds(VALUE.as_bytes()), "the values are in the copy");
    for line in lines {
        let cookie = line.split(';').next().unwrap();
        let [_, _, selector, verifier, tag] = cookie.split('.').collect::<Vec<_>>().try_into().unwrap();
        let is_there = |part: &str| {
            let bytes = decoded(part);
            [part.as_bytes(), &bytes, hex(&bytes).as_bytes()].into_iter().any(holds)
        };
        assert!(is_there(selector), "what finds the record is in the copy");
        assert!(!is_there(verifier) && !is_there(tag), "what opens it is not");
    }
}

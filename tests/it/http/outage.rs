//! A store that cannot be reached: routes that do not need it work, all others answer 503, and no user is signed out.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{Client, Node, Place, on_every_store, signed_in, until};

on_every_store! {
    a_server_without_its_store_serves_routes_that_need_no_session
    a_change_that_cannot_be_stored_is_an_error
    a_write_whose_answer_was_lost_is_not_repeated
    a_request_in_the_queue_waits_no_longer_than_its_deadline
}

const DEADLINE: Duration = Duration::from_secs(1);
/// Much longer than the deadline: the tests check only that there is one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Requests `path`, which must be refused as an outage, in time and without a change of the cookie.
async fn refused(client: &mut Client, path: &str) {
    let begun = Instant::now();
    let reply = client.ask(path).await.unwrap();
    assert!(begun.elapsed() < PATIENCE, "{path}: {:?}", begun.elapsed());
    assert_eq!(reply.status, 503, "{path}: {reply:?}");
    assert_eq!(reply.set_cookies, Vec::<String>::new(), "{path}");
    assert!(!reply.body.contains("turned off"), "{path} shows internals: {}", reply.body);
}

/// OWASP ASVS 5.0 16.5.2, 13.1.2.
async fn a_server_without_its_store_serves_routes_that_need_no_session(place: Place) {
    let node = place.node_within(DEADLINE);
    let mut client = signed_in(&node).await;
    for state in ["off", "hang"] {
        node.direct(&format!("/store/{state}/{state}")).await;
        assert_eq!(client.ok("/none").await, "none");
        for path in ["/read", "/set/0/1", "/add", "/add-now", "/renew", "/in/8", "/out"] {
            refused(&mut client, path).await;
        }
        // A client without a session gets none, and no cookie either.
        let mut stranger = node.client();
        assert_eq!(stranger.read().await.user, None);
        for path in ["/set/0/1", "/in/9"] {
            refused(&mut stranger, path).await;
        }
        answers_again(&node, &mut client).await;
        let state = client.read().await;
        assert_eq!((state.user, state.count, state.slots[0]), (Some(7), 0, None));
    }
}

/// Turns the store on, and waits until requests reach it again.
async fn answers_again(node: &Node, client: &mut Client) {
    node.direct("/store/on/on").await;
    until("loads are made again", async || client.ask("/read").await.unwrap().status == 200).await;
    until("writes are made again", async || client.ask("/set/1/1").await.unwrap().status == 200).await;
}

/// The session is loaded, and then the store refuses writes.
/// tower-sessions-stores.
async fn a_change_that_cannot_be_stored_is_an_error(place: Place) {
    let node = place.node_within(DEADLINE);
    let mut client = signed_in(&node).await;
    for state in ["off", "hang"] {
        node.direct(&format!("/store/on/{state}")).await;
        assert_eq!(client.read().await.user, Some(7));
        for path in ["/set/0/1", "/add", "/add-now", "/renew", "/in/8"] {
            refused(&mut client, path).await;
        }
        answers_again(&node, &mut client).await;
        let state = client.read().await;
        assert_eq!((state.user, state.count, state.slots[0]), (Some(7), 0, None));
    }
}

/// The browser keeps the cookie, so that it can try again. Until the logout is stored, access to the session is refused.
#[actix_web::test]
async fn access_is_refused_to_a_session_whose_logout_could_not_be_stored() {
    for (state, path) in [("off", "/out"), ("hang", "/out"), ("off", "/read"), ("hang", "/add")] {
        let place = Place::sqlite().await.unwrap();
        let node = place.node_within(DEADLINE);
        let mut client = signed_in(&node).await;
        let mut copy = client.twin();
        node.direct(&format!("/store/on/{state}")).await;
        refused(&mut client, "/out").await;
        refused(&mut copy, "/read").await;
        node.direct("/store/on/on").await;
        until("the logout is stored", async || client.ask(path).await.unwrap().status == 200).await;
        assert_eq!(copy.read().await.user, None);
        assert_eq!(client.read().await.user, None);
    }
}

/// The outcome of the write is unknown, so it is not sent again. Otherwise a closure might be applied twice.
async fn a_write_whose_answer_was_lost_is_not_repeated(place: Place) {
    let node = place.node_within(DEADLINE);
    let mut client = signed_in(&node).await;
    for path in ["/add", "/add-now", "/add-quietly"] {
        node.direct("/store/on/mute-once").await;
        refused(&mut client, path).await;
    }
    assert_eq!(client.read().await.count, 3);
    // A purge may be repeated, and it is.
    node.direct("/store/on/mute-once").await;
    client.ok("/out").await;
    assert!(client.jar.is_empty());
    // A new session whose outcome is unknown is not sent again either, and the browser gets no cookie for it.
    node.direct("/store/on/mute-once").await;
    refused(&mut client, "/in/9").await;
    assert_eq!(place.sessions().await, 1);
    let mut stranger = node.client();
    node.direct("/store/on/mute-once").await;
    refused(&mut stranger, "/add-now").await;
    assert_eq!(place.sessions().await, 2);
}

/// The deadline includes the time in the queue: a request that waits for another one's commit is not given additional time.
async fn a_request_in_the_queue_waits_no_longer_than_its_deadline(place: Place) {
    let deadline = Duration::from_secs(4);
    let node = place.node_within(deadline);
    let client = signed_in(&node).await;
    node.direct("/store/on/hang").await;
    let begun = Instant::now();
    let mut queue = JoinSet::new();
    for _ in 0..6 {
        let mut tab = client.twin();
        queue.spawn(async move { refused(&mut tab, "/add").await });
    }
    queue.join_all().await;
    // Longer than one deadline, to allow for a busy machine, and shorter than two.
    assert!(begun.elapsed() < deadline * 7 / 4, "{:?}", begun.elapsed());
}

/// Another process has locked the SQLite file. Reads go on, and writes fail within the busy timeout without a change.
#[actix_web::test]
async fn a_locked_file_refuses_writes_and_serves_reads() {
    let place = Place::sqlite().await.unwrap();
    let node = place.node();
    let mut client = signed_in(&node).await;
    let other = signed_in(&node).await;
    let mut lock = place.file().await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut lock).await.unwrap();
    assert_eq!(client.read().await.user, Some(7));
    assert_eq!(client.ok("/none").await, "none");
    let (mut adding, mut leaving) = (client.twin(), other);
    tokio::join!(refused(&mut adding, "/add"), refused(&mut leaving, "/out"));
    sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();
    client.ok("/add").await;
    let state = client.read().await;
    assert_eq!((state.user, state.count), (Some(7), 1));
}

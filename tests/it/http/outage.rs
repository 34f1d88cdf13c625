//! A store that cannot be reached: what does not need it goes on, and everything else says so and loses nobody.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{Client, Node, Place, on_every_store, signed_in, until};

on_every_store! {
    without_its_store_a_server_answers_what_needs_no_session
    a_change_that_cannot_be_stored_is_no_success
    a_write_whose_answer_was_lost_is_not_repeated
    who_queues_behind_a_store_that_hangs_waits_no_longer
}

const DEADLINE: Duration = Duration::from_secs(1);
/// Far more than the deadline: what is asked is whether there is one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks for `path`, which must be refused as an outage: in time, with the cookie untouched.
async fn refused(client: &mut Client, path: &str) {
    let begun = Instant::now();
    let reply = client.ask(path).await.unwrap();
    assert!(begun.elapsed() < PATIENCE, "{path}: {:?}", begun.elapsed());
    assert_eq!((reply.status, reply.retry_after), (503, true), "{path}: {reply:?}");
    assert_eq!(reply.set_cookies, Vec::<String>::new(), "{path}");
    assert!(!reply.body.contains("turned off"), "{path} shows internals: {}", reply.body);
}

async fn without_its_store_a_server_answers_what_needs_no_session(place: Place) {
    let node = place.node_within(DEADLINE);
    let mut client = signed_in(&node).await;
    for state in ["off", "hang"] {
        node.direct(&format!("/store/{state}/{state}")).await;
        assert_eq!(client.ok("/none").await, "none");
        for path in ["/read", "/set/0/1", "/add", "/add-now", "/renew", "/in/8", "/out"] {
            refused(&mut client, path).await;
        }
        // Who has no session yet gets none, and no cookie that opens nothing.
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

/// Turns the store on and waits until it is asked again.
async fn answers_again(node: &Node, client: &mut Client) {
    node.direct("/store/on/on").await;
    until("loads are made again", async || client.ask("/read").await.unwrap().status == 200).await;
    until("writes are made again", async || client.ask("/set/1/1").await.unwrap().status == 200).await;
}

/// The session was loaded, and then nothing can be written.
async fn a_change_that_cannot_be_stored_is_no_success(place: Place) {
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

/// The cookie is kept, or the logout could not be tried again; until it has been, nobody gets at the session.
#[actix_web::test]
async fn nobody_gets_at_a_session_whose_logout_could_not_be_stored() {
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

/// Nobody knows whether it is stored, so it is not sent again: a closure would be applied twice.
async fn a_write_whose_answer_was_lost_is_not_repeated(place: Place) {
    let node = place.node_within(DEADLINE);
    let mut client = signed_in(&node).await;
    for path in ["/add", "/add-now", "/add-quietly"] {
        node.direct("/store/on/mute-once").await;
        refused(&mut client, path).await;
    }
    assert_eq!(client.read().await.count, 3);
    // A purge may be repeated, and is.
    node.direct("/store/on/mute-once").await;
    client.ok("/out").await;
    assert!(client.jar.is_empty());
    // Neither is a new session that may exist sent again, nor is the browser told of it.
    node.direct("/store/on/mute-once").await;
    refused(&mut client, "/in/9").await;
    assert_eq!(place.sessions().await, 1);
    let mut stranger = node.client();
    node.direct("/store/on/mute-once").await;
    refused(&mut stranger, "/add-now").await;
    assert_eq!(place.sessions().await, 2);
}

/// The deadline is the commit's. Those who queue for a session do not add theirs to that of whoever goes before them.
async fn who_queues_behind_a_store_that_hangs_waits_no_longer(place: Place) {
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
    // One deadline and much patience, and yet not two.
    assert!(begun.elapsed() < deadline * 7 / 4, "{:?}", begun.elapsed());
}

/// The real file, which somebody else has locked: reads go on, and writes say within the busy timeout that nothing changed.
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

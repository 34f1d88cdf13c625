//! A server that lost all data: its users are signed out, and no writer brings a session back.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::task::JoinSet;

use super::{Behind, Client, State, on_each_server, until, users};
use crate::http::client::Jar;

on_each_server! {
    writers_in_flight_bring_nothing_back_after_everything_was_lost
    users_are_signed_out_without_errors_when_everything_is_lost_under_load
}

/// All writers have loaded their sessions before the data is lost.
async fn writers_in_flight_bring_nothing_back_after_everything_was_lost(server: Behind) {
    let nodes = [server.node_through(), server.node_through()];
    let users = users(&nodes, 5).await;
    let mut writers = JoinSet::new();
    for node in &nodes {
        for (_, client) in &users {
            for what in ["add", "set", "set-first", "renew", "out"] {
                let (mut tab, path) = (node.client_as(client), format!("/slow/flight/{what}"));
                writers.spawn(async move { (what, tab.ask(&path).await.unwrap()) });
            }
        }
    }
    for node in &nodes {
        node.until_waiting_at("flight", 25).await;
    }
    server.empty().await;
    for node in &nodes {
        node.open("flight").await;
    }
    for (what, reply) in writers.join_all().await {
        assert_eq!(reply.status, 200, "{what}: {reply:?}");
        // A sign-out removes the cookie, and no request sets one.
        let mut jar = Jar::default();
        reply.set_cookies.iter().for_each(|line| jar.take(line));
        assert!(jar.is_empty(), "{what}: {reply:?}");
    }
    assert_eq!(server.sessions().await, 0);
    for (_, client) in &users {
        let state = nodes[0].client_as(client).read().await;
        assert_eq!((state.user, state.count), (None, 0));
    }
}

/// Writes until all data is lost, and once more. Returns the number of new sessions that it was given.
async fn write_on(mut tab: Client, user: u64, emptied: Arc<AtomicBool>, reads: Arc<AtomicUsize>) -> usize {
    let mut begun = 0;
    for path in ["/read", "/add", "/set/0/1", "/log/1", "/renew"].into_iter().cycle() {
        let is_after = emptied.load(Ordering::SeqCst);
        let reply = tab.ask(path).await.unwrap();
        assert!(matches!(reply.status, 200 | 409), "{path}: {reply:?}");
        if path == "/read" {
            let state: State = serde_json::from_str(&reply.body).unwrap();
            assert!(state.user == Some(user) || (state.user, state.count) == (None, 0), "{state:?}");
            assert!(!is_after || state.user.is_none(), "{state:?}");
            reads.fetch_add(1, Ordering::SeqCst);
        }
        if path == "/renew" {
            // A renewed id. A client whose session is lost gets none.
            for line in &reply.set_cookies {
                tab.jar.take(line);
            }
        } else {
            begun += reply.set_cookies.len();
        }
        if is_after {
            return begun;
        }
    }
    unreachable!()
}

/// Tabs that keep their old cookie whatever the answer says. Every write after the loss begins a new, anonymous session.
async fn users_are_signed_out_without_errors_when_everything_is_lost_under_load(server: Behind) {
    let nodes = [server.node_through(), server.node_through()];
    let users = users(&nodes, 6).await;
    let (emptied, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut writers = JoinSet::new();
    for (at, (user, client)) in users.iter().enumerate() {
        let tab = nodes[at % 2].client_as(client);
        writers.spawn(write_on(tab, *user, emptied.clone(), reads.clone()));
    }
    until("all write", async || reads.load(Ordering::SeqCst) >= 30).await;
    server.empty().await;
    emptied.store(true, Ordering::SeqCst);
    let begun: usize = writers.join_all().await.into_iter().sum();
    // The stored sessions are the new ones, and no old one has come back.
    assert_eq!(server.sessions().await, begun);
    for (_, client) in &users {
        assert_eq!(nodes[0].client_as(client).read().await.user, None);
    }
}

//! One connection breaks that many requests share, and the server is well.

use tokio::task::JoinSet;

use super::{Behind, Client, Node, on_each_server};
use crate::{
    http::{signed_in, until},
    servers::proxy::Mode,
};

on_each_server! {
    reads_are_made_again
    writes_of_others_go_on
}

const TABS: usize = 50;

/// What so many tabs are answered at once.
fn statuses(client: &Client, path: impl Fn(usize) -> String) -> JoinSet<u16> {
    let mut tabs = JoinSet::new();
    for tab in 0..TABS {
        let (mut client, path) = (client.twin(), path(tab));
        tabs.spawn(async move { client.ask(&path).await.unwrap().status });
    }
    tabs
}

/// Waits until the store has been asked so often, and then ends the connections that swallowed the questions.
async fn cut(server: &Behind, node: &Node) {
    let mut calls = 0;
    until("they are on their way", async || {
        calls += node.calls().await;
        calls >= TABS
    })
    .await;
    server.proxy.heal();
    server.proxy.reset();
}

async fn reads_are_made_again(server: Behind) {
    let node = server.node_through();
    let client = signed_in(&node).await;
    for _ in 0..3 {
        node.calls().await;
        server.proxy.set(Mode::BlackHole);
        let readers = statuses(&client, |_| "/read".into());
        cut(&server, &node).await;
        assert_eq!(readers.join_all().await, [200; TABS]);
    }
}

/// Nobody knows what became of those writes. The next ones have another connection, and no reason to be refused.
async fn writes_of_others_go_on(server: Behind) {
    let node = server.node_through();
    let client = signed_in(&node).await;
    let writers = statuses(&client, |slot| format!("/slow-set/gate/{slot}/1"));
    node.until_waiting_at("gate", TABS).await;
    node.calls().await;
    server.proxy.set(Mode::BlackHole);
    node.open("gate").await;
    cut(&server, &node).await;
    // On PostgreSQL some had no connection yet.
    assert!(writers.join_all().await.iter().all(|status| [200, 503].contains(status)));
    let next = statuses(&client, |slot| format!("/set/{slot}/2"));
    assert_eq!(next.join_all().await, [200; TABS]);
    assert_eq!(client.twin().read().await.slots, [Some(2); TABS]);
}

//! A connection that many requests share breaks, while the server is healthy.

use tokio::task::JoinSet;

use super::{Behind, Client, Node, on_each_server};
use crate::{
    http::{signed_in, until},
    servers::proxy::Mode,
};

on_each_server! {
    reads_are_repeated
    later_writes_are_not_affected
}

const TABS: usize = 50;

/// Sends a request from each tab at once, and returns the statuses of the answers.
fn statuses(client: &Client, path: impl Fn(usize) -> String) -> JoinSet<u16> {
    let mut tabs = JoinSet::new();
    for tab in 0..TABS {
        let (mut client, path) = (client.twin(), path(tab));
        tabs.spawn(async move { client.ask(&path).await.unwrap().status });
    }
    tabs
}

/// Waits until every tab's call has been sent, and then breaks the connections that swallowed the calls.
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

async fn reads_are_repeated(server: Behind) {
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

/// The outcome of those writes is unknown. The next writes use another connection, and must not be refused.
async fn later_writes_are_not_affected(server: Behind) {
    let node = server.node_through();
    let client = signed_in(&node).await;
    let writers = statuses(&client, |slot| format!("/slow-set/gate/{slot}/1"));
    node.until_waiting_at("gate", TABS).await;
    node.calls().await;
    server.proxy.set(Mode::BlackHole);
    node.open("gate").await;
    cut(&server, &node).await;
    // With a database, some of the writes had no connection yet, and were made later.
    assert!(writers.join_all().await.iter().all(|status| [200, 503].contains(status)));
    let next = statuses(&client, |slot| format!("/set/{slot}/2"));
    assert_eq!(next.join_all().await, [200; TABS]);
    assert_eq!(client.twin().read().await.slots, [Some(2); TABS]);
}

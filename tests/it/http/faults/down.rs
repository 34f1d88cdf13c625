//! A server that is killed: pages without a session work, all others are refused in time, and no user is signed out.

use std::{slice, time::Instant};

use actix_typed_session::store::{SessionStore, StoreErrorKind};
use tokio::task::JoinSet;

use super::{
    Behind, Client, DEADLINE, LONGEST, Node, RECOVERY, answers_again, assert_refused, is_done,
    on_each_server, refused, signed_in, state_of, until, users,
};
use crate::servers::proxy::Mode;

on_each_server! {
    the_health_of_a_store_is_that_of_its_server
    pages_without_a_session_go_on_while_the_server_is_down_and_the_others_are_refused
    a_write_in_flight_when_the_server_is_killed_is_stored_whole_or_not_at_all
    a_logout_while_the_server_is_down_is_refused_and_closes_this_process_to_the_session
    a_logout_that_one_process_could_not_store_leaves_the_session_closed_there_until_it_is_gone_everywhere
}

async fn pages_without_a_session_go_on_while_the_server_is_down_and_the_others_are_refused(server: Behind) {
    let nodes = [server.node_within(DEADLINE), server.node_within(DEADLINE)];
    let client = signed_in(&nodes[0]).await;
    server.kill().await;
    let mut tabs = JoinSet::new();
    for tab in 0..10 {
        let mut tab = nodes[tab % 2].client_as(&client);
        tabs.spawn(async move {
            for path in [
                "/read", "/add", "/renew", "/read", "/in/8", "/add-now", "/set/0/1", "/read", "/log/1",
                "/add",
            ] {
                assert_eq!(tab.ok("/none").await, "none");
                refused(&mut tab, path).await;
            }
        });
    }
    tabs.join_all().await;
    let mut stranger = nodes[0].client();
    assert_eq!(stranger.read().await.user, None);
    refused(&mut stranger, "/in/9").await;

    server.restart().await;
    for node in &nodes {
        let mut tab = node.client_as(&client);
        answers_again(&mut tab, "/add").await;
        let state = state_of(&mut tab).await;
        assert_eq!((state.user, state.slots[0]), (Some(7), None));
    }
    answers_again(&mut stranger, "/in/9").await;
}

async fn the_health_of_a_store_is_that_of_its_server(server: Behind) {
    let (straight, through) = server.stores().await;
    for store in [&straight, &through] {
        store.health().await.unwrap();
    }
    server.proxy.set(Mode::BlackHole);
    let begun = Instant::now();
    assert_eq!(through.health().await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert!(begun.elapsed() < RECOVERY, "{:?}", begun.elapsed());
    straight.health().await.unwrap();
    server.proxy.heal();
    server.kill().await;
    for store in [&straight, &through] {
        assert_eq!(store.health().await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
    server.restart().await;
    until("both are well again", async || straight.health().await.is_ok() && through.health().await.is_ok())
        .await;
}

/// What the requests do that the server does not survive.
const WHAT: [&str; 4] = ["add", "set", "renew", "in"];

/// Requests of different sessions have loaded them. Then the server is killed before or while they store.
async fn a_write_in_flight_when_the_server_is_killed_is_stored_whole_or_not_at_all(server: Behind) {
    let node = server.node_through_within(DEADLINE * 2);
    for (round, mode) in [None, Some(Mode::BlackHole), Some(Mode::SwallowReply)].into_iter().enumerate() {
        let gate = format!("kill-{round}");
        let clients = users(slice::from_ref(&node), 4).await;
        let mut requests = JoinSet::new();
        for (what, (_, client)) in WHAT.iter().zip(&clients) {
            let (mut tab, path) = (client.twin(), format!("/slow/{gate}/{what}"));
            requests.spawn(async move { tab.ask(&path).await.unwrap() });
        }
        node.until_waiting_at(&gate, WHAT.len()).await;
        let begun = Instant::now();
        if let Some(mode) = &mode {
            server.proxy.reset_counts();
            server.proxy.set(mode.clone());
            node.open(&gate).await;
            until("they are under way", async || !server.proxy.commands().is_empty()).await;
        }
        server.kill().await;
        node.open(&gate).await;
        for reply in requests.join_all().await {
            assert_refused(&reply);
        }
        assert!(begun.elapsed() < DEADLINE * 2 + LONGEST, "{:?}", begun.elapsed());
        server.proxy.heal();
        server.restart().await;
        let stored = stored_whole(&node, clients).await;
        assert!(
            stored == 0 || mode == Some(Mode::SwallowReply),
            "{mode:?}: {stored} writes that nobody forwarded are stored"
        );
    }
}

/// Checks that each session is as it was before its request, or as the request left it. Returns the number of the latter.
async fn stored_whole(node: &Node, clients: Vec<(u64, Client)>) -> usize {
    let mut stored = 0;
    for ((user, mut client), what) in clients.into_iter().zip(WHAT) {
        let state = state_of(&mut client).await;
        let seen = (state.user, state.count, state.slots[0]);
        let after = match what {
            "add" => (Some(user), 1, None),
            "set" => (Some(user), 0, Some(1)),
            // The browser never received its new id, and the old one is dead.
            _ => (None, 0, None),
        };
        assert!(seen == (Some(user), 0, None) || seen == after, "{what}: {seen:?}");
        stored += usize::from(seen == after);
        // In either case the user can go on.
        let mut again = node.client_as(&client);
        answers_again(&mut again, "/in/7").await;
    }
    stored
}

async fn a_logout_while_the_server_is_down_is_refused_and_closes_this_process_to_the_session(server: Behind) {
    let nodes = [server.node_within(DEADLINE), server.node_within(DEADLINE)];
    let mut client = signed_in(&nodes[0]).await;
    let mut leaving = client.twin();
    let logout = tokio::spawn(async move { refused(&mut leaving, "/slow/logout/out").await });
    nodes[0].until_waiting_at("logout", 1).await;
    server.kill().await;
    nodes[0].open("logout").await;
    logout.await.unwrap();
    refused(&mut client.twin(), "/read").await;
    server.restart().await;
    let restarted = Instant::now();
    // No route shows anything of the session before it has ended.
    let mut copy = client.twin();
    until("the logout is stored", async || {
        let reply = copy.ask("/read").await.unwrap();
        assert!(!reply.body.contains("\"user\":7"), "{reply:?}");
        reply.status == 200
    })
    .await;
    assert!(restarted.elapsed() < RECOVERY);
    assert_eq!(state_of(&mut nodes[1].client_as(&client)).await.user, None);
    answers_again(&mut client, "/out").await;
    assert_eq!(server.sessions().await, 0);
}

/// Only one process is cut off, and the other one cannot know of the logout. The process that knows refuses access to the session.
async fn a_logout_that_one_process_could_not_store_leaves_the_session_closed_there_until_it_is_gone_everywhere(
    server: Behind,
) {
    let nodes = [server.node_through_within(DEADLINE), server.node_within(DEADLINE)];
    let mut client = signed_in(&nodes[0]).await;
    let mut leaving = client.twin();
    let logout = tokio::spawn(async move { refused(&mut leaving, "/slow/logout/out").await });
    nodes[0].until_waiting_at("logout", 1).await;
    server.proxy.set(Mode::CutBeforeForward);
    nodes[0].open("logout").await;
    logout.await.unwrap();
    for _ in 0..3 {
        refused(&mut client.twin(), "/read").await;
    }
    assert_eq!(state_of(&mut nodes[1].client_as(&client)).await.user, Some(7));
    server.proxy.heal();
    until("the session has ended", async || is_done(&mut client, "/read").await).await;
    for node in &nodes {
        assert_eq!(state_of(&mut node.client_as(&client)).await.user, None);
    }
    assert_eq!(server.sessions().await, 0);
}

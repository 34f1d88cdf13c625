//! A server that is there and does not answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use tokio::task::JoinSet;

use super::{
    Behind, DEADLINE, RECOVERY, answers_again, is_done, on_each_server, refused, state_of, until, users,
};

on_each_server! {
    a_frozen_server_is_waited_for_no_longer_than_the_deadline_and_thaws_without_a_mix_up
}

const USERS: u64 = 20;

async fn a_frozen_server_is_waited_for_no_longer_than_the_deadline_and_thaws_without_a_mix_up(
    server: Behind,
) {
    let nodes = [server.node_through_within(DEADLINE), server.node_through_within(DEADLINE)];
    let users = users(&nodes, USERS).await;
    let warm = server.connections().await;
    // Half of them have loaded their session when it freezes, and then write.
    let (is_frozen, mut writers) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for (at, (_, client)) in users.iter().enumerate().take(10) {
        let mut tab = nodes[at % 2].client_as(client);
        let is_frozen = is_frozen.clone();
        writers.spawn(async move {
            loop {
                let done = is_done(&mut tab, "/slow/freeze/add").await;
                // Before that it was only a busy machine, and it did not get to the gate.
                if is_frozen.load(Ordering::SeqCst) {
                    return done;
                }
            }
        });
    }
    for node in &nodes {
        node.until_waiting_at("freeze", 5).await;
    }
    is_frozen.store(true, Ordering::SeqCst);
    server.freeze();
    let (frozen, connections) = (Instant::now(), server.proxy.connections());
    for node in &nodes {
        node.open("freeze").await;
    }
    assert_eq!(writers.join_all().await, [false; 10]);
    let mut requests = JoinSet::new();
    for (at, (_, client)) in users.iter().enumerate() {
        let mut tab = nodes[at % 2].client_as(client);
        requests.spawn(async move {
            for path in ["/read", "/set/0/1", "/add-now", "/renew", "/read"] {
                refused(&mut tab, path).await;
                assert_eq!(tab.ok("/none").await, "none");
            }
        });
    }
    requests.join_all().await;
    // Attempts, not connections that stay: a few at each server and time, however many ask.
    let attempts = server.proxy.connections() - connections;
    let most = 40 + 16 * usize::try_from(frozen.elapsed().as_secs()).unwrap();
    assert!(attempts <= most, "{attempts} connections for 110 requests in {:?}", frozen.elapsed());

    server.thaw();
    let thawed = Instant::now();
    for (at, (user, client)) in users.iter().enumerate() {
        let mut tab = nodes[at % 2].client_as(client);
        let state = state_of(&mut tab).await;
        // What was sent before is done now, if it is done: once.
        assert_eq!((state.user, state.slots[0]), (Some(*user), None));
        assert!(state.count <= u64::from(at < 10), "{} after one increment", state.count);
    }
    assert!(thawed.elapsed() < RECOVERY, "{:?}", thawed.elapsed());
    until("those that were given up are gone", async || server.connections().await <= warm.max(4) + 20).await;
    for (at, (user, client)) in users.iter().enumerate() {
        let mut tab = nodes[(at + 1) % 2].client_as(client);
        answers_again(&mut tab, "/add").await;
        assert_eq!(state_of(&mut tab).await.user, Some(*user));
    }
}

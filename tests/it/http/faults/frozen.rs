//! A server that accepts connections and does not answer.

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
    no_request_waits_for_a_frozen_server_beyond_its_deadline_and_no_reply_is_mixed_up_after_the_thaw
}

const USERS: u64 = 20;

async fn no_request_waits_for_a_frozen_server_beyond_its_deadline_and_no_reply_is_mixed_up_after_the_thaw(
    server: Behind,
) {
    let nodes = [server.node_through_within(DEADLINE), server.node_through_within(DEADLINE)];
    let users = users(&nodes, USERS).await;
    let warm = server.connections().await;
    // Half of the clients have loaded their session when the server freezes, and write after that.
    let (is_frozen, mut writers) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for (at, (_, client)) in users.iter().enumerate().take(10) {
        let mut tab = nodes[at % 2].client_as(client);
        let is_frozen = is_frozen.clone();
        writers.spawn(async move {
            loop {
                let done = is_done(&mut tab, "/slow/freeze/add").await;
                // An earlier refusal only means that the machine was busy and the request did not reach the gate.
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
    server.freeze().await;
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
    // Attempts to connect: the number is limited for each process, however many requests there are.
    let attempts = server.proxy.connections() - connections;
    let most = 40 + 16 * usize::try_from(frozen.elapsed().as_secs()).unwrap();
    assert!(attempts <= most, "{attempts} connections for 110 requests in {:?}", frozen.elapsed());

    server.thaw();
    let thawed = Instant::now();
    for (at, (user, client)) in users.iter().enumerate() {
        let mut tab = nodes[at % 2].client_as(client);
        let state = state_of(&mut tab).await;
        // A write that was sent before the freeze has been applied once or not at all.
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

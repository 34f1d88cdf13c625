//! Redis as a fleet, under load from two processes of the application: a primary dies, slots move, a master dies.
//!
//! A replica that takes over may lack the last writes, so the counters are only checked for increments that were counted twice.
//! Increments that are acknowledged afterwards must count exactly.

use std::time::Instant;

use super::{
    Client, DEADLINE, Node, RECOVERY,
    load::{Load, Sum, check, counts_exactly},
    state_of, until, users,
};
use crate::servers::{RedisCluster, Replicated};

/// Checks that no counter is higher than the increments that were sent, and that each client is still signed in as its user.
async fn check_upper(nodes: &[Node], users: &[(u64, Client)], sums: &[Sum]) {
    for ((user, client), sum) in users.iter().zip(sums) {
        let state = state_of(&mut nodes[0].client_as(client)).await;
        assert_eq!(state.user, Some(*user));
        assert!(state.count <= sum.acknowledged + sum.doubtful, "{} is stored", state.count);
    }
}

#[actix_web::test]
async fn writes_go_on_within_five_seconds_after_a_replica_was_promoted() {
    let Some(servers) = Replicated::start().await else { return };
    let nodes = [Node::start(&servers.url(), DEADLINE), Node::start(&servers.url(), DEADLINE)];
    let users = users(&nodes, 4).await;
    until("the replica has all sessions", async || {
        let keys: Vec<String> = servers.replica().await.command(&["KEYS", "session:s:*"]).await.unwrap();
        keys.len() == users.len()
    })
    .await;
    let load = Load::begin(&nodes, &users);
    load.until_all_progress(3).await;
    let killed = Instant::now();
    let dead = servers.kill_primary().await;
    servers.until_failed_over(dead).await;
    let promoted = killed.elapsed();
    let recovered = load.until_all_progress(1).await;
    assert!(recovered < RECOVERY, "{recovered:?} after the promotion, which took {promoted:?}");
    let sums = load.end(users.len()).await;
    assert!(sums.iter().all(|sum| sum.doubtful > 0), "nobody noticed");
    check_upper(&nodes, &users, &sums).await;
    counts_exactly(&nodes, &users).await;
}

#[actix_web::test]
async fn a_cluster_counts_exactly_while_slots_move_and_goes_on_after_a_master_died() {
    let Some(cluster) = RedisCluster::start().await else { return };
    let nodes = [Node::start(&cluster.url(), DEADLINE), Node::start(&cluster.url(), DEADLINE)];
    let users = users(&nodes, 6).await;
    let load = Load::begin(&nodes, &users);
    load.until_all_progress(3).await;
    cluster.move_slots(100, 0, 1).await;
    cluster.move_slots(100, 1, 2).await;
    cluster.move_slots(100, 2, 0).await;
    load.until_all_progress(3).await;
    let before = load.end(users.len()).await;
    check(&nodes, &users, &before).await;

    let load = Load::begin(&nodes, &users);
    load.until_all_progress(3).await;
    let killed = Instant::now();
    cluster.kill_master(2).await;
    cluster.until_ok().await;
    let promoted = killed.elapsed();
    let recovered = load.until_all_progress(1).await;
    assert!(recovered < RECOVERY, "{recovered:?} after the promotion, which took {promoted:?}");
    let after = load.end(users.len()).await;
    let sums: Vec<_> = before
        .iter()
        .zip(&after)
        .map(|(before, after)| Sum {
            acknowledged: before.acknowledged + after.acknowledged,
            doubtful: before.doubtful + after.doubtful,
        })
        .collect();
    check_upper(&nodes, &users, &sums).await;
    counts_exactly(&nodes, &users).await;
}

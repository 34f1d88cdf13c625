//! Tests of the Redis fleets: Sentinel and Cluster.

use crate::servers::{RedisCluster, Replicated, shared_cluster, shared_replicated, until};

#[tokio::test]
async fn the_replica_takes_over_from_a_primary_that_is_killed_or_told_to() {
    let Some(replicated) = Replicated::start().await else { return };
    let first = replicated.primary_port().await;
    let second = replicated.replica().await.port();
    assert!(replicated.url().starts_with("redis-sentinel://127.0.0.1:"));
    replicated.primary().await.command::<()>(&["SET", "key", "value"]).await.unwrap();
    let copied: u64 = replicated.primary().await.command(&["WAIT", "1", "5000"]).await.unwrap();
    assert_eq!(copied, 1);

    let mut old = replicated.primary().await.connection().await;
    replicated.fail_over().await;
    assert_eq!(replicated.primary_port().await, second);
    let refused = ::redis::cmd("SET").arg("key").arg("other").query_async::<()>(&mut old).await.unwrap_err();
    assert_eq!(refused.code(), Some("READONLY"));

    let killed = replicated.kill_primary().await;
    assert_eq!(killed.port(), second);
    let primary = replicated.until_failed_over(killed).await;
    assert_eq!((primary.port(), replicated.primary_port().await), (first, first));
    assert_eq!(primary.command::<String>(&["GET", "key"]).await.unwrap(), "value");
    primary.command::<()>(&["SET", "key", "more"]).await.unwrap();

    killed.restart().await;
    until("the one that died follows", || async {
        killed.command(&["GET", "key"]).await == Ok("more".to_owned())
    })
    .await;
}

#[tokio::test]
async fn slots_move_with_their_keys_and_replicas_take_over() {
    let Some(cluster) = RedisCluster::start().await else { return };
    // Move the first slots of the first master.
    let mut keys = Vec::new();
    for candidate in 0..100_000 {
        let key = format!("key{candidate}");
        if cluster.slot_of(&key).await < 40 {
            keys.push(key);
        }
        if keys.len() == 3 {
            break;
        }
    }
    for key in &keys {
        cluster.node(0).command::<()>(&["SET", key, key]).await.unwrap();
    }
    let slot = cluster.slot_of(&keys[0]).await;
    cluster.begin_move(slot, 0, 1).await;
    assert_eq!(cluster.owner(slot).await, 0);
    assert_eq!(cluster.node(0).command::<String>(&["GET", &keys[0]]).await.unwrap(), keys[0]);
    assert_eq!(cluster.move_keys(slot, 0, 1, 10).await, 1);
    let asked = cluster.node(0).command::<String>(&["GET", &keys[0]]).await.unwrap_err();
    assert_eq!(asked.code(), Some("ASK"));
    cluster.finish_move(slot, 0, 1).await;
    let moved = cluster.node(0).command::<String>(&["GET", &keys[0]]).await.unwrap_err();
    assert_eq!(moved.code(), Some("MOVED"));

    cluster.move_slots(39, 0, 1).await;
    cluster.until_ok().await;
    assert_eq!(cluster.slots(0).await.first(), Some(&40));
    for key in &keys {
        assert_eq!(cluster.node(1).command::<String>(&["GET", key]).await.unwrap(), *key);
    }

    cluster.kill_master(1).await;
    cluster.until_ok().await;
    assert_eq!(cluster.owner(slot).await, 4);
    assert_eq!(cluster.node(4).command::<String>(&["GET", &keys[0]]).await.unwrap(), keys[0]);
    cluster.node(1).restart().await;
    cluster.until_ok().await;
    assert_eq!(cluster.owner(slot).await, 4);
}

#[tokio::test]
async fn all_tests_share_the_same_fleets() {
    let (Some(replicated), Some(cluster)) = tokio::join!(shared_replicated(), shared_cluster()) else {
        return;
    };
    assert_eq!(replicated.url(), shared_replicated().await.unwrap().url());
    assert_eq!(cluster.url(), shared_cluster().await.unwrap().url());
    assert!(cluster.url().starts_with("redis-cluster://127.0.0.1:"));
}

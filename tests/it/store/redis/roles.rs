//! Servers that answer and are the wrong ones: replicas, nodes of a cluster, primaries that were demoted.

use super::*;
use crate::servers::{RedisCluster, Replicated};

/// What answers and cannot hold the sessions is refused at once, and not at the first sign-in or logout.
#[tokio::test]
async fn a_replica_and_a_node_of_a_cluster_are_refused() {
    let Some(replicated) = Replicated::start().await else { return };
    let error = RedisStore::open(&replicated.replica().await.url()).await.unwrap_err();
    assert!(error.to_string().contains("the server is a replica"), "{error}");
    RedisStore::open(&replicated.primary().await.url()).await.unwrap();
    let Some(cluster) = RedisCluster::start().await else { return };
    let error = RedisStore::open(&cluster.node(0).url()).await.unwrap_err();
    assert!(error.to_string().contains("write `redis-cluster`"), "{error}");
}

/// The server behind an address becomes a replica. A worker that only reads learns that from one that writes.
#[tokio::test]
async fn no_worker_goes_on_reading_from_a_server_that_was_demoted() {
    let Some(replicated) = Replicated::start().await else { return };
    let (old, other) = (replicated.primary().await, replicated.replica().await);
    let store = RedisStore::open(&old.url()).await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let reads = {
        let (store, (asked, asks)) = (store.clone(), std::sync::mpsc::channel::<()>());
        let (answers, answer) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            while asks.recv().is_ok() {
                answers.send(runtime.block_on(store.load(&SELECTOR)).map(|found| found.is_some())).unwrap();
            }
        });
        move || {
            asked.send(()).unwrap();
            answer.recv().unwrap()
        }
    };
    assert!(reads().unwrap());
    let port = other.port().to_string();
    old.command::<()>(&["REPLICAOF", "127.0.0.1", &port]).await.unwrap();
    assert!(store.delete(&SELECTOR, None).await.is_err(), "it writes nothing");
    assert!(reads().is_err(), "and it is not read from either");
}

//! Servers that answer and are the wrong ones: replicas, nodes of a cluster, primaries that were demoted.

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

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

/// A worker of actix: a thread with a runtime of its own, which does what it is asked, and answers whether that succeeded.
struct Worker {
    asks: Sender<Ask>,
    answers: Receiver<bool>,
}

#[derive(Clone, Copy)]
enum Ask {
    Read,
    Write,
}

impl Worker {
    fn start(store: &RedisStore) -> Self {
        let ((asks, asked), (answer, answers)) = (channel(), channel());
        let store = store.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            for ask in asked {
                let done = runtime.block_on(async {
                    match ask {
                        Ask::Read => store.load(&SELECTOR).await.map(|found| assert!(found.is_some())),
                        Ask::Write => store.update(&SELECTOR, &write("shop.cart", "[]")).await.map(drop),
                    }
                });
                answer.send(done.is_ok()).unwrap();
            }
        });
        Self { asks, answers }
    }

    fn does(&self, ask: Ask) -> bool {
        self.asks.send(ask).unwrap();
        self.answers.recv().unwrap()
    }
}

/// The server behind an address becomes a replica. Workers that only read learn that from one that writes, whether they have connections of
/// their own or share one.
#[tokio::test]
async fn no_worker_goes_on_reading_from_a_server_that_was_demoted() {
    let Some(redis) = Redis::start().await else { return };
    // Of four workers, all have their own connection, one has, and none has.
    for most in [8, 2, 1] {
        let options = RedisStore::options(&redis.url()).unwrap().prefix(format!("{most}:"));
        let store = options.max_connections(most).open().await.unwrap();
        store.create(&SELECTOR, &new_record()).await.unwrap();
        for writer in [0, 3] {
            let workers: Vec<_> = (0..4).map(|_| Worker::start(&store)).collect();
            let all_read = || workers.iter().map(|worker| worker.does(Ask::Read)).collect::<Vec<_>>();
            assert_eq!((all_read(), all_read()), (vec![true; 4], vec![true; 4]));
            // Nothing listens there, so it keeps what it has.
            redis.command::<()>(&["REPLICAOF", "127.0.0.1", "1"]).await.unwrap();
            assert!(!workers[writer].does(Ask::Write), "it writes nothing");
            assert_eq!(all_read(), [false; 4], "and it is not read from either, {most} {writer}");
            redis.command::<()>(&["REPLICAOF", "NO", "ONE"]).await.unwrap();
            assert_eq!(all_read(), [true; 4], "a primary is used again");
            assert!(workers[writer].does(Ask::Write));
        }
    }
}

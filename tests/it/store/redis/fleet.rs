//! Several servers: Sentinel and Cluster, in order, during a failover, and while slots move.

use std::{
    future::Future,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use actix_typed_session::store::{AnyStore, Cursor, MemoryStore, conformance::Harness};
use futures_util::future::join_all;
use tokio::runtime::Runtime;

use super::*;
use crate::servers::{RedisCluster, Replicated, shared_cluster, shared_replicated};

async fn on_sentinel() -> Option<String> {
    Some(shared_replicated().await?.url())
}

async fn on_cluster() -> Option<String> {
    Some(shared_cluster().await?.url())
}

/// The servers on which the suite runs. Faults of the engine itself are injected on a single server, in `contract`.
struct Fleet<F> {
    runtime: Runtime,
    url: fn() -> F,
    options: Mutex<Option<RedisOptions>>,
}

impl<F: Future<Output = Option<String>>> Fleet<F> {
    fn new(url: fn() -> F) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { runtime, url, options: Mutex::default() }
    }
}

impl<F: Future<Output = Option<String>>> Harness for Fleet<F> {
    type Store = AnyStore;

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    async fn store(&self) -> AnyStore {
        let Some(url) = (self.url)().await else { return AnyStore::new(MemoryStore::unbounded()) };
        let options = RedisStore::options(&url).unwrap().prefix(format!("{}:", unique_name()));
        *self.options.lock().unwrap() = Some(options.clone());
        AnyStore::new(options.open().await.unwrap())
    }

    async fn pass(&self, _: &AnyStore, by: Duration) {
        tokio::time::sleep(by).await;
    }

    fn stands_still(&self) -> bool {
        false
    }

    async fn sibling(&self, _: &AnyStore) -> Option<AnyStore> {
        let options = self.options.lock().unwrap().clone()?;
        Some(AnyStore::new(options.open().await.unwrap()))
    }
}

mod sentinel {
    actix_typed_session::conformance_tests!(super::Fleet::new(super::on_sentinel));
}

mod cluster {
    actix_typed_session::conformance_tests!(super::Fleet::new(super::on_cluster));
}

/// Counters that are incremented until `done`. Each must end at the number of acknowledged increments, or higher by those without an answer.
struct Load<'a> {
    store: &'a RedisStore,
    /// Whether a replica takes over that may lack the last writes.
    forgets: bool,
    done: AtomicBool,
    /// When the last write was acknowledged, and the longest time between two of them.
    progress: Mutex<(Instant, Duration)>,
}

const COUNTERS: u8 = 12;

impl<'a> Load<'a> {
    async fn begin(store: &'a RedisStore, forgets: bool) -> Self {
        for n in 0..COUNTERS {
            store.create(&selector(n), &new_record()).await.unwrap();
        }
        Self {
            store,
            forgets,
            done: AtomicBool::new(false),
            progress: Mutex::new((Instant::now(), Duration::ZERO)),
        }
    }

    fn acknowledged(&self) {
        let mut progress = self.progress.lock().unwrap();
        progress.1 = progress.1.max(progress.0.elapsed());
        progress.0 = Instant::now();
    }

    /// Increments until the end; returns how many increments were acknowledged, and how many may have been executed.
    async fn run(&self, n: u8) -> (u64, u64) {
        let (mut sure, mut unsure) = (0, 0);
        while !self.done.load(Ordering::SeqCst) {
            let Ok(Some(loaded)) = self.store.load(&selector(n)).await else { continue };
            let cell = loaded.record.cell("shop.visits").unwrap();
            let value: u64 = cell.json.as_str().parse().unwrap();
            let mut change = write("shop.visits", &(value + 1).to_string());
            change.guards = vec![Guard::new("shop.visits".into(), Some(cell.revision))];
            match self.store.update(&selector(n), &change).await {
                Ok(Updated::Done { .. }) => {
                    sure += 1;
                    self.acknowledged();
                }
                // No other writer changes this counter, but a failover may take back what was just read.
                Ok(other) => assert!(self.forgets, "{other:?}"),
                Err(error) if error.kind() == StoreErrorKind::UnknownOutcome => unsure += 1,
                Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable),
            }
        }
        (sure, unsure)
    }

    /// Runs while `trouble` does, then checks every counter.
    async fn during(store: &'a RedisStore, forgets: bool, trouble: impl Future<Output = ()>) -> Duration {
        let load = Self::begin(store, forgets).await;
        let trouble = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            trouble.await;
            // The trouble is over once every counter moves again.
            let still = |n: u8| {
                let load = &load;
                async move { load.store.update(&selector(n), &write("shop.other", "1")).await.is_ok() }
            };
            for n in 0..COUNTERS {
                until("a counter moves again", || still(n)).await;
            }
            load.done.store(true, Ordering::SeqCst);
        };
        let (counts, ()) = tokio::join!(join_all((0..COUNTERS).map(|n| load.run(n))), trouble);
        for (n, (sure, unsure)) in (0..).zip(counts) {
            let value: u64 = text(store, &selector(n), "shop.visits").await.unwrap().parse().unwrap();
            assert!(
                (if forgets { 0 } else { sure }..=sure + unsure).contains(&value),
                "{value} after {sure} and perhaps {unsure} increments"
            );
            assert!(sure > 0);
        }
        load.progress.into_inner().unwrap().1
    }
}

async fn open(url: &str) -> RedisStore {
    RedisStore::options(url).unwrap().prefix(format!("{}:", unique_name())).open().await.unwrap()
}

#[tokio::test]
async fn writes_go_on_after_the_primary_is_killed() {
    let Some(servers) = Replicated::start().await else { return };
    let url = format!("{}?prefix=shop:", servers.url());
    let store = RedisStore::options(&url).unwrap().open().await.unwrap();
    let old = servers.primary_port().await;
    store.create(&SELECTOR, &new_record()).await.unwrap();
    // A failover loses what the replica did not get.
    until("the replica has it", || async {
        let replica = servers.replica().await;
        replica.command::<u64>(&["DBSIZE"]).await.unwrap() == 1
    })
    .await;
    let dead = servers.kill_primary().await;
    servers.until_failed_over(dead).await;
    let promoted = Instant::now();
    until("writes are taken again", || async {
        store.update(&SELECTOR, &write("shop.cart", "[]")).await.is_ok()
    })
    .await;
    assert!(promoted.elapsed() < Duration::from_secs(5), "{:?}", promoted.elapsed());
    assert_ne!(servers.primary_port().await, old);
    assert!(lives(&store, &SELECTOR).await);
}

#[tokio::test]
async fn a_demoted_primary_is_replaced_by_the_new_one() {
    let Some(servers) = Replicated::start().await else { return };
    let store = open(&servers.url()).await;
    let gap = Load::during(&store, true, servers.fail_over()).await;
    assert!(gap < Duration::from_secs(8), "{gap:?}");
}

/// The successor of a server may sort before servers that were scanned already, and does not know the cursor.
#[tokio::test]
async fn a_scan_whose_server_has_gone_is_an_error() {
    let Some(cluster) = shared_cluster().await else { return };
    let store = open(&cluster.url()).await;
    for gone in ["17 10.0.0.9:6379", "17 zz:6379", "17"] {
        let error = store.abilities().scan(Some(&Cursor::new(gone)), 10).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(error.to_string().contains("begin it again"), "{error}");
    }
}

#[tokio::test]
async fn sentinels_that_know_no_such_service_are_an_error() {
    let Some(servers) = shared_replicated().await else { return };
    let url = servers.url().replace("/sessions", "/other");
    assert!(RedisStore::open(&url).await.is_err());
}

/// What a command meets in each stage of a move: its server, a redirection for this once, and a lasting one.
#[tokio::test]
async fn a_slot_that_moves_is_followed() {
    let Some(cluster) = RedisCluster::start().await else { return };
    let url = format!("{}?prefix=shop:", cluster.url());
    let store = RedisStore::open(&url).await.unwrap();
    let slot = cluster.slot_of(&record_key("shop:", &SELECTOR)).await;
    let from = cluster.owner(slot).await;
    let to = (from + 1) % 3;
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let mut revision = 1;
    let mut works = async |stage: &str| {
        revision += 1;
        let answer = store.update(&SELECTOR, &write("shop.cart", "[]")).await.unwrap();
        assert_eq!(answer, Updated::Done { revision }, "{stage}");
        assert!(lives(&store, &SELECTOR).await, "{stage}");
    };
    works("before").await;
    cluster.begin_move(slot, from, to).await;
    works("the key has not moved yet").await;
    assert_eq!(cluster.move_keys(slot, from, to, 10).await, 1);
    works("the key has moved, the slot has not").await;
    cluster.finish_move(slot, from, to).await;
    works("the slot has moved").await;
    // A store that only knows a server that no longer has the slot, and is redirected once.
    cluster.until_ok().await;
    works("all nodes know the new owner").await;
    store.delete(&SELECTOR, None).await.unwrap();
    assert!(!lives(&store, &SELECTOR).await);
}

#[tokio::test]
async fn counters_are_exact_while_slots_move_and_a_master_dies() {
    let Some(cluster) = RedisCluster::start().await else { return };
    let store = open(&cluster.url()).await;
    let gap = Load::during(&store, false, async {
        cluster.move_slots(150, 0, 1).await;
        cluster.move_slots(150, 1, 2).await;
    })
    .await;
    assert!(gap < Duration::from_secs(2), "{gap:?}");
    // Sessions on other nodes go on at once, and those of the dead node once its replica has taken over.
    cluster.kill_master(2).await;
    cluster.until_ok().await;
    let promoted = Instant::now();
    for n in 0..COUNTERS {
        // A replica may lack the last writes, and with them a session.
        until("every slot takes sessions again", || async {
            store.delete(&selector(n), None).await.is_ok()
                && store.create(&selector(n), &new_record()).await.is_ok()
        })
        .await;
    }
    assert!(promoted.elapsed() < Duration::from_secs(5), "{:?}", promoted.elapsed());
}

#[tokio::test]
async fn a_cluster_without_a_master_is_unavailable_in_time() {
    let Some(cluster) = RedisCluster::start().await else { return };
    let store = open(&cluster.url()).await;
    store.create(&SELECTOR, &new_record()).await.unwrap();
    for node in 0..6 {
        cluster.node(node).freeze().await;
    }
    let begun = Instant::now();
    assert_eq!(kind(store.load(&SELECTOR).await), StoreErrorKind::Unavailable);
    assert_eq!(kind(store.update(&SELECTOR, &write("shop.cart", "[]")).await), StoreErrorKind::Unavailable);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    for node in 0..6 {
        cluster.node(node).thaw();
    }
    cluster.until_ok().await;
    until("the cluster is used again", || async { load(&store).await.is_ok() }).await;
}

//! A Redis cluster: three masters with a replica each.
//!
//! In: `redis-server`. Out: the cluster's URL, and ways to move slots and to end masters. Never changes anything that the test did not ask for;
//! replicas stay with their masters.

use std::{collections::BTreeSet, net::TcpListener};

use redis::FromRedisValue;
use tokio::sync::OnceCell;

use super::{Redis, redis::usual, until};

const MASTERS: usize = 3;
const SLOTS: u16 = 16384;

/// Nodes are identified by numbers: at first 0, 1 and 2 are masters, and 3, 4 and 5 are their replicas.
pub(crate) struct RedisCluster {
    nodes: Vec<Redis>,
    ids: Vec<String>,
}

/// The cluster of all tests that do not harm it; each prefixes its Redis keys with [`super::unique_name`].
pub(crate) async fn shared_cluster() -> Option<&'static RedisCluster> {
    static SHARED: OnceCell<Option<RedisCluster>> = OnceCell::const_new();
    SHARED.get_or_init(RedisCluster::start).await.as_ref()
}

/// The nodes talk to each other on a port that is 10000 higher.
pub(crate) fn free_ports() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        if port.checked_add(10_000).is_some_and(|bus| TcpListener::bind(("127.0.0.1", bus)).is_ok()) {
            return port;
        }
    }
}

async fn node() -> Option<Redis> {
    let options = [
        "--cluster-enabled",
        "yes",
        "--cluster-node-timeout",
        "1000",
        "--cluster-announce-ip",
        "127.0.0.1",
        "--cluster-migration-barrier",
        "100",
        // Take over however long the master has been silent.
        "--cluster-replica-validity-factor",
        "0",
    ];
    Redis::launch(free_ports, |folder, port| usual(folder, port, &options)).await
}

impl RedisCluster {
    pub(crate) async fn start() -> Option<Self> {
        let starting: Vec<_> = (0..2 * MASTERS).map(|_| tokio::spawn(node())).collect();
        let mut nodes = Vec::new();
        for node in starting {
            nodes.push(node.await.unwrap()?);
        }
        let mut ids = Vec::new();
        for node in &nodes {
            ids.push(node.command::<String>(&["CLUSTER", "MYID"]).await.unwrap());
        }
        let cluster = Self { nodes, ids };
        cluster.create().await;
        Some(cluster)
    }

    async fn create(&self) {
        // Each node gets its own epoch, so that none has to yield later. This can be set only while a node knows no other one.
        for index in 0..self.nodes.len() {
            self.run(index, &["SET-CONFIG-EPOCH", &(index + 1).to_string()]).await;
        }
        for (index, node) in self.nodes.iter().enumerate() {
            for other in &self.nodes {
                if other.port() != node.port() {
                    self.run(index, &["MEET", "127.0.0.1", &other.port().to_string()]).await;
                }
            }
            if index < MASTERS {
                let of = |index| SLOTS * u16::try_from(index).unwrap() / 3;
                let slots: Vec<_> = (of(index)..of(index + 1)).map(|slot| slot.to_string()).collect();
                let words = ["ADDSLOTS"].into_iter().chain(slots.iter().map(String::as_str));
                self.run(index, &words.collect::<Vec<_>>()).await;
            }
        }
        until("all nodes know each other", || async {
            for index in 0..self.nodes.len() {
                let lines = self.lines(index).await;
                if lines.len() != self.nodes.len() || lines.iter().any(|line| line.contains("handshake")) {
                    return false;
                }
            }
            true
        })
        .await;
        for replica in MASTERS..self.nodes.len() {
            self.run(replica, &["REPLICATE", &self.ids[replica - MASTERS]]).await;
        }
        until("the replicas follow", || async {
            for replica in &self.nodes[MASTERS..] {
                let info: String = replica.command(&["INFO", "replication"]).await.unwrap();
                if !info.contains("master_link_status:up") {
                    return false;
                }
            }
            true
        })
        .await;
        self.until_ok().await;
    }

    async fn ask<T: FromRedisValue>(&self, node: usize, words: &[&str]) -> T {
        let words: Vec<_> = ["CLUSTER"].iter().chain(words).copied().collect();
        self.nodes[node].command(&words).await.unwrap()
    }

    async fn run(&self, node: usize, words: &[&str]) {
        self.ask::<()>(node, words).await;
    }

    /// What one node knows about all nodes, one line each.
    async fn lines(&self, node: usize) -> Vec<String> {
        let nodes = self.nodes[node].answers::<String>(&["CLUSTER", "NODES"]).await.unwrap_or_default();
        nodes.lines().map(str::to_owned).collect()
    }

    pub(crate) fn url(&self) -> String {
        let nodes: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis-cluster://{}", nodes.join(","))
    }

    pub(crate) fn node(&self, index: usize) -> &Redis {
        &self.nodes[index]
    }

    /// The slot of a Redis key.
    pub(crate) async fn slot_of(&self, key: &str) -> u16 {
        self.ask(0, &["KEYSLOT", key]).await
    }

    /// The slots that a node says it has.
    pub(crate) async fn slots(&self, node: usize) -> BTreeSet<u16> {
        let lines = self.lines(node).await;
        let line = lines.iter().find(|line| line.contains("myself")).unwrap();
        // Slots that are about to move are listed again, in brackets.
        let ranges = line.split(' ').skip(8).filter(|range| !range.starts_with('['));
        let slots = ranges.flat_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            first.parse().unwrap()..=last.parse().unwrap()
        });
        slots.collect()
    }

    /// The number of the node that has a slot.
    pub(crate) async fn owner(&self, slot: u16) -> usize {
        for node in 0..self.nodes.len() {
            if self.nodes[node].answers::<()>(&["PING"]).await.is_some()
                && self.slots(node).await.contains(&slot)
            {
                return node;
            }
        }
        panic!("nobody has slot {slot}");
    }

    /// Begins to move a slot: from here on, `from` answers ASK for Redis keys that it does not have.
    pub(crate) async fn begin_move(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        self.run(to, &["SETSLOT", &slot, "IMPORTING", &self.ids[from]]).await;
        self.run(from, &["SETSLOT", &slot, "MIGRATING", &self.ids[to]]).await;
    }

    /// Moves at most so many Redis keys of a slot that is moving; returns how many there were.
    pub(crate) async fn move_keys(&self, slot: u16, from: usize, to: usize, at_most: usize) -> usize {
        let keys: Vec<String> =
            self.ask(from, &["GETKEYSINSLOT", &slot.to_string(), &at_most.to_string()]).await;
        if !keys.is_empty() {
            let port = self.nodes[to].port().to_string();
            let migrate = ["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
            let words: Vec<_> = migrate.into_iter().chain(keys.iter().map(String::as_str)).collect();
            self.nodes[from].command::<()>(&words).await.unwrap();
        }
        keys.len()
    }

    /// Ends the move of a slot: from here on, `from` answers MOVED.
    pub(crate) async fn finish_move(&self, slot: u16, from: usize, to: usize) {
        while self.move_keys(slot, from, to, 100).await > 0 {}
        // Tell the new owner first. Otherwise another node could send it a client that it would send back.
        self.run(to, &["SETSLOT", &slot.to_string(), "NODE", &self.ids[to]]).await;
        self.run(from, &["SETSLOT", &slot.to_string(), "NODE", &self.ids[to]]).await;
    }

    /// Moves the first slots of a node, with their Redis keys.
    pub(crate) async fn move_slots(&self, count: usize, from: usize, to: usize) {
        for slot in self.slots(from).await.into_iter().take(count) {
            self.begin_move(slot, from, to).await;
            self.finish_move(slot, from, to).await;
        }
    }

    pub(crate) async fn kill_master(&self, index: usize) {
        self.nodes[index].kill().await;
    }

    /// Waits until every live node knows a live owner of every slot.
    pub(crate) async fn until_ok(&self) {
        until("the cluster is whole", || async {
            let mut living = Vec::new();
            for node in 0..self.nodes.len() {
                let lines = self.lines(node).await;
                if !lines.is_empty() {
                    living.push((node, lines));
                }
            }
            for (node, lines) in &living {
                let info: String = self.ask(*node, &["INFO"]).await;
                let dead_owner = lines.iter().any(|line| {
                    let owns = line.split(' ').nth(8).is_some();
                    owns && !living.iter().any(|(living, _)| line.starts_with(&self.ids[*living]))
                });
                if dead_owner
                    || !info.contains("cluster_state:ok")
                    || !info.contains("cluster_slots_ok:16384")
                {
                    return false;
                }
            }
            !living.is_empty()
        })
        .await;
    }
}

//! The promises about overlapping requests, tested from outside with real servers over real HTTP.
//!
//! No test depends on a sleep: handlers wait at gates, store calls wait at a switch, and everything else is polled until a deadline that
//! only a broken library reaches.

mod caching;
mod client;
mod copied;
mod disconnect;
mod expiry;
mod faults;
mod import;
mod kill;
mod listed;
mod node;
mod outage;
mod overlap;
pub(crate) mod place;
mod renewal;
mod stream;
mod warnings;

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, sleep};

use self::{
    client::Client,
    node::Node,
    place::{Place, on_every_store},
};

/// The answer of `/read`.
#[derive(Deserialize, PartialEq, Debug)]
struct State {
    user: Option<u64>,
    count: u64,
    log: Vec<u64>,
    slots: Vec<Option<u64>>,
}

/// Polls until a condition holds.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        assert!(Instant::now() < deadline, "still not so: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// A client of `node` that has signed in as user 7.
async fn signed_in(node: &Node) -> Client {
    let mut client = node.client();
    client.ok("/in/7").await;
    client
}

/// A random number generator with the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

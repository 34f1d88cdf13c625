//! Commits of one session take turns in a process.
//!
//! In: a selector. Out: a turn, or none if the wait was too long. Never: correctness, which the store's guards alone provide, where a store
//! has them.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use crate::id::public::Selector;

/// How many turns there are. Sessions share them by the first byte of their selectors.
const TURNS: usize = 256;

/// Turns for commits that depend on what they read: one after the other they need one update each, all at once they would mostly
/// conflict. Two sessions may share a turn by chance, which costs a little waiting and no more.
#[derive(Debug)]
pub(crate) struct Turns(Box<[Mutex<()>]>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..TURNS).map(|_| Mutex::new(())).collect())
    }
}

impl Turns {
    /// Waits for a turn, but at most for `longest`. A commit whose store has guards then goes ahead without one.
    pub(crate) async fn turn(&self, selector: &Selector, longest: Duration) -> Option<MutexGuard<'_, ()>> {
        let turn = self.0.get(usize::from(selector.as_bytes()[0]))?;
        match turn.try_lock() {
            Ok(guard) => Some(guard),
            Err(_) => tokio::time::timeout(longest, turn.lock()).await.ok(),
        }
    }
}

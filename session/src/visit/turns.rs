//! Turns of commits that depend on what they read.
//!
//! In: a record. Out: a turn, or none when the wait was too long. Never: a promise; the store decides.

use std::time::Duration;

/// Commits of one session that depend on what they read take turns in this process: one after the other they need one update
/// each, all at once they would mostly conflict. Sessions share turns by chance, which costs a little waiting and no more.
#[derive(Debug)]
pub(crate) struct Queue {
    turns: Box<[tokio::sync::Mutex<()>]>,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self { turns: (0..256).map(|_| tokio::sync::Mutex::new(())).collect() }
    }

    /// Waits for a turn, but leaves the commit time to do its work; then goes without.
    pub(crate) async fn turn(
        &self,
        key: &crate::id::Selector,
        longest: Duration,
    ) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let turn = self.turns.get(usize::from(key.as_bytes()[0]))?;
        match turn.try_lock() {
            Ok(guard) => Some(guard),
            Err(_) => tokio::time::timeout(longest, turn.lock()).await.ok(),
        }
    }
}

//! Tabs that increment a counter without a pause, and count the answers.
//!
//! In: users, and the processes of the application. Out: acknowledged and doubtful increments of each user. Never: accepts an answer
//! that is neither 200 nor 503.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time::sleep};

use super::{Client, Node, RECOVERY, is_done, state_of, until};

/// The increments of one user.
#[derive(Clone, Copy, Default)]
pub(super) struct Sum {
    pub(super) acknowledged: u64,
    /// Increments that were answered with 503, which may be stored or not.
    pub(super) doubtful: u64,
}

pub(super) struct Load {
    over: Arc<AtomicBool>,
    /// The increments acknowledged so far, for each tab.
    progress: Vec<Arc<AtomicU64>>,
    /// Whether there was a doubtful increment.
    noticed: Arc<AtomicBool>,
    tabs: JoinSet<(usize, Sum)>,
}

impl Load {
    /// Starts one tab for each user at each server.
    pub(super) fn begin(nodes: &[Node], users: &[(u64, Client)]) -> Self {
        let (over, noticed) = Default::default();
        let mut load = Self { over, progress: Vec::new(), noticed, tabs: JoinSet::new() };
        for node in nodes {
            for (user, (_, client)) in users.iter().enumerate() {
                let progress = Arc::new(AtomicU64::new(0));
                load.progress.push(progress.clone());
                let (tab, over, noticed) = (node.client_as(client), load.over.clone(), load.noticed.clone());
                load.tabs.spawn(async move { (user, increment(tab, over, progress, noticed).await) });
            }
        }
        load
    }

    /// Waits until every tab has had `by` more increments acknowledged, and returns how long that took.
    pub(super) async fn until_all_progress(&self, by: u64) -> Duration {
        let begun = Instant::now();
        let now = |progress: &Arc<AtomicU64>| progress.load(Ordering::SeqCst);
        let before: Vec<_> = self.progress.iter().map(now).collect();
        until("every tab's increments are acknowledged", async || {
            self.progress.iter().zip(&before).all(|(progress, before)| now(progress) >= before + by)
        })
        .await;
        begun.elapsed()
    }

    /// Waits until another increment is doubtful, which it is once its request has waited for a server that is down.
    pub(super) async fn until_noticed(&self) {
        self.noticed.store(false, Ordering::SeqCst);
        until("somebody notices", async || self.noticed.load(Ordering::SeqCst)).await;
    }

    /// Stops the load, and returns the sums in the order of the users.
    pub(super) async fn end(mut self, users: usize) -> Vec<Sum> {
        self.over.store(true, Ordering::SeqCst);
        let mut sums = vec![Sum::default(); users];
        while let Some(tab) = self.tabs.join_next().await {
            let (user, sum) = tab.unwrap();
            sums[user].acknowledged += sum.acknowledged;
            sums[user].doubtful += sum.doubtful;
        }
        sums
    }
}

async fn increment(
    mut tab: Client,
    over: Arc<AtomicBool>,
    progress: Arc<AtomicU64>,
    noticed: Arc<AtomicBool>,
) -> Sum {
    let mut sum = Sum::default();
    while !over.load(Ordering::SeqCst) {
        if is_done(&mut tab, "/add").await {
            sum.acknowledged += 1;
            progress.fetch_add(1, Ordering::SeqCst);
        } else {
            sum.doubtful += 1;
            noticed.store(true, Ordering::SeqCst);
            // Pause like a browser, which does not try again a thousand times a second.
            sleep(Duration::from_millis(5)).await;
        }
    }
    sum
}

/// Compares the counters, which began at 0, with the answers, and checks that each client is still signed in as its user.
pub(super) async fn check(nodes: &[Node], users: &[(u64, Client)], sums: &[Sum]) {
    for ((user, client), sum) in users.iter().zip(sums) {
        for node in nodes {
            let state = state_of(&mut node.client_as(client)).await;
            assert_eq!(state.user, Some(*user));
            let possible = sum.acknowledged..=sum.acknowledged + sum.doubtful;
            assert!(
                possible.contains(&state.count),
                "{} is stored, {} increments were acknowledged and {} doubtful",
                state.count,
                sum.acknowledged,
                sum.doubtful
            );
        }
    }
}

/// Checks that each increment from now on counts exactly, at every server.
pub(super) async fn counts_exactly(nodes: &[Node], users: &[(u64, Client)]) {
    for (user, client) in users {
        let mut tabs: Vec<_> = nodes.iter().map(|node| node.client_as(client)).collect();
        let before = state_of(&mut tabs[0]).await;
        assert_eq!(before.user, Some(*user));
        let (mut acknowledged, mut sent) = (before.count, before.count);
        for turn in 0..2 * nodes.len() {
            let tab = &mut tabs[turn % nodes.len()];
            acknowledged += u64::from(is_done(tab, "/add").await);
            sent += 1;
        }
        let after = state_of(&mut tabs[0]).await.count;
        assert!((acknowledged..=sent).contains(&after), "{after} of {acknowledged} or {sent}");
    }
}

/// Checks that every tab makes progress again soon.
pub(super) async fn recovers(load: &Load) {
    let took = load.until_all_progress(1).await;
    assert!(took < RECOVERY, "{took:?}");
}

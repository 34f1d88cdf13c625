//! Counts what workers have begun for requests, so that a server that stops can wait for it.
//!
//! In: work that begins and ends. Out: when all of it has ended. Never: the work itself.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// The work that has begun and not ended, in all workers of an application.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ongoing(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    count: AtomicUsize,
    ended: Notify,
}

/// Counts as work until it is dropped.
pub(super) struct Counted(Ongoing);

impl Ongoing {
    pub(super) fn count(&self) -> Counted {
        self.0.count.fetch_add(1, Ordering::SeqCst);
        Counted(self.clone())
    }

    /// Waits until nothing is going on.
    pub(crate) async fn ended(self) {
        loop {
            let ended = self.0.ended.notified();
            if self.0.count.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Self(Ongoing(inner)) = self;
        if inner.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            inner.ended.notify_waiters();
        }
    }
}

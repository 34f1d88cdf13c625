//! Who may wait for locks at the server.
//!
//! In: the number of a principal's lock. Out: a [`Turn`], which the caller keeps while it has a connection. Never holds a connection while it
//! waits: a hundred sign-ins of one user that wait at the server would hold every connection, and nobody could read.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::{
    sync::{Mutex as Queue, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use super::error::{StoreError, StoreErrorKind};

pub(super) struct Turns {
    /// The calls of this process for one principal take turns here, and not at the server.
    queues: Mutex<HashMap<i64, Weak<Queue<()>>>>,
    /// Other processes may have the locks. The calls that wait for them leave half of the connections to everybody else.
    at_once: Arc<Semaphore>,
}

/// The right to wait for a lock at the server.
pub(super) struct Turn {
    _alone: OwnedMutexGuard<()>,
    _one_of_few: OwnedSemaphorePermit,
}

impl Turns {
    pub(super) fn new(connections: u32) -> Self {
        let half = usize::try_from(connections / 2).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        Self { queues: Mutex::default(), at_once: Arc::new(Semaphore::new(half)) }
    }

    pub(super) async fn take(&self, lock: i64, deadline: Instant) -> Result<Turn, StoreError> {
        let take = async {
            let alone = self.queue(lock).lock_owned().await;
            let one_of_few = Arc::clone(&self.at_once).acquire_owned().await.ok()?;
            Some(Turn { _alone: alone, _one_of_few: one_of_few })
        };
        timeout_at(deadline, take).await.ok().flatten().ok_or_else(|| {
            StoreError::new(StoreErrorKind::Unavailable).with_source(
                "other sign-ins of this user, or of users whose sessions are locked, take too long",
            )
        })
    }

    fn queue(&self, lock: i64) -> Arc<Queue<()>> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(&lock).and_then(Weak::upgrade) {
            return queue;
        }
        // Only those of calls that are under way are needed.
        if queues.len() >= 64 {
            queues.retain(|_, queue| queue.strong_count() > 0);
        }
        let queue = Arc::new(Queue::new(()));
        queues.insert(lock, Arc::downgrade(&queue));
        queue
    }
}

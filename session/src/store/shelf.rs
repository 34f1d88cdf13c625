//! Idle connections, and how many there may be in all.
//!
//! In: connections that are in order. Out: the same connections, and permits to have one. Never opens a connection, and never sends anything.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

/// Connections that were idle for longer are not used again, because firewalls silently drop them after some minutes.
pub(super) const LONGEST_IDLE: Duration = Duration::from_secs(60);

pub(super) struct Shelf<C> {
    /// One permit per connection; waiters are served in order.
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<(C, Instant)>>,
}

impl<C> Shelf<C> {
    /// A shelf for at most `most` connections, those in use included; at least one.
    pub(super) fn new(most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(most)), idle: Mutex::default() }
    }

    /// Waits for the permit to have one connection; `None` if all are in use until the deadline.
    pub(super) async fn permit(&self, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        timeout_at(deadline, Arc::clone(&self.permits).acquire_owned()).await.ok()?.ok()
    }

    /// Takes the connection that was put back last.
    pub(super) fn take(&self) -> Option<C> {
        let (connection, since) = self.idle().pop()?;
        if since.elapsed() < LONGEST_IDLE {
            return Some(connection);
        }
        // All others have been idle for longer.
        self.clear();
        None
    }

    pub(super) fn put_back(&self, connection: C) {
        self.idle().push((connection, Instant::now()));
    }

    /// Closes all idle connections.
    pub(super) fn clear(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(C, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

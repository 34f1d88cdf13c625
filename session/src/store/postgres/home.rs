//! The thread that owns the connections.
//!
//! In: work from any runtime. Out: its result. Never repeats work that may have changed something.

use std::{io, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    connections::{AGAIN, Connections, Lease, NoLease, STATEMENT},
    failure::Failure,
    layout,
    names::{Names, Tables},
    open_error::OpenError,
};
use crate::store::{
    error::{StoreError, StoreErrorKind},
    patience::patiently,
    sweep::jittered,
    thread::Thread,
};

/// The thread. Dropping this ends it, with its connections and tasks.
pub(super) struct Home {
    thread: Thread,
    pub(super) connections: Arc<Connections>,
}

impl Home {
    pub(super) async fn start(connections: Connections) -> io::Result<Self> {
        let connections = Arc::new(connections);
        let shelved = Arc::clone(&connections);
        // Listeners must be dropped inside of a runtime.
        let thread = Thread::start("session-postgres", move || shelved.shelf.clear()).await?;
        Ok(Self { thread, connections })
    }

    /// Runs `work` on a connection. `silent` is the kind of error if the thread ends without an answer. With the number of a lock that the
    /// work takes, it waits for its turn first.
    ///
    /// Work whose caller leaves while it waits for a connection is not started. Work that has started runs to its end. Work that was
    /// certainly rolled back is repeated until the deadline for a connection.
    pub(super) async fn run<T, W, F>(
        &self,
        silent: StoreErrorKind,
        lock: Option<i64>,
        work: W,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: Fn(Lease) -> F + Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send,
    {
        let connections = Arc::clone(&self.connections);
        let asked = self.thread.ask(|answer| async move {
            let turn = match lock {
                Some(lock) => connections.turns.take(lock, Instant::now() + STATEMENT).await.map(Some),
                None => Ok(None),
            };
            let _turn = match turn {
                Ok(turn) => turn,
                Err(error) => return drop(answer.send(Err(error))),
            };
            let deadline = Instant::now() + connections.wait;
            let mut earlier = None;
            let result = loop {
                let lease = match connections.lease(deadline).await {
                    Ok(lease) => lease,
                    // The reason for the repetition says more than that there was no time left.
                    Err(error) => break Err(earlier.map_or_else(|| error.into(), Failure::into)),
                };
                if answer.is_closed() {
                    return lease.give_back();
                }
                match work(lease).await {
                    Ok(done) => break Ok(done),
                    Err(failure) if failure.may_try_again() && Instant::now() < deadline => {
                        earlier = Some(failure);
                        sleep(jittered(AGAIN)).await;
                    }
                    Err(failure) => break Err(failure.into()),
                }
            };
            let _ = answer.send(result);
        });
        asked.await.unwrap_or_else(|| {
            Err(StoreError::new(silent).with_source("the thread of the PostgreSQL store has ended"))
        })
    }

    /// Creates or migrates the tables; a server that is not there yet is waited for. Once started, this runs to its end even if the caller leaves.
    pub(super) async fn prepare(&self, names: Names, patience: Duration) -> Result<Tables, OpenError> {
        let connections = Arc::clone(&self.connections);
        let asked = self.thread.ask(|answer| async move {
            let lease = || async {
                connections.reach().await?;
                connections.lease(Instant::now() + connections.wait).await
            };
            let tables = match patiently(patience, NoLease::is_for_the_moment, lease).await {
                Ok(lease) => layout::prepare(lease, names).await,
                Err(error) => Err(layout::no_connection(error)),
            };
            let _ = answer.send(tables);
        });
        asked.await.unwrap_or_else(|| Err(OpenError::Engine(StoreError::new(StoreErrorKind::Unavailable))))
    }

    /// Runs a task that ends with the thread.
    pub(super) fn keep(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.thread.keep(task);
    }
}

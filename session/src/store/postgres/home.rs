//! The thread that owns the connections.
//!
//! In: work from any runtime. Out: its result. Never repeats work that may have changed something.
//!
//! Every actix worker has its own runtime, and a socket lives only as long as the runtime that opened it. All sockets therefore belong to
//! one thread with one runtime, and callers in any runtime wait for its results. A caller that leaves does no harm: its statement runs
//! to its end on the thread, and the connection stays in order.

use std::{future::Future, io, sync::Arc, thread, time::Duration};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
    time::{Instant, sleep},
};

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
};

/// The thread. Dropping this ends it, with its connections and tasks.
pub(super) struct Home {
    runtime: Handle,
    pub(super) connections: Arc<Connections>,
    _ends: oneshot::Sender<()>,
}

impl Home {
    pub(super) async fn start(connections: Connections) -> io::Result<Self> {
        let connections = Arc::new(connections);
        let (ends, ended) = oneshot::channel::<()>();
        let (start, started) = oneshot::channel();
        let shelved = Arc::clone(&connections);
        thread::Builder::new().name("session-postgres".into()).spawn(move || {
            // Built here, because a runtime must not be dropped inside of another one.
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(start.send(Err(error))),
            };
            let _ = start.send(Ok(runtime.handle().clone()));
            runtime.block_on(async {
                let _ = ended.await;
                // Listeners must be dropped inside of a runtime.
                shelved.shelf().clear();
            });
            drop(runtime);
            drop(shelved);
        })?;
        let runtime = started.await.map_err(io::Error::other)??;
        Ok(Self { runtime, connections, _ends: ends })
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
        let (answer, answered) = oneshot::channel();
        let connections = Arc::clone(&self.connections);
        self.runtime.spawn(async move {
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
                    lease.give_back();
                    return;
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
        answered.await.unwrap_or_else(|_| {
            Err(StoreError::new(silent).with_source("the thread of the PostgreSQL store has ended"))
        })
    }

    /// Creates or migrates the tables; a server that is not there yet is waited for. Once started, this runs to its end even if the caller leaves.
    pub(super) async fn prepare(&self, names: Names, patience: Duration) -> Result<Tables, OpenError> {
        let (answer, answered) = oneshot::channel();
        let connections = Arc::clone(&self.connections);
        self.runtime.spawn(async move {
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
        answered
            .await
            .unwrap_or_else(|_| Err(OpenError::Engine(StoreError::new(StoreErrorKind::Unavailable))))
    }

    /// Runs a task that ends with the thread.
    pub(super) fn keep(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }
}

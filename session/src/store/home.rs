//! The thread that owns the connections to a database.
//!
//! In: work from any runtime. Out: its result. Never repeats work that may have changed something.

use std::{io, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    error::{StoreError, StoreErrorKind},
    patience::patiently,
    reach::NoLease,
    sweep::{jittered, keep_sweeping},
    thread::Thread,
    turns::Turns,
};

/// How long work waits for its turn: as long as those before it may work.
const TURN: Duration = Duration::from_secs(4);

/// The pause before work that was rolled back is begun again.
const AGAIN: Duration = Duration::from_millis(20);

/// The connections of an engine.
pub(super) trait Leases: Send + Sync + 'static {
    /// The name of the thread that owns them.
    const THREAD: &'static str;
    /// A connection for one caller.
    type Lease: Send + 'static;
    /// Why work on a connection has no result.
    type Failure: Into<StoreError> + Send;

    /// How long a call waits for a connection.
    fn wait(&self) -> Duration;

    /// Checks that something listens at the address.
    fn reach(&self) -> impl Future<Output = Result<(), NoLease>> + Send;

    /// Waits for a free connection.
    fn lease(
        self: &Arc<Self>,
        deadline: Instant,
    ) -> impl Future<Output = Result<Self::Lease, NoLease>> + Send;

    /// Puts back a connection on which nothing was done.
    fn give_back(lease: Self::Lease);

    /// Closes all idle connections.
    fn close_idle(&self);

    /// Whether the server may only not be there yet.
    fn is_for_the_moment(none: &NoLease) -> bool;

    /// The meaning of having no connection.
    fn unavailable(none: NoLease) -> StoreError;

    /// Whether nothing was changed, and the same work may succeed if it is begun again.
    fn may_try_again(failure: &Self::Failure) -> bool;
}

/// The thread. Dropping this ends it, with its connections and tasks.
pub(super) struct Home<C> {
    thread: Thread,
    pub(super) connections: Arc<C>,
    /// Those that take the lock of a principal wait here before they take a connection.
    turns: Arc<Turns>,
}

impl<C: Leases> Home<C> {
    /// Starts the thread for at most `most` connections.
    pub(super) async fn start(connections: C, most: u32) -> io::Result<Self> {
        let connections = Arc::new(connections);
        let shelved = Arc::clone(&connections);
        // PostgreSQL's listeners must be dropped inside of a runtime.
        let thread = Thread::start(C::THREAD, move || shelved.close_idle()).await?;
        Ok(Self { thread, connections, turns: Arc::new(Turns::new(most)) })
    }

    /// Runs `work` on a connection. `silent` is the kind of error if the thread ends without an answer. With the number of a lock that the
    /// work takes, it waits for its turn first.
    ///
    /// Work whose caller leaves while it waits for a connection is not started. Work that has started runs to its end. Work that has
    /// certainly changed nothing is repeated until the deadline for a connection.
    pub(super) async fn run<T, W, F>(
        &self,
        silent: StoreErrorKind,
        lock: Option<i64>,
        work: W,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: Fn(C::Lease) -> F + Send + 'static,
        F: Future<Output = Result<T, C::Failure>> + Send,
    {
        let (connections, turns) = (Arc::clone(&self.connections), Arc::clone(&self.turns));
        let asked = self.thread.ask(|answer| async move {
            let turn = match lock {
                Some(lock) => turns.take(lock, Instant::now() + TURN).await.map(Some),
                None => Ok(None),
            };
            let _turn = match turn {
                Ok(turn) => turn,
                Err(error) => return drop(answer.send(Err(error))),
            };
            let deadline = Instant::now() + connections.wait();
            let mut earlier = None;
            let result = loop {
                let lease = match connections.lease(deadline).await {
                    Ok(lease) => lease,
                    // The reason for the repetition says more than that there was no time left.
                    Err(none) => {
                        break Err(earlier.map_or_else(|| C::unavailable(none), C::Failure::into));
                    }
                };
                if answer.is_closed() {
                    return C::give_back(lease);
                }
                match work(lease).await {
                    Ok(done) => break Ok(done),
                    Err(failure) if C::may_try_again(&failure) && Instant::now() < deadline => {
                        earlier = Some(failure);
                        sleep(jittered(AGAIN)).await;
                    }
                    Err(failure) => break Err(failure.into()),
                }
            };
            let _ = answer.send(result);
        });
        asked.await.unwrap_or_else(|| Err(Self::ended(silent)))
    }

    /// Connects for the first time, and does `prepare` with the result; a server that is not there yet is waited for. Once started, this runs
    /// to its end even if the caller leaves. It fails only if the thread ends.
    pub(super) async fn prepare<T, P, F>(&self, patience: Duration, prepare: P) -> Result<T, StoreError>
    where
        T: Send + 'static,
        P: FnOnce(Result<C::Lease, NoLease>) -> F + Send + 'static,
        F: Future<Output = T> + Send,
    {
        let connections = Arc::clone(&self.connections);
        let asked = self.thread.ask(|answer| async move {
            let lease = || async {
                connections.reach().await?;
                connections.lease(Instant::now() + connections.wait()).await
            };
            let first = patiently(patience, C::is_for_the_moment, lease).await;
            let _ = answer.send(prepare(first).await);
        });
        asked.await.ok_or_else(|| Self::ended(StoreErrorKind::Unavailable))
    }

    /// Lets a task of the thread remove expired sessions with `swept`, which returns how many it removed.
    pub(super) fn keep_sweeping<F>(
        &self,
        every: Duration,
        swept: impl Fn(C::Lease, u32) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<u32, C::Failure>> + Send,
    {
        let (connections, swept) = (Arc::clone(&self.connections), Arc::new(swept));
        self.thread.keep(keep_sweeping(every, move |limit| {
            let (connections, swept) = (Arc::clone(&connections), Arc::clone(&swept));
            async move {
                let lease = connections.lease(Instant::now() + connections.wait()).await;
                swept(lease.map_err(C::unavailable)?, limit).await.map_err(C::Failure::into)
            }
        }));
    }

    fn ended(kind: StoreErrorKind) -> StoreError {
        StoreError::new(kind).with_source(format!("the thread {} has ended", C::THREAD))
    }
}

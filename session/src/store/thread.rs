//! A thread with a runtime of its own, for connections that any number of runtimes use.
//!
//! In: work from any runtime. Out: its result. Never repeats work, and never stops work that has begun.
//!
//! Every actix worker has its own runtime, and a socket lives only as long as the runtime that opened it. All sockets of a store therefore
//! belong to one thread with one runtime, and callers in any runtime wait for its results. A caller that leaves does no harm: what it
//! asked for runs to its end on the thread, and the connection stays in order.

use std::{io, thread};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// The thread. Dropping this ends it, with its tasks.
pub(super) struct Thread {
    runtime: Handle,
    _ends: oneshot::Sender<()>,
}

impl Thread {
    /// Starts the thread. It calls `at_end` last, inside of its runtime, to drop what cannot be dropped outside of one.
    pub(super) async fn start(name: &str, at_end: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (ends, ended) = oneshot::channel::<()>();
        let (start, started) = oneshot::channel();
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            // Built here, because a runtime must not be dropped inside of another one.
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(start.send(Err(error))),
            };
            let _ = start.send(Ok(runtime.handle().clone()));
            runtime.block_on(async {
                let _ = ended.await;
                at_end();
            });
        })?;
        let runtime = started.await.map_err(io::Error::other)??;
        Ok(Self { runtime, _ends: ends })
    }

    /// Runs `work` on the thread, and returns what it sends; `None` if the thread ends first. `work` can see whether its caller has left.
    pub(super) async fn ask<T, F>(&self, work: impl FnOnce(oneshot::Sender<T>) -> F) -> Option<T>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.runtime.spawn(work(answer));
        answered.await.ok()
    }

    /// Runs a task that ends with the thread.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(super) fn keep(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }
}

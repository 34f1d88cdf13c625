//! The store: its connections, its clock, and the task that sweeps it.
//!
//! In: [`SqliteOptions`]. Out: [`SqliteStore`]. Never: a record; those are read and written in `mod.rs`.

use std::{
    fmt,
    path::Path,
    sync::{Arc, Weak},
};

use tokio::task::AbortHandle;

use super::{
    connections::Connections,
    layout::{OpenError, open},
    options::SqliteOptions,
    rows,
};
use crate::store::{
    clock::Clock,
    error::StoreError,
    sweep::{Sweep, keep_sweeping},
};

/// Sessions in one SQLite file: for one machine, with any number of processes, without a server.
///
/// ```no_run
/// use actix_typed_session::store::SqliteStore;
///
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let store = SqliteStore::open("/var/lib/shop/sessions.db").await?;
/// # let _ = store.clone();
/// # Ok(())
/// # }
/// ```
///
/// The file is created when it is missing, readable by its owner only, and migrated when it was written by an earlier release. Next to it
/// SQLite keeps `-wal` and `-shm` files; a copy of a running store is taken with `VACUUM INTO` or `sqlite3 .backup`, not with
/// `cp`. The file must be on a local disk: network file systems do not lock as SQLite needs it.
///
/// Clones share the file's connections. Writers of one process queue in the order in which they came; readers wait for nobody.
/// Expired records leave the file with every `create`, 32 at a time, and by a task of the store. Dropping one of its futures ends the transaction.
/// Futures must run in a tokio runtime with time enabled, as actix-web's do.
///
/// Nobody who can read this file can use a session: it holds only hashes of verifiers.
#[derive(Clone)]
pub struct SqliteStore(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) writer: Connections,
    pub(super) readers: Connections,
    pub(super) clock: Arc<dyn Clock>,
    _sweeper: Option<Ends>,
}

/// A task that ends with the store.
struct Ends(AbortHandle);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl SqliteOptions {
    /// Opens the file; creates or migrates it first.
    ///
    /// # Errors
    /// When its folder is missing, it is not a file of sessions, a later release wrote it, or it cannot be opened.
    pub async fn open(self) -> Result<SqliteStore, OpenError> {
        let (writer, readers) = open(&self).await?;
        Ok(SqliteStore(Arc::new_cyclic(|store: &Weak<Inner>| {
            let sweeper = self.sweep_every.map(|every| {
                let store = store.clone();
                let task = tokio::spawn(keep_sweeping(every, move |limit| {
                    let store = store.upgrade().map(SqliteStore);
                    async move {
                        match store {
                            Some(store) => store.sweep(limit).await,
                            None => Ok(0),
                        }
                    }
                }));
                Ends(task.abort_handle())
            });
            Inner { writer, readers, clock: self.clock, _sweeper: sweeper }
        })))
    }
}

impl SqliteStore {
    /// Opens the file at `path` with the default settings; creates or migrates it first.
    ///
    /// # Errors
    /// As [`SqliteOptions::open`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::options(path).open().await
    }

    /// The settings for opening the file at `path`.
    #[must_use]
    pub fn options(path: impl AsRef<Path>) -> SqliteOptions {
        SqliteOptions::new(path.as_ref())
    }
}

impl Sweep for SqliteStore {
    async fn sweep(&self, limit: u32) -> Result<u32, StoreError> {
        let mut lease = self.0.writer.begin().await?;
        let swept = rows::sweep(&mut lease, self.0.clock.now(), limit).await?;
        lease.commit().await?;
        Ok(u32::try_from(swept).unwrap_or(u32::MAX))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

//! The store: its connections, its clock, and the task that removes expired records.
//!
//! In: [`SqliteOptions`]. Out: [`SqliteStore`]. Never reads or writes a session; `mod.rs` does.

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
use crate::{
    events::Events,
    store::{
        clock::Clock,
        error::StoreError,
        sweep::{Sweep, keep_sweeping},
    },
};

/// Sessions in one SQLite file, for any number of processes of one machine, without a server.
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
/// If the file is missing, it is created, readable by its owner only. If an earlier release wrote it, it is migrated. SQLite keeps `-wal` and
/// `-shm` files beside it, so copy a running store with `VACUUM INTO` or `sqlite3 .backup`, not with `cp`. The file must be on a local
/// disk, because network file systems do not provide the locks that SQLite needs.
///
/// Clones share the file's connections. Writers of one process queue in order; reads never wait for a lock. Expired records are removed
/// by every `create`, 32 at a time, and by a task of the store. Dropping a future rolls back its transaction. Futures must run in a tokio
/// runtime with time enabled, as actix-web's are.
///
/// The file holds only hashes of verifiers, so reading it does not let anyone use a session.
#[derive(Clone)]
pub struct SqliteStore(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) writer: Connections,
    pub(super) readers: Connections,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) events: Events,
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
    /// Opens the file, and creates or migrates it if needed.
    ///
    /// # Errors
    /// When the folder is missing, the file holds something else, a later release wrote it, the user may not write it or create files beside it,
    /// or it cannot be opened. One that another process writes to for longer than the busy timeout can be opened, unless it must be migrated.
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
            Inner { writer, readers, clock: self.clock, events: Events::default(), _sweeper: sweeper }
        })))
    }
}

impl SqliteStore {
    /// Opens the file at `path` with the default settings, and creates or migrates it if needed.
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
        self.0.events.swept(swept);
        Ok(u32::try_from(swept).unwrap_or(u32::MAX))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

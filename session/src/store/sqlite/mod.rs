//! Sessions in one SQLite file, shared by the processes of one machine.
//!
//! In and out: the store contract, by calling [`Record::apply`] between `BEGIN IMMEDIATE` and `COMMIT`. Never: a transaction that
//! outlives its call, a second try of a write.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::task::AbortHandle;

use self::{connections::Connections, index::make_room, rows::Rows};
use crate::{
    id::public::Selector,
    record::{
        apply::{Outcome, Record},
        change::{Change, NewRecord},
        meta::Principal,
    },
    store::{
        clock::{Clock, SystemClock},
        contract::{Created, Index, LoadOptions, Loaded, SessionStore, Updated},
        error::{StoreError, StoreErrorKind},
        scan::{Cursor, Scanned},
        sweep::{Sweep, keep_sweeping},
    },
};

pub use self::layout::OpenError;

mod connections;

mod index;

mod layout;

mod rows;

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
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    writer: Connections,
    readers: Connections,
    clock: Arc<dyn Clock>,
    _sweeper: Option<Ends>,
}

/// A task that ends with the store.
struct Ends(AbortHandle);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// When a write counts as done; see [`SqliteOptions::synchronous`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Synchronous {
    /// When the disk has it: a power cut loses nothing that was acknowledged.
    #[default]
    Full,
    /// When the operating system has it: a power cut may lose the last moments, and with them a logout. A crash or a kill of
    /// the process loses nothing.
    Normal,
}

/// A batch that a visitor does not notice, and more than one `create` adds.
const SWEPT_WITH_CREATE: u32 = 32;

/// How to open a [`SqliteStore`]; every setting has a default.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    busy_timeout: Duration,
    synchronous: Synchronous,
    max_bytes: Option<u64>,
    sweep_every: Option<Duration>,
}

impl SqliteOptions {
    /// Another clock; the default is the operating system's, which all processes of a machine share.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How long a write waits for other writers, of this process and of others together, before it answers
    /// [`Unavailable`](StoreErrorKind::Unavailable).
    ///
    /// The default, 1.5 s, is shorter than the two seconds that a request has for saving. So a busy file is reported as "nothing
    /// was changed", and not as an outcome that nobody knows.
    #[must_use]
    pub const fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// When a write counts as done.
    ///
    /// The default, [`Full`](Synchronous::Full), waits for the disk with every write (some tenths of a millisecond on an SSD),
    /// because nothing that was acknowledged may be lost, a logout least of all. [`Normal`](Synchronous::Normal) is several
    /// times faster and takes that risk at a power cut.
    #[must_use]
    pub const fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// How large the file may grow; then [`Full`](StoreErrorKind::Full). The default is as large as the disk allows.
    #[must_use]
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// How often a task of the store removes expired sessions; the default is every minute. `None`: only `create` does, 32 at
    /// a time. The task ends with the last clone of the store, or with the runtime in which the store was opened.
    #[must_use]
    pub const fn sweep_every(mut self, every: Option<Duration>) -> Self {
        self.sweep_every = every;
        self
    }

    /// Opens the file; creates or migrates it first.
    ///
    /// # Errors
    /// When its folder is missing, it is not a file of sessions, a later release wrote it, or it cannot be opened.
    pub async fn open(self) -> Result<SqliteStore, OpenError> {
        let (writer, readers) = layout::open(&self).await?;
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
        SqliteOptions {
            path: path.as_ref().to_path_buf(),
            clock: Arc::new(SystemClock),
            busy_timeout: Duration::from_millis(1500),
            synchronous: Synchronous::Full,
            max_bytes: None,
            sweep_every: Some(Duration::from_mins(1)),
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl SessionStore for SqliteStore {
    async fn load(&self, key: &Selector, _: &LoadOptions) -> Result<Option<Loaded>, StoreError> {
        // Asked before the read: a record that somebody touches meanwhile must not look older than it was.
        let now = self.0.clock.now();
        let mut lease = self.0.readers.lease().await?;
        let record = Rows::of(&mut lease, key).load().await;
        // A record that cannot be read, as every one of a later release, says nothing against the connection.
        if record.as_ref().err().is_none_or(|error| error.kind() != StoreErrorKind::Unavailable) {
            lease.give_back();
        }
        Ok(record?.filter(|record| !record.is_expired(now)).map(|record| Loaded::new(record, now)))
    }

    async fn create(&self, key: &Selector, new: &NewRecord) -> Result<Created, StoreError> {
        let mut lease = self.0.writer.begin().await?;
        // Asked under the lock, as in `update`: what was decided before somebody waited may be wrong by now.
        let now = self.0.clock.now();
        rows::sweep(&mut lease, now, SWEPT_WITH_CREATE).await?;
        let record = Record::create(new, now);
        let answer = if Rows::of(&mut lease, key).any().await? {
            Created::Exists
        } else if record.is_expired(now) {
            Created::Created
        } else if make_room(&mut lease, key, new.principal.as_ref(), new.max_sessions, now).await? {
            Rows::of(&mut lease, key).insert(&record).await?;
            Created::Created
        } else {
            Created::TooMany
        };
        lease.commit().await?;
        Ok(answer)
    }

    async fn update(&self, key: &Selector, change: &Change) -> Result<Updated, StoreError> {
        let mut lease = self.0.writer.begin().await?;
        let now = self.0.clock.now();
        let mut rows = Rows::of(&mut lease, key);
        let record = match rows.load().await {
            Ok(Some(record)) => record,
            nothing => {
                lease.rollback().await;
                return nothing.map(|_| Updated::Gone);
            }
        };
        let answer = match record.apply(change, now) {
            Outcome::Conflict => {
                lease.rollback().await;
                return Ok(Updated::Conflict(Loaded::new(record, now)));
            }
            Outcome::Done(next) => {
                let principal = next.meta().principal.as_ref();
                let more = principal.filter(|_| principal != record.meta().principal.as_ref());
                if !make_room(&mut lease, key, more, change.max_sessions, now).await? {
                    lease.rollback().await;
                    return Ok(Updated::TooMany);
                }
                Rows::of(&mut lease, key).write(change, &next).await?;
                Updated::Done { revision: next.meta().revision }
            }
            Outcome::Gone => {
                rows.delete().await?;
                Updated::Gone
            }
        };
        lease.commit().await?;
        Ok(answer)
    }

    async fn delete(&self, key: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        let mut lease = self.0.writer.begin().await?;
        let mut rows = Rows::of(&mut lease, key);
        if only_if.is_some() {
            let matches = |record: Record| record.meta().principal.as_ref() == only_if;
            // What cannot be read may be of this principal: the caller hears that it is not known to be gone.
            match rows.load().await.map(|record| record.is_some_and(matches)) {
                Ok(true) => {}
                other => {
                    lease.rollback().await;
                    return other.map(|_| ());
                }
            }
        }
        rows.delete().await?;
        lease.commit().await
    }

    fn index(&self) -> Option<Index<'_>> {
        Some(Index::of(self))
    }

    async fn scan(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        let mut lease = self.0.readers.lease().await?;
        let keys = rows::keys(&mut lease, from.and_then(Cursor::last_selector), limit).await?;
        lease.give_back();
        Ok(Scanned::in_order(keys, limit))
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

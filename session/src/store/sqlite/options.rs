//! The settings of a SQLite store.
//!
//! In: a path and settings. Out: [`SqliteOptions`]. Never: I/O.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::store::clock::{Clock, SystemClock};

/// When a write counts as done; see [`SqliteOptions::synchronous`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Synchronous {
    /// When the disk has it. A power cut loses nothing that was acknowledged.
    #[default]
    Full,
    /// When the operating system has it. A power cut may lose the last writes, and with them a logout; a crash or a kill of the process
    /// loses nothing.
    Normal,
}

/// How to open a [`SqliteStore`](crate::store::SqliteStore); every setting but the path has a default.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    pub(super) path: PathBuf,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) busy_timeout: Duration,
    pub(super) synchronous: Synchronous,
    pub(super) max_bytes: Option<u64>,
    pub(super) sweep_every: Option<Duration>,
}

impl SqliteOptions {
    /// The default settings for the file at `path`.
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            clock: Arc::new(SystemClock),
            busy_timeout: Duration::from_millis(1500),
            synchronous: Synchronous::Full,
            max_bytes: None,
            sweep_every: Some(Duration::from_secs(60)),
        }
    }

    /// Sets the clock by which sessions expire. The default is the operating system's, which all processes of a machine share.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets how long a write waits for other writers, of this process and of others, before it fails with
    /// [`Unavailable`](crate::store::StoreErrorKind::Unavailable).
    ///
    /// The default, 1.5 s, is shorter than the two seconds that a request has for saving, so a busy file is reported as "nothing was
    /// changed" and not as an unknown outcome.
    #[must_use]
    pub const fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Sets when a write counts as done.
    ///
    /// The default, [`Full`](Synchronous::Full), waits for the disk with every write (some tenths of a millisecond on an SSD), because
    /// no acknowledged write may be lost, a logout least of all. [`Normal`](Synchronous::Normal) is several times faster, and may lose
    /// the last writes in a power cut.
    #[must_use]
    pub const fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// Sets how large the file may grow, in bytes. Writes that need more fail with [`Full`](crate::store::StoreErrorKind::Full). By default
    /// only the disk limits the file.
    #[must_use]
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Sets how often a task of the store removes expired sessions; the default is every minute. With `None` there is no task, and only
    /// `create` removes some, 32 at a time. The task ends with the last clone of the store, or with the runtime in which the store was
    /// opened.
    #[must_use]
    pub const fn sweep_every(mut self, every: Option<Duration>) -> Self {
        self.sweep_every = every;
        self
    }
}

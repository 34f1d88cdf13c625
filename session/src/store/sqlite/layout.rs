//! The file: its tables, their version, and how it is opened.
//!
//! In: [`SqliteOptions`]. Out: connections to a file of this layout, or [`OpenError`]. Never: a change to a file that holds
//! something else, or that a later release wrote.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use tokio::time::{Instant, sleep};

use super::{
    connections::{Connections, is_busy},
    options::{SqliteOptions, Synchronous},
};

/// `PRAGMA user_version` of the tables below.
const LAYOUT: i64 = 1;
/// `PRAGMA application_id`, "ats1": a file that has another one is somebody else's.
const APPLICATION: i64 = 0x6174_7331;

/// Every layout from the one before it. A release that changes tables appends, and never edits.
const STEPS: [&str; 1] = ["
    CREATE TABLE session (
        selector BLOB NOT NULL PRIMARY KEY, meta TEXT NOT NULL, expires INTEGER NOT NULL, principal TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX session_by_end ON session (expires);
    CREATE INDEX session_by_principal ON session (principal) WHERE principal IS NOT NULL;
    CREATE TABLE cell (
        session BLOB NOT NULL, wire_key TEXT NOT NULL, cell TEXT NOT NULL, PRIMARY KEY (session, wire_key)
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER session_ends AFTER DELETE ON session BEGIN DELETE FROM cell WHERE session = OLD.selector; END;
    PRAGMA application_id = 0x61747331;
    PRAGMA user_version = 1;
"];

/// Readers of one process at a time. They wait for no lock, only for the disk, and a load takes some tens of microseconds.
const READERS: usize = 4;

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder in which the file should be is not there.
    #[error("the folder {} for the session file does not exist; create it first", .0.display())]
    NoFolder(PathBuf),
    /// The file holds something else than sessions; it was left as it is.
    #[error("{} is a database of something else; give the sessions a file of their own", .0.display())]
    NotSessions(PathBuf),
    /// A later release of this library wrote the file; it was left as it is.
    #[error(
        "the session file has layout {found}, and this release reads layouts up to {supported}; run the later release"
    )]
    TooNew {
        /// The file's layout.
        found: i64,
        /// The last that this release knows.
        supported: i64,
    },
    /// The file system refused.
    #[error("the session file {} cannot be created", .0.display())]
    Io(PathBuf, #[source] io::Error),
    /// SQLite refused, or others held the file for longer than the busy timeout.
    #[error("the session file {} cannot be opened", .0.display())]
    Engine(PathBuf, #[source] sqlx::Error),
}

/// Connections for writing and for reading.
pub(super) async fn open(options: &SqliteOptions) -> Result<(Connections, Connections), OpenError> {
    // SQLite would take `file:..` and `:memory:` for something else than names.
    let path =
        std::path::absolute(&options.path).map_err(|error| OpenError::Io(options.path.clone(), error))?;
    create_private(&path)?;
    let base = SqliteConnectOptions::new()
        .filename(&path)
        .disable_statement_logging()
        // Writers wait in `Connections::begin`.
        .busy_timeout(Duration::ZERO)
        .synchronous(match options.synchronous {
            Synchronous::Full => SqliteSynchronous::Full,
            Synchronous::Normal => SqliteSynchronous::Normal,
        });
    prepare(&base, &path, options.busy_timeout).await?;
    let reader = base.clone().busy_timeout(options.busy_timeout).pragma("query_only", "ON");
    let mut writer = base;
    if let Some(bytes) = options.max_bytes {
        // Pages of SQLite's default size.
        writer = writer.pragma("max_page_count", (bytes / 4096).max(1).to_string());
    }
    Ok((
        Connections::new(writer, 1, options.busy_timeout),
        Connections::new(reader, READERS, options.busy_timeout),
    ))
}

/// Creates the file for its owner only, if it is not there; SQLite gives its companions the same mode.
fn create_private(path: &Path) -> Result<(), OpenError> {
    // Closing a file drops this process's locks on it, those of SQLite too: nobody may open it in between.
    static CREATING: Mutex<()> = Mutex::new(());
    let _creating = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut create = fs::OpenOptions::new();
    create.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut create, 0o600);
    let folder = path.parent().unwrap_or(path);
    match create.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound || !folder.is_dir() => {
            Err(OpenError::NoFolder(folder.to_path_buf()))
        }
        Err(error) => Err(OpenError::Io(path.to_path_buf(), error)),
    }
}

/// Brings the file to this layout. Processes that do so at once take turns.
async fn prepare(options: &SqliteConnectOptions, path: &Path, wait: Duration) -> Result<(), OpenError> {
    let deadline = Instant::now() + wait;
    loop {
        let failure = match options.connect().await {
            Ok(mut connection) => match migrate(&mut connection, path).await {
                Ok(()) => {
                    return connection.close().await.map_err(|e| OpenError::Engine(path.to_path_buf(), e));
                }
                Err(failure) => failure,
            },
            Err(error) => OpenError::Engine(path.to_path_buf(), error),
        };
        // Turning on WAL and migrating need the file alone, and SQLite does not wait for the first of them.
        match failure {
            OpenError::Engine(_, error) if is_busy(&error) && Instant::now() < deadline => {
                sleep(Duration::from_millis(5)).await;
            }
            failure => return Err(failure),
        }
    }
}

async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let found = layout(connection, path).await?;
    // Changes the file, so only once it is known to be ours. Readers then never wait for writers, nor writers for readers.
    let wal = sqlx::query_scalar::<_, String>("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await;
    wal.map_err(|error| OpenError::Engine(path.to_path_buf(), error))?;
    if found == LAYOUT { Ok(()) } else { upgrade(connection, path).await }
}

async fn upgrade(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let engine = |error| OpenError::Engine(path.to_path_buf(), error);
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await.map_err(engine)?;
    // Looked at again under the lock: another process may have been faster.
    let from = layout(connection, path).await?;
    for step in STEPS.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
        sqlx::raw_sql(*step).execute(&mut *connection).await.map_err(engine)?;
    }
    sqlx::query("COMMIT").execute(&mut *connection).await.map_err(engine)?;
    Ok(())
}

/// The file's layout; 0: it is empty.
async fn layout(connection: &mut SqliteConnection, path: &Path) -> Result<i64, OpenError> {
    const WHAT: &str = "SELECT (SELECT application_id FROM pragma_application_id), \
        (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)";
    let what: (i64, i64, i64) = sqlx::query_as(WHAT)
        .fetch_one(connection)
        .await
        .map_err(|error| OpenError::Engine(path.to_path_buf(), error))?;
    match what {
        (0, 0, 0) => Ok(0),
        (APPLICATION, found, _) if found > LAYOUT => Err(OpenError::TooNew { found, supported: LAYOUT }),
        (APPLICATION, found, _) if found > 0 => Ok(found),
        _ => Err(OpenError::NotSessions(path.to_path_buf())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SqliteStore;

    /// Runs a test on a file of its own.
    fn on_a_file(
        name: &str,
        test: impl AsyncFnOnce(PathBuf) -> Result<(), Box<dyn std::error::Error>>,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir(&folder)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let tested = runtime.block_on(test(folder.join("sessions.db")));
        fs::remove_dir_all(folder)?;
        tested
    }

    async fn asked(connections: &Connections, pragma: &'static str) -> Option<String> {
        let mut lease = connections.lease().await.ok()?;
        sqlx::query_scalar(pragma).fetch_one(&mut *lease).await.ok()
    }

    /// Nothing but a power cut shows what this is for.
    #[test]
    fn a_write_waits_for_the_disk_by_default() -> Result<(), Box<dyn std::error::Error>> {
        const LEVEL: &str = "SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous";
        const JOURNAL: &str = "SELECT journal_mode FROM pragma_journal_mode";
        on_a_file("synchronous", async |path| {
            let (writer, _) = open(&SqliteStore::options(&path)).await?;
            assert_eq!(asked(&writer, LEVEL).await.as_deref(), Some("2"));
            assert_eq!(asked(&writer, JOURNAL).await.as_deref(), Some("wal"));
            let (writer, _) = open(&SqliteStore::options(&path).synchronous(Synchronous::Normal)).await?;
            assert_eq!(asked(&writer, LEVEL).await.as_deref(), Some("1"));
            Ok(())
        })
    }

    /// Both have seen an empty file; the second has its turn when the tables are there.
    #[test]
    fn an_upgrade_that_comes_second_finds_its_work_done() -> Result<(), Box<dyn std::error::Error>> {
        on_a_file("upgrade", async |path| {
            create_private(&path)?;
            let options = SqliteConnectOptions::new().filename(&path);
            let (mut first, mut second) = (options.connect().await?, options.connect().await?);
            assert_eq!((layout(&mut first, &path).await?, layout(&mut second, &path).await?), (0, 0));
            upgrade(&mut first, &path).await?;
            upgrade(&mut second, &path).await?;
            assert_eq!(layout(&mut second, &path).await?, LAYOUT);
            Ok(())
        })
    }
}

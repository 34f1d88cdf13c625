//! The file: its tables, their version, and how it is opened.
//!
//! In: [`SqliteOptions`]. Out: connections to a file of this layout, or [`OpenError`]. Never changes a file that holds anything else, or that
//! a later release wrote.

use std::{
    error::Error,
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
    connections::{CANNOT_OPEN, Connections, READ_ONLY, is_busy, primary_code},
    options::{SqliteOptions, Synchronous},
};

/// The layout of the tables below.
const LAYOUT: i64 = 2;
/// `PRAGMA user_version` has the layout in its lower 16 bits, and above them the oldest layout whose releases can use the file, if that is
/// another one. A migration that only adds columns with defaults leaves the latter as it is (G5).
const READABLE_FROM: u32 = 16;
/// `PRAGMA application_id`, the text "ats1". A file with another id belongs to another program.
const APPLICATION: i64 = 0x6174_7331;

/// The statements that make each layout from the one before. A release that changes the tables appends to this list, and never edits it.
pub(super) const MIGRATIONS: [&str; 2] = [
    "
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
",
    // In the order in which a maximum ends sessions, with all that a sign-in asks for. A release that does not know the index keeps it true:
    // `user_version` is layout 2, readable from 1.
    "
    CREATE INDEX session_by_sign_in ON session (
        principal,
        CASE WHEN json_valid(meta) THEN CAST(coalesce(meta ->> 'authenticated', meta ->> 'created') AS INTEGER) END,
        selector,
        expires
    ) WHERE principal IS NOT NULL;
    PRAGMA user_version = 0x10002;
",
];

/// The maximum of read connections per process. Reads wait for no lock, only for the disk, and take some tens of microseconds.
const READERS: usize = 4;

/// Why a file could not be opened.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder of the file does not exist.
    #[error("the folder {} for the session file does not exist; create it first", .0.display())]
    NoFolder(PathBuf),
    /// The file holds something other than sessions; it was left as it is.
    #[error("{} is the database of another program; give the sessions a file of their own", .0.display())]
    NotSessions(PathBuf),
    /// A later release of this library wrote the file; it was left as it is.
    #[error(
        "the session file has layout {found}, but this release reads layouts up to {supported}; run the later release"
    )]
    TooNew {
        /// The layout of the file.
        found: i64,
        /// The last layout that this release reads.
        supported: i64,
    },
    /// The file system refused to create the file.
    #[error("the session file {path} cannot be created: {1}; check the permissions of its folder", path = .0.display())]
    Io(PathBuf, #[source] io::Error),
    /// The path is that of a folder.
    #[error("{} is a folder; write the path of a file in it, such as {}", .0.display(), .0.join("sessions.db").display())]
    IsFolder(PathBuf),
    /// The user who runs the application may not read and write the file or those beside it, or may not create them.
    #[error(
        "the session file {path} cannot be written: {1}; the user who runs the application must be able to read and write it, and to \
         create files in its folder, where SQLite keeps {name}-wal and {name}-shm; if these are there, they must be writable too",
        path = .0.display(), name = .0.file_name().unwrap_or_default().display()
    )]
    NotWritable(PathBuf, #[source] Box<dyn Error + Send + Sync>),
    /// SQLite refused to open the file, or other processes held it for longer than the busy timeout.
    #[error("the session file {path} cannot be opened: {1}", path = .0.display())]
    Engine(PathBuf, #[source] Box<dyn Error + Send + Sync>),
}

crate::message::debug_is_the_message!(OpenError);

/// The error of SQLite about the file at `path`. That it is sqlx's own type is nobody's business.
fn engine(path: &Path) -> impl Fn(sqlx::Error) -> OpenError {
    |error| match primary_code(&error) {
        Some(READ_ONLY | CANNOT_OPEN) => OpenError::NotWritable(path.to_path_buf(), error.into()),
        _ => OpenError::Engine(path.to_path_buf(), error.into()),
    }
}

/// Opens the file; returns the connections for writing and for reading.
pub(super) async fn open(options: &SqliteOptions) -> Result<(Connections, Connections), OpenError> {
    // An absolute path, because SQLite gives names such as `file:..` and `:memory:` a meaning.
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

/// Creates the file if it does not exist, readable by its owner only. SQLite gives the files beside it the same mode.
fn create_private(path: &Path) -> Result<(), OpenError> {
    // Closing any handle of a file drops all locks of this process on it, SQLite's included, so no two threads may do this at once.
    static CREATING: Mutex<()> = Mutex::new(());
    let _creating = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut create = fs::OpenOptions::new();
    create.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut create, 0o600);
    let folder = path.parent().unwrap_or(path);
    if path.is_dir() {
        return Err(OpenError::IsFolder(path.to_path_buf()));
    }
    match create.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound || !folder.is_dir() => {
            Err(OpenError::NoFolder(folder.to_path_buf()))
        }
        Err(error) => Err(OpenError::Io(path.to_path_buf(), error)),
    }
}

/// Brings the file to this layout. Processes that do so at the same time take turns.
async fn prepare(options: &SqliteConnectOptions, path: &Path, wait: Duration) -> Result<(), OpenError> {
    let deadline = Instant::now() + wait;
    loop {
        let failure = match options.connect().await {
            Ok(mut connection) => match migrate(&mut connection, path).await {
                Ok(()) => {
                    return connection.close().await.map_err(engine(path));
                }
                Err(failure) => failure,
            },
            Err(error) => engine(path)(error),
        };
        // Turning on WAL and migrating need the file exclusively, and SQLite does not wait for the former.
        match failure {
            OpenError::Engine(_, error)
                if error.downcast_ref().is_some_and(is_busy) && Instant::now() < deadline =>
            {
                sleep(Duration::from_millis(5)).await;
            }
            failure => return Err(failure),
        }
    }
}

async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let found = layout(connection, path).await?;
    // This changes the file, so only do it once the file is known to hold sessions. With WAL, readers and writers do not wait for each
    // other.
    let wal = sqlx::query_scalar::<_, String>("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await;
    wal.map_err(engine(path))?;
    if found < LAYOUT {
        return upgrade(connection, path).await;
    }
    // SQLite opens a file that it may not write, too, and would say so at the first sign-in. One that another process is writing to can be
    // written: SQLite looks at the rights first.
    match sqlx::query("DELETE FROM session WHERE false").execute(connection).await {
        Err(error) if !is_busy(&error) => Err(engine(path)(error)),
        _ => Ok(()),
    }
}

async fn upgrade(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let engine = engine(path);
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await.map_err(&engine)?;
    // Look again under the lock, because another process may have been faster.
    let from = layout(connection, path).await?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
        sqlx::raw_sql(*migration).execute(&mut *connection).await.map_err(&engine)?;
    }
    sqlx::query("COMMIT").execute(&mut *connection).await.map_err(&engine)?;
    Ok(())
}

/// The layout of the file, which may be a later one that this release can use; 0 if the file is empty.
async fn layout(connection: &mut SqliteConnection, path: &Path) -> Result<i64, OpenError> {
    const IDENTITY: &str = "SELECT (SELECT application_id FROM pragma_application_id), \
        (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)";
    let identity: (i64, i64, i64) =
        sqlx::query_as(IDENTITY).fetch_one(connection).await.map_err(engine(path))?;
    match identity {
        (0, 0, 0) => Ok(0),
        (APPLICATION, version, _) if version > 0 => {
            let found = version & ((1 << READABLE_FROM) - 1);
            let readable_from = Some(version >> READABLE_FROM).filter(|layout| *layout > 0).unwrap_or(found);
            if readable_from > LAYOUT {
                return Err(OpenError::TooNew { found, supported: LAYOUT });
            }
            Ok(found)
        }
        _ => Err(OpenError::NotSessions(path.to_path_buf())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SqliteStore;

    /// Runs a test on a new file.
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

    /// Only a power cut would show the difference, so the settings are checked.
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

    /// Both connections have seen an empty file; when the second gets the lock, the tables exist.
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

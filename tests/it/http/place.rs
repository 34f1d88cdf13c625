//! The place where the servers or the stores of one test keep their sessions.
//!
//! In: a kind of store. Out: its URL, servers that use it, and the number of sessions in it. Never: shares sessions with another test.

use std::time::Duration;

use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use super::node::{Node, Runtime};
use crate::servers::{MariaDb, Postgres, shared_mariadb, shared_postgres, shared_redis, unique_name};

/// A deadline that no server reaches under load.
pub(super) const PATIENT: Duration = Duration::from_secs(20);

pub(crate) enum Place {
    /// A file, in a folder that is deleted when the test ends.
    Sqlite(TempDir),
    /// A key prefix on a shared server.
    Redis {
        url: String,
        prefix: String,
    },
    /// A database on a shared server.
    Postgres {
        server: &'static Postgres,
        database: String,
    },
    MariaDb {
        server: &'static MariaDb,
        database: String,
    },
}

impl Place {
    #[allow(clippy::unused_async)] // async like the others
    pub(crate) async fn sqlite() -> Option<Self> {
        Some(Self::Sqlite(tempfile::tempdir().unwrap()))
    }

    pub(crate) async fn redis() -> Option<Self> {
        let (server, prefix) = (shared_redis().await?, unique_name());
        Some(Self::Redis { url: server.url(), prefix })
    }

    pub(crate) async fn postgres() -> Option<Self> {
        let server = shared_postgres().await?;
        Some(Self::Postgres { server, database: server.database().await })
    }

    pub(crate) async fn mariadb() -> Option<Self> {
        let server = shared_mariadb().await?;
        Some(Self::MariaDb { server, database: server.database().await })
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Postgres { server, database } => server.url(database),
            Self::MariaDb { server, database } => server.url(database),
            Self::Redis { url, prefix } => format!("{url}?prefix={prefix}:"),
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("sessions.db").display()),
        }
    }

    pub(super) fn node(&self) -> Node {
        self.node_within(PATIENT)
    }

    /// A server with this deadline for store calls.
    pub(super) fn node_within(&self, deadline: Duration) -> Node {
        Node::start(&self.url(), deadline)
    }

    /// A server that this runtime runs.
    pub(super) fn node_under(&self, runtime: Runtime, deadline: Duration) -> Node {
        Node::start_under(runtime, &self.url(), deadline)
    }

    /// The number of stored sessions.
    pub(super) async fn sessions(&self) -> usize {
        let count: i64 = match self {
            Self::Postgres { server, database } => {
                let mut connection = server.connection(database).await;
                let all = "SELECT count(*) FROM typed_session";
                sqlx::query_scalar(all).fetch_one(&mut connection).await.unwrap()
            }
            Self::MariaDb { server, database } => {
                let mut connection = server.connection(database).await;
                let all = "SELECT count(*) FROM typed_session";
                sqlx::query_scalar(all).fetch_one(&mut connection).await.unwrap()
            }
            Self::Redis { prefix, .. } => {
                let server = shared_redis().await.unwrap();
                let keys: Vec<String> = server.command(&["KEYS", &format!("{prefix}:s:*")]).await.unwrap();
                return keys.len();
            }
            Self::Sqlite(_) => {
                let mut connection = self.file().await;
                // A session that has ended must leave nothing behind, not even cells.
                let both =
                    "SELECT count(*) FROM (SELECT selector FROM session UNION SELECT session FROM cell)";
                sqlx::query_scalar(both).fetch_one(&mut connection).await.unwrap()
            }
        };
        usize::try_from(count).unwrap()
    }

    /// All bytes that the store holds. Bytes that are no text may be in hexadecimal digits.
    pub(super) async fn copy(&self) -> Vec<u8> {
        let rows: Vec<String> = match self {
            Self::Postgres { server, database } => {
                let mut connection = server.connection(database).await;
                let all = "SELECT one::text FROM typed_session one";
                sqlx::query_scalar(all).fetch_all(&mut connection).await.unwrap()
            }
            Self::MariaDb { server, database } => {
                let mut connection = server.connection(database).await;
                let all = "SELECT concat(lower(hex(selector)), ifnull(lower(hex(principal)), ''), meta, cells) \
                           FROM typed_session";
                sqlx::query_scalar(all).fetch_all(&mut connection).await.unwrap()
            }
            Self::Redis { prefix, .. } => {
                let server = shared_redis().await.unwrap();
                let mut all = Vec::new();
                let keys: Vec<String> = server.command(&["KEYS", &format!("{prefix}:*")]).await.unwrap();
                for key in keys {
                    let is_record = key.starts_with(&format!("{prefix}:s:"));
                    let read: &[&str] =
                        if is_record { &["HGETALL", &key] } else { &["ZRANGE", &key, "0", "-1"] };
                    let parts: Vec<Vec<u8>> = server.command(read).await.unwrap();
                    all.push(key.into_bytes());
                    all.extend(parts);
                }
                return all.join(&b' ');
            }
            Self::Sqlite(folder) => {
                let files = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
                return files.flat_map(|file| std::fs::read(file).unwrap()).collect();
            }
        };
        rows.concat().into_bytes()
    }

    /// A connection to the file, separate from the server's.
    pub(super) async fn file(&self) -> SqliteConnection {
        let Self::Sqlite(folder) = self else { panic!("it is no file") };
        let options = SqliteConnectOptions::new().filename(folder.path().join("sessions.db"));
        options.busy_timeout(Duration::from_secs(10)).connect().await.unwrap()
    }
}

/// Makes a `#[test]` of each function for every kind of store. If a server is missing, the test says so and is skipped.
macro_rules! on_every_store {
    ($($test:ident)+) => {
        $crate::http::place::on_every_store! { @sqlite $($test)+ }
        $crate::http::place::on_every_store! { @redis $($test)+ }
        $crate::http::place::on_every_store! { @postgres $($test)+ }
        $crate::http::place::on_every_store! { @mariadb $($test)+ }
    };
    (@$kind:ident $($test:ident)+) => {
        mod $kind {
            $(#[actix_web::test]
            async fn $test() {
                if let Some(place) = $crate::http::place::Place::$kind().await {
                    super::$test(place).await;
                }
            })+
        }
    };
}
pub(super) use on_every_store;

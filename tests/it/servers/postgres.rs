//! A PostgreSQL server.
//!
//! In: `postgres` and `initdb`. Out: URLs of databases, and control of its processes. Never runs as root (PostgreSQL refuses to), never uses a
//! Unix socket outside of its folder, and never waits for the disk, because no test is about a crash of the machine.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustix::process::Signal;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions};
use tokio::{sync::OnceCell, task::spawn_blocking};

use super::{
    find, free_port,
    guarded::{Guarded, user_for},
    unique_name, until,
};

const ATTEMPTS: usize = 5;

pub(crate) struct Postgres {
    guarded: Guarded,
    programs: PathBuf,
    port: u16,
}

/// The server of all tests that do not harm it, each with its own [`database`](Postgres::database).
pub(crate) async fn shared_postgres() -> Option<&'static Postgres> {
    static SHARED: OnceCell<Option<Postgres>> = OnceCell::const_new();
    SHARED.get_or_init(Postgres::start).await.as_ref()
}

/// The data folder with which every server begins, because `initdb` takes longer than a copy.
async fn template(programs: &Path) -> &'static Path {
    static TEMPLATE: OnceCell<Guarded> = OnceCell::const_new();
    let make = || async {
        let initdb = programs.join("initdb");
        let make = move || {
            let guarded = Guarded::new(user_for("postgres"));
            let data = guarded.folder().join("data");
            let arguments =
                ["--no-sync", "--auth=trust", "--encoding=UTF8", "--no-locale", "--username=postgres"];
            guarded.run(&initdb, &[&arguments[..], &["-D", data.to_str().unwrap()]].concat());
            guarded
        };
        spawn_blocking(make).await.unwrap()
    };
    TEMPLATE.get_or_init(make).await.folder()
}

/// The folders in which Debian installs the programs, the newest first; they are not on the path.
fn debian_folders() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut versions: Vec<u32> =
        versions.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable();
    versions.iter().rev().map(|version| format!("/usr/lib/postgresql/{version}/bin").into()).collect()
}

impl Postgres {
    /// A server for this test alone.
    pub(crate) async fn start() -> Option<Self> {
        let initdb = find("initdb", "postgresql", debian_folders())?;
        // A link to the program may be in a folder without the others.
        let programs = fs::canonicalize(initdb).unwrap().parent().unwrap().to_owned();
        let template = template(&programs).await.join("data");
        for _ in 0..ATTEMPTS {
            let template = template.clone();
            let copy = move || {
                let guarded = Guarded::new(user_for("postgres"));
                guarded.run(Path::new("cp"), &["-a", template.to_str().unwrap(), "data"]);
                guarded
            };
            let guarded = spawn_blocking(copy).await.unwrap();
            let postgres = Self { guarded, programs: programs.clone(), port: free_port() };
            postgres.spawn();
            if postgres.is_ready().await {
                return Some(postgres);
            }
            let log = postgres.guarded.log();
            assert!(log.contains("Address already in use"), "postgres did not start: {log}");
        }
        panic!("no free port was free any more when it was used");
    }

    fn spawn(&self) {
        let data = self.data().to_str().unwrap().to_owned();
        let port = format!("port={}", self.port);
        let sockets = format!("unix_socket_directories={}", self.socket_folder().display());
        let settings = [
            port.as_str(),
            "listen_addresses=127.0.0.1",
            &sockets,
            "max_connections=300",
            "shared_buffers=16MB",
            // `synchronous_commit` stays on: what was acknowledged must survive the end of the processes.
            "fsync=off",
            "full_page_writes=off",
        ];
        let settings = settings.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]);
        let arguments: Vec<_> = ["-D".to_owned(), data].into_iter().chain(settings).collect();
        self.guarded.spawn(&self.programs.join("postgres"), &arguments);
    }

    fn data(&self) -> PathBuf {
        self.guarded.folder().join("data")
    }

    /// The folder with its Unix socket.
    pub(crate) fn socket_folder(&self) -> &Path {
        self.guarded.folder()
    }

    /// Waits until the server answers or has ended. A foreign server on this port would answer with another folder.
    async fn is_ready(&self) -> bool {
        let data = &self.data();
        until("postgres answers", || async move {
            self.shows_folder().await.is_ok_and(|shown| Path::new(&shown) == data) || self.guarded.has_ended()
        })
        .await;
        !self.guarded.has_ended()
    }

    async fn shows_folder(&self) -> sqlx::Result<String> {
        let mut connection = self.options("postgres").connect().await?;
        let (shown,) = sqlx::query_as("SHOW data_directory").fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(shown)
    }

    fn options(&self, database: &str) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(self.port);
        options.username("postgres").database(database)
    }

    /// The guarded process, for the test that checks what is left after this process has ended.
    pub(crate) fn guarded(&self) -> &Guarded {
        &self.guarded
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Creates an empty database; returns its name.
    pub(crate) async fn database(&self) -> String {
        let name = unique_name();
        self.execute("postgres", &format!("CREATE DATABASE {name}")).await;
        name
    }

    /// The URL of a database.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// A connection that does not belong to the store.
    pub(crate) async fn connection(&self, database: &str) -> PgConnection {
        self.options(database).connect().await.unwrap()
    }

    /// Runs statements on a new connection.
    pub(crate) async fn execute(&self, database: &str, statements: &str) {
        let mut connection = self.connection(database).await;
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(statements))).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Freezes all processes of the server: connections stay open, and nothing is answered.
    pub(crate) async fn freeze(&self) {
        self.guarded.freeze().await;
    }

    pub(crate) fn thaw(&self) {
        self.guarded.thaw();
    }

    /// Kills all processes at once, as a crash does.
    pub(crate) async fn kill(&self) {
        self.guarded.kill().await;
    }

    /// Ends the server at once, without a message on its connections; the next start recovers what was committed.
    pub(crate) async fn stop_immediate(&self) {
        self.guarded.stop(Signal::QUIT).await;
    }

    /// Ends the server after it has rolled back transactions and told its connections.
    pub(crate) async fn stop_fast(&self) {
        self.guarded.stop(Signal::INT).await;
    }

    /// Starts the server again on the same port with the same data, and kills it first if it runs.
    pub(crate) async fn restart(&self) {
        self.guarded.kill().await;
        self.spawn();
        assert!(self.is_ready().await, "postgres did not start again: {}", self.guarded.log());
    }
}

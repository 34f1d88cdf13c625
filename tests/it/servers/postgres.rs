//! A PostgreSQL server.
//!
//! In: `postgres` and `initdb`. Out: URLs of databases, and a hand on its processes. Never: root as its user (it refuses), a
//! Unix socket, or durability (what survives a crash of the machine is not what the tests are about).

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustix::process::{Signal, geteuid};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions};
use tokio::{sync::OnceCell, task::spawn_blocking};

use super::{
    find, free_port,
    guarded::{Guarded, User},
    unique_name, until,
};

const ATTEMPTS: usize = 5;

pub(crate) struct Postgres {
    guarded: Guarded,
    programs: PathBuf,
    port: u16,
}

/// One server for all tests that do not harm it, each with a [`database`](Postgres::database) of its own.
pub(crate) async fn shared_postgres() -> Option<&'static Postgres> {
    static SHARED: OnceCell<Option<Postgres>> = OnceCell::const_new();
    SHARED.get_or_init(Postgres::start).await.as_ref()
}

/// The data folder that every server begins with: `initdb` takes longer than a copy.
async fn template(programs: &Path) -> &'static Path {
    static TEMPLATE: OnceCell<Guarded> = OnceCell::const_new();
    let make = || async {
        let initdb = programs.join("initdb");
        let make = move || {
            let guarded = Guarded::new(user());
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

/// Who runs the server: PostgreSQL does not run as root.
fn user() -> Option<User> {
    if !geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let mut fields =
            users.lines().map(|line| line.split(':')).find(|fields| fields.clone().next() == Some(name))?;
        Some(User { uid: fields.nth(2)?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    };
    Some(
        find("postgres")
            .or_else(|| find("nobody"))
            .expect("root needs a user to run PostgreSQL: postgres or nobody"),
    )
}

/// Where Debian puts the programs, which are not on its path; the newest first.
fn debian_folders() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut versions: Vec<u32> =
        versions.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable();
    versions.iter().rev().map(|version| format!("/usr/lib/postgresql/{version}/bin").into()).collect()
}

impl Postgres {
    /// A server of this test alone.
    pub(crate) async fn start() -> Option<Self> {
        let initdb = find("initdb", "postgresql", debian_folders())?;
        // A link to it may stand in a folder without the others.
        let programs = fs::canonicalize(initdb).unwrap().parent().unwrap().to_owned();
        let template = template(&programs).await.join("data");
        for _ in 0..ATTEMPTS {
            let template = template.clone();
            let copy = move || {
                let guarded = Guarded::new(user());
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
        let settings = [
            port.as_str(),
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=300",
            "shared_buffers=16MB",
            // Not `synchronous_commit`: what was acknowledged must survive the end of the processes.
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

    /// Waits until it answers, or has ended. Somebody else's server on this port would answer too, with another folder.
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

    /// For the test that follows it after the end of this process.
    pub(crate) fn guarded(&self) -> &Guarded {
        &self.guarded
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A new, empty database, by its name.
    pub(crate) async fn database(&self) -> String {
        let name = unique_name();
        self.execute("postgres", &format!("CREATE DATABASE {name}")).await;
        name
    }

    /// Where that database is.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// A connection that is not the store's.
    pub(crate) async fn connection(&self, database: &str) -> PgConnection {
        self.options(database).connect().await.unwrap()
    }

    /// Statements without an answer, on a connection of their own.
    pub(crate) async fn execute(&self, database: &str, statements: &str) {
        let mut connection = self.connection(database).await;
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(statements))).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Stops all of its processes where they are: connections stay, and nothing is answered.
    pub(crate) fn freeze(&self) {
        self.guarded.freeze();
    }

    pub(crate) fn thaw(&self) {
        self.guarded.thaw();
    }

    /// As a crash of all of its processes at once.
    pub(crate) async fn kill(&self) {
        self.guarded.kill().await;
    }

    /// Connections end without a word more; what was committed is recovered by the next start.
    pub(crate) async fn stop_immediate(&self) {
        self.guarded.stop(Signal::QUIT).await;
    }

    /// Transactions are rolled back, connections are told.
    pub(crate) async fn stop_fast(&self) {
        self.guarded.stop(Signal::INT).await;
    }

    /// Starts it on the same port with the same data, after it was stopped or killed, or kills it first.
    pub(crate) async fn restart(&self) {
        self.guarded.kill().await;
        self.spawn();
        assert!(self.is_ready().await, "postgres did not start again: {}", self.guarded.log());
    }
}

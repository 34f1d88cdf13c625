//! A MariaDB server.
//!
//! In: `mariadbd` and `mariadb-install-db`. Out: URLs of databases, and control of its process. Never runs as root, and never waits for the
//! disk, because no test is about a crash of the machine.

use std::path::{Path, PathBuf};

use rustix::process::Signal;
use sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, MySqlConnection, mysql::MySqlConnectOptions,
};
use tokio::{sync::OnceCell, task::spawn_blocking};

use super::{
    find, free_port,
    guarded::{Guarded, user_for},
    unique_name, until,
};

const ATTEMPTS: usize = 5;

pub(crate) struct MariaDb {
    guarded: Guarded,
    program: PathBuf,
    port: u16,
    /// Settings of this server alone.
    settings: Vec<String>,
}

/// The server of all tests that do not harm it, each with its own [`database`](MariaDb::database).
pub(crate) async fn shared_mariadb() -> Option<&'static MariaDb> {
    static SHARED: OnceCell<Option<MariaDb>> = OnceCell::const_new();
    SHARED.get_or_init(MariaDb::start).await.as_ref()
}

/// The data folder with which every server begins, because making it takes longer than a copy.
async fn template(installer: PathBuf) -> &'static Path {
    static TEMPLATE: OnceCell<Guarded> = OnceCell::const_new();
    let make = || async {
        let make = move || {
            let guarded = Guarded::new(user_for("mysql"));
            let data = format!("--datadir={}", guarded.folder().join("data").to_str().unwrap());
            // `root` without a password, on any address of the machine.
            let arguments = [
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--innodb-log-file-size=8M",
                data.as_str(),
            ];
            guarded.run(&installer, &arguments);
            guarded
        };
        spawn_blocking(make).await.unwrap()
    };
    TEMPLATE.get_or_init(make).await.folder()
}

impl MariaDb {
    /// A server for this test alone.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(|_| Vec::new()).await
    }

    /// A server for this test alone, with settings that may name files in its folder.
    pub(crate) async fn start_with(settings: impl Fn(&Guarded) -> Vec<String>) -> Option<Self> {
        let program = find("mariadbd", "mariadb-server", [PathBuf::from("/usr/sbin")])?;
        let installer = find("mariadb-install-db", "mariadb-server", [])?;
        let template = template(installer).await.join("data");
        for _ in 0..ATTEMPTS {
            let template = template.clone();
            let copy = move || {
                let guarded = Guarded::new(user_for("mysql"));
                guarded.run(Path::new("cp"), &["-a", template.to_str().unwrap(), "data"]);
                guarded
            };
            let guarded = spawn_blocking(copy).await.unwrap();
            let settings = settings(&guarded);
            let server = Self { guarded, program: program.clone(), port: free_port(), settings };
            server.spawn();
            if server.is_ready().await {
                return Some(server);
            }
            let log = server.guarded.log();
            assert!(log.contains("Address already in use"), "mariadbd did not start: {log}");
        }
        panic!("no free port was free any more when it was used");
    }

    fn spawn(&self) {
        let (data, port) =
            (format!("--datadir={}", self.data().to_str().unwrap()), format!("--port={}", self.port));
        // A server that starts deletes what it takes for leftovers of its own.
        let temporary = format!("--tmpdir={}", self.guarded.folder().to_str().unwrap());
        let arguments = [
            "--no-defaults",
            data.as_str(),
            port.as_str(),
            temporary.as_str(),
            "--bind-address=127.0.0.1",
            // It cannot be without one; the path is relative, because the whole one may be too long.
            "--socket=socket",
            "--pid-file=pid",
            "--max-connections=300",
            "--skip-name-resolve",
            "--innodb-buffer-pool-size=32M",
            "--innodb-log-file-size=8M",
            // What was acknowledged survives the end of the process.
            "--innodb-flush-log-at-trx-commit=2",
        ];
        let arguments = arguments.map(str::to_owned).into_iter().chain(self.settings.iter().cloned());
        self.guarded.spawn(&self.program, &arguments.collect::<Vec<_>>());
    }

    fn data(&self) -> PathBuf {
        self.guarded.folder().join("data")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.data().join("socket")
    }

    /// Waits until the server answers or has ended. A foreign server on this port would answer with another folder.
    async fn is_ready(&self) -> bool {
        let data = &self.data();
        until("mariadbd answers", || async move {
            self.shows_folder().await.is_ok_and(|shown| Path::new(&shown) == data) || self.guarded.has_ended()
        })
        .await;
        !self.guarded.has_ended()
    }

    async fn shows_folder(&self) -> sqlx::Result<String> {
        let mut connection = self.options().connect().await?;
        let (shown,) = sqlx::query_as("SELECT @@datadir").fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(shown)
    }

    fn options(&self) -> MySqlConnectOptions {
        MySqlConnectOptions::new().host("127.0.0.1").port(self.port).username("root")
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
        let mut connection = self.options().connect().await.unwrap();
        let create = format!("CREATE DATABASE {name}");
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(create))).await.unwrap();
        connection.close().await.unwrap();
        name
    }

    /// The URL of a database.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("mysql://root@127.0.0.1:{}/{database}", self.port)
    }

    /// A connection that does not belong to the store.
    pub(crate) async fn connection(&self, database: &str) -> MySqlConnection {
        self.options().database(database).connect().await.unwrap()
    }

    /// Runs statements on a new connection.
    pub(crate) async fn execute(&self, database: &str, statements: &str) {
        let mut connection = self.connection(database).await;
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(statements))).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Freezes the server: connections stay open, and nothing is answered.
    pub(crate) async fn freeze(&self) {
        self.guarded.freeze().await;
    }

    pub(crate) fn thaw(&self) {
        self.guarded.thaw();
    }

    /// Kills the server, as a crash does.
    pub(crate) async fn kill(&self) {
        self.guarded.kill().await;
    }

    /// Ends the server as an operator does.
    pub(crate) async fn stop(&self) {
        self.guarded.stop(Signal::TERM).await;
    }

    /// Starts the server again on the same port with the same data, and kills it first if it runs.
    pub(crate) async fn restart(&self) {
        self.guarded.kill().await;
        self.spawn();
        assert!(self.is_ready().await, "mariadbd did not start again: {}", self.guarded.log());
    }
}

//! A Redis server.
//!
//! In: `redis-server` 6.2 or later. Out: its URL, connections, and control of its process. Never uses files of the machine's own Redis, or
//! persistence that the test did not ask for.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisResult, aio::MultiplexedConnection};
use rustix::process::Signal;
use tokio::{sync::OnceCell, time::timeout};

use super::{find, free_port, guarded::Guarded, until};

/// How often to start again on another port: two processes may find the same port free, but not this often.
const ATTEMPTS: usize = 5;

/// Longer than a running server takes to answer.
const SHORT: Duration = Duration::from_millis(500);

pub(crate) struct Redis {
    guarded: Guarded,
    program: PathBuf,
    arguments: Vec<String>,
    port: u16,
}

/// The server of all tests that do not harm it; a test that needs its own Redis keys prefixes them with [`super::unique_name`].
pub(crate) async fn shared_redis() -> Option<&'static Redis> {
    static SHARED: OnceCell<Option<Redis>> = OnceCell::const_new();
    SHARED.get_or_init(Redis::start).await.as_ref()
}

/// A connection with more patience than the driver's default, because test machines are busy.
pub(crate) async fn connect(url: &str) -> RedisResult<MultiplexedConnection> {
    let patience = Some(Duration::from_secs(20));
    let config = AsyncConnectionConfig::new().set_connection_timeout(patience).set_response_timeout(patience);
    Client::open(url).unwrap().get_multiplexed_async_connection_with_config(&config).await
}

/// The arguments of a server that keeps to its folder, to loopback and to memory, followed by `more`.
pub(crate) fn usual(folder: &Path, port: u16, more: &[&str]) -> Vec<String> {
    let (folder, port) = (folder.to_str().unwrap(), port.to_string());
    // A replica does not wait for other replicas to copy with it.
    let usual = [
        "--port",
        &port,
        "--bind",
        "127.0.0.1",
        "--dir",
        folder,
        "--save",
        "",
        "--repl-diskless-sync-delay",
        "0",
    ];
    usual.iter().chain(more).map(ToString::to_string).collect()
}

impl Redis {
    /// A server for this test alone, which forgets everything when it ends.
    pub(crate) async fn start() -> Option<Self> {
        Self::with_options(&[]).await
    }

    /// A server that still has what it acknowledged when it is started again after [`kill`](Self::kill).
    pub(crate) async fn persistent() -> Option<Self> {
        Self::with_options(&["--appendonly", "yes", "--appendfsync", "always"]).await
    }

    /// A server with these arguments in addition to the usual ones.
    pub(crate) async fn with_options(options: &[&str]) -> Option<Self> {
        Self::launch(free_port, |folder, port| usual(folder, port, options)).await
    }

    /// A server on a port that `pick` chose, with the arguments that belong to it.
    pub(crate) async fn launch(
        pick: fn() -> u16,
        arguments: impl Fn(&Path, u16) -> Vec<String>,
    ) -> Option<Self> {
        let program = find("redis-server", "redis-server", [])?;
        for _ in 0..ATTEMPTS {
            let (guarded, port) = (Guarded::new(None), pick());
            let arguments = arguments(guarded.folder(), port);
            let redis = Self { guarded, program: program.clone(), arguments, port };
            redis.spawn();
            if redis.is_ready().await {
                return Some(redis);
            }
            let log = redis.guarded.log();
            assert!(log.contains("Address already in use"), "redis-server did not start: {log}");
        }
        panic!("no free port was free any more when it was used");
    }

    fn spawn(&self) {
        self.guarded.spawn(&self.program, &self.arguments);
    }

    /// Waits until the server answers or has ended. A foreign server on this port would answer with another process id.
    async fn is_ready(&self) -> bool {
        let process = &format!("process_id:{}\r\n", self.guarded.process());
        until("redis-server answers", || async move {
            let info = self.command::<String>(&["INFO", "server"]).await;
            info.is_ok_and(|info| info.contains(process)) || self.guarded.has_ended()
        })
        .await;
        !self.guarded.has_ended()
    }

    /// The guarded process, for the test that checks what is left after this process has ended.
    pub(crate) fn guarded(&self) -> &Guarded {
        &self.guarded
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A connection that does not belong to the store.
    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        self.try_connection().await.unwrap()
    }

    async fn try_connection(&self) -> RedisResult<MultiplexedConnection> {
        connect(&self.url()).await
    }

    async fn try_command<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        command.query_async(&mut self.try_connection().await?).await
    }

    /// Sends one command on a new connection: `redis.command(&["GET", "key"])`.
    pub(crate) async fn command<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        self.try_command(Cmd::new().arg(words)).await
    }

    /// Sends one command to a server that may be dead or frozen.
    pub(crate) async fn answers<T: FromRedisValue>(&self, words: &[&str]) -> Option<T> {
        timeout(SHORT, self.command(words)).await.ok()?.ok()
    }

    pub(crate) async fn config_set(&self, name: &str, value: &str) {
        self.command::<()>(&["CONFIG", "SET", name, value]).await.unwrap();
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

    /// Starts the server again on the same port and in the same folder, and kills it first if it runs.
    pub(crate) async fn restart(&self) {
        self.guarded.kill().await;
        self.spawn();
        assert!(self.is_ready().await, "redis-server did not start again: {}", self.guarded.log());
        // The server answers `INFO` even while it still reads its file.
        until("redis-server has loaded its file", || async { self.command::<()>(&["DBSIZE"]).await.is_ok() })
            .await;
    }
}

//! A Redis server.
//!
//! In: `redis-server` 6.2 or later. Out: its URL, connections, and a hand on its process. Never: a file of the machine's own
//! Redis, or persistence that was not asked for.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisResult, aio::MultiplexedConnection};
use rustix::process::Signal;
use tokio::{sync::OnceCell, time::timeout};

use super::{find, free_port, guarded::Guarded, until};

/// Two processes may have found the same port free, but not so many times.
const ATTEMPTS: usize = 5;

/// More than a server of these needs that runs.
const SHORT: Duration = Duration::from_millis(500);

pub(crate) struct Redis {
    guarded: Guarded,
    program: PathBuf,
    arguments: Vec<String>,
    port: u16,
}

/// One server for all tests that do not harm it; a test that wants keys of its own puts [`super::unique_name`] before them.
pub(crate) async fn shared_redis() -> Option<&'static Redis> {
    static SHARED: OnceCell<Option<Redis>> = OnceCell::const_new();
    SHARED.get_or_init(Redis::start).await.as_ref()
}

/// A connection that is more patient than the driver's default: these are busy machines.
pub(crate) async fn connect(url: &str) -> RedisResult<MultiplexedConnection> {
    let patience = Some(Duration::from_secs(20));
    let config = AsyncConnectionConfig::new().set_connection_timeout(patience).set_response_timeout(patience);
    Client::open(url).unwrap().get_multiplexed_async_connection_with_config(&config).await
}

/// The arguments of a server that keeps to its folder, to loopback, and to memory, and then these.
pub(crate) fn usual(folder: &Path, port: u16, more: &[&str]) -> Vec<String> {
    let (folder, port) = (folder.to_str().unwrap(), port.to_string());
    // A replica need not wait for others to copy from its primary with it.
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
    /// A server of this test alone, which forgets everything when it ends.
    pub(crate) async fn start() -> Option<Self> {
        Self::with_options(&[]).await
    }

    /// A server that has kept what it acknowledged when it comes back after [`kill`](Self::kill).
    pub(crate) async fn persistent() -> Option<Self> {
        Self::with_options(&["--appendonly", "yes", "--appendfsync", "always"]).await
    }

    /// A server with these arguments besides the usual ones.
    pub(crate) async fn with_options(options: &[&str]) -> Option<Self> {
        Self::launch(free_port, |folder, port| usual(folder, port, options)).await
    }

    /// A server with a port that `pick` found and the arguments that go with it.
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

    /// Waits until it answers, or has ended. Somebody else's server on this port would answer too, with another number.
    async fn is_ready(&self) -> bool {
        let process = &format!("process_id:{}\r\n", self.guarded.process());
        until("redis-server answers", || async move {
            let info = self.command::<String>(&["INFO", "server"]).await;
            info.is_ok_and(|info| info.contains(process)) || self.guarded.has_ended()
        })
        .await;
        !self.guarded.has_ended()
    }

    /// For the test that follows it after the end of this process.
    pub(crate) fn guarded(&self) -> &Guarded {
        &self.guarded
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A connection that is not the store's.
    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        self.try_connection().await.unwrap()
    }

    async fn try_connection(&self) -> RedisResult<MultiplexedConnection> {
        connect(&self.url()).await
    }

    async fn try_command<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        command.query_async(&mut self.try_connection().await?).await
    }

    /// Sends one command on a connection of its own: `redis.command(&["GET", "key"])`.
    pub(crate) async fn command<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        self.try_command(Cmd::new().arg(words)).await
    }

    /// The answer to one command, of a server that may be dead or frozen.
    pub(crate) async fn answers<T: FromRedisValue>(&self, words: &[&str]) -> Option<T> {
        timeout(SHORT, self.command(words)).await.ok()?.ok()
    }

    pub(crate) async fn config_set(&self, name: &str, value: &str) {
        self.command::<()>(&["CONFIG", "SET", name, value]).await.unwrap();
    }

    /// Stops it where it is: connections stay, and nothing is answered.
    pub(crate) fn freeze(&self) {
        self.guarded.freeze();
    }

    pub(crate) fn thaw(&self) {
        self.guarded.thaw();
    }

    /// As a crash.
    pub(crate) async fn kill(&self) {
        self.guarded.kill().await;
    }

    /// Ends it as an operator does.
    pub(crate) async fn stop(&self) {
        self.guarded.stop(Signal::TERM).await;
    }

    /// Starts it on the same port and in the same folder, after it was stopped or killed, or kills it first.
    pub(crate) async fn restart(&self) {
        self.guarded.kill().await;
        self.spawn();
        assert!(self.is_ready().await, "redis-server did not start again: {}", self.guarded.log());
        // It answers `INFO` also while it still reads its file.
        until("redis-server has loaded its file", || async { self.command::<()>(&["DBSIZE"]).await.is_ok() })
            .await;
    }
}

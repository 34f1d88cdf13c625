//! One connection to one server.
//!
//! In: a server. Out: [`Connection`], which carries the commands of many callers at once, and [`Fault`], which says whether a command
//! may have been executed. Never sends a command again.
//!
//! This file spawns the task that moves the bytes, so it knows when that task has ended. A command that comes later was certainly not sent.

use std::{
    fmt,
    io::{Error as IoError, ErrorKind as IoErrorKind},
    mem::ManuallyDrop,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Cmd, Pipeline, RedisConnectionInfo, RedisError, ServerError, Value,
    aio::MultiplexedConnection,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime::Handle,
    task::AbortHandle,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{InvalidDnsNameError, ServerName},
    },
};

use super::url::{Credentials, Endpoint};

/// Why a command that was sent has no result.
#[derive(Debug)]
pub(super) enum Fault {
    /// There was no answer; the command may have been executed.
    Lost(RedisError),
    /// The command was executed, but too few replicas have it.
    Unmet(RedisError),
    /// The server refused the command.
    Refused(ServerError),
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        ServerError::try_from(error).map_or_else(Self::Lost, Self::Refused)
    }
}

/// Why there is no connection. It is cheap to clone, because all callers that wait for one connection share the error.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no connection to {endpoint}: {source}")]
pub(super) struct NoConnection {
    endpoint: Endpoint,
    source: RedisError,
}

impl NoConnection {
    pub(super) fn new(endpoint: &Endpoint, source: impl Into<RedisError>) -> Self {
        Self { endpoint: endpoint.clone(), source: source.into() }
    }
}

/// The system's certificates cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the system has no root certificates")]
pub(super) struct NoCertificates;

/// TLS with the system's root certificates. The crypto provider is named, because the application may have installed another one.
pub(super) fn tls() -> Result<TlsConnector, NoCertificates> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(NoCertificates);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| NoCertificates)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The settings for connecting to any of the servers.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) credentials: Credentials,
    pub(super) database: i64,
    pub(super) tls: Option<TlsConnector>,
    pub(super) connect_timeout: Duration,
    pub(super) response_timeout: Duration,
    /// Whether to refuse servers that are not masters, because the answers of Sentinels may be outdated.
    pub(super) master_only: bool,
}

impl Dialer {
    pub(super) async fn dial(&self, endpoint: &Endpoint) -> Result<Connection, NoConnection> {
        let late = || IoError::from(IoErrorKind::TimedOut).into();
        timeout(self.connect_timeout, self.connect(endpoint))
            .await
            .unwrap_or_else(|_| Err(late()))
            .map_err(|error| NoConnection::new(endpoint, error))
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Connection, RedisError> {
        let stream = TcpStream::connect((&*endpoint.host, endpoint.port)).await?;
        stream.set_nodelay(true)?;
        let connection = match &self.tls {
            None => self.greet(stream).await?,
            Some(tls) => {
                let name = ServerName::try_from(endpoint.host.to_string())
                    .map_err(|error: InvalidDnsNameError| IoError::new(IoErrorKind::InvalidInput, error))?;
                self.greet(tls.connect(name, stream).await?).await?
            }
        };
        // A frozen server accepts connections too. If it does not answer this, no command has been sent yet.
        let check = redis::cmd(if self.master_only { "ROLE" } else { "PING" });
        let answer = connection.redis.clone().send_packed_command(&check).await?;
        if self.master_only && !is_master(&answer) {
            return Err(IoError::other("the server is not the master").into());
        }
        Ok(connection)
    }

    async fn greet(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Connection, RedisError> {
        let mut info = RedisConnectionInfo::default().set_db(self.database).set_skip_set_lib_name();
        if let Some(username) = &self.credentials.username {
            info = info.set_username(username);
        }
        if let Some(password) = &self.credentials.password {
            info = info.set_password(password);
        }
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(self.response_timeout));
        let (redis, driver) = MultiplexedConnection::new_with_config(&info, stream, config).await?;
        let ended = Ended::default();
        let guard = ended.clone();
        let task = tokio::spawn(async move {
            let _guard = EndsWith(guard);
            driver.await;
        });
        let health = Health {
            ended,
            driver: task.abort_handle(),
            checking: AtomicBool::new(false),
            check: self.connect_timeout,
        };
        Ok(Connection { redis, health: Arc::new(health) })
    }
}

fn is_master(role: &Value) -> bool {
    let Value::Array(parts) = role else { return false };
    matches!(parts.first(), Some(Value::BulkString(role)) if role == b"master")
}

#[derive(Clone, Debug, Default)]
struct Ended(Arc<AtomicBool>);

/// Marks the connection as ended when it is dropped, which also happens when the runtime of the task ends.
struct EndsWith(Ended);

impl Drop for EndsWith {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::SeqCst);
    }
}

struct Health {
    ended: Ended,
    driver: AbortHandle,
    checking: AtomicBool,
    /// How long the server may take to answer a PING.
    check: Duration,
}

impl Drop for Health {
    fn drop(&mut self) {
        // Otherwise the task would wait for replies that no caller needs, on a connection that may be dead.
        self.driver.abort();
    }
}

/// A connection; clones share it. Dropping a future of [`send`](Self::send) does not take a reply from another caller.
#[derive(Clone)]
pub(super) struct Connection {
    redis: MultiplexedConnection,
    health: Arc<Health>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("usable", &self.is_usable()).finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) fn is_usable(&self) -> bool {
        !self.health.ended.0.load(Ordering::SeqCst)
    }

    /// Accepts no new commands. Commands on their way still get their answers.
    pub(super) fn retire(&self) {
        self.health.ended.0.store(true, Ordering::SeqCst);
    }

    /// Accepts no new commands, and stops waiting for answers.
    fn give_up(&self) {
        self.retire();
        self.health.driver.abort();
    }

    pub(super) async fn send(&self, command: &Cmd) -> Result<Value, Fault> {
        let waiting = Waiting::on(self);
        let answer = self.redis.clone().send_packed_command(command).await;
        match waiting.answered(answer)? {
            Value::ServerError(error) => Err(Fault::Refused(error)),
            value => Ok(value),
        }
    }

    /// Sends commands with nothing in between. An answer may be an error of the server.
    pub(super) async fn send_all(&self, commands: &Pipeline) -> Result<Vec<Value>, Fault> {
        let waiting = Waiting::on(self);
        let answers = self.redis.clone().send_packed_commands(commands, 0, commands.len()).await;
        waiting.answered(answers)
    }

    /// Sends a PING, after a caller gave up at its deadline, and ends the connection if there is no answer.
    fn check(&self) {
        let Ok(runtime) = Handle::try_current() else { return };
        if self.health.checking.swap(true, Ordering::SeqCst) {
            return;
        }
        let connection = self.clone();
        runtime.spawn(async move {
            let (ping, mut redis) = (redis::cmd("PING"), connection.redis.clone());
            let answer = redis.send_packed_command(&ping);
            if timeout(connection.health.check, answer).await.is_ok_and(|answer| answer.is_ok()) {
                connection.health.checking.store(false, Ordering::SeqCst);
            } else {
                connection.give_up();
            }
        });
    }
}

/// A caller that waits for an answer. Dropping it early means that the caller gave up, so the connection is checked.
struct Waiting<'c>(&'c Connection);

impl<'c> Waiting<'c> {
    const fn on(connection: &'c Connection) -> Self {
        Self(connection)
    }

    fn answered<T>(self, answer: Result<T, RedisError>) -> Result<T, Fault> {
        let connection = ManuallyDrop::new(self).0;
        if answer.as_ref().is_err_and(|error| error.is_io_error() || error.is_unrecoverable_error()) {
            connection.give_up();
        }
        answer.map_err(Fault::from)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.check();
    }
}

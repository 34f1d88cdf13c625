//! One connection to one server.
//!
//! In: a server's name. Out: [`Connection`], on which commands of many callers travel at once, and [`Fault`], which says whether
//! a command can have been executed. Never: a second try.
//!
//! The task that moves the bytes is ours, so that we know when it has ended: what comes after is known not to be sent.

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

/// Why a command that was sent has no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nobody knows what became of it.
    Lost(RedisError),
    /// It is done, and too few replicas have it.
    Unmet(RedisError),
    /// The server refused it.
    Refused(ServerError),
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        ServerError::try_from(error).map_or_else(Self::Lost, Self::Refused)
    }
}

/// Why there is no connection; cheap to clone, because all who wait for one connection share its failure.
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

/// TLS with the system's root certificates. The provider is named, because an application may have chosen another one.
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

/// How to connect to any of the servers.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) credentials: Credentials,
    pub(super) database: i64,
    pub(super) tls: Option<TlsConnector>,
    pub(super) connect_timeout: Duration,
    pub(super) response_timeout: Duration,
    /// Whether a server that is no master is as good as none: what Sentinels say may be old.
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
        // A server that is frozen accepts connections too: what it does not answer is not sent yet.
        let question = redis::cmd(if self.master_only { "ROLE" } else { "PING" });
        let answer = connection.redis.clone().send_packed_command(&question).await?;
        if self.master_only && !is_master(&answer) {
            return Err(IoError::other("it is not the master").into());
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

/// Also when the runtime of the driver ends before us.
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
    /// How long a server may take for a PING.
    check: Duration,
}

impl Drop for Health {
    fn drop(&mut self) {
        // Else it would wait for replies that nobody waits for, on a connection that may be dead.
        self.driver.abort();
    }
}

/// A connection; clones are the same one. Dropping a future of [`send`](Self::send) takes no reply from anybody else.
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

    /// No new commands; those that are on their way get their answers.
    pub(super) fn retire(&self) {
        self.health.ended.0.store(true, Ordering::SeqCst);
    }

    /// No new commands, and no more waiting for answers.
    fn give_up(&self) {
        self.retire();
        self.health.driver.abort();
    }

    pub(super) async fn send(&self, command: &Cmd) -> Result<Value, Fault> {
        let waiting = Waiting::on(self);
        let answer = self.redis.clone().send_packed_command(command).await;
        match waiting.over(answer)? {
            Value::ServerError(error) => Err(Fault::Refused(error)),
            value => Ok(value),
        }
    }

    /// Sends commands one after the other, nothing in between; an answer may be an error of the server.
    pub(super) async fn send_all(&self, commands: &Pipeline) -> Result<Vec<Value>, Fault> {
        let waiting = Waiting::on(self);
        let answers = self.redis.clone().send_packed_commands(commands, 0, commands.len()).await;
        waiting.over(answers)
    }

    /// Whether the server still answers; a caller that left at its deadline cannot say.
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

/// Somebody waits for an answer. Who stops waiting leaves a doubt about the connection behind.
struct Waiting<'c>(&'c Connection);

impl<'c> Waiting<'c> {
    const fn on(connection: &'c Connection) -> Self {
        Self(connection)
    }

    fn over<T>(self, answer: Result<T, RedisError>) -> Result<T, Fault> {
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

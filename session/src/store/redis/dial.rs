//! Connecting to a server.
//!
//! In: a server, credentials, TLS. Out: a [`Connection`] whose server has answered, or [`NoConnection`]. Never sends a command about a record,
//! and never shows a password.

use std::{
    error::Error,
    io::{Error as IoError, ErrorKind as IoErrorKind},
    path::Path,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use super::{
    connection::Connection,
    endpoint::{Credentials, Endpoint},
    resp::{Commands, Reply, ServerError},
};
use crate::store::{
    handshake::{Connector, advice},
    passwords::Passwords,
    tls::{TlsFileError, Words},
};

type Source = Box<dyn Error + Send + Sync>;

/// Why there is no connection. It is cheap to clone, because all callers that wait for one connection share the error.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no connection to {endpoint}: {source}")]
pub(super) struct NoConnection {
    endpoint: Endpoint,
    source: Arc<dyn Error + Send + Sync>,
    is_final: bool,
}

impl NoConnection {
    pub(super) fn new(endpoint: &Endpoint, source: impl Into<Source>) -> Self {
        let source = source.into();
        // A replica may be promoted, and a server that is starting says so.
        let unfit = source.downcast_ref::<Unfit>().is_some_and(|unfit| *unfit != Unfit::Replica);
        let refused = source.downcast_ref::<ServerError>().is_some_and(|error| error.code() != "LOADING");
        let advice = advice(&*source, WORDS);
        Self {
            endpoint: endpoint.clone(),
            is_final: unfit || refused || advice.is_some() || source.is::<TlsFileError>(),
            source: match advice {
                Some(advice) => Source::from(format!("{source}; {advice}")).into(),
                None => source.into(),
            },
        }
    }

    /// Whether there may be a connection soon, without anything else being changed.
    pub(super) const fn is_for_the_moment(&self) -> bool {
        !self.is_final
    }
}

/// How the settings for TLS are called.
const WORDS: Words = Words {
    ca: "cacert",
    client: "`cert` and `key`",
    lone: "name the file with it in `cacert`",
    plain: "write the port for TLS, or `redis` in place of `rediss`",
};

/// The settings for connecting to any of the servers.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) credentials: Credentials,
    /// In place of the password in the credentials.
    pub(super) passwords: Option<Passwords>,
    pub(super) database: i64,
    pub(super) tls: Option<Connector>,
    pub(super) connect_timeout: Duration,
    pub(super) response_timeout: Duration,
    pub(super) serves: Serves,
}

/// What the servers are there for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Serves {
    /// Each has all sessions.
    Sessions,
    /// Each has a part of the sessions, and says who has the others.
    Cluster,
    /// They say which server has the sessions.
    Watch,
}

/// Why a server that answers cannot hold our sessions.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("the server is a replica, which may show sessions that have ended; connect to the primary")]
    Replica,
    #[error(
        "the server is a node of a Redis Cluster and has only a part of the sessions; write `redis-cluster` in place of `redis` in the URL"
    )]
    ClusterNode,
    #[error("the server does not tell its version; Redis 6.2 or later is needed, or Valkey")]
    NoVersion,
    #[error("the Redis server refused the credentials: {0}")]
    Credentials(String),
    #[error("Redis {0} is too old; version 6.2 or later is needed, or Valkey")]
    TooOld(String),
}

/// The oldest version that has every command of the scripts.
const OLDEST: (u32, u32) = (6, 2);

impl Dialer {
    pub(super) async fn dial(&self, endpoint: &Endpoint) -> Result<Connection, NoConnection> {
        // A server without TLS waits for the end of what it takes for a command.
        let late = || match self.tls {
            None => IoError::from(IoErrorKind::TimedOut).into(),
            Some(_) => {
                format!("timed out; if the server does not speak TLS at this address, {}", WORDS.plain).into()
            }
        };
        timeout(self.connect_timeout, self.connect(endpoint))
            .await
            .unwrap_or_else(|_| Err(late()))
            .map_err(|error| NoConnection::new(endpoint, error))
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Connection, Source> {
        let (host, port) = match endpoint {
            Endpoint::Tcp { host, port } => (host, *port),
            Endpoint::Unix(path) => return self.greet(unix(path).await?).await,
        };
        let stream = TcpStream::connect((&**host, port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => self.greet(stream).await,
            Some(tls) => self.greet(tls.connect(host, stream).await?).await,
        }
    }

    /// Signs in, chooses the database, and has the server answer. A frozen server accepts connections too; if it does not answer this, no
    /// command about a record has been sent yet.
    async fn greet(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Connection, Source> {
        let connection = Connection::open(stream, self.response_timeout, self.connect_timeout);
        let mut commands = Commands::default();
        let password = match &self.passwords {
            Some(passwords) => Some(passwords.ask().await?),
            None => self.credentials.password.clone(),
        };
        match (&self.credentials.username, &password) {
            (Some(username), Some(password)) => commands.add(&["AUTH", username, password], &[]),
            (None, Some(password)) => commands.add(&["AUTH", password], &[]),
            (_, None) => {}
        }
        if self.database != 0 {
            commands.add(&["SELECT", &self.database.to_string()], &[]);
        }
        // Any user may send HELLO, whatever an ACL forbids. Sentinels of all versions know PING.
        let checks = self.serves != Serves::Watch;
        commands.add(if checks { &["HELLO", "2"] } else { &["PING"] }, &[]);
        let answers = connection.send(commands).await?;
        let error = answers
            .iter()
            .find_map(|answer| if let Reply::Error(error) = answer { Some(error) } else { None });
        if let Some(error) = error {
            return Err(refused(error, password.as_deref()));
        }
        if checks {
            self.serves.check(answers.last())?;
        }
        Ok(connection)
    }
}

/// A server that does not know AUTH repeats its arguments in the error.
fn refused(error: &ServerError, password: Option<&str>) -> Source {
    match password {
        _ if error.text().starts_with("ERR unknown command") => Unfit::NoVersion.into(),
        Some(password) if error.text().contains(password) => {
            Unfit::Credentials(error.code().to_owned()).into()
        }
        _ => error.clone().into(),
    }
}

#[cfg(unix)]
async fn unix(path: &Path) -> Result<tokio::net::UnixStream, Source> {
    Ok(tokio::net::UnixStream::connect(path).await?)
}

#[cfg(not(unix))]
async fn unix(_: &Path) -> Result<TcpStream, Source> {
    Err(IoError::from(IoErrorKind::Unsupported).into())
}

impl Serves {
    /// Checks what a server says of itself in its answer to HELLO.
    fn check(self, hello: Option<&Reply>) -> Result<(), Unfit> {
        let Some(Reply::Array(parts)) = hello else { return Err(Unfit::NoVersion) };
        let value = |name: &str| {
            let mut pairs = parts.chunks_exact(2);
            pairs.find_map(|pair| match pair {
                [Reply::BulkString(key), Reply::BulkString(value)] if *key == name => {
                    str::from_utf8(value).ok()
                }
                _ => None,
            })
        };
        let version = value("version").ok_or(Unfit::NoVersion)?;
        if is_too_old(version) {
            return Err(Unfit::TooOld(version.to_owned()));
        }
        match self {
            // A replica in a cluster reads nothing itself.
            Self::Cluster | Self::Watch => Ok(()),
            Self::Sessions if value("mode") == Some("cluster") => Err(Unfit::ClusterNode),
            Self::Sessions if value("role") == Some("master") => Ok(()),
            Self::Sessions => Err(Unfit::Replica),
        }
    }
}

fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) < OLDEST,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(version: &'static str, mode: &'static str, role: &'static str) -> Reply {
        let text = |text: &'static str| Reply::BulkString(text.into());
        let pairs = [("server", "redis"), ("version", version), ("mode", mode), ("role", role)];
        let mut parts: Vec<_> =
            pairs.into_iter().flat_map(|(name, value)| [text(name), text(value)]).collect();
        parts.splice(4..4, [text("proto"), Reply::Integer(2)]);
        Reply::Array(parts)
    }

    #[test]
    fn a_server_must_be_new_enough_and_have_all_sessions() {
        let old = |version: &str| Err(Unfit::TooOld(version.to_owned()));
        for (serves, answer, expected) in [
            (Serves::Sessions, hello("7.0.15", "standalone", "master"), Ok(())),
            (Serves::Sessions, hello("6.2.0", "standalone", "master"), Ok(())),
            (Serves::Sessions, hello("10.1.2", "standalone", "master"), Ok(())),
            (Serves::Sessions, hello("unstable", "standalone", "master"), Ok(())),
            (Serves::Sessions, hello("6.0.16", "standalone", "master"), old("6.0.16")),
            (Serves::Cluster, hello("5.0", "cluster", "master"), old("5.0")),
            (Serves::Sessions, hello("7.0.15", "standalone", "replica"), Err(Unfit::Replica)),
            (Serves::Sessions, hello("7.0.15", "cluster", "master"), Err(Unfit::ClusterNode)),
            (Serves::Cluster, hello("7.0.15", "cluster", "replica"), Ok(())),
            (Serves::Sessions, Reply::Array(Vec::new()), Err(Unfit::NoVersion)),
            (Serves::Sessions, Reply::Null, Err(Unfit::NoVersion)),
        ] {
            assert_eq!(serves.check(Some(&answer)), expected, "{answer:?}");
        }
    }
}

//! The settings of a Redis store.
//!
//! In: a URL and settings. Out: a [`Driver`] for its servers, or [`OpenError`]. Never shows a password in `Debug` or in an error.

use std::{error::Error, future::Future, num::NonZeroUsize, path::PathBuf, sync::Mutex, time::Duration};

use super::{
    cluster::Slots,
    dial::{Dialer, Serves},
    driver::{Driver, Wait},
    endpoint::Endpoint,
    links::Links,
    topology::{self, Topology},
    url::{Kind, Target},
    url_error::{PrefixError, UrlError},
};
use crate::store::{
    handshake::Connector,
    passwords::Passwords,
    tls::{ClientFiles, TlsFileError, TlsFiles},
};

/// The prefix of Redis keys, unless the URL or [`RedisOptions::prefix`] sets another one.
const PREFIX: &str = "session:";
/// As many as the workers of a usual machine, which then have one each.
const MAX_CONNECTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);
/// How long a server may take to answer. A little longer than the two seconds that a request has for saving: the request has then
/// answered 503 by itself, and callers without a deadline of their own learn here that the server does not answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(2500);

/// Why a Redis store was not opened.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL is not valid.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The prefix is not valid.
    #[error(transparent)]
    Prefix(#[from] PrefixError),
    /// A file for TLS cannot be used.
    #[error("TLS is not possible: {0}")]
    Tls(#[from] TlsFileError),
    /// Files for TLS are named, and the URL does not ask for it.
    #[error("there are files for TLS, which the URL does not ask for; write `rediss` in place of `redis`")]
    WithoutTls,
    /// No server answers, or none accepts the connection.
    #[error("no Redis server accepts a connection; check the address, the credentials and TLS: {0}")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The user lacks rights.
    #[error(
        "the Redis user {user} lacks the rights `{rights}`; grant them on every server, replicas too: run `ACL SETUSER {user} {rights}`, or use \
         the console of a managed service"
    )]
    Rights {
        /// The user.
        user: String,
        /// The rights that are missing, as an ACL has them.
        rights: String,
    },
    /// The server does not know the command.
    #[error(
        "the Redis server does not know the command {0}, which the store needs; use one on which it is not renamed or disabled"
    )]
    Unknown(String),
}

crate::message::debug_is_the_message!(OpenError);

/// How to open a [`RedisStore`](crate::store::RedisStore); every setting but the URL has a default.
///
/// ```no_run
/// use std::time::Duration;
///
/// use actix_typed_session::store::RedisStore;
///
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::options("redis-sentinel://:secret@a.example,b.example,c.example/main")?
///     .prefix("shop:")
///     .wait(1, Duration::from_millis(500))
///     .open()
///     .await?;
/// # let _ = store.clone();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RedisOptions {
    target: Target,
    pub(super) prefix: String,
    passwords: Option<Passwords>,
    max_connections: NonZeroUsize,
    connect_timeout: Duration,
    pub(super) startup_timeout: Duration,
    wait: Option<Wait>,
}

impl RedisOptions {
    pub(super) fn parse(url: &str) -> Result<Self, UrlError> {
        let mut target = Target::parse(url)?;
        let startup_timeout = target.startup_timeout;
        let prefix = target.prefix.take().unwrap_or_else(|| PREFIX.to_owned());
        Ok(Self {
            max_connections: target.max_connections.unwrap_or(MAX_CONNECTIONS),
            target,
            prefix,
            passwords: None,
            connect_timeout: Duration::from_secs(1),
            startup_timeout,
            wait: None,
        })
    }

    /// The prefix of all Redis keys; the default is `session:`.
    ///
    /// Applications that share a server need different prefixes. A prefix must not be empty, nor contain white space or braces, which
    /// would put every session into one slot of a cluster.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Trusts the certificates in this PEM file, and not those of the operating system; as `?cacert=` in the URL.
    ///
    /// The file has the certificate of the authority that signed the servers' certificates, or the certificate of the server itself if that
    /// is signed by nobody else. The URL must ask for TLS with `rediss`. The file is read again for each connection.
    ///
    /// ```
    /// # use actix_typed_session::store::RedisStore;
    /// let options = RedisStore::options("rediss://sessions.example")?.ca_file("/etc/redis/ca.crt");
    /// # Ok::<(), actix_typed_session::store::redis::UrlError>(())
    /// ```
    #[must_use]
    pub fn ca_file(mut self, certificates: impl Into<PathBuf>) -> Self {
        self.target.files.ca = Some(certificates.into());
        self
    }

    /// Shows servers the certificate in one PEM file, whose key is in the other, as `?cert=` and `&key=` in the URL do.
    ///
    /// Servers with `tls-auth-clients yes`, which is the default of Redis, ask for it. The files are read again for each connection, so
    /// a certificate can be renewed while the process runs.
    #[must_use]
    pub fn client_certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        let (certificate, key) = (certificate.into(), key.into());
        self.target.files.client = Some(ClientFiles { certificate, key });
        self
    }

    /// Asks for the password before each new connection to a server that holds sessions, in place of the password in the URL: for tokens
    /// that expire, and for passwords that are changed while the process runs. Connections that are open stay open.
    ///
    /// It has [`connect_timeout`](Self::connect_timeout) together with connecting. Sentinels are asked with the password in the URL.
    ///
    /// ```
    /// # use actix_typed_session::store::RedisStore;
    /// let options = RedisStore::options("rediss://sessions.example")?
    ///     .password_with(|| async { std::fs::read_to_string("/run/secrets/redis").map(|text| text.trim_end().to_owned()) });
    /// # Ok::<(), actix_typed_session::store::redis::UrlError>(())
    /// ```
    #[must_use]
    pub fn password_with<F, E>(mut self, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.passwords = Some(Passwords::with(ask));
        self
    }

    /// How long [`open`](Self::open) goes on trying while no server is there yet, or none that takes writes; in seconds, as
    /// `?startup_timeout=` in the URL. The default is not to try again. A server that is there and refuses the user is an error at once.
    #[must_use]
    pub const fn startup_timeout(mut self, timeout: Duration) -> Self {
        self.startup_timeout = timeout;
        self
    }

    /// How many connections this process has to each server at most; the default is 8, and 0 counts as 1. With [`wait`](Self::wait) there
    /// may be as many again, for logouts and renewals.
    ///
    /// Up to this number, each worker has a connection of its own, opened when it is needed. If there are more workers, those that come
    /// later share one, which a thread of the store drives. Waking it about doubles the time of a call while the server is hardly used, some
    /// tens of microseconds; with many calls at once it costs nothing.
    #[must_use]
    pub const fn max_connections(mut self, most: usize) -> Self {
        self.max_connections = match NonZeroUsize::new(most) {
            Some(most) => most,
            None => NonZeroUsize::MIN,
        };
        self
    }

    /// How long connecting to a server may take, including TLS and authentication; the default is one second. A server that missed a
    /// deadline has the same time to answer a PING before its connection is replaced.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Requires that this many replicas have every logout and renewal, within `timeout`.
    ///
    /// Replication of Redis is asynchronous: a replica that is promoted may lack the last writes, and with them a logout that the
    /// user saw succeed. With this setting, `delete`, `delete_all` and updates with a new verifier are followed by WAIT. If too few
    /// replicas have the write in time, the result is
    /// [`UnknownOutcome`](crate::store::StoreErrorKind::UnknownOutcome), which becomes a 503, and the user can try again. This is not
    /// the default, because a server without replicas could never satisfy it. Keep `timeout` well below the two seconds that a request
    /// has for saving: requests that wait for the same server wait one after the other.
    ///
    /// The setting does not cover the indexes of principals, which in a cluster may be on another server. An entry that a failover loses
    /// is written again when its session is next seen; until then `revoke_all` does not find that session.
    #[must_use]
    pub const fn wait(mut self, replicas: u32, timeout: Duration) -> Self {
        self.wait = Some(Wait { replicas, timeout });
        self
    }

    /// The user as whom the servers know this process, for messages. A certificate may name one, too.
    pub(super) fn user(&self) -> &str {
        let unnamed = if self.target.files.client.is_some() { "<user>" } else { "default" };
        self.target.credentials.username.as_deref().unwrap_or(unnamed)
    }

    pub(super) fn driver(&self) -> Result<Driver, OpenError> {
        let target = &self.target;
        let files = target.files.clone();
        if !target.tls && files != TlsFiles::default() {
            return Err(OpenError::WithoutTls);
        }
        let tls = target.tls.then(|| Connector::with(files)).transpose()?;
        let dialer = Dialer {
            credentials: target.credentials.clone(),
            passwords: self.passwords.clone(),
            database: target.database,
            tls,
            connect_timeout: self.connect_timeout,
            response_timeout: RESPONSE_TIMEOUT + self.wait.map_or(Duration::ZERO, |wait| wait.timeout),
            serves: if target.kind == Kind::Cluster { Serves::Cluster } else { Serves::Sessions },
        };
        let kind = match &target.kind {
            Kind::Single => topology::Kind::Single,
            Kind::Cluster => topology::Kind::Cluster(Slots::unknown()),
            Kind::Sentinel { service, credentials } => {
                let credentials = credentials.clone();
                let dialer = Dialer {
                    credentials,
                    passwords: None,
                    database: 0,
                    serves: Serves::Watch,
                    ..dialer.clone()
                };
                let sentinels = Box::new(Links::new(dialer, self.max_connections));
                topology::Kind::Sentinel { service: service.clone(), sentinels, master: Mutex::default() }
            }
        };
        let servers: Vec<Endpoint> = target.servers.clone();
        let topology = Topology::new(servers, kind);
        Ok(Driver { links: Links::new(dialer, self.max_connections), topology, wait: self.wait })
    }
}

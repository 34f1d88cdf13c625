//! How to open a Redis store.
//!
//! In: a URL and settings. Out: a [`Driver`] for its servers, or [`ConnectError`]. Never: a password in `Debug` or
//! in an error.

use std::{sync::Mutex, time::Duration};

use super::{
    cluster::Slots,
    connection::{self, Dialer},
    driver::{Driver, Wait},
    links::Links,
    topology::{self, Topology},
    url::{Endpoint, Kind, PrefixError, Target, UrlError},
};

/// What a key begins with, unless the URL or [`RedisOptions::prefix`] says otherwise.
const PREFIX: &str = "session:";
/// A bit longer than the two seconds that a request has for saving: who is late there has already answered 503, and who has no
/// deadline learns here that the server does not answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(2500);

/// Why a Redis store was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is not one of a Redis store.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The prefix would break the layout.
    #[error(transparent)]
    Prefix(#[from] PrefixError),
    /// TLS is asked for, and the system has no certificates to check servers by.
    #[error("the system has no root certificates; install them, or name a file of them in `SSL_CERT_FILE`")]
    Certificates,
    /// No server answers, or none that accepts us.
    #[error("no Redis server answers, or it refuses; check address, credentials and TLS: {0}")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// How to open a [`RedisStore`](crate::store::RedisStore); every setting has a default.
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
///     .connect()
///     .await?;
/// # let _ = store.clone();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RedisOptions {
    target: Target,
    pub(super) prefix: String,
    connect_timeout: Duration,
    wait: Option<Wait>,
}

impl RedisOptions {
    pub(super) fn parse(url: &str) -> Result<Self, UrlError> {
        let mut target = Target::parse(url)?;
        let prefix = target.prefix.take().unwrap_or_else(|| PREFIX.to_owned());
        Ok(Self { target, prefix, connect_timeout: Duration::from_secs(1), wait: None })
    }

    /// What every key begins with; the default is `session:`.
    ///
    /// Applications that share a server tell their sessions apart by it. It is not empty, and has neither braces, which would put
    /// every session into one slot of a cluster, nor white space.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long connecting to a server may take, TLS and sign-in included; the default is one second. Also how long a server that
    /// missed a deadline has for a PING before its connection is replaced.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Lets ends of sessions and renewals count only when so many replicas have them, within `timeout`.
    ///
    /// Replication of Redis is asynchronous: a replica that is promoted may lack the last writes, and with them a logout that the
    /// visitor has seen succeed. With this setting, `delete`, `delete_all` and updates with a new verifier are followed by WAIT;
    /// if too few replicas have the write in time, the answer is
    /// [`UnknownOutcome`](crate::store::StoreErrorKind::UnknownOutcome), a 503, and the visitor tries again. Not the default,
    /// because a server without replicas would never fulfil it. `timeout` should be well below the two seconds that a request
    /// has for saving: those who wait for one server do so one after the other.
    ///
    /// It does not cover the index of a user's sessions, which in a cluster is on another server: an entry that a failover loses
    /// comes back when its session is next seen, and until then `revoke_all` does not find that session.
    #[must_use]
    pub const fn wait(mut self, replicas: u32, timeout: Duration) -> Self {
        self.wait = Some(Wait { replicas, timeout });
        self
    }

    pub(super) fn driver(&self) -> Result<Driver, ConnectError> {
        let target = &self.target;
        let tls = target.tls.then(connection::tls).transpose().map_err(|_| ConnectError::Certificates)?;
        let dialer = Dialer {
            credentials: target.credentials.clone(),
            database: target.database,
            tls,
            connect_timeout: self.connect_timeout,
            response_timeout: RESPONSE_TIMEOUT + self.wait.map_or(Duration::ZERO, |wait| wait.timeout),
            master_only: matches!(target.kind, Kind::Sentinel { .. }),
        };
        let kind = match &target.kind {
            Kind::Single => topology::Kind::Single,
            Kind::Cluster => topology::Kind::Cluster(Slots::unknown()),
            Kind::Sentinel { service, credentials } => {
                let credentials = credentials.clone();
                let dialer = Dialer { credentials, database: 0, master_only: false, ..dialer.clone() };
                let sentinels = Links::new(dialer);
                topology::Kind::Sentinel { service: service.clone(), sentinels, master: Mutex::default() }
            }
        };
        let servers: Vec<Endpoint> = target.servers.clone();
        let topology = Topology::new(servers, kind);
        Ok(Driver { links: Links::new(dialer), topology, wait: self.wait })
    }
}

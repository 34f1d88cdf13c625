//! The settings of a PostgreSQL store.
//!
//! In: a URL and settings. Out: [`PostgresOptions`], or what is wrong with the URL. Never: I/O.

use std::{error::Error, fmt, future::Future, num::NonZeroU32, path::PathBuf, time::Duration};

use super::{names::Names, open_error::OpenError, url::Target};
use crate::store::{passwords::Passwords, tls::ClientFiles};

/// How to open a [`PostgresStore`](crate::store::PostgresStore); every setting but the URL has a default.
#[derive(Clone)]
pub struct PostgresOptions {
    pub(super) target: Target,
    pub(super) names: Names,
    pub(super) passwords: Option<Passwords>,
    pub(super) max_connections: u32,
    pub(super) connect_timeout: Duration,
    pub(super) startup_timeout: Duration,
    pub(super) sweep_every: Option<Duration>,
}

impl PostgresOptions {
    /// The default settings for the database at `url`.
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        let mut target = Target::parse(url)?;
        let table = target.table.take().unwrap_or_else(|| "typed_session".to_owned());
        Ok(Self {
            startup_timeout: target.startup_timeout,
            names: Names { schema: target.schema.take(), table },
            passwords: None,
            max_connections: target.max_connections.map_or(10, NonZeroU32::get),
            target,
            connect_timeout: Duration::from_secs(1),
            sweep_every: Some(Duration::from_secs(60)),
        })
    }

    /// Sets the schema of the tables, which must exist; as `?schema=` in the URL. The default is the first schema of the user's `search_path`.
    #[must_use]
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.names.schema = Some(name.into());
        self
    }

    /// Sets the name of the table, as `?table=` in the URL; the default is `typed_session`. A second table has the same name with `_layout` appended.
    #[must_use]
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.names.table = name.into();
        self
    }

    /// Trusts the certificates in this PEM file, in addition to those of the operating system; as `?sslrootcert=` in the URL.
    /// With the feature `tls-rustls-aws-lc-rs` alone, Mozilla's certificates take the place of the operating system's.
    ///
    /// The file has the certificate of the authority that signed the server's certificate, or the certificate of the server itself if that is
    /// signed by nobody else; then it must not be marked as one of an authority. It is read again for each connection. Without `sslmode` in
    /// the URL, the mode is then `verify-full`.
    ///
    /// ```
    /// # use actix_typed_session::store::PostgresStore;
    /// let options = PostgresStore::options("postgres://shop@db.example/shop")?.ca_file("/etc/postgresql/ca.crt");
    /// # Ok::<(), actix_typed_session::store::postgres::OpenError>(())
    /// ```
    #[must_use]
    pub fn ca_file(mut self, certificates: impl Into<PathBuf>) -> Self {
        self.target.tls.files.ca = Some(certificates.into());
        self
    }

    /// Shows the server the certificate in one PEM file, whose key is in the other, as `?sslcert=` and `&sslkey=` in the URL do. The files
    /// are read again for each connection, so a certificate can be renewed while the process runs.
    #[must_use]
    pub fn client_certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        let (certificate, key) = (certificate.into(), key.into());
        self.target.tls.files.client = Some(ClientFiles { certificate, key });
        self
    }

    /// Asks for the password before each new connection, in place of the password in the URL: for tokens that expire, and for passwords that
    /// are changed while the process runs. Connections that are open stay open.
    ///
    /// It is asked on the thread of the store, and has [`connect_timeout`](Self::connect_timeout) together with connecting.
    ///
    /// ```
    /// # use actix_typed_session::store::PostgresStore;
    /// let options = PostgresStore::options("postgres://shop@db.example/shop?sslmode=verify-full")?
    ///     .password_with(|| async { std::fs::read_to_string("/run/secrets/db").map(|text| text.trim_end().to_owned()) });
    /// # Ok::<(), actix_typed_session::store::postgres::OpenError>(())
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

    /// Sets how long [`open`](Self::open) goes on trying while no server is there yet, or only standbys; in seconds, as `?startup_timeout=`
    /// in the URL. The default is not to try again.
    /// A server that is there and refuses the user is an error at once.
    #[must_use]
    pub const fn startup_timeout(mut self, timeout: Duration) -> Self {
        self.startup_timeout = timeout;
        self
    }

    /// Sets the maximum of connections; the default is 10. Connections are opened when they are needed.
    #[must_use]
    pub const fn max_connections(mut self, most: u32) -> Self {
        self.max_connections = most;
        self
    }

    /// Sets how long a call waits for a connection, free or new, before it fails with
    /// [`Unavailable`](crate::store::StoreErrorKind::Unavailable); the default is one second.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how often a task of the store removes expired sessions; the default is every minute. With `None` there is no task, and the
    /// application calls [`Sweep::sweep`](crate::store::Sweep::sweep).
    #[must_use]
    pub const fn sweep_every(mut self, every: Option<Duration>) -> Self {
        self.sweep_every = every;
        self
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the address and the credentials, because a URL may contain a password.
        f.debug_struct("PostgresOptions")
            .field("names", &self.names)
            .field("max_connections", &self.max_connections)
            .field("connect_timeout", &self.connect_timeout)
            .field("sweep_every", &self.sweep_every)
            .finish_non_exhaustive()
    }
}

//! The settings of a MySQL store.
//!
//! In: a URL and settings. Out: [`MySqlOptions`], or what is wrong with the URL. Never: I/O.

use std::{fmt, str::FromStr as _, time::Duration};

use sqlx::{
    ConnectOptions as _,
    mysql::{MySqlConnectOptions, MySqlSslMode},
};

use super::{
    open_error::OpenError,
    url::{invalid_value, unknown_parameter},
};
use crate::store::tls::TlsFiles;

/// How to open a [`MySqlStore`](crate::store::MySqlStore); every setting but the URL has a default.
#[derive(Clone)]
pub struct MySqlOptions {
    pub(super) connect: MySqlConnectOptions,
    pub(super) table: String,
    pub(super) max_connections: u32,
    pub(super) connect_timeout: Duration,
    pub(super) sweep_every: Option<Duration>,
}

impl MySqlOptions {
    /// The default settings for the database at `url`.
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        if !["mysql://", "mariadb://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(OpenError::Url);
        }
        // Otherwise a part of the password would be looked up as a host, or shown as the name of a parameter.
        let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
        if address.matches('@').count() > 1 || parameters.contains('@') {
            return Err(OpenError::AtSign);
        }
        if let Some(unknown) = unknown_parameter(url) {
            return Err(OpenError::Parameter(unknown));
        }
        // The error of sqlx may quote the URL, so it is dropped.
        let connect = MySqlConnectOptions::from_str(url)
            .map_err(|_| invalid_value(url).map_or(OpenError::Url, OpenError::Value))?;
        if connect.get_database().is_none() {
            return Err(OpenError::NoDatabase);
        }
        // Without TLS in this build, sqlx would connect without it in the default mode.
        if connect.get_socket().is_none() && !matches!(connect.get_ssl_mode(), MySqlSslMode::Disabled) {
            TlsFiles::default().check()?;
        }
        Ok(Self {
            // The store's first statements set what sqlx would set with a round trip of its own.
            connect: connect
                .disable_statement_logging()
                .pipes_as_concat(false)
                .no_engine_substitution(false)
                .timezone(None)
                .set_names(false),
            table: "typed_session".to_owned(),
            max_connections: 10,
            connect_timeout: Duration::from_secs(1),
            sweep_every: Some(Duration::from_secs(60)),
        })
    }

    /// Sets the name of the table; the default is `typed_session`.
    #[must_use]
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.table = name.into();
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

impl fmt::Debug for MySqlOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the address and the credentials, because a URL may contain a password.
        f.debug_struct("MySqlOptions")
            .field("table", &self.table)
            .field("max_connections", &self.max_connections)
            .field("connect_timeout", &self.connect_timeout)
            .field("sweep_every", &self.sweep_every)
            .finish_non_exhaustive()
    }
}

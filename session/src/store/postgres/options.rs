//! How to connect.
//!
//! In: a URL and settings. Out: [`PostgresOptions`], or what is wrong with the URL. Never: I/O.

use std::{fmt, str::FromStr as _, time::Duration};

use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};

use super::{
    names::Names,
    open_error::OpenError,
    url::{strange_value, unknown_parameter},
};

/// How to open a [`PostgresStore`](crate::store::PostgresStore); every setting has a default.
#[derive(Clone)]
pub struct PostgresOptions {
    pub(super) connect: PgConnectOptions,
    pub(super) names: Names,
    pub(super) max_connections: u32,
    pub(super) connect_timeout: Duration,
    pub(super) sweep_every: Option<Duration>,
}

impl PostgresOptions {
    /// The default settings for the database at `url`.
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(OpenError::Url);
        }
        // Else a part of the password would be looked up as a host.
        if url.split('?').next().unwrap_or_default().matches('@').count() > 1 {
            return Err(OpenError::AtSign);
        }
        if let Some(unknown) = unknown_parameter(url) {
            return Err(OpenError::Parameter(unknown));
        }
        // The error may quote the URL.
        let connect = PgConnectOptions::from_str(url)
            .map_err(|_| strange_value(url).map_or(OpenError::Url, OpenError::Value))?;
        Ok(Self {
            connect: connect.disable_statement_logging(),
            names: Names { schema: None, table: "typed_session".to_owned() },
            max_connections: 10,
            connect_timeout: Duration::from_secs(1),
            sweep_every: Some(Duration::from_mins(1)),
        })
    }

    /// The schema of the tables, which must be there; the default is the first of the user's `search_path`.
    #[must_use]
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.names.schema = Some(name.into());
        self
    }

    /// The name of the table; the default is `typed_session`. A second table is called the same with `_layout`.
    #[must_use]
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.names.table = name.into();
        self
    }

    /// How many connections there are at most; the default is 10. They are made when they are needed.
    #[must_use]
    pub const fn max_connections(mut self, most: u32) -> Self {
        self.max_connections = most;
        self
    }

    /// How long a call waits for a connection, for a free one or a new one, before it answers
    /// [`Unavailable`](crate::store::StoreErrorKind::Unavailable); the default is one second.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How often a task of the store removes expired sessions; the default is every minute. `None`: never, because somebody else
    /// calls [`Sweep::sweep`](crate::store::Sweep::sweep).
    #[must_use]
    pub const fn sweep_every(mut self, every: Option<Duration>) -> Self {
        self.sweep_every = every;
        self
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not where and as whom: a URL holds a password.
        f.debug_struct("PostgresOptions")
            .field("names", &self.names)
            .field("max_connections", &self.max_connections)
            .field("connect_timeout", &self.connect_timeout)
            .field("sweep_every", &self.sweep_every)
            .finish_non_exhaustive()
    }
}

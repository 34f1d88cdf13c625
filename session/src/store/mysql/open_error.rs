//! Why a store could not be opened.
//!
//! In: a failure. Out: a message that says what to do. Never shows a password.

use std::io;

use crate::store::{error::StoreError, names::LONGEST_NAME, tls::TlsFileError};

/// The parameters that a URL may have. The store itself sets what sqlx's others are about.
pub(super) const PARAMETERS: [&str; 12] = [
    "max_connections",
    "socket",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "sslca",
    "sslcert",
    "sslkey",
    "sslmode",
    "startup_timeout",
    "table",
];

/// Why a MySQL store could not be opened. No message shows a password.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL is not valid.
    #[error("not a MySQL URL; write mysql://user:password@host:port/database")]
    Url,
    /// There is an `@` where none can be, because the user or the password contains one, or a `?`, that is not written with `%`.
    #[error(
        "the MySQL URL has an `@` where none can be; in a user or a password, write `@` as %40, `/` as %2F and `?` as %3F"
    )]
    AtSign,
    /// The URL names no database.
    #[error("the MySQL URL names no database; write mysql://user:password@host:port/database")]
    NoDatabase,
    /// The URL has an unknown parameter.
    #[error("unknown parameter {0:?} in the MySQL URL; the parameters are {known}", known = PARAMETERS.join(", "))]
    Parameter(String),
    /// A parameter of the URL has an invalid value.
    #[error("invalid value for `{0}` in the MySQL URL{hint}", hint = hint(.0))]
    Value(String),
    /// The URL names certificates to verify the server with, and a mode that does not verify it.
    #[error(
        "`ssl-ca` names certificates to verify the server with, and `ssl-mode` says not to; write ssl-mode=verify_identity, or neither"
    )]
    Unverified,
    /// The certificate of the client is named without its key, or the key without the certificate.
    #[error("`ssl-cert` and `ssl-key` belong together; write both, or neither")]
    ClientCertificate,
    /// A file for TLS cannot be used.
    #[error("TLS is not possible: {0}")]
    Tls(#[from] TlsFileError),
    /// The name of the table is not valid.
    #[error(
        "{0:?} is not valid as the name of a table; use at most {LONGEST_NAME} ASCII letters, digits and _, not beginning with a digit"
    )]
    Name(String),
    /// The operating system refused to start the thread that owns the connections.
    #[error("cannot start a thread for the connections to MySQL: {0}")]
    Thread(#[source] io::Error),
    /// The server cannot be reached, or refuses the connection.
    #[error("no connection to MySQL: {}; check that the server is running and that the URL is right", why(.0))]
    Unreachable(#[source] StoreError),
    /// The server is read-only, as a replica is.
    #[error("the server is read-only, as a replica is; connect to the primary")]
    ReadOnly,
    /// The server is older than MySQL 8.0 or MariaDB 10.6.
    #[error("the server's version {0} is too old; MySQL 8.0 or MariaDB 10.6 or later is needed")]
    Server(String),
    /// A table of this name does not hold sessions; it was left as it is.
    #[error("the table {0} does not hold sessions; choose another table name")]
    NotSessions(String),
    /// The table is missing or has an earlier layout, and the user may not create or change it.
    #[error(
        "the user may not create or change {table}; run `{statement}`, or connect once as a user who may"
    )]
    NotAllowed {
        /// The table.
        table: String,
        /// What grants the right.
        statement: String,
    },
    /// The user lacks rights on the table.
    #[error("the user may not {missing} on {table}; run `{statement}`")]
    Rights {
        /// The table.
        table: String,
        /// The rights that are missing, separated by commas.
        missing: String,
        /// What grants them.
        statement: String,
    },
    /// A later release of this library wrote the table; it was left as it is.
    #[error(
        "the session table has layout {found}, but this release reads layouts up to {supported}; run the later release"
    )]
    TooNew {
        /// The layout of the table.
        found: u32,
        /// The last layout that this release reads.
        supported: u32,
    },
    /// The server refused another statement.
    #[error("the session table cannot be created or inspected: {}", why(.0))]
    Engine(#[source] StoreError),
}

crate::message::debug_is_the_message!(OpenError);

fn hint(parameter: &str) -> &'static str {
    match parameter {
        "startup_timeout" => "; write a number of seconds",
        "sslmode" | "ssl-mode" => "; use one of disabled, preferred, required, verify_ca, verify_identity",
        _ => "",
    }
}

/// The message of the engine, without the part that says that it is about the session store.
fn why(error: &StoreError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

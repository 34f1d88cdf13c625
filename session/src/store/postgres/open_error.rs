//! Why a store could not be opened.
//!
//! In: a failure. Out: a message that says what to do. Never shows a password.

use std::io;

use crate::store::{error::StoreError, names::LONGEST_NAME, tls::TlsFileError};

/// The parameters that a URL may have.
pub(super) const PARAMETERS: [&str; 21] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "max_connections",
    "options",
    "password",
    "port",
    "schema",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "startup_timeout",
    "table",
    "target_session_attrs",
    "user",
];

/// Why a PostgreSQL store could not be opened. No message shows a password.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL is not valid.
    #[error("not a PostgreSQL URL; write postgres://user:password@host:port/database")]
    Url,
    /// There is an `@` where none can be, because the user or the password contains one, or a `?`, that is not written with `%`.
    #[error(
        "the PostgreSQL URL has an `@` where none can be; in a user or a password, write `@` as %40, `/` as %2F and `?` as %3F"
    )]
    AtSign,
    /// The URL has an unknown parameter.
    #[error("unknown parameter {0:?} in the PostgreSQL URL; the parameters are {known}", known = PARAMETERS.join(", "))]
    Parameter(String),
    /// A parameter of the URL has an invalid value.
    #[error("invalid value for `{0}` in the PostgreSQL URL{hint}", hint = hint(.0))]
    Value(String),
    /// The URL names certificates to verify the server with, and a mode that does not verify it.
    #[error(
        "`sslrootcert` names certificates to verify the server with, and `sslmode` says not to; write sslmode=verify-full, or neither"
    )]
    Unverified,
    /// The certificate of the client is named without its key, or the key without the certificate.
    #[error("`sslcert` and `sslkey` belong together; write both, or neither")]
    ClientCertificate,
    /// The URL asks for a standby, or for any server.
    #[error(
        "sessions need the primary, which a standby lags behind; write target_session_attrs=read-write, or leave it out"
    )]
    Standbys,
    /// A file for TLS cannot be used.
    #[error("TLS is not possible: {0}")]
    Tls(#[from] TlsFileError),
    /// The name of the schema or the table is not valid.
    #[error(
        "{0:?} is not valid as the name of a schema or a table; use at most {LONGEST_NAME} ASCII letters, digits and _, not beginning with a digit"
    )]
    Name(String),
    /// The operating system refused to start the thread that owns the connections.
    #[error("cannot start a thread for the connections to PostgreSQL: {0}")]
    Thread(#[source] io::Error),
    /// The server cannot be reached, or refuses the connection.
    #[error("no connection to PostgreSQL: {}; check that the server is running and that the URL is right", why(.0))]
    Unreachable(#[source] StoreError),
    /// The server is a standby, which accepts no writes.
    #[error("the server is a standby; connect to the primary")]
    Standby,
    /// The server is older than PostgreSQL 12.
    #[error("PostgreSQL {0} is too old; version 12 or later is needed")]
    Server(String),
    /// The encoding of the database cannot represent all text.
    #[error("the database has the encoding {0}; create a database with the encoding UTF8")]
    Encoding(String),
    /// The schema does not exist, or the user has no access to it.
    #[error("the schema {0:?} does not exist, or the user may not use it; create it, or grant USAGE on it")]
    NoSchema(String),
    /// A table of this name does not hold sessions; it was left as it is.
    #[error("the table {0} does not hold sessions; choose another table name")]
    NotSessions(String),
    /// The tables have an earlier layout, and the user may not change them.
    #[error(
        "{0} is of an earlier release, and the user may not bring it up to date; connect once as its owner with this release"
    )]
    NotOwner(String),
    /// The tables are missing, and the user may not create them.
    #[error(
        "the user may not create {0}; grant CREATE on its schema, or connect once as the owner of the schema"
    )]
    NotAllowed(String),
    /// The tables belong to a role that could run code as the application, by a trigger for example.
    #[error(
        "{table} belongs to the role {owner}, which owns neither the schema nor the database and could run code as the application; if \
         its rows and triggers are yours, run `{statement}`; otherwise choose another schema"
    )]
    Owner {
        /// The table.
        table: String,
        /// Its owner.
        owner: String,
        /// What makes the owner of the schema its owner.
        statement: String,
    },
    /// The user lacks rights on the tables.
    #[error("the user may not {missing} on {table} or its layout; as their owner, run `{statement}`")]
    Rights {
        /// The table.
        table: String,
        /// The rights that are missing, separated by commas.
        missing: String,
        /// What grants them.
        statement: String,
    },
    /// A later release of this library wrote the tables; they were left as they are.
    #[error(
        "the session tables have layout {found}, but this release reads layouts up to {supported}; run the later release"
    )]
    TooNew {
        /// The layout of the tables.
        found: i32,
        /// The last layout that this release reads.
        supported: i32,
    },
    /// The server refused another statement.
    #[error("the session tables cannot be created or inspected: {}", why(.0))]
    Engine(#[source] StoreError),
}

crate::message::debug_is_the_message!(OpenError);

fn hint(parameter: &str) -> &'static str {
    match parameter {
        "startup_timeout" => "; write a number of seconds",
        "sslmode" | "ssl-mode" => "; use one of disable, allow, prefer, require, verify-ca, verify-full",
        _ => "",
    }
}

/// The message of the engine, without the part that says that it is about the session store.
fn why(error: &StoreError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

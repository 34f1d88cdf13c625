//! Why a database could not be opened.
//!
//! In: what went wrong. Out: a message that says what to do. Never: a password in a message.

use std::io;

use super::{names::LONGEST_NAME, url::PARAMETERS};
use crate::store::error::StoreError;

/// Why a database could not be opened. No message holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL cannot be understood.
    #[error("not a URL of PostgreSQL; write postgres://user:password@host:port/database")]
    Url,
    /// The password has an `@` that is not written `%40`.
    #[error("the URL of PostgreSQL has two `@`; in a name or a password write it as %40, and `/` as %2F")]
    AtSign,
    /// The URL says something that nobody listens to.
    #[error("the URL of PostgreSQL has a parameter {0:?} that does not exist; there are {known}", known = PARAMETERS.join(", "))]
    Parameter(String),
    /// A parameter of the URL has a value that means nothing.
    #[error("the URL of PostgreSQL has a value for `{0}` that means nothing{hint}", hint = hint(.0))]
    Value(String),
    /// A name of a schema or a table is none.
    #[error(
        "{0:?} cannot name a schema or a table; use up to {LONGEST_NAME} ASCII letters, digits and _, and no digit first"
    )]
    Name(String),
    /// The operating system gave no thread for the connections.
    #[error("no thread for the connections to PostgreSQL")]
    Thread(#[source] io::Error),
    /// The server cannot be reached, or did not let us in.
    #[error("no connection to PostgreSQL: {}; see that the server runs, and that the URL is right", why(.0))]
    Unreachable(#[source] StoreError),
    /// The server is a standby, where nothing can be written.
    #[error("the server is a standby; connect to the primary")]
    Standby,
    /// The server is older than PostgreSQL 12.
    #[error("PostgreSQL {0} is too old; version 12 or later is needed")]
    Server(String),
    /// The database cannot hold all text.
    #[error("the database has the encoding {0}; create one with the encoding UTF8")]
    Encoding(String),
    /// The schema is missing.
    #[error(
        "the schema {0:?} does not exist in the database, or may not be used; create it, or grant USAGE on it"
    )]
    NoSchema(String),
    /// A table of this name is something else; it was left as it is.
    #[error("{0} is a table of something else; give the sessions a table name of their own")]
    NotSessions(String),
    /// The tables are missing or of an earlier layout, and the user may not change that.
    #[error(
        "the user may not create {0}; grant CREATE on its schema, or connect once as the owner of the schema"
    )]
    NotAllowed(String),
    /// A later release of this library wrote the tables; they were left as they are.
    #[error(
        "the session tables have layout {found}, and this release reads layouts up to {supported}; run the later release"
    )]
    TooNew {
        /// The layout of the tables.
        found: i32,
        /// The last that this release knows.
        supported: i32,
    },
    /// The server refused something else.
    #[error("the session tables cannot be created or looked at: {}", why(.0))]
    Engine(#[source] StoreError),
}

fn hint(parameter: &str) -> &'static str {
    match parameter {
        "sslmode" | "ssl-mode" => "; it is one of disable, allow, prefer, require, verify-ca, verify-full",
        _ => "",
    }
}

/// What the engine said; that it is about a store goes without saying here.
fn why(error: &StoreError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

//! The meaning of errors.
//!
//! In: an error of sqlx. Out: whether the statement was executed, and a [`StoreError`] that shows no id and no value. Never guesses: if
//! it cannot be known whether a statement was executed, its outcome is unknown.

use std::borrow::Cow;

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::store::{
    error::{StoreError, StoreErrorKind},
    handshake::advice,
    tls::Words,
};

/// How the settings for TLS are called.
const WORDS: Words = Words {
    ca: "sslrootcert",
    client: "`sslcert` and `sslkey`",
    lone: "make one with `basicConstraints=critical,CA:FALSE`",
    plain: "check the address and `sslmode`",
};

/// Why a statement has no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server refused before it sent any result, and rolled back what the statement had done.
    Refused(sqlx::Error),
    /// There was no answer or only part of one; the statement may have been executed.
    Lost(Option<sqlx::Error>),
    /// The answer itself was wrong.
    Answer(StoreError),
}

impl Failure {
    /// The meaning of `error`; `began` says whether the server had begun to answer.
    ///
    /// A server sends the rows and the end of a statement before it commits the transaction, and it sends in order. An error without any
    /// result before it, even from a server that is shutting down, therefore means that the statement was not committed.
    pub(super) fn of(error: sqlx::Error, began: bool) -> Self {
        match &error {
            sqlx::Error::Database(_) if !began || !is_fatal(&error) => Self::Refused(error),
            sqlx::Error::Encode(_) => Self::Refused(error),
            _ => Self::Lost(Some(error)),
        }
    }

    /// There was no answer in time.
    pub(super) const fn silence() -> Self {
        Self::Lost(None)
    }

    /// The same failure of a `COMMIT`, which is answered after the fact.
    pub(super) fn of_commit(self) -> Self {
        match self {
            Self::Refused(error) if is_fatal(&error) => Self::Lost(Some(error)),
            other => other,
        }
    }

    /// Whether the statement was certainly not executed, and may succeed if it is sent again.
    pub(super) fn may_try_again(&self) -> bool {
        // Serialization failure, deadlock; a server that shuts down, crashes, starts.
        const PASSES: [&str; 5] = ["40001", "40P01", "57P01", "57P02", "57P03"];
        matches!(self, Self::Refused(error) if code(error).is_some_and(|code| PASSES.contains(&&*code)))
    }

    /// Whether the other connections to this server are in doubt too. A server that became a standby (25006) no longer has the sessions.
    pub(super) fn ends_connections(&self) -> bool {
        match self {
            Self::Refused(error) => is_fatal(error) || code(error).is_some_and(|code| code == "25006"),
            Self::Lost(_) => true,
            Self::Answer(_) => false,
        }
    }

    /// The same failure of a statement that changes nothing. It does not matter whether it was executed.
    pub(super) fn of_read(self) -> Self {
        match self {
            Self::Lost(Some(error)) => Self::Refused(error),
            Self::Lost(None) => Self::Answer(silent(StoreErrorKind::Unavailable)),
            other => other,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Answer(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Answer(error) => error,
            Failure::Refused(error) => refused(error),
            Failure::Lost(None) => silent(StoreErrorKind::UnknownOutcome),
            Failure::Lost(Some(error)) => said(StoreErrorKind::UnknownOutcome, error),
        }
    }
}

fn silent(kind: StoreErrorKind) -> StoreError {
    StoreError::new(kind).with_source("PostgreSQL did not answer in time")
}

/// The meaning of an error when nothing has been changed.
pub(super) fn refused(error: sqlx::Error) -> StoreError {
    let kind = match (&error, code(&error).as_deref()) {
        (sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_), _)
        // Data or an index is corrupted.
        | (_, Some("XX001" | "XX002")) => StoreErrorKind::Unreadable,
        // Disk full, out of memory, a configured limit, a limit of the engine.
        (_, Some("53100" | "53200" | "53400" | "54000")) => StoreErrorKind::Full,
        _ => StoreErrorKind::Unavailable,
    };
    said(kind, error)
}

/// Whether a handshake of TLS failed.
pub(super) fn is_handshake(error: &sqlx::Error) -> bool {
    advice(error, WORDS).is_some()
}

/// Adds PostgreSQL's message, but neither its details nor its messages about data (classes 22 and 23), because these quote values.
fn said(kind: StoreErrorKind, error: sqlx::Error) -> StoreError {
    if let Some(advice) = advice(&error, WORDS) {
        return StoreError::new(kind).with_source(format!("{error}; {advice}"));
    }
    StoreError::new(kind).with_source(match (&error, code(&error)) {
        (sqlx::Error::Database(said), Some(code)) if !code.starts_with("22") && !code.starts_with("23") => {
            format!("PostgreSQL: {} ({code})", said.message()).into()
        }
        (sqlx::Error::Database(_), Some(code)) => format!("PostgreSQL: error {code}").into(),
        // The message of sqlx is about its pool, which the caller does not know of.
        (sqlx::Error::PoolTimedOut, _) => {
            "no connection in time; PostgreSQL may be starting, or have no connections left".into()
        }
        _ => Box::<dyn std::error::Error + Send + Sync>::from(error),
    })
}

/// The SQLSTATE, <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
pub(super) fn code(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    error.as_database_error()?.code()
}

/// Whether the server ended the connection with this error.
fn is_fatal(error: &sqlx::Error) -> bool {
    let severity = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    severity.is_some_and(|error| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic))
}

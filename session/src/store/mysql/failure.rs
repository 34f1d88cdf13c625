//! The meaning of errors.
//!
//! In: an error of sqlx. Out: whether something may have been changed, and a [`StoreError`] that shows no id and no value. Never guesses:
//! if it cannot be known whether a transaction was committed, its outcome is unknown.

use sqlx::mysql::MySqlDatabaseError;

use crate::store::{
    error::{StoreError, StoreErrorKind},
    handshake::advice,
    tls::Words,
};

/// How the settings for TLS are called.
const WORDS: Words = Words {
    ca: "ssl-ca",
    client: "`ssl-cert` and `ssl-key`",
    lone: "make one with `basicConstraints=critical,CA:FALSE`",
    plain: "check the address and `ssl-mode`",
};

// Numbers of errors, <https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html>. MariaDB has the same ones.
const SHUTDOWN: u16 = 1053;
pub(super) const DUPLICATE: u16 = 1062;
const SYNTAX: u16 = 1064;
pub(super) const DENIED: u16 = 1142;
pub(super) const NO_TABLE: u16 = 1146;
pub(super) const TABLE_EXISTS: u16 = 1050;
pub(super) const COLUMN_EXISTS: u16 = 1060;
/// The server, or the account, has no connections left.
const TOO_MANY: [u16; 3] = [1040, 1203, 1226];
const LOCK_TIMEOUT: u16 = 1205;
const DEADLOCK: u16 = 1213;
/// The server does not write: `--read-only`, and a mode of the storage engine.
const READ_ONLY: [u16; 2] = [1290, 1836];
const INCORRECT_VALUE: u16 = 1366;
/// The server ended the connection: on `KILL` (MariaDB, MySQL), and after a time without a statement (MySQL).
const ENDED: [u16; 3] = [1927, 3169, 4031];
/// Data or an index is corrupted.
const CORRUPTED: [u16; 4] = [1034, 1194, 1712, 1877];
/// Disk full, out of memory, a table or a row that is too large, a limit of the server.
const FULL: [u16; 10] = [1021, 1037, 1038, 1041, 1114, 1118, 1153, 1206, 1406, 3675];

/// Why statements have no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server refused a statement. Nothing was committed; what was done before is rolled back when the connection ends.
    Refused(sqlx::Error),
    /// There was no answer or only part of one, to statements that may be sent again.
    Unanswered(sqlx::Error),
    /// There was no answer or only part of one; the transaction may have been committed.
    Lost(Option<sqlx::Error>),
    /// The answer itself was wrong.
    Answer(StoreError),
}

impl Failure {
    /// The meaning of `error` for statements before a `COMMIT`, or for one statement that is its own transaction.
    pub(super) fn of(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(_) | sqlx::Error::Encode(_) => Self::Refused(error),
            _ => Self::Lost(Some(error)),
        }
    }

    /// The meaning of `error` in answer to a `COMMIT`. Only a deadlock, as between the nodes of a cluster, is certainly rolled back.
    pub(super) fn of_commit(error: sqlx::Error) -> Self {
        if number(&error) == Some(DEADLOCK) { Self::Refused(error) } else { Self::Lost(Some(error)) }
    }

    /// There was no answer in time.
    pub(super) const fn silence() -> Self {
        Self::Lost(None)
    }

    /// Whether nothing was changed, and the same statements may succeed if they are sent again.
    pub(super) fn may_try_again(&self) -> bool {
        match self {
            Self::Refused(error) => number(error).is_some_and(|number| {
                [DEADLOCK, LOCK_TIMEOUT, SHUTDOWN].contains(&number) || ENDED.contains(&number)
            }),
            Self::Unanswered(_) => true,
            Self::Lost(_) | Self::Answer(_) => false,
        }
    }

    /// Whether the other connections to this server are in doubt too.
    pub(super) fn ends_connections(&self) -> bool {
        match self {
            Self::Refused(error) => number(error).is_some_and(|number| {
                number == SHUTDOWN || ENDED.contains(&number) || READ_ONLY.contains(&number)
            }),
            Self::Unanswered(_) | Self::Lost(_) => true,
            Self::Answer(_) => false,
        }
    }

    /// The same failure of statements that change nothing, or nothing more the second time. It does not matter whether they were executed.
    pub(super) fn of_repeatable(self) -> Self {
        match self {
            Self::Lost(Some(error)) => Self::Unanswered(error),
            Self::Lost(None) => Self::Answer(silent(StoreErrorKind::Unavailable)),
            other => other,
        }
    }

    /// The number of the error with which the server refused.
    pub(super) fn refusal(&self) -> Option<u16> {
        match self {
            Self::Refused(error) => number(error),
            _ => None,
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
            Failure::Refused(error) | Failure::Unanswered(error) => refused(error),
            Failure::Lost(None) => silent(StoreErrorKind::UnknownOutcome),
            Failure::Lost(Some(error)) => said(StoreErrorKind::UnknownOutcome, error),
        }
    }
}

fn silent(kind: StoreErrorKind) -> StoreError {
    StoreError::new(kind).with_source("the server did not answer in time")
}

/// The meaning of an error when nothing has been changed.
pub(super) fn refused(error: sqlx::Error) -> StoreError {
    let kind = match (&error, number(&error)) {
        (sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_), _) => StoreErrorKind::Unreadable,
        (_, Some(number)) if CORRUPTED.contains(&number) => StoreErrorKind::Unreadable,
        (_, Some(number)) if FULL.contains(&number) => StoreErrorKind::Full,
        _ => StoreErrorKind::Unavailable,
    };
    said(kind, error)
}

/// Whether a server that is asked for a connection may only be starting or ending, or have none left for the moment.
pub(super) fn is_for_the_moment(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => advice(error, WORDS).is_none(),
        error => number(error).is_some_and(|number| number == SHUTDOWN || TOO_MANY.contains(&number)),
    }
}

/// Adds the server's message, unless it quotes values (classes 22 and 23 of SQLSTATE) or a statement, which has values in it.
fn said(kind: StoreErrorKind, error: sqlx::Error) -> StoreError {
    if let Some(advice) = advice(&error, WORDS) {
        return StoreError::new(kind).with_source(format!("{error}; {advice}"));
    }
    StoreError::new(kind).with_source(match (&error, number(&error)) {
        (sqlx::Error::Database(said), Some(number)) => {
            let class = said.code().and_then(|code| code.get(..2).map(str::to_owned)).unwrap_or_default();
            if ["22", "23"].contains(&&*class) || [SYNTAX, INCORRECT_VALUE].contains(&number) {
                format!("the server: error {number}").into()
            } else {
                format!("the server: {} ({number})", said.message()).into()
            }
        }
        // The message of sqlx is about its pool, which the caller does not know of.
        (sqlx::Error::PoolTimedOut, _) => {
            "no connection in time; the server may be starting, or have no connections left".into()
        }
        _ => Box::<dyn std::error::Error + Send + Sync>::from(error),
    })
}

/// The number of an error of the server.
pub(super) fn number(error: &sqlx::Error) -> Option<u16> {
    let error = error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?;
    Some(error.number())
}

//! Connecting to a database: why it failed, and what every engine does first.
//!
//! In: an address, or the application's passwords. Out: [`NoLease`], or the password of the moment. Never: a connection that is kept.

use std::time::Duration;

use tokio::{
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};

use super::{
    error::{StoreError, StoreErrorKind},
    passwords::Passwords,
};

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum NoLease {
    /// All that there may be are in use.
    Busy,
    /// Nothing listens at the address.
    Unreachable(String),
    /// The server, or sqlx, refused.
    Refused(sqlx::Error),
}

impl NoLease {
    /// Whether the server may only not be there yet; `refusal` says so of what the server or sqlx refused.
    pub(super) fn is_for_the_moment(&self, refusal: impl Fn(&sqlx::Error) -> bool) -> bool {
        match self {
            Self::Busy | Self::Unreachable(_) | Self::Refused(sqlx::Error::PoolTimedOut) => true,
            Self::Refused(error) => refusal(error),
        }
    }

    /// The same as an error of the store; `refused` is the meaning of what the server or sqlx refused.
    pub(super) fn into_error(self, refused: impl FnOnce(sqlx::Error) -> StoreError) -> StoreError {
        let unavailable = StoreError::new(StoreErrorKind::Unavailable);
        match self {
            Self::Busy => unavailable.with_source("every connection is busy"),
            Self::Unreachable(why) => unavailable.with_source(why),
            Self::Refused(error) => refused(error),
        }
    }
}

/// Checks that something listens at an address. A pool would wait for it, and then not say why it failed.
pub(super) async fn reach(host: &str, port: u16, wait: Duration) -> Result<(), NoLease> {
    let why = match timeout(wait, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    Err(NoLease::Unreachable(format!("{host}:{port}: {why}")))
}

/// The password of the moment; `None` if the one of the URL counts.
pub(super) async fn password(
    passwords: Option<&Passwords>,
    deadline: Instant,
) -> Result<Option<String>, sqlx::Error> {
    let Some(passwords) = passwords else { return Ok(None) };
    let asked = timeout_at(deadline, passwords.ask()).await.map_err(|_| sqlx::Error::PoolTimedOut)?;
    asked.map(Some).map_err(sqlx::Error::Configuration)
}

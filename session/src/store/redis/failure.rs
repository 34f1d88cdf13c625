//! What an error means.
//!
//! In: what a server or a connection said. Out: what to do next ([`Refusal`]), or what the caller hears ([`Failure`]). Never: I/O.

use std::error::Error;

use redis::{ServerError, ServerErrorKind};

use super::url::Endpoint;
use crate::store::error::{StoreError, StoreErrorKind};

type Source = Box<dyn Error + Send + Sync>;

/// How a step ended without an answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was not executed.
    NotDone(Source),
    /// It may have been executed.
    Unknown(Source),
    /// There was no room; it was not executed.
    Full(Source),
    /// The key holds another kind of thing.
    WrongType,
}

impl Failure {
    pub(super) fn into_source(self) -> Source {
        match self {
            Self::NotDone(source) | Self::Unknown(source) | Self::Full(source) => source,
            Self::WrongType => "the key does not hold a hash".into(),
        }
    }

    /// For a step that changes something.
    pub(super) fn of_write(self) -> StoreError {
        match self {
            Self::NotDone(source) => StoreError::new(StoreErrorKind::Unavailable).with_source(source),
            Self::Unknown(source) => StoreError::new(StoreErrorKind::UnknownOutcome).with_source(source),
            Self::Full(source) => StoreError::new(StoreErrorKind::Full).with_source(source),
            Self::WrongType => StoreError::new(StoreErrorKind::Unreadable).with_source(self.into_source()),
        }
    }

    /// For a step that changes nothing, or nothing that anybody relies on.
    pub(super) fn of_read(self) -> StoreError {
        match self {
            Self::Unknown(source) => StoreError::new(StoreErrorKind::Unavailable).with_source(source),
            other => other.of_write(),
        }
    }
}

/// Why a server did not execute a command, as far as that tells what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It does not know the script.
    NoScript,
    /// It is a replica.
    ReadOnly,
    /// The slot is somewhere else, from now on; without a server if the reply names none.
    Moved(Option<Endpoint>),
    /// The key is somewhere else, this time.
    Ask(Option<Endpoint>),
    /// Soon it may.
    Later,
    Full,
    WrongType,
    /// Trying again changes nothing.
    Final,
}

impl Refusal {
    /// What `error` says; `from` is the server that said it.
    pub(super) fn of(error: &ServerError, from: &Endpoint) -> Self {
        let redirect = || error.details().and_then(|details| endpoint(details, from));
        match error.kind() {
            Some(ServerErrorKind::NoScript) => Self::NoScript,
            Some(ServerErrorKind::ReadOnly) => Self::ReadOnly,
            Some(ServerErrorKind::Moved) => Self::Moved(redirect()),
            Some(ServerErrorKind::Ask) => Self::Ask(redirect()),
            Some(
                ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::BusyLoading
                | ServerErrorKind::MasterDown,
            ) => Self::Later,
            _ => Self::of_text(error),
        }
    }

    /// Redis 6.2 hides what stopped a script in a general error's text. Our scripts write last, so nothing was done.
    fn of_text(error: &ServerError) -> Self {
        let says =
            |code: &str| error.code() == code || error.details().is_some_and(|text| text.contains(code));
        if says("OOM") {
            Self::Full
        } else if says("WRONGTYPE") {
            Self::WrongType
        } else if says("READONLY") {
            Self::ReadOnly
        } else {
            Self::Final
        }
    }
}

/// `<slot> <host>:<port>`; a server that does not know its own name leaves it out.
fn endpoint(details: &str, from: &Endpoint) -> Option<Endpoint> {
    let (host, port) = details.split_ascii_whitespace().nth(1)?.rsplit_once(':')?;
    let host = if host.is_empty() { from.host.clone() } else { host.into() };
    Some(Endpoint { host, port: port.parse().ok()? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on fails

    use super::*;

    fn said(reply: &str) -> Refusal {
        let value = redis::parse_redis_value(format!("-{reply}\r\n").as_bytes()).unwrap();
        let error = ServerError::try_from(value.extract_error().unwrap_err()).unwrap();
        Refusal::of(&error, &Endpoint { host: "asked".into(), port: 1 })
    }

    #[test]
    fn replies_of_servers_say_what_to_do() {
        let at = |host: &str, port| Some(Endpoint { host: host.into(), port });
        let cases = [
            ("NOSCRIPT No matching script.", Refusal::NoScript),
            ("READONLY You can't write against a read only replica.", Refusal::ReadOnly),
            (
                "ERR Error running script (call to f_1): @user_script:3: -READONLY You can't write",
                Refusal::ReadOnly,
            ),
            ("MOVED 3999 10.0.0.1:6381", Refusal::Moved(at("10.0.0.1", 6381))),
            ("MOVED 3999 ::1:6381", Refusal::Moved(at("::1", 6381))),
            ("MOVED 3999 :6381", Refusal::Moved(at("asked", 6381))),
            ("MOVED 3999", Refusal::Moved(None)),
            ("ASK 3999 b:7", Refusal::Ask(at("b", 7))),
            ("TRYAGAIN Multiple keys", Refusal::Later),
            ("CLUSTERDOWN The cluster is down", Refusal::Later),
            ("LOADING Redis is loading the dataset in memory", Refusal::Later),
            ("MASTERDOWN Link with MASTER is down", Refusal::Later),
            ("OOM command not allowed when used memory > 'maxmemory'.", Refusal::Full),
            (
                "ERR Error running script (call to f_1): @user_script:9: -OOM command not allowed",
                Refusal::Full,
            ),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", Refusal::WrongType),
            ("NOREPLICAS Not enough good replicas to write.", Refusal::Final),
            ("MISCONF Redis is configured to save RDB snapshots", Refusal::Final),
            ("NOAUTH Authentication required.", Refusal::Final),
            ("BUSY Redis is busy running a script.", Refusal::Final),
        ];
        for (reply, meaning) in cases {
            assert_eq!(said(reply), meaning, "{reply}");
        }
    }
}

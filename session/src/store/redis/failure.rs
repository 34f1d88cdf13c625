//! The meaning of errors.
//!
//! In: an error of a server or a connection. Out: what to do next ([`Refusal`]), or the error for the caller ([`Failure`]). Never: I/O.

use std::error::Error;

use super::{endpoint::Endpoint, resp::ServerError};
use crate::store::error::{StoreError, StoreErrorKind};

type Source = Box<dyn Error + Send + Sync>;

/// Why a call has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The call was not executed.
    NotDone(Source),
    /// The call may have been executed.
    Unknown(Source),
    /// The server has no memory left; the call was not executed.
    Full(Source),
    /// The Redis key does not hold a hash.
    WrongType,
}

impl Failure {
    pub(super) fn into_source(self) -> Source {
        match self {
            Self::NotDone(source) | Self::Unknown(source) | Self::Full(source) => source,
            Self::WrongType => "the Redis key does not hold a hash".into(),
        }
    }

    /// The error of a call that changes something.
    pub(super) fn of_write(self) -> StoreError {
        match self {
            Self::NotDone(source) => StoreError::new(StoreErrorKind::Unavailable).with_source(source),
            Self::Unknown(source) => StoreError::new(StoreErrorKind::UnknownOutcome).with_source(source),
            Self::Full(source) => StoreError::new(StoreErrorKind::Full).with_source(source),
            Self::WrongType => StoreError::new(StoreErrorKind::Unreadable).with_source(self.into_source()),
        }
    }

    /// The error of a call that changes nothing. It does not matter whether it was executed.
    pub(super) fn of_read(self) -> StoreError {
        match self {
            Self::Unknown(source) => StoreError::new(StoreErrorKind::Unavailable).with_source(source),
            other => other.of_write(),
        }
    }
}

/// Why a server refused a command, as far as that decides what to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The server does not know the script.
    NoScript,
    /// The server is a replica.
    ReadOnly,
    /// The slot has moved to another server, which a reply may leave out.
    Moved(Option<Endpoint>),
    /// The slot is moving, and this Redis key has moved already.
    Ask(Option<Endpoint>),
    /// The server will be able to execute the command soon.
    Later,
    Full,
    WrongType,
    /// Another attempt would be refused too.
    Final,
}

impl Refusal {
    /// The meaning of `error`, which the server `from` sent.
    pub(super) fn of(error: &ServerError, from: &Endpoint) -> Self {
        match error.code() {
            "NOSCRIPT" => Self::NoScript,
            "READONLY" => Self::ReadOnly,
            "MOVED" => Self::Moved(endpoint(error.text(), from)),
            "ASK" => Self::Ask(endpoint(error.text(), from)),
            "TRYAGAIN" | "CLUSTERDOWN" | "LOADING" | "MASTERDOWN" => Self::Later,
            _ => Self::of_text(error.text()),
        }
    }

    /// Redis 6.2 puts the error that stopped a script into the text of a general error. The scripts of this store write last, so
    /// nothing was changed.
    fn of_text(text: &str) -> Self {
        if text.contains("OOM") {
            Self::Full
        } else if text.contains("WRONGTYPE") {
            Self::WrongType
        } else if text.contains("READONLY") {
            Self::ReadOnly
        } else {
            Self::Final
        }
    }
}

/// Parses `<code> <slot> <host>:<port>`. A server that does not know its own name leaves out the host.
fn endpoint(text: &str, from: &Endpoint) -> Option<Endpoint> {
    let (host, port) = text.split_ascii_whitespace().nth(2)?.rsplit_once(':')?;
    let port = port.parse().ok()?;
    if host.is_empty() { from.beside(port) } else { Some(Endpoint::tcp(host, port)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(reply: &str) -> Refusal {
        Refusal::of(&ServerError::new(reply), &Endpoint::tcp("asked", 1))
    }

    #[test]
    fn replies_of_servers_say_what_to_do() {
        let at = |host: &str, port| Some(Endpoint::tcp(host, port));
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

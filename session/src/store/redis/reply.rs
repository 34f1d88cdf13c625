//! The replies of the scripts.
//!
//! In: a reply. Out: its [`Status`] and its other parts, or an error. Never: I/O.

use super::{layout, resp::Reply};
use crate::{
    record::meta::Unreadable,
    store::error::{StoreError, StoreErrorKind},
};

/// The first part of a script's reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Status {
    Gone,
    Done,
    Conflict,
    Exists,
    /// There is more than the script may read.
    TooMuch,
}

/// The error of a reply that none of the scripts gives. What became of the call is not known.
pub(super) fn unexpected() -> StoreError {
    StoreError::new(StoreErrorKind::UnknownOutcome)
        .with_source("unexpected reply; see whether a proxy answers in place of Redis")
}

/// Splits a reply into its status and the other parts. A status that says that the record cannot be read is an error.
pub(super) fn status(answer: Reply) -> Result<(Status, Vec<Reply>), StoreError> {
    let Reply::Array(mut parts) = answer else { return Err(unexpected()) };
    let rest = parts.split_off(parts.len().min(1));
    let status = match parts.first() {
        Some(Reply::Integer(0)) => Status::Gone,
        Some(Reply::Integer(1)) => Status::Done,
        Some(Reply::Integer(2)) => Status::Conflict,
        Some(Reply::Integer(3)) => return Err(Unreadable::Garbage.into()),
        Some(Reply::Integer(4)) => {
            let format = rest.first().and_then(layout::text).and_then(|text| text.parse().ok());
            return Err(Unreadable::Newer(format.unwrap_or(u16::MAX)).into());
        }
        Some(Reply::Integer(5)) => Status::Exists,
        Some(Reply::Integer(6)) => Status::TooMuch,
        _ => return Err(unexpected()),
    };
    Ok((status, rest))
}

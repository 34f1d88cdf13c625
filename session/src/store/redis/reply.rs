//! The replies of the scripts.
//!
//! In: a reply. Out: its [`Status`] and its other parts, or an error. Never: I/O.

use redis::Value;

use super::layout;
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
}

/// The error of a reply that none of the scripts gives. What became of the call is not known.
pub(super) fn unexpected() -> StoreError {
    StoreError::new(StoreErrorKind::UnknownOutcome)
        .with_source("unexpected reply; see whether a proxy answers in place of Redis")
}

/// Splits a reply into its status and the other parts. A status that says that the record cannot be read is an error.
pub(super) fn status(answer: Value) -> Result<(Status, Vec<Value>), StoreError> {
    let Value::Array(mut parts) = answer else { return Err(unexpected()) };
    let rest = parts.split_off(parts.len().min(1));
    let status = match parts.first() {
        Some(Value::Int(0)) => Status::Gone,
        Some(Value::Int(1)) => Status::Done,
        Some(Value::Int(2)) => Status::Conflict,
        Some(Value::Int(3)) => return Err(Unreadable::Garbage.into()),
        Some(Value::Int(4)) => {
            let format = rest.first().and_then(layout::text).and_then(|text| text.parse().ok());
            return Err(Unreadable::Newer(format.unwrap_or(u16::MAX)).into());
        }
        Some(Value::Int(5)) => Status::Exists,
        _ => return Err(unexpected()),
    };
    Ok((status, rest))
}

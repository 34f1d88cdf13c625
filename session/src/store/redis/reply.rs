//! What a script answers.
//!
//! In: a reply. Out: its status and its other parts, or an error. Never: I/O.

use redis::Value;

use super::layout;
use crate::{
    record::meta::Unreadable,
    store::error::{StoreError, StoreErrorKind},
};

/// What a script's answer begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Status {
    Gone,
    Done,
    Conflict,
    Exists,
}

/// No script of ours answers so; what became of the step is not known.
pub(super) fn strange() -> StoreError {
    StoreError::new(StoreErrorKind::UnknownOutcome).with_source("a reply that none of our scripts gives; see that nothing between here and Redis answers in its place")
}

/// The status and what follows it; unreadable records are errors.
pub(super) fn status(answer: Value) -> Result<(Status, Vec<Value>), StoreError> {
    let Value::Array(mut parts) = answer else { return Err(strange()) };
    let rest = parts.split_off(parts.len().min(1));
    let status = match parts.first() {
        Some(Value::Int(0)) => Status::Gone,
        Some(Value::Int(1)) => Status::Done,
        Some(Value::Int(2)) => Status::Conflict,
        Some(Value::Int(4)) => {
            let format = rest.first().and_then(layout::text).and_then(|text| text.parse().ok());
            return Err(Unreadable::Newer(format.unwrap_or(u16::MAX)).into());
        }
        Some(Value::Int(5)) => Status::Exists,
        Some(Value::Int(3)) => return Err(Unreadable::Garbage.into()),
        _ => return Err(strange()),
    };
    Ok((status, rest))
}

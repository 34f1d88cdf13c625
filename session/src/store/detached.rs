//! Calls of several steps, which go on when their caller gives up, as at the deadline of a request.
//!
//! In: a call. Out: its answer. Never leaves a call between two steps, unless the runtime ends.

use super::error::{StoreError, StoreErrorKind};

pub(super) async fn detached<T: Send + 'static>(
    call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let ended = tokio::spawn(call).await;
    ended.unwrap_or_else(|_| Err(StoreError::new(StoreErrorKind::UnknownOutcome)))
}

//! Removing what has ended, in engines that do not do so by themselves.

use std::future::Future;

use super::{SessionStore, StoreError};

/// A store that keeps expired records until they are swept. They read as absent all the time; sweeping only frees their room.
pub trait Sweep: SessionStore {
    /// Deletes at most `limit` expired records; says how many.
    ///
    /// # Errors
    /// When the engine cannot be reached.
    fn sweep(&self, limit: u32) -> impl Future<Output = Result<u32, StoreError>> + Send;
}

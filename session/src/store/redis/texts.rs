//! Texts that another library has stored, each under a Redis key of its choice.
//!
//! In: a Redis key. Out: the text and how long it lives. Never: a write, but for deleting it.

use std::time::Duration;

use super::{failure::Failure, reply::unexpected, resp::Reply, script::Call, store::RedisStore};
use crate::{record::meta::Unreadable, store::error::StoreError};

impl RedisStore {
    /// The text at `key`, and how long it lives if that is limited; `None` if there is none.
    pub(crate) async fn load_text(
        &self,
        key: &str,
    ) -> Result<Option<(String, Option<Duration>)>, StoreError> {
        let text = match self.ask_for("GET", key).await? {
            Reply::BulkString(text) => String::from_utf8(text.into()).map_err(|_| Unreadable::Garbage)?,
            Reply::Null => return Ok(None),
            _ => return Err(unexpected()),
        };
        // It is negative if nothing limits it, or if the text has expired between the two.
        let Reply::Integer(millis) = self.ask_for("PTTL", key).await? else { return Err(unexpected()) };
        Ok(Some((text, u64::try_from(millis).ok().map(Duration::from_millis))))
    }

    async fn ask_for(&self, command: &'static str, key: &str) -> Result<Reply, StoreError> {
        let call = Call::command(command, key.to_owned(), Vec::new());
        self.driver.call(&call).await.map_err(Failure::of_read)
    }

    /// Deletes the text at `key`; returns whether there was one.
    pub(crate) async fn delete_text(&self, key: &str) -> Result<bool, StoreError> {
        let call = Call::command("DEL", key.to_owned(), Vec::new()).durable(true);
        match self.driver.call(&call).await.map_err(Failure::of_write)? {
            Reply::Integer(deleted) => Ok(deleted > 0),
            _ => Err(unexpected()),
        }
    }
}

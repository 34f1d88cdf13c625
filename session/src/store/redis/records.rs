//! One record: load, create, update and delete it.
//!
//! In: a selector, and what to do. Out: the answer of one script or command, and for an update what it means for the indexes of
//! principals ([`IndexNews`]). Never touches an index.

use std::borrow::Cow;

use super::{
    failure::Failure,
    layout,
    reply::{Status, status, unexpected},
    resp::Reply,
    script::{CREATE, Call, DELETE, UPDATE},
    store::RedisStore,
};
use crate::{
    id::public::Selector,
    record::{
        change::{Change, NewRecord},
        meta::{Principal, Unreadable},
    },
    store::{
        contract::{Created, Loaded, Updated},
        error::StoreError,
    },
};

/// What an update means for the indexes of principals.
#[derive(Default)]
pub(super) struct IndexNews {
    /// The principal that the session had and no longer has.
    pub(super) left: Option<Principal>,
    /// The session has a principal, and was seen for the first time after a tenth of its idle timeout.
    pub(super) seen: Option<Seen>,
}

/// What an index should hold for a session that was seen. Times are decimal text, in milliseconds.
pub(super) struct Seen {
    pub(super) principal: Principal,
    pub(super) since: String,
    pub(super) until: String,
}

impl RedisStore {
    pub(super) async fn load_record(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        let call = Call::load(self.record_key(selector));
        match self.driver.call(&call).await.map_err(Failure::of_read)? {
            Reply::Array(answer) => layout::timed(&answer),
            _ => Err(Unreadable::Garbage.into()),
        }
    }

    pub(super) async fn create_record(
        &self,
        selector: &Selector,
        record: &NewRecord,
    ) -> Result<Created, StoreError> {
        let call = Call::script(&CREATE, self.record_key(selector), layout::create(record)?);
        match status(self.driver.call(&call).await.map_err(Failure::of_write)?)? {
            (Status::Done, _) => Ok(Created::Created),
            (Status::Exists, _) => Ok(Created::Exists),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn update_record(
        &self,
        selector: &Selector,
        change: &Change,
    ) -> Result<(Updated, IndexNews), StoreError> {
        let call = Call::script(&UPDATE, self.record_key(selector), layout::update(change)?);
        let call = call.durable(change.renewal.is_some());
        match status(self.driver.call(&call).await.map_err(Failure::of_write)?)? {
            (Status::Gone, _) => Ok((Updated::Gone, IndexNews::default())),
            (Status::Done, answer) => {
                let mut texts = answer.iter().map(layout::text);
                let mut next = || texts.next().flatten();
                let revision = next().and_then(|text| text.parse().ok()).ok_or_else(unexpected)?;
                let left = next().filter(|before| !before.is_empty()).map(Principal::from_store);
                let seen = match (next(), next(), next()) {
                    (Some(principal), Some(since), Some(until)) => Some(Seen {
                        principal: Principal::from_store(principal),
                        since: since.to_owned(),
                        until: until.to_owned(),
                    }),
                    _ => None,
                };
                Ok((Updated::Done { revision }, IndexNews { left, seen }))
            }
            // The script found the record live at the time in its reply, so `None` does not occur.
            (Status::Conflict, answer) => {
                let answer = layout::conflict(&answer)?.map_or(Updated::Gone, Updated::Conflict);
                Ok((answer, IndexNews::default()))
            }
            _ => Err(unexpected()),
        }
    }

    /// Deletes a record as the flags of `lua/delete.lua` say; returns the principal that it had, empty if none, or `None` if nothing was
    /// deleted. `durable` as in [`Call::durable`].
    pub(super) async fn delete_record(
        &self,
        selector: &Selector,
        flags: &'static str,
        only_if: Option<&Principal>,
        durable: bool,
    ) -> Result<Option<Principal>, StoreError> {
        let trace = if self.driver.wait.is_some() { "w" } else { "" };
        let mut arguments: Vec<Cow<'_, str>> = vec![[flags, trace].concat().into()];
        arguments.extend(only_if.map(|principal| principal.as_str().into()));
        let call = Call::script(&DELETE, self.record_key(selector), arguments).durable(durable);
        let (status, parts) = status(self.driver.call(&call).await.map_err(Failure::of_write)?)?;
        let principal = || parts.first().and_then(layout::text).unwrap_or_default();
        Ok((status == Status::Done).then(|| Principal::from_store(principal())))
    }
}

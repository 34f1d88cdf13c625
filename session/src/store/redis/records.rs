//! One record.
//!
//! In: a key and what is to be done. Out: what one script or command made of it. Never: the index of a principal; what an update
//! noticed about it is in [`Noticed`].

use std::borrow::Cow;

use redis::Value;

use super::{
    failure::Failure,
    layout,
    reply::{Status, status, strange},
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

/// What an update says about the indexes of principals.
#[derive(Default)]
pub(super) struct Noticed {
    /// Whose the session was, if it is somebody else's now.
    pub(super) left: Option<Principal>,
    pub(super) seen: Option<Seen>,
}

/// A session that was seen after a while.
pub(super) struct Seen {
    pub(super) principal: Principal,
    pub(super) since: String,
    pub(super) until: String,
}

impl RedisStore {
    pub(super) async fn load_record(&self, key: &Selector) -> Result<Option<Loaded>, StoreError> {
        let call = Call::load(self.key(key));
        match self.driver.call(&call).await.map_err(Failure::of_read)? {
            Value::Array(answer) => layout::timed(&answer),
            _ => Err(Unreadable::Garbage.into()),
        }
    }

    pub(super) async fn create_record(
        &self,
        key: &Selector,
        record: &NewRecord,
    ) -> Result<Created, StoreError> {
        let call = Call::script(&CREATE, self.key(key), layout::create(record)?);
        match status(self.driver.call(&call).await.map_err(Failure::of_write)?)? {
            (Status::Done, _) => Ok(Created::Created),
            (Status::Exists, _) => Ok(Created::Exists),
            _ => Err(strange()),
        }
    }

    fn update_call<'a>(&self, key: &Selector, change: &'a Change) -> Result<Call<'a>, StoreError> {
        let call = Call::script(&UPDATE, self.key(key), layout::update(change)?);
        Ok(call.durable(change.renewal.is_some()))
    }

    pub(super) async fn update_record(
        &self,
        key: &Selector,
        change: &Change,
    ) -> Result<(Updated, Noticed), StoreError> {
        let call = self.update_call(key, change)?;
        match status(self.driver.call(&call).await.map_err(Failure::of_write)?)? {
            (Status::Gone, _) => Ok((Updated::Gone, Noticed::default())),
            (Status::Done, answer) => {
                let mut texts = answer.iter().map(layout::text);
                let mut next = || texts.next().flatten();
                let revision = next().and_then(|text| text.parse().ok()).ok_or_else(strange)?;
                let mut noticed = Noticed::default();
                if let Some(before) = next().filter(|before| !before.is_empty()) {
                    noticed.left = Some(Principal::from_store(before));
                }
                if let (Some(principal), Some(since), Some(until)) = (next(), next(), next()) {
                    let (since, until) = (since.to_owned(), until.to_owned());
                    noticed.seen = Some(Seen { principal: Principal::from_store(principal), since, until });
                }
                Ok((Updated::Done { revision }, noticed))
            }
            // Alive a moment ago, by the clock that the answer shows.
            (Status::Conflict, answer) => {
                let answer = layout::conflict(&answer)?.map_or(Updated::Gone, Updated::Conflict);
                Ok((answer, Noticed::default()))
            }
            _ => Err(strange()),
        }
    }

    /// Deletes a record, as the script's flags say; answers whose it was.
    pub(super) async fn delete_record(
        &self,
        key: &Selector,
        flags: &'static str,
        only_if: Option<&Principal>,
    ) -> Result<Option<Principal>, StoreError> {
        let trace = if self.driver.wait.is_some() { "w" } else { "" };
        let mut arguments: Vec<Cow<'_, str>> = vec![[flags, trace].concat().into()];
        arguments.extend(only_if.map(|principal| principal.as_str().into()));
        let call = Call::script(&DELETE, self.key(key), arguments).durable(true);
        let (status, whose) = status(self.driver.call(&call).await.map_err(Failure::of_write)?)?;
        let whose = || whose.first().and_then(layout::text).unwrap_or_default();
        Ok((status == Status::Done).then(|| Principal::from_store(whose())))
    }
}

//! The index of each principal's sessions: repaired, not trusted.
//!
//! In: entries of a principal. Out: the sessions behind them, or their ends. Never relies on keyspace events, and never changes two Redis keys
//! atomically, because a cluster may keep them on two servers.
//!
//! The index of a principal is a sorted set of entries, each a selector, a state and a time, in the order of the selectors. No script can
//! change an index and a record together, so both sides follow an order that leaves a trace whatever crashes in between:
//!
//! * A sign-in **reserves** an entry, writes the record, then **confirms** the entry.
//! * A removal **dooms** the entry, deletes the record, then **clears** the entry.
//!
//! An acknowledged sign-in therefore has an entry that was live while its record existed, so dooming the entry finds the record: this is
//! what makes `delete_all` final (G3). What a crash leaves behind is harmless. A doomed entry is finished by the next call that
//! reads the index. A reservation counts as a session until it is a minute old, because its sign-in may be in flight. A record without
//! an entry belongs to a sign-in that was never acknowledged, so no browser has its cookie. An entry that a failover lost is
//! written again when its session is next seen.

use std::{borrow::Cow, collections::HashMap, future::Future};

use futures_util::future::join_all;
use tokio::runtime::Handle;

use super::{
    entries::Entry,
    failure::Failure,
    records::{IndexNews, Seen},
    reply::{Status, status},
    resp::Reply,
    script::{Call, ENSURE, REMOVE, Script},
    store::RedisStore,
};
use crate::{
    id::public::{PublicId, Selector},
    record::{
        change::Change,
        meta::{Principal, Unreadable},
        time::Limits,
    },
    store::{
        contract::{Loaded, Updated},
        error::{StoreError, StoreErrorKind},
    },
};

/// In milliseconds, longer than any sign-in takes. A crash has left a reservation that is older and has no record.
const GRACE: &str = "60000";

/// How many records are read or deleted at the same time.
const TOGETHER: usize = 64;

/// What an entry refers to.
enum Behind {
    Live(Loaded),
    /// A record that cannot be read, so it may be this principal's.
    Unreadable,
    /// No record, or one of another principal.
    Nothing,
}

/// The error of a call that failed before a sign-in was stored. Whatever it did to the index, no session has changed, so the
/// outcome is known.
pub(super) fn nothing_done(error: StoreError) -> StoreError {
    match error.kind() {
        StoreErrorKind::UnknownOutcome => StoreError::new(StoreErrorKind::Unavailable).with_source(error),
        _ => error,
    }
}

/// Runs index repairs that no caller waits for. Without them the index is still correct, but slower to read.
fn in_background(work: impl Future<Output = Result<(), StoreError>> + Send + 'static) {
    let Ok(runtime) = Handle::try_current() else { return };
    runtime.spawn(async move {
        if let Err(error) = work.await {
            tracing::debug!(%error, "could not repair a principal's index; the next call that reads it will");
        }
    });
}

impl RedisStore {
    /// Applies a change to one record, and repairs the indexes that it concerns.
    pub(super) async fn write_change(
        &self,
        selector: &Selector,
        change: &Change,
    ) -> Result<Updated, StoreError> {
        let (answer, IndexNews { left, seen }) = self.update_record(selector, change).await?;
        if let Some(before) = left {
            self.left(selector, &before);
        }
        if let Some(seen) = seen {
            self.seen(selector, seen);
        }
        Ok(answer)
    }

    /// Runs a script on the index of `principal`.
    pub(super) async fn on_index(
        &self,
        script: &'static Script,
        principal: &Principal,
        arguments: Vec<Cow<'_, str>>,
    ) -> Result<(Status, Vec<Reply>), StoreError> {
        let call = Call::script(script, self.index_key(principal), arguments);
        status(self.driver.call(&call).await.map_err(Failure::of_write)?)
    }

    /// The entries of an index in a range of `ZRANGEBYLEX`.
    pub(super) async fn entries(
        &self,
        principal: &Principal,
        range: Vec<Cow<'_, str>>,
    ) -> Result<Vec<Entry>, StoreError> {
        let call = Call::command("ZRANGEBYLEX", self.index_key(principal), range);
        match self.driver.call(&call).await.map_err(Failure::of_read)? {
            Reply::Array(entries) => Ok(entries.iter().filter_map(Entry::of).collect()),
            _ => Err(Unreadable::Garbage.into()),
        }
    }

    /// Deletes the records behind doomed entries, then clears the entries; returns how many records there were.
    ///
    /// In this order, because an entry that is cleared first would leave a live record that nobody finds. What is done is done: a call that
    /// is repeated goes on where the one before it stopped.
    pub(super) async fn finish(&self, principal: &Principal, doomed: Vec<Entry>) -> Result<u64, StoreError> {
        let mut ended = 0;
        for some in doomed.chunks(TOGETHER) {
            let selectors = some.iter().filter_map(Entry::id).map(PublicId::selector);
            // A replica has everything that came before what it has, so waiting for the last delete on each server is enough.
            let (others, last) = match self.driver.wait {
                None => (selectors.collect(), Vec::new()),
                Some(_) => self.last_on_each_server(selectors).await?,
            };
            for (selectors, durable) in [(others, false), (last, true)] {
                let delete = |selector| async move {
                    self.delete_record(&selector, "r", Some(principal), durable).await
                };
                for deleted in join_all(selectors.into_iter().map(delete)).await {
                    ended += u64::from(deleted?.is_some());
                }
            }
            self.remove(principal, some.to_vec()).await?;
        }
        Ok(ended)
    }

    /// The last of these records on each server, and before them the others.
    async fn last_on_each_server(
        &self,
        selectors: impl Iterator<Item = Selector>,
    ) -> Result<(Vec<Selector>, Vec<Selector>), StoreError> {
        let (mut others, mut last) = (Vec::new(), HashMap::new());
        for selector in selectors {
            let server =
                self.driver.server_of(&self.record_key(&selector)).await.map_err(Failure::of_read)?;
            others.extend(last.insert(server, selector));
        }
        Ok((others, last.into_values().collect()))
    }

    /// The same for what another call has left: some of it now, and the rest while nobody waits.
    pub(super) async fn finish_left(
        &self,
        principal: &Principal,
        mut doomed: Vec<Entry>,
    ) -> Result<(), StoreError> {
        let rest = doomed.split_off(doomed.len().min(TOGETHER));
        self.finish(principal, doomed).await?;
        if !rest.is_empty() {
            let (store, principal) = (self.clone(), principal.clone());
            in_background(async move { store.finish(&principal, rest).await.map(|_| ()) });
        }
        Ok(())
    }

    /// Removes entries that still have the value that was seen, except reservations that may be in flight.
    async fn remove(&self, principal: &Principal, entries: Vec<Entry>) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut arguments: Vec<Cow<'_, str>> = vec![GRACE.into()];
        arguments.extend(entries.into_iter().map(|entry| entry.into_text().into()));
        self.on_index(&REMOVE, principal, arguments).await.map(|_| ())
    }

    /// Loads the sessions behind `entries`, and removes the entries that have none.
    pub(super) async fn prune(
        &self,
        principal: &Principal,
        entries: Vec<Entry>,
    ) -> Result<Vec<(PublicId, Loaded)>, StoreError> {
        let (mut live, mut dead) = (Vec::new(), Vec::new());
        for some in entries.chunks(TOGETHER) {
            let behind = join_all(some.iter().map(|entry| self.behind(principal, entry))).await;
            for (entry, behind) in some.iter().zip(behind) {
                match (behind?, entry.id()) {
                    (Behind::Live(loaded), Some(id)) => live.push((id, loaded)),
                    (Behind::Unreadable, _) => {
                        tracing::debug!(
                            session = entry.selector(),
                            "a session in a principal's index cannot be read; it is left out of the list"
                        );
                    }
                    _ => dead.push(entry.clone()),
                }
            }
        }
        self.remove(principal, dead).await?;
        Ok(live)
    }

    async fn behind(&self, principal: &Principal, entry: &Entry) -> Result<Behind, StoreError> {
        let Some(id) = entry.id() else { return Ok(Behind::Nothing) };
        match self.load_record(&id.selector()).await {
            Ok(Some(loaded)) if loaded.record.meta().principal.as_ref() == Some(principal) => {
                Ok(Behind::Live(loaded))
            }
            Ok(_) => Ok(Behind::Nothing),
            Err(error) if error.is_unreadable() => Ok(Behind::Unreadable),
            Err(error) => Err(error),
        }
    }

    /// Removes the entry of a session that `principal` has left, unless the principal is signing in to it again.
    pub(super) fn left(&self, selector: &Selector, principal: &Principal) {
        let (store, principal, id) = (self.clone(), principal.clone(), PublicId::of(*selector));
        in_background(async move {
            let range = [format!("[{id}:"), format!("({id};")];
            let entry = store.entries(&principal, range.map(Cow::from).to_vec()).await?;
            store.prune(&principal, entry).await.map(|_| ())
        });
    }

    /// Checks `some` entries, and removes those whose sessions have ended.
    pub(super) fn check_some(&self, principal: &Principal, some: Vec<Entry>) {
        if some.is_empty() {
            return;
        }
        let (store, principal) = (self.clone(), principal.clone());
        in_background(async move { store.prune(&principal, some).await.map(|_| ()) });
    }

    /// Before the limits of a session change: its entry exists, and the index lives at least as long as the session will.
    pub(super) async fn prolong(
        &self,
        principal: &Principal,
        selector: &Selector,
        loaded: &Loaded,
        limits: Option<Limits>,
    ) -> Result<(), StoreError> {
        let meta = loaded.record.meta();
        let since = meta.since().as_millis().to_string();
        let until = loaded.now.saturating_add(limits.unwrap_or(meta.limits).absolute).as_millis().to_string();
        let arguments = vec![PublicId::of(*selector).to_string().into(), since.into(), until.into()];
        self.on_index(&ENSURE, principal, arguments).await.map(|_| ())
    }

    /// Writes the entry of a session that was seen after a while, in case it was lost.
    fn seen(&self, selector: &Selector, seen: Seen) {
        let Seen { principal, since, until } = seen;
        let store = self.clone();
        let arguments = [PublicId::of(*selector).to_string(), since, until];
        in_background(async move {
            let arguments = arguments.into_iter().map(Cow::from).collect();
            store.on_index(&ENSURE, &principal, arguments).await.map(|_| ())
        });
    }
}

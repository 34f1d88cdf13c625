//! Which sessions a principal has: repaired, not trusted.
//!
//! In: a principal. Out: their sessions, places for new ones, the end of them. Never: keyspace events; a step over two keys,
//! which in a cluster are on two servers.
//!
//! The index of a principal is a hash: selector to state and time. A sign-in *reserves* an entry, writes the record, and
//! *confirms* the entry; who removes a session *dooms* its entry, deletes the record, and clears the entry. So a sign-in that was
//! acknowledged has an entry that was live after its record was there, and whoever dooms it finds the record. A crash in between
//! leaves a doomed entry, which everybody who comes by finishes, or a reservation, which counts until it is a minute old. A
//! record without an entry belongs to a sign-in that was not acknowledged: its verifier never left the process. An entry that a
//! failover lost comes back when its session is next seen.

use std::{borrow::Cow, future::Future};

use futures_util::future::join_all;
use redis::Value;
use tokio::runtime::Handle;

use super::{
    failure::Failure,
    layout,
    records::{Noticed, Seen},
    reply::{Status, status},
    script::{Call, DOOM, ENSURE, REMOVE, Script},
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
        index::{Listed, PrincipalIndex},
    },
};

/// Longer than any sign-in takes: a reservation that is older and has no record was left by a crash.
const GRACE: &str = "60000";

/// How many records are looked at together.
const TOGETHER: usize = 64;

/// A selector, and the state and time that were seen.
type Entry = (String, String);

/// What stands behind an entry.
enum Behind {
    Live(Loaded),
    /// Something of somebody, that cannot be read.
    Unreadable,
    /// No session of this principal.
    Nothing,
}

fn entries(values: &[Value]) -> Vec<Entry> {
    let pair = |pair: &[Value]| match pair {
        [selector, value] => Some((layout::text(selector)?.to_owned(), layout::text(value)?.to_owned())),
        _ => None,
    };
    values.chunks(2).filter_map(pair).collect()
}

pub(super) fn nested(values: &[Value], at: usize) -> Vec<Entry> {
    match values.get(at) {
        Some(Value::Array(values)) => entries(values),
        _ => Vec::new(),
    }
}

fn is_doomed((_, value): &Entry) -> bool {
    value.starts_with(['x', 'y'])
}

/// Before a sign-in is stored, nothing that anybody relies on has changed.
pub(super) fn nothing_done(error: StoreError) -> StoreError {
    match error.kind() {
        StoreErrorKind::UnknownOutcome => StoreError::new(StoreErrorKind::Unavailable).with_source(error),
        _ => error,
    }
}

impl RedisStore {
    /// Applies a change to one record, and looks after the indexes that it concerns.
    pub(super) async fn write_change(&self, key: &Selector, change: &Change) -> Result<Updated, StoreError> {
        let (answer, noticed) = self.update_record(key, change).await?;
        self.notice(key, noticed);
        Ok(answer)
    }

    pub(super) async fn on_index(
        &self,
        script: &'static Script,
        principal: &Principal,
        arguments: Vec<Cow<'_, str>>,
    ) -> Result<(Status, Vec<Value>), StoreError> {
        let call = Call::script(script, self.index_key(principal), arguments);
        status(self.driver.call(&call).await.map_err(Failure::of_write)?)
    }

    /// Ends the sessions behind doomed entries, and clears those; says how many sessions there were.
    pub(super) async fn finish(&self, principal: &Principal, doomed: Vec<Entry>) -> Result<u64, StoreError> {
        let mut ended = 0;
        for some in doomed.chunks(TOGETHER) {
            let deletes = some.iter().filter_map(|(selector, _)| selector.parse::<PublicId>().ok());
            let deletes = deletes.map(|id| self.delete_by_id(id, principal));
            for deleted in join_all(deletes).await {
                ended += u64::from(deleted?);
            }
        }
        self.remove(principal, doomed).await?;
        Ok(ended)
    }

    async fn delete_by_id(&self, id: PublicId, principal: &Principal) -> Result<bool, StoreError> {
        let deleted = self.delete_record(&id.selector(), "r", Some(principal)).await?;
        Ok(deleted.is_some())
    }

    /// Removes entries that still are as they were seen, and are no sign-in in flight.
    async fn remove(&self, principal: &Principal, entries: Vec<Entry>) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut arguments: Vec<Cow<'_, str>> = vec![GRACE.into()];
        arguments.extend(entries.into_iter().flat_map(|(selector, value)| [selector.into(), value.into()]));
        self.on_index(&REMOVE, principal, arguments).await.map(|_| ())
    }

    /// Looks at the sessions behind `entries`, and removes entries that have none.
    pub(super) async fn prune(
        &self,
        principal: &Principal,
        entries: Vec<Entry>,
    ) -> Result<Vec<(PublicId, Loaded)>, StoreError> {
        let (mut live, mut dead) = (Vec::new(), Vec::new());
        for some in entries.chunks(TOGETHER) {
            let behind = join_all(some.iter().map(|(selector, _)| self.behind(principal, selector))).await;
            for (entry, behind) in some.iter().zip(behind) {
                match (behind?, entry.0.parse()) {
                    (Behind::Live(loaded), Ok(id)) => live.push((id, loaded)),
                    (Behind::Unreadable, _) => {
                        tracing::warn!(session = %entry.0, "a session of a list cannot be read");
                    }
                    _ => dead.push(entry.clone()),
                }
            }
        }
        self.remove(principal, dead).await?;
        Ok(live)
    }

    async fn behind(&self, principal: &Principal, selector: &str) -> Result<Behind, StoreError> {
        let Ok(id) = selector.parse::<PublicId>() else { return Ok(Behind::Nothing) };
        match self.load_record(&id.selector()).await {
            Ok(Some(loaded)) if loaded.record.meta().principal.as_ref() == Some(principal) => {
                Ok(Behind::Live(loaded))
            }
            Ok(_) => Ok(Behind::Nothing),
            Err(error) if matches!(error.kind(), StoreErrorKind::Unreadable | StoreErrorKind::TooNew) => {
                Ok(Behind::Unreadable)
            }
            Err(error) => Err(error),
        }
    }

    /// A session that is nobody's or somebody else's now: its entry goes, unless its principal is signing in again.
    pub(super) fn left(&self, key: &Selector, principal: &Principal) {
        let (store, principal, selector) = (self.clone(), principal.clone(), PublicId::of(*key).to_string());
        self.aside(async move {
            let call = Call::command("HGET", store.index_key(&principal), vec![selector.as_str().into()]);
            let value = store.driver.call(&call).await.map_err(Failure::of_read)?;
            let seen = layout::text(&value).map(|value| (selector, value.to_owned()));
            store.prune(&principal, seen.into_iter().collect()).await.map(|_| ())
        });
    }

    /// Some entries of an index, of which some may be of sessions that have ended: those go.
    pub(super) fn look_at(&self, principal: &Principal, some: Vec<Entry>) {
        if some.is_empty() {
            return;
        }
        let (store, principal) = (self.clone(), principal.clone());
        self.aside(async move { store.prune(&principal, some).await.map(|_| ()) });
    }

    /// A session of this principal gets another end: its entry is there, and the index lives as long.
    pub(super) async fn prolong(
        &self,
        principal: &Principal,
        key: &Selector,
        loaded: &Loaded,
        limits: Option<Limits>,
    ) -> Result<(), StoreError> {
        let meta = loaded.record.meta();
        let since = meta.authenticated.unwrap_or(meta.created).as_millis().to_string();
        let until = loaded.now.saturating_add(limits.unwrap_or(meta.limits).absolute).as_millis().to_string();
        let arguments = vec![PublicId::of(*key).to_string().into(), since.into(), until.into()];
        self.on_index(&ENSURE, principal, arguments).await.map(|_| ())
    }

    /// Looks after the indexes that an update concerns.
    pub(super) fn notice(&self, key: &Selector, noticed: Noticed) {
        if let Some(before) = noticed.left {
            self.left(key, &before);
        }
        if let Some(seen) = noticed.seen {
            self.seen(key, seen);
        }
    }

    /// A session that was seen after a while: its entry is there again, if it was lost.
    fn seen(&self, key: &Selector, seen: Seen) {
        let Seen { principal, since, until } = seen;
        let store = self.clone();
        let arguments = [PublicId::of(*key).to_string(), since, until];
        self.aside(async move {
            let arguments = arguments.into_iter().map(Cow::from).collect();
            store.on_index(&ENSURE, &principal, arguments).await.map(|_| ())
        });
    }

    /// Work that nobody waits for: the index is right without it, only slower.
    #[allow(clippy::unused_self)] // of the store
    fn aside(&self, work: impl Future<Output = Result<(), StoreError>> + Send + 'static) {
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(error) = work.await {
                tracing::debug!(%error, "an index of sessions is left to be repaired");
            }
        });
    }
}

impl PrincipalIndex for RedisStore {
    async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        let call = Call::command("HGETALL", self.index_key(principal), Vec::new());
        let Value::Array(all) = self.driver.call(&call).await.map_err(Failure::of_read)? else {
            return Err(Unreadable::Garbage.into());
        };
        let (doomed, live): (Vec<_>, Vec<_>) = entries(&all).into_iter().partition(is_doomed);
        if let Err(error) = self.finish(principal, doomed).await {
            tracing::debug!(%error, "sessions that are about to end are left to the next who comes by");
        }
        let live = self.prune(principal, live).await.map_err(nothing_done)?;
        let mut list: Vec<_> = live
            .into_iter()
            .map(|(id, loaded)| Listed::new(id.selector(), loaded.record.meta().clone()))
            .collect();
        Listed::sort_oldest_first(&mut list);
        Ok(list)
    }

    async fn delete_all(&self, principal: &Principal, except: Option<&Selector>) -> Result<u64, StoreError> {
        let spared = except.map(|key| PublicId::of(*key).to_string()).unwrap_or_default();
        let (_, parts) = self.on_index(&DOOM, principal, vec![spared.into()]).await?;
        self.finish(principal, nested(&parts, 0)).await
    }
}

//! The sessions of a principal, listed, counted or ended, some at a time.
//!
//! In: a principal. Out: its sessions, or their number. Never reads or changes all of a large index in one call, because a server answers
//! nobody else meanwhile.

use super::{
    entries::{Entry, nested},
    failure::Failure,
    index::nothing_done,
    layout,
    resp::Reply,
    script::{Call, DOOM},
    store::RedisStore,
};
use crate::{
    id::public::{PublicId, Selector},
    record::meta::{Principal, Unreadable},
    store::{
        contract::Loaded,
        detached::detached,
        error::StoreError,
        index::{Listed, Page, PrincipalIndex},
    },
};

/// How many entries one script dooms: it takes less than a millisecond, in which the server answers nobody else.
pub(super) const DOOMED: usize = 64;

/// How many entries one command lists: it takes about a millisecond, too.
pub(super) const LISTED: usize = 1024;

impl RedisStore {
    /// The live sessions behind entries, in their order. Finishes what another call has left of them.
    pub(super) async fn listed(
        &self,
        principal: &Principal,
        entries: Vec<Entry>,
    ) -> Result<Vec<Listed>, StoreError> {
        let (doomed, live): (Vec<_>, Vec<_>) = entries.into_iter().partition(Entry::is_doomed);
        if let Err(error) = self.finish_left(principal, doomed).await {
            tracing::debug!(%error, "could not end the sessions of doomed entries; the next call that reads the index will");
        }
        let live = self.prune(principal, live).await.map_err(nothing_done)?;
        let listed =
            |(id, loaded): (PublicId, Loaded)| Listed::new(id.selector(), loaded.record.meta().clone());
        Ok(live.into_iter().map(listed).collect())
    }

    /// Ends all sessions of `principal` but one, some at a time. What is done is done: a call that is repeated begins with those that are left.
    async fn end_all(&self, principal: &Principal, spared: &str) -> Result<u64, StoreError> {
        let (mut ended, mut after) = (0, String::new());
        loop {
            let arguments = vec![after.into(), DOOMED.to_string().into(), spared.into()];
            let (_, parts) = self.on_index(&DOOM, principal, arguments).await?;
            ended += self.finish(principal, nested(&parts, 0)).await?;
            after = parts.get(1).and_then(layout::text).unwrap_or_default().to_owned();
            if after.is_empty() {
                return Ok(ended);
            }
        }
    }
}

impl RedisStore {
    /// Entries in the order of their selectors, and the selector to go on after, if there may be more.
    pub(super) async fn some_entries(
        &self,
        principal: &Principal,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Entry>, Option<String>), StoreError> {
        let from = after.map_or("-".to_owned(), |after| format!("({after};"));
        let range = vec![from.into(), "+".into(), "LIMIT".into(), "0".into(), limit.to_string().into()];
        let entries = self.entries(principal, range).await?;
        let last = entries.last().filter(|_| entries.len() >= limit).map(|last| last.selector().to_owned());
        Ok((entries, last))
    }
}

impl PrincipalIndex for RedisStore {
    async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        let (mut sessions, mut after) = (Vec::new(), None);
        loop {
            let (some, last) = self.some_entries(principal, after.as_deref(), LISTED).await?;
            sessions.extend(self.listed(principal, some).await?);
            after = last;
            if after.is_none() {
                break;
            }
        }
        Listed::sort_oldest_first(&mut sessions);
        Ok(sessions)
    }

    async fn sessions_page(
        &self,
        principal: &Principal,
        after: Option<&Selector>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let limit = limit.max(1);
        let after = after.map(|after| PublicId::of(*after).to_string());
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let (entries, _) = self.some_entries(principal, after.as_deref(), limit).await?;
        let sessions = self.listed(principal, entries.clone()).await?;
        let selector = |entry: &Entry| entry.id().map(PublicId::selector);
        Ok(Page::in_order(&entries, limit, selector, sessions))
    }

    /// Counts sessions that have expired until a list or a sign-in has looked for them.
    async fn count_of(&self, principal: &Principal) -> Result<u64, StoreError> {
        let call = Call::command("ZCARD", self.index_key(principal), Vec::new());
        match self.driver.call(&call).await.map_err(Failure::of_read)? {
            Reply::Integer(count) => Ok(u64::try_from(count).unwrap_or_default()),
            _ => Err(Unreadable::Garbage.into()),
        }
    }

    async fn delete_all(&self, principal: &Principal, except: Option<&Selector>) -> Result<u64, StoreError> {
        let spared = except.map(|selector| PublicId::of(*selector).to_string()).unwrap_or_default();
        let (store, principal) = (self.clone(), principal.clone());
        detached(async move { store.end_all(&principal, &spared).await }).await
    }
}

//! Room for one more session of a principal whose index is too large for one script.
//!
//! In: a principal and a maximum. Out: an index that one script can read, or a refusal. Never reads all of the index in one call, and never
//! loads more sessions than may stay: what is older than those ends without a look.
//!
//! It decides nothing alone: the script that reserves the entry of the new session counts once more what is left. What it has done is done, so
//! a sign-in that is given up at a deadline leaves less to the next one.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
};

use super::{
    entries::{Entry, nested},
    failure::Failure,
    lists::{DOOMED, LISTED},
    resp::Reply,
    script::{Call, DOOM_THESE},
    store::RedisStore,
};
use crate::{
    record::{
        change::{MaxSessions, WhenFull},
        meta::{Principal, Unreadable},
    },
    store::{error::StoreError, index::PrincipalIndex as _},
};

/// A larger maximum counts entries, of which a sample is checked: to look for the record behind each one would take a second for 100,000.
const CHECKED: usize = 1024;

/// How many entries are checked then. Sign-ins check some as well, so hardly any entry is without a session.
const SAMPLE: usize = 64;

impl RedisStore {
    /// Makes room for one session; `false` if the maximum forbids it.
    pub(super) async fn make_room(
        &self,
        principal: &Principal,
        max: MaxSessions,
    ) -> Result<bool, StoreError> {
        let most = usize::try_from(max.per_user.get()).unwrap_or(usize::MAX);
        match max.when_full {
            WhenFull::RejectNew if most <= CHECKED => self.has_room(principal, most).await,
            WhenFull::RejectNew => {
                let sample = self.sample(principal).await?;
                self.listed(principal, sample).await?;
                Ok(self.count_of(principal).await? < u64::from(max.per_user.get()))
            }
            WhenFull::EvictOldest => self.thin_out(principal, most).await.map(|()| true),
        }
    }

    async fn sample(&self, principal: &Principal) -> Result<Vec<Entry>, StoreError> {
        let call = Call::command("ZRANDMEMBER", self.index_key(principal), vec![SAMPLE.to_string().into()]);
        match self.driver.call(&call).await.map_err(Failure::of_read)? {
            Reply::Array(entries) => Ok(entries.iter().filter_map(Entry::of).collect()),
            _ => Err(Unreadable::Garbage.into()),
        }
    }

    /// Whether fewer than `most` sessions live. Removes the entries of others that it meets.
    async fn has_room(&self, principal: &Principal, most: usize) -> Result<bool, StoreError> {
        let (mut live, mut after) = (0, None);
        loop {
            let (some, last) = self.some_entries(principal, after.as_deref(), DOOMED).await?;
            live += self.listed(principal, some).await?.len();
            if live >= most || last.is_none() {
                return Ok(live < most);
            }
            after = last;
        }
    }

    /// Ends all sessions but the `most - 1` that signed in last, some at a time.
    ///
    /// The entries come in no order of time, so this keeps the youngest that it has seen. An entry that is older than as many is one too
    /// many, whatever follows.
    async fn thin_out(&self, principal: &Principal, most: usize) -> Result<(), StoreError> {
        let (mut youngest, mut surplus, mut after) = (BTreeMap::new(), Vec::new(), None);
        loop {
            let (some, last) = self.some_entries(principal, after.as_deref(), LISTED).await?;
            for some in some.chunks(DOOMED) {
                let (too_old, others): (Vec<_>, Vec<_>) = some.iter().cloned().partition(|entry| {
                    let full = youngest.len() + 1 >= most;
                    let is_older = |(oldest, _): (&(u64, String), &Entry)| age(entry) < *oldest;
                    full && !entry.is_doomed() && youngest.first_key_value().is_none_or(is_older)
                });
                surplus.extend(too_old);
                for entry in self.living(principal, others, most).await? {
                    youngest.insert(age(&entry), entry);
                    if youngest.len() >= most {
                        surplus.extend(youngest.pop_first().map(|(_, entry)| entry));
                    }
                }
            }
            let enough = if last.is_some() { DOOMED } else { 1 };
            while surplus.len() >= enough {
                let some = surplus.split_off(surplus.len().saturating_sub(DOOMED));
                self.end_these(principal, some).await?;
            }
            after = last;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// The entries that have a session, or of a large maximum all that are not doomed. Finishes what another call has doomed.
    async fn living(
        &self,
        principal: &Principal,
        mut entries: Vec<Entry>,
        most: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        if most > CHECKED {
            entries.retain(|entry| !entry.is_doomed());
            return Ok(entries);
        }
        let listed = self.listed(principal, entries.clone()).await?;
        let live: HashSet<_> = listed.into_iter().map(|listed| listed.selector).collect();
        entries.retain(|entry| entry.id().is_some_and(|id| live.contains(&id.selector())));
        Ok(entries)
    }

    /// Ends the sessions of entries, except of those that have changed.
    async fn end_these(&self, principal: &Principal, entries: Vec<Entry>) -> Result<(), StoreError> {
        let arguments = entries.into_iter().map(|entry| Cow::from(entry.into_text())).collect();
        let (_, parts) = self.on_index(&DOOM_THESE, principal, arguments).await?;
        self.finish(principal, nested(&parts, 0)).await.map(|_| ())
    }
}

/// The order in which sessions must go.
fn age(entry: &Entry) -> (u64, String) {
    (entry.since(), entry.selector().to_owned())
}

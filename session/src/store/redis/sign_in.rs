//! A record that gets a principal.
//!
//! In: a record or a change with a principal, and how many sessions that may have. Out: what became of it, with an entry in the
//! index that was live after the record was there. Never: a record that is signed in and not acknowledged, without a sign of it in
//! the index.
//!
//! Reserve, write, confirm; [`index`](super::index) says why.

use redis::Value;

use super::{
    index::{nested, nothing_done},
    layout,
    reply::Status,
    script::{CONFIRM, REMOVE, RESERVE},
    store::RedisStore,
};
use crate::{
    id::public::{PublicId, Selector},
    record::{
        apply::Outcome,
        change::{Change, MaxSessions, NewRecord, WhenFull},
        meta::{Principal, Unreadable},
        time::{Limits, Timestamp},
    },
    store::{
        contract::{Created, Updated},
        error::{StoreError, StoreErrorKind},
    },
};

/// How long an index lives beyond its last session, in milliseconds.
const SLACK: u64 = 3_600_000;

/// How long it lives when nobody said how long its sessions do: 400 days, as long as browsers keep a cookie.
const LONGEST: u64 = 400 * 24 * SLACK;

/// Lua counts exactly up to here.
const EXACT: u64 = 1 << 52;

/// A place in an index.
struct Place {
    /// Whether it was not there before.
    new: bool,
    value: String,
}

fn ttl(limits: Option<Limits>) -> String {
    let absolute = |limits: Limits| Timestamp::default().saturating_add(limits.absolute).as_millis();
    limits.map_or(LONGEST, |limits| absolute(limits).saturating_add(SLACK).min(EXACT)).to_string()
}

/// A sign-in that may be stored, or may be half removed.
fn unknown(error: StoreError) -> StoreError {
    StoreError::new(StoreErrorKind::UnknownOutcome).with_source(error)
}

impl RedisStore {
    pub(super) async fn create_for(
        &self,
        principal: &Principal,
        key: &Selector,
        record: &NewRecord,
    ) -> Result<Created, StoreError> {
        let (max, limits) = (record.max_sessions, Some(record.limits));
        let Some(place) = self.admit(principal, key, max, limits).await.map_err(nothing_done)? else {
            return Ok(Created::TooMany);
        };
        let answer = self.create_record(key, record).await;
        if !matches!(answer, Ok(Created::Created)) {
            self.give_back(principal, key, place, answer.as_ref().err()).await;
            return answer;
        }
        let kept = self.confirm(principal, key, max, limits).await.map_err(unknown)?;
        Ok(if kept { Created::Created } else { Created::TooMany })
    }

    pub(super) async fn update_for(
        &self,
        principal: &Principal,
        key: &Selector,
        change: &Change,
    ) -> Result<Updated, StoreError> {
        let mut max = change.max_sessions;
        if max.is_some() || !change.authenticated {
            // Nobody is evicted for a change that cannot be applied, or for somebody who signs in again.
            let Some(loaded) = self.load_record(key).await? else {
                return Ok(Updated::Gone);
            };
            match loaded.record.apply(change, loaded.now) {
                Outcome::Conflict => return Ok(Updated::Conflict(loaded)),
                Outcome::Gone => return self.write_change(key, change).await,
                Outcome::Done(_) => {}
            }
            let meta = loaded.record.meta();
            if meta.principal.as_ref() == Some(principal) {
                if !change.authenticated {
                    // It has its place, and keeps it: a longer life makes no session younger.
                    self.prolong(principal, key, &loaded, change.limits).await.map_err(nothing_done)?;
                    return self.write_change(key, change).await;
                }
                max = None;
            }
        }
        let Some(place) = self.admit(principal, key, max, change.limits).await.map_err(nothing_done)? else {
            return Ok(Updated::TooMany);
        };
        let answer = self.write_change(key, change).await;
        if !matches!(answer, Ok(Updated::Done { .. })) {
            // A session that is gone has no place, also not the one that it had before.
            let place = Place { new: place.new || matches!(answer, Ok(Updated::Gone)), ..place };
            self.give_back(principal, key, place, answer.as_ref().err()).await;
            return answer;
        }
        let kept = self.confirm(principal, key, max, change.limits).await.map_err(unknown)?;
        if kept { answer } else { Ok(Updated::TooMany) }
    }

    /// Reserves an entry, and ends the sessions that must go for it; `None`: there is no place.
    async fn admit(
        &self,
        principal: &Principal,
        key: &Selector,
        max: Option<MaxSessions>,
        limits: Option<Limits>,
    ) -> Result<Option<Place>, StoreError> {
        let most = max.map_or_else(String::new, |max| max.per_user.to_string());
        let evict = if max.is_some_and(|max| max.when_full == WhenFull::EvictOldest) { "e" } else { "" };
        let reserve = |last: &str| {
            let arguments = vec![
                PublicId::of(*key).to_string().into(),
                ttl(limits).into(),
                most.clone().into(),
                format!("{evict}{last}").into(),
            ];
            self.on_index(&RESERVE, principal, arguments)
        };
        let mut answer = reserve("").await?;
        if answer.0 == Status::Conflict {
            // Full, but maybe of sessions that have ended.
            self.prune(principal, nested(&answer.1, 0)).await?;
            answer = reserve("f").await?;
        }
        let (Status::Done, parts) = answer else { return Ok(None) };
        let value = parts.get(1).and_then(layout::text).ok_or(Unreadable::Garbage)?.to_owned();
        let place = Place { new: parts.first() == Some(&Value::Int(1)), value };
        match self.finish(principal, nested(&parts, 2)).await {
            Ok(_) => {
                self.look_at(principal, nested(&parts, 3));
                Ok(Some(place))
            }
            Err(error) => {
                self.give_back(principal, key, place, None).await;
                Err(error)
            }
        }
    }

    /// After the record was written: whether its sign-in stands.
    async fn confirm(
        &self,
        principal: &Principal,
        key: &Selector,
        max: Option<MaxSessions>,
        limits: Option<Limits>,
    ) -> Result<bool, StoreError> {
        let selector = PublicId::of(*key).to_string();
        // Twice is an index that was lost just then; more often is a server that loses everything.
        for _ in 0..4 {
            let (state, parts) = self.on_index(&CONFIRM, principal, vec![selector.as_str().into()]).await?;
            match state {
                Status::Done => return Ok(true),
                // Somebody newer came, or all were ended: as if that had been right after this sign-in.
                Status::Conflict => {
                    self.delete_record(key, "r", Some(principal)).await?;
                    let seen = parts.first().and_then(layout::text).unwrap_or_default();
                    let arguments = vec!["".into(), selector.as_str().into(), seen.into()];
                    self.on_index(&REMOVE, principal, arguments).await?;
                    return Ok(true);
                }
                // The index was lost. The record is there now, so whoever dooms the new entry finds it.
                _ => {
                    if self.admit(principal, key, max, limits).await?.is_none() {
                        self.delete_record(key, "r", Some(principal)).await?;
                        return Ok(false);
                    }
                }
            }
        }
        Err(StoreError::new(StoreErrorKind::UnknownOutcome).with_source("the index is lost again and again"))
    }

    /// Leaves a place that was not used, unless it may be.
    async fn give_back(&self, principal: &Principal, key: &Selector, place: Place, why: Option<&StoreError>) {
        if !place.new || why.is_some_and(|error| error.kind() == StoreErrorKind::UnknownOutcome) {
            return;
        }
        let selector = PublicId::of(*key).to_string();
        let arguments = vec!["".into(), selector.into(), place.value.into()];
        if let Err(error) = self.on_index(&REMOVE, principal, arguments).await {
            tracing::debug!(%error, session = %PublicId::of(*key), "a reservation in an index is left to its age");
        }
    }
}

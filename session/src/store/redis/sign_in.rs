//! Writing a record that gets a principal: reserve, write, confirm.
//!
//! In: a new record or a change with a principal, and the maximum of sessions that the principal may have. Out: the answer of the
//! store contract, with an entry in the principal's index that was live while the record existed. Never leaves a signed-in record without
//! a trace in the index, whatever fails in between. [`index`](super::index) explains the order.

use super::{
    entries::{Entry, nested},
    index::nothing_done,
    layout,
    reply::Status,
    resp::Reply,
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

/// How much longer an index lives than its last session, in milliseconds.
const SLACK: u64 = 3_600_000;

/// How long an index lives if the limits of the session are not known, in milliseconds: 400 days, the longest that browsers keep
/// a cookie.
const LONGEST: u64 = 400 * 24 * SLACK;

/// Lua's numbers are exact up to 2^53.
const EXACT: u64 = 1 << 52;

/// How often a sign-in reserves its entry again when the index has lost it. One loss is a failover; four in a row are a server that
/// keeps nothing.
const CONFIRMATIONS: usize = 4;

/// How many entries RESERVE reads, which takes it about a millisecond, in which the server answers nobody else.
const READ: usize = 1024;

/// How often a sign-in makes room in an index that RESERVE cannot read. Others may fill it meanwhile.
const CLEARINGS: usize = 4;

/// An entry in an index, reserved for one sign-in.
struct Reservation {
    /// Whether the session had no live entry before.
    is_new: bool,
    /// The entry. It is taken back only as long as it is this one.
    entry: Entry,
}

/// For how many milliseconds an index must live for a session with these limits.
fn time_to_live(limits: Option<Limits>) -> String {
    let absolute = |limits: Limits| Timestamp::default().saturating_add(limits.absolute).as_millis();
    limits.map_or(LONGEST, |limits| absolute(limits).saturating_add(SLACK).min(EXACT)).to_string()
}

/// The error of a call that failed after the record was written: the sign-in may stand, or may be half removed.
fn unknown(error: StoreError) -> StoreError {
    StoreError::new(StoreErrorKind::UnknownOutcome).with_source(error)
}

impl RedisStore {
    /// Creates a record of `principal`.
    pub(super) async fn create_signed_in(
        &self,
        principal: &Principal,
        selector: &Selector,
        record: &NewRecord,
    ) -> Result<Created, StoreError> {
        let (max, limits) = (record.max_sessions, Some(record.limits));
        if max.is_some() {
            // Look before reserving: no session may be evicted for a record that cannot be created. The script decides; this only
            // avoids needless evictions.
            match self.load_record(selector).await {
                Ok(None) => {}
                Ok(Some(_)) => return Ok(Created::Exists),
                Err(error) if error.is_unreadable() => {
                    return Ok(Created::Exists);
                }
                Err(error) => return Err(error),
            }
        }
        let reserved = self.reserve(principal, selector, max, limits).await.map_err(nothing_done)?;
        let Some(reservation) = reserved else { return Ok(Created::TooMany) };
        let answer = self.create_record(selector, record).await;
        if !matches!(answer, Ok(Created::Created)) {
            self.take_back(principal, selector, reservation, answer.as_ref().err()).await;
            return answer;
        }
        let stands = self.confirm(principal, selector, max, limits).await.map_err(unknown)?;
        Ok(if stands { Created::Created } else { Created::TooMany })
    }

    /// Applies a change that names `principal`: a sign-in, or new limits of a session that the principal has.
    pub(super) async fn update_signed_in(
        &self,
        principal: &Principal,
        selector: &Selector,
        change: &Change,
    ) -> Result<Updated, StoreError> {
        let mut max = change.max_sessions;
        if max.is_some() || !change.authenticated {
            // Look before reserving: no session may be evicted for a change that does not apply, nor for a user who signs in again
            // to the same session. The guarded update below decides; this only avoids needless evictions.
            let Some(loaded) = self.load_record(selector).await? else {
                return Ok(Updated::Gone);
            };
            match loaded.record.apply(change, loaded.now) {
                Outcome::Conflict => return Ok(Updated::Conflict(loaded)),
                Outcome::Gone => return self.write_change(selector, change).await,
                Outcome::Done(_) => {}
            }
            let meta = loaded.record.meta();
            if meta.principal.as_ref() == Some(principal) {
                if !change.authenticated {
                    // Only the limits change. The session keeps its entry and the entry's time, because a longer life does not make a
                    // session younger; the index must live as long as the session.
                    self.prolong(principal, selector, &loaded, change.limits).await.map_err(nothing_done)?;
                    return self.write_change(selector, change).await;
                }
                max = None;
            }
        }
        let reserved = self.reserve(principal, selector, max, change.limits).await.map_err(nothing_done)?;
        let Some(reservation) = reserved else { return Ok(Updated::TooMany) };
        let answer = self.write_change(selector, change).await;
        if !matches!(answer, Ok(Updated::Done { .. })) {
            // A session that is gone needs no entry, not even the one that it had before.
            let is_new = reservation.is_new || matches!(answer, Ok(Updated::Gone));
            let reservation = Reservation { is_new, ..reservation };
            self.take_back(principal, selector, reservation, answer.as_ref().err()).await;
            return answer;
        }
        let stands = self.confirm(principal, selector, max, change.limits).await.map_err(unknown)?;
        if stands { answer } else { Ok(Updated::TooMany) }
    }

    /// Reserves an entry, and ends the sessions that must make room for it; `None` if there is no room.
    async fn reserve(
        &self,
        principal: &Principal,
        selector: &Selector,
        max: Option<MaxSessions>,
        limits: Option<Limits>,
    ) -> Result<Option<Reservation>, StoreError> {
        let most = max.map_or_else(String::new, |max| max.per_user.to_string());
        let evict = if max.is_some_and(|max| max.when_full == WhenFull::EvictOldest) { "e" } else { "" };
        let reserve = |last: &str| {
            let arguments = vec![
                PublicId::of(*selector).to_string().into(),
                time_to_live(limits).into(),
                most.clone().into(),
                format!("{evict}{last}").into(),
                READ.to_string().into(),
            ];
            self.on_index(&RESERVE, principal, arguments)
        };
        let mut answer = reserve("").await?;
        for _ in 0..CLEARINGS {
            let (Some(max), Status::TooMuch) = (max, answer.0) else { break };
            if !self.make_room(principal, max).await? {
                return Ok(None);
            }
            answer = reserve("").await?;
        }
        if answer.0 == Status::Conflict {
            // The index is full, but some of its sessions may have expired. Remove those entries, then decide.
            self.prune(principal, nested(&answer.1, 0)).await?;
            answer = reserve("f").await?;
        }
        let parts = match answer {
            (Status::Done, parts) => parts,
            (Status::TooMuch, _) => {
                return Err(StoreError::new(StoreErrorKind::Unavailable)
                    .with_source("the sessions of this user become more while a sign-in ends the oldest"));
            }
            _ => return Ok(None),
        };
        let entry = parts.get(1).and_then(Entry::of).ok_or(Unreadable::Garbage)?;
        let reservation = Reservation { is_new: parts.first() == Some(&Reply::Integer(1)), entry };
        let finished = match self.finish(principal, nested(&parts, 2)).await {
            Ok(_) => self.finish_left(principal, nested(&parts, 4)).await,
            Err(error) => Err(error),
        };
        match finished {
            Ok(()) => {
                self.check_some(principal, nested(&parts, 3));
                Ok(Some(reservation))
            }
            Err(error) => {
                self.take_back(principal, selector, reservation, None).await;
                Err(error)
            }
        }
    }

    /// Confirms the entry of a record that was written; `false` if the sign-in was refused after all.
    async fn confirm(
        &self,
        principal: &Principal,
        selector: &Selector,
        max: Option<MaxSessions>,
        limits: Option<Limits>,
    ) -> Result<bool, StoreError> {
        let id = PublicId::of(*selector).to_string();
        for _ in 0..CONFIRMATIONS {
            let (state, parts) = self.on_index(&CONFIRM, principal, vec![id.as_str().into()]).await?;
            match state {
                Status::Done => return Ok(true),
                // Doomed between the reservation and now, by a newer sign-in or by `delete_all`. Either may already have looked for the
                // record and not found it, so this call removes it. The result is as if the session had ended right after its sign-in.
                Status::Conflict => {
                    self.delete_record(selector, "r", Some(principal), true).await?;
                    let seen = parts.first().and_then(layout::text).unwrap_or_default();
                    self.on_index(&REMOVE, principal, vec!["".into(), seen.into()]).await?;
                    return Ok(true);
                }
                // The index has lost the entry. Reserve another one: the record exists by now, so dooming the entry finds it.
                _ => {
                    if self.reserve(principal, selector, max, limits).await?.is_none() {
                        self.delete_record(selector, "r", Some(principal), true).await?;
                        return Ok(false);
                    }
                }
            }
        }
        Err(StoreError::new(StoreErrorKind::UnknownOutcome).with_source(
            "the index of the principal was lost several times in a row; see that the server evicts no keys",
        ))
    }

    /// Removes a reservation that was not used. One that may have been used stays, and counts until it is a minute old.
    async fn take_back(
        &self,
        principal: &Principal,
        selector: &Selector,
        reservation: Reservation,
        why: Option<&StoreError>,
    ) {
        let may_be_used = why.is_some_and(|error| error.kind() == StoreErrorKind::UnknownOutcome);
        if !reservation.is_new || may_be_used {
            return;
        }
        let id = PublicId::of(*selector);
        let arguments = vec!["".into(), reservation.entry.into_text().into()];
        if let Err(error) = self.on_index(&REMOVE, principal, arguments).await {
            tracing::debug!(%error, session = %id, "could not take back a reservation in a principal's index; it expires within a minute");
        }
    }
}

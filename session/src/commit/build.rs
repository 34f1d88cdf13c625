//! Makes what goes to the store: a change of a record, or a new one.
//!
//! In: a fold and a record. Out: an [`Attempt`], or a [`NewRecord`] and its id. Never: what to do with the store's answer.

use std::{sync::Arc, time::Duration};

use super::{
    arrival::Base,
    exchange::{After, CookieAction, Head, Request, Rules, Stored},
    fold::Fold,
};
use crate::{
    error::{Error, ErrorKind},
    id::{
        random::{NoRandomness, Randomness},
        session_id::SessionId,
    },
    record::{
        apply::{Outcome, Record},
        change::{Change, NewRecord, Renewal},
        meta::Meta,
    },
    schema::{describe::Schema, group::Upgraded},
    section::{delta::Delta, view::View},
    store::contract::Loaded,
};

/// A user who is set again sooner than this after they authenticated changes nothing.
const REAUTHENTICATION: Duration = Duration::from_mins(1);

/// A change that is ready for the store.
pub(crate) struct Attempt {
    /// The id that opens the record afterwards.
    pub(super) id: SessionId,
    /// The record that the change was made for.
    pub(super) on: Loaded,
    /// Whether another request has renewed the session since the load.
    overtaken: bool,
    pub(super) change: Change,
    /// The fields that the change stores in their newer form.
    pub(super) upgraded: Vec<Upgraded>,
    pub(super) cookie: CookieAction,
}

/// A record as a change is made for it.
pub(crate) struct Target {
    /// The id that opens it.
    pub(super) id: SessionId,
    pub(super) on: Loaded,
    pub(super) by: By,
}

/// How a request comes to the record that it changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum By {
    /// It met the record, and nobody has renewed it since.
    Met,
    /// Another request has renewed the session since the load: this one neither renews it again nor sends a cookie.
    Overtaken,
    /// Another request of the same browser has just signed the same user in. This one joins it, and sends the same cookie.
    Joined,
}

impl Target {
    /// The cookie for the record after `change`.
    pub(super) fn cookie(&self, change: &Change) -> CookieAction {
        let meta = self.on.record.meta();
        let persistent = change.persistent.unwrap_or(meta.persistent);
        CookieAction::set(self.id, change.limits.unwrap_or(meta.limits), persistent)
    }
}

impl Attempt {
    /// Makes `fold` a change of `target`; `None` if it changes nothing there.
    pub(super) fn new(
        fold: &Fold,
        target: &Target,
        request: &Request,
        rules: &Rules,
    ) -> Result<Option<Self>, Error> {
        let record = &*target.on.record;
        let view = View::of(record, target.on.now).after_sign_in(fold.signs_in_from_nobody());
        // Another binary may have raised a gate since the section was read (G5, G6).
        fold.patch.check_gates(view)?;
        let delta = fold.patch.against(view)?;
        let authenticates = authenticates(fold, &target.on);
        let wants_cookie = fold.renews || authenticates || fold.lifetime.is_some();
        let renews = wants_cookie && target.by == By::Met;
        let relabels = relabels(fold, record);
        if delta.writes.is_empty() && !renews && fold.lifetime.is_none() && !relabels {
            return Ok(None);
        }
        if (renews || target.by == By::Joined) && request.head == Head::Sent {
            return Err(Error::new(ErrorKind::TooLate));
        }
        let meta = record.meta();
        let Delta { writes, deletes, guards, upgraded, .. } = delta;
        let mut change = Change {
            expected_generation: Some(meta.generation),
            guards,
            delete: deletes,
            write: writes,
            touch: true,
            ..Change::default()
        };
        live_on(&mut change, fold, authenticates, meta, rules);
        if relabels {
            change.label.clone_from(&fold.label);
        }
        let (mut id, mut cookie) = (target.id, CookieAction::Keep);
        if renews {
            id = match &fold.signed_in {
                Some(signed_in) if authenticates => {
                    target.id.after_sign_in(signed_in.principal.as_str(), &rules.succession)
                }
                _ => target.id.with_new_verifier(rules.random).map_err(no_randomness)?,
            };
            change.renewal = Some(Renewal::new(id.verifier_hash()));
            let limits = change.limits.unwrap_or(meta.limits);
            cookie = CookieAction::set(id, limits, change.persistent.unwrap_or(meta.persistent));
        }
        if target.by == By::Joined {
            cookie = target.cookie(&change);
        }
        check_size(record, &change, rules.max_record)?;
        let overtaken = target.by == By::Overtaken;
        Ok(Some(Self { id, on: target.on.clone(), overtaken, change, upgraded, cookie }))
    }

    /// Stores the fields that were upgraded on reading along with the change, if the record then still has a legal size.
    pub(super) fn add_upgrades(&mut self, fold: &Fold, schemas: &[&'static Schema], rules: &Rules) {
        let record = &*self.on.record;
        let view = View::of(record, self.on.now).after_sign_in(fold.signs_in_from_nobody());
        let upgrades = fold.patch.upgrades(view, schemas);
        if upgrades.writes.is_empty() {
            return;
        }
        let mut change = self.change.clone();
        change.guards.extend(upgrades.guards);
        change.write.extend(upgrades.writes);
        if check_size(record, &change, rules.max_record).is_ok() {
            self.change = change;
            self.upgraded.extend(upgrades.upgraded);
        }
    }

    /// What the session is after the change was stored as `revision`. `read` is the record as the request loaded it.
    pub(super) fn stored_as(self, revision: u64, read: &Loaded) -> After {
        let Self { id, on, overtaken, change, .. } = self;
        let own = || Loaded::new(read.record.with_own_writes(&change, revision, on.now), read.now);
        if overtaken {
            // The request may write what it can, but it learns nothing of what came after the renewal (G4, G7).
            return After::Live(id, own());
        }
        // If the revision is higher, another request wrote in between, to cells that no guard covers.
        if revision == on.record.meta().revision + 1
            && let Outcome::Done(record) = on.record.apply(&change, on.now)
        {
            return After::Live(id, Loaded::new(Arc::<Record>::from(record), on.now));
        }
        After::Stored(Stored { id, shown: Some(own()) })
    }
}

/// Whether the sign-in in `fold`, if there is one, is recorded as an authentication and renews the session.
///
/// A user who is set again less than a minute after they authenticated is not: an application behind an authenticating proxy sets
/// the principal on every request, and must not pay for a new cookie each time. A minute is short enough that a password which was
/// just asked for again (ASVS 5.0 7.2.4) renews the session in practice.
pub(super) fn authenticates(fold: &Fold, on: &Loaded) -> bool {
    let Some(signed_in) = &fold.signed_in else { return false };
    let recently = |at| on.now.since(at) < REAUTHENTICATION;
    signed_in.from_nobody || !on.record.meta().authenticated.is_some_and(recently)
}

/// The part of a change that is about the session's life: the user, the limits.
fn live_on(change: &mut Change, fold: &Fold, authenticates: bool, meta: &Meta, rules: &Rules) {
    if let Some(signed_in) = fold.signed_in.as_ref().filter(|_| authenticates) {
        change.principal = Some(Some(signed_in.principal.clone()));
        change.max_sessions = rules.max_sessions;
        change.authenticated = true;
        // What a visitor was granted before they signed in, such as a long life, is not inherited by the user.
        let inherits = !signed_in.from_nobody;
        change.limits = Some(if inherits { meta.limits } else { rules.limits });
        change.persistent = Some(if inherits { meta.persistent } else { rules.persistent });
    }
    if let Some(lifetime) = fold.lifetime {
        change.limits = Some(lifetime.limits);
        change.persistent = Some(lifetime.persistent);
        // An index whose entries expire learns of new limits by the principal.
        if change.principal.is_none() && meta.principal.is_some() {
            change.principal = Some(meta.principal.clone());
        }
    }
}

/// The record that `fold` begins and the id that opens it; `None` if it sets no value.
pub(crate) fn new_record(
    fold: &Fold,
    head: Head,
    rules: &Rules,
) -> Result<Option<(SessionId, NewRecord)>, Error> {
    if !fold.patch.writes_a_value() {
        return Ok(None);
    }
    if head == Head::Sent {
        return Err(Error::new(ErrorKind::TooLate));
    }
    let id = mint(rules.random)?;
    let limits = fold.lifetime.map_or(rules.limits, |lifetime| lifetime.limits);
    let mut new = NewRecord::new(id.verifier_hash(), limits);
    new.cells = fold.patch.against(Base::NOTHING.view())?.writes;
    new.persistent = fold.lifetime.map_or(rules.persistent, |lifetime| lifetime.persistent);
    new.principal = fold.signed_in.as_ref().map(|signed_in| signed_in.principal.clone());
    new.authenticated = new.principal.is_some();
    new.max_sessions = rules.max_sessions.filter(|_| new.authenticated);
    new.label = fold.label.clone().flatten();
    let size = new.cells.iter().map(|cell| cell.key.as_str().len() + cell.json.as_str().len()).sum();
    within_limit(size, rules.max_record)?;
    Ok(Some((id, new)))
}

pub(crate) fn mint(random: Randomness) -> Result<SessionId, Error> {
    SessionId::mint(random).map_err(no_randomness)
}

fn no_randomness(NoRandomness: NoRandomness) -> Error {
    Error::new(ErrorKind::NoRandomness)
}

/// Whether `fold` gives the session another label.
pub(crate) fn relabels(fold: &Fold, record: &Record) -> bool {
    fold.label.as_ref().is_some_and(|label| *label != record.meta().label)
}

/// Whether `record` is within the limit after `change`. One that is too large already may still shrink, be renewed, and be signed
/// in to.
fn check_size(record: &Record, change: &Change, max: usize) -> Result<(), Error> {
    let replaced = |key: &str| record.cell(key).map_or(0, |cell| key.len() + cell.json.as_str().len());
    let size = change.write.iter().fold(record.size(), |size, write| {
        let key = write.key.as_str();
        size.saturating_sub(replaced(key)) + key.len() + write.json.as_str().len()
    });
    let size = change.delete.iter().fold(size, |size, key| size.saturating_sub(replaced(key.as_str())));
    within_limit(size, max.max(record.size()))
}

fn within_limit(size: usize, max: usize) -> Result<(), Error> {
    if size > max {
        return Err(Error::new(ErrorKind::TooLarge).because(format!(
            "the session would hold {size} bytes, and the limit is {max}; store less, or raise `max_record_bytes`"
        )));
    }
    Ok(())
}

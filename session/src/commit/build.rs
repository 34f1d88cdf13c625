//! Makes what goes to the store: a change of a record, or a new one.
//!
//! In: a fold and a record. Out: an [`Attempt`], or a [`NewRecord`] and its id. Never: what to do with the store's answer.

use std::sync::Arc;

use super::{
    arrival::Base,
    exchange::{After, CookieAction, Head, Request, Rules},
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

/// A change that is ready for the store.
pub(crate) struct Attempt {
    /// The id that opens the record afterwards.
    pub(super) id: SessionId,
    /// The record that the change was made for.
    pub(super) on: Loaded,
    pub(super) change: Change,
    /// The fields that the change stores in their newer form.
    pub(super) upgraded: Vec<Upgraded>,
    pub(super) cookie: CookieAction,
}

/// A record as a change is made for it.
pub(crate) struct Target {
    /// The id that the browser came with.
    pub(super) id: SessionId,
    pub(super) on: Loaded,
    /// Another request has renewed the session since the load: this one neither renews it again nor sends a cookie.
    pub(super) overtaken: bool,
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
        let wants_cookie = fold.renews || fold.signed_in.is_some() || fold.lifetime.is_some();
        let renews = wants_cookie && !target.overtaken;
        let relabels = relabels(fold, record);
        if delta.writes.is_empty() && !renews && fold.lifetime.is_none() && !relabels {
            return Ok(None);
        }
        if renews && request.head == Head::Sent {
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
        live_on(&mut change, fold, meta, rules);
        if relabels {
            change.label.clone_from(&fold.label);
        }
        let (mut id, mut cookie) = (target.id, CookieAction::Keep);
        if renews {
            id = target.id.with_new_verifier(rules.random).map_err(no_randomness)?;
            change.renewal = Some(Renewal::new(id.verifier_hash()));
            let limits = change.limits.unwrap_or(meta.limits);
            cookie = CookieAction::set(id, limits, change.persistent.unwrap_or(meta.persistent));
        }
        check_size(record, &change, rules.max_record)?;
        Ok(Some(Self { id, on: target.on.clone(), change, upgraded, cookie }))
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

    /// What the session is after the change was stored as `revision`.
    pub(super) fn stored_as(self, revision: u64) -> After {
        let Self { id, on, change, .. } = self;
        // Another request wrote in between, to cells that no guard covers.
        if revision != on.record.meta().revision + 1 {
            return After::Stored(id);
        }
        match on.record.apply(&change, on.now) {
            Outcome::Done(record) => After::Live(id, Loaded::new(Arc::<Record>::from(record), on.now)),
            Outcome::Conflict | Outcome::Gone => After::Stored(id),
        }
    }
}

/// The part of a change that is about the session's life: the user, the limits.
fn live_on(change: &mut Change, fold: &Fold, meta: &Meta, rules: &Rules) {
    if let Some(signed_in) = &fold.signed_in {
        change.principal = Some(Some(signed_in.principal.clone()));
        change.max_sessions = rules.max_sessions;
        change.authenticated = true;
        change.limits = Some(meta.limits);
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

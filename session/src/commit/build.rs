//! Makes what goes to the store: a change of a record, or a new one.
//!
//! In: a fold and a record. Out: an [`Attempt`], or a [`NewRecord`] and its id. Never: what to do with the store's answer.

use std::{rc::Rc, sync::Arc, time::Duration};

use super::{
    arrival::{Arrival, Base, touch_is_due},
    exchange::{After, CookieAction, Head, Lives, Request, Rules, Stored},
    fold::Fold,
    operation::Lifetime,
};
use crate::{
    error::{Error, ErrorKind},
    events::event::Event,
    id::{
        public::PublicId,
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
const REAUTHENTICATION: Duration = Duration::from_secs(60);

/// A change that is ready for the store.
pub(crate) struct Attempt {
    /// The id that opens the record afterwards.
    pub(super) id: SessionId,
    /// The record that the change was made for.
    pub(super) on: Loaded,
    by: By,
    pub(super) change: Rc<Change>,
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

/// The cookie that opens a record with `id` after `change`.
pub(super) fn cookie_for(id: SessionId, meta: &Meta, change: &Change) -> CookieAction {
    let persistent = change.persistent.unwrap_or(meta.persistent);
    CookieAction::set(id, change.limits.unwrap_or(meta.limits), persistent)
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
        let view = view_of(&target.on, fold);
        // Another binary may have raised a gate since the section was read (G5, G6).
        fold.patch.check_gates(view)?;
        let delta = fold.patch.against(view)?;
        let authenticates = authenticates(fold, &target.on);
        let lifetime = lifetime(fold, authenticates, request.granted);
        let wants_cookie = fold.renews || authenticates || lifetime.is_some();
        let renews = wants_cookie && target.by == By::Met;
        let relabels = relabels(fold, record);
        if delta.writes.is_empty() && !renews && lifetime.is_none() && !relabels && !fold.touches {
            return Ok(None);
        }
        let sends_cookie = match target.by {
            By::Met => renews || rules.lives != Lives::InStore,
            By::Joined => true,
            By::Overtaken => false,
        };
        if sends_cookie && request.head == Head::Sent {
            return Err(Error::new(ErrorKind::TooLate));
        }
        let meta = record.meta();
        let Delta { writes, deletes, guards, upgraded, .. } = delta;
        let mut change = Change {
            expected_generation: Some(meta.generation),
            anew: fold.has_left(),
            // What it leaves does not matter to the session that begins.
            guards: if fold.has_left() { Vec::new() } else { guards },
            delete: deletes,
            write: writes,
            // A touch moves the end of the session, which engines keep an index of, so a write makes none that is not due.
            touch: renews
                || fold.touches
                || lifetime.is_some()
                || (request.touches && touch_is_due(meta, target.on.now)),
            ..Change::default()
        };
        live_on(&mut change, fold, authenticates, lifetime, meta, rules);
        if relabels || change.anew {
            change.label.clone_from(&fold.label);
        }
        let mut id = target.id;
        if renews {
            id = match &fold.signed_in {
                Some(signed_in) if authenticates => {
                    target.id.after_sign_in(signed_in.principal.as_str(), &rules.succession)
                }
                _ => target.id.with_new_verifier(rules.random).map_err(no_randomness)?,
            };
            change.renewal = Some(Renewal::new(id.verifier_hash()));
        }
        let cookie = if sends_cookie { cookie_for(id, meta, &change) } else { CookieAction::Keep };
        check_size(record, &change, rules.max_record)?;
        let change = Rc::new(change);
        Ok(Some(Self { id, on: target.on.clone(), by: target.by, change, upgraded, cookie }))
    }

    /// Stores the fields that were upgraded on reading along with the change, if the record then still has a legal size.
    pub(super) fn add_upgrades(&mut self, fold: &Fold, schemas: &[&'static Schema], rules: &Rules) {
        let record = &*self.on.record;
        let upgrades = fold.patch.upgrades(view_of(&self.on, fold), schemas);
        if upgrades.writes.is_empty() {
            return;
        }
        let mut change = Change::clone(&self.change);
        change.guards.extend(upgrades.guards);
        change.write.extend(upgrades.writes);
        if check_size(record, &change, rules.max_record).is_ok() {
            self.change = Rc::new(change);
            self.upgraded.extend(upgrades.upgraded);
        }
    }

    /// What to tell once the change is stored; `purged` if the request asked for the end of the session that it was made for.
    pub(super) fn events(&self, purged: bool) -> impl Iterator<Item = Event<'static>> + use<> {
        let (id, change) = (PublicId::of(self.id.selector), &*self.change);
        let leaves_user = change.anew && self.on.record.meta().principal.is_some();
        [
            (leaves_user, Event::SignedOut { id }),
            (purged, Event::Purged { id }),
            (change.renewal.is_some(), Event::Renewed { id }),
            (change.authenticated, Event::SignedIn { id }),
        ]
        .into_iter()
        .filter_map(|(happened, event)| happened.then_some(event))
    }

    /// What the session is after the change was stored as `revision`.
    pub(super) fn stored_as(self, revision: u64, request: &Request) -> After {
        let Self { id, on, by, change, .. } = self;
        if by == By::Overtaken {
            return as_overtaken(id, revision, request);
        }
        let Outcome::Done(record) = on.record.apply_as(revision, &change, on.now) else {
            return After::Stored(Stored { id, shown: on });
        };
        let loaded = Loaded::new(Arc::<Record>::from(record), on.now);
        // If the revision is higher, another request wrote in between, to cells that no guard covers.
        if revision == on.record.meta().revision + 1 {
            After::Live(id, loaded)
        } else {
            After::Stored(Stored { id, shown: loaded })
        }
    }
}

/// What the operations in `fold` stand on, in the record `on`.
fn view_of<'a>(on: &'a Loaded, fold: &Fold) -> View<'a> {
    if fold.has_left() {
        return View::NOTHING;
    }
    View::of(&on.record, on.now).after_sign_in(fold.signs_in_from_nobody())
}

/// What the session is to a request after another one renewed it: what this one had read, and what it did itself, of which the last
/// is stored as `revision`. It learns nothing of what came after the renewal (G4, G7).
pub(super) fn as_overtaken(id: SessionId, revision: u64, request: &Request) -> After {
    let Arrival::Live(_, read) = &request.arrival else { return After::Same };
    let local = &request.local;
    let Ok(Delta { writes, deletes, .. }) = local.patch.against(view_of(read, local)) else {
        return After::Same;
    };
    let own = read.record.with_own_writes(&writes, &deletes, revision, read.now);
    After::Live(id, Loaded::new(own, read.now))
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

/// The lifetime that the request asks for. One that it has stored already is asked for again by a sign-in, which would otherwise start
/// from the builder's limits.
fn lifetime(fold: &Fold, authenticates: bool, granted: Option<Lifetime>) -> Option<Lifetime> {
    fold.lifetime.or(granted.filter(|_| authenticates))
}

/// The part of a change that is about the session's life: the user, the limits.
fn live_on(
    change: &mut Change,
    fold: &Fold,
    authenticates: bool,
    lifetime: Option<Lifetime>,
    meta: &Meta,
    rules: &Rules,
) {
    if let Some(signed_in) = fold.signed_in.as_ref().filter(|_| authenticates) {
        change.principal = Some(Some(signed_in.principal.clone()));
        change.max_sessions = rules.max_sessions;
        change.authenticated = true;
        // What a visitor was granted before they signed in, such as a long life, is not inherited by the user.
        let inherits = !signed_in.from_nobody;
        change.limits = Some(if inherits { meta.limits } else { rules.limits });
        change.persistent = Some(if inherits { meta.persistent } else { rules.persistent });
    }
    if let Some(lifetime) = lifetime {
        change.limits = Some(lifetime.limits);
        change.persistent = Some(lifetime.persistent);
        // An index whose entries expire learns of new limits by the principal.
        if change.principal.is_none() && meta.principal.is_some() {
            change.principal = Some(meta.principal.clone());
        }
    }
}

/// The record that `fold` begins and the id that opens it; `None` if it begins none.
pub(super) fn new_record(
    fold: &Fold,
    request: &Request,
    rules: &Rules,
) -> Result<Option<(SessionId, NewRecord)>, Error> {
    if !fold.begins() {
        return Ok(None);
    }
    if request.head == Head::Sent {
        return Err(Error::new(ErrorKind::TooLate));
    }
    let id = request.moves_to.map_or_else(|| mint(rules.random), Ok)?;
    let lifetime = lifetime(fold, fold.signed_in.is_some(), request.granted);
    let limits = lifetime.map_or(rules.limits_of(fold.signed_in.is_some()), |lifetime| lifetime.limits);
    let mut new = NewRecord::new(id.verifier_hash(), limits);
    new.cells = fold.patch.against(Base::NOTHING.view())?.writes;
    new.persistent = lifetime.map_or(rules.persistent, |lifetime| lifetime.persistent);
    new.principal = fold.signed_in.as_ref().map(|signed_in| signed_in.principal.clone());
    new.authenticated = new.principal.is_some() && request.moves_to.is_none();
    new.max_sessions = rules.max_sessions.filter(|_| new.principal.is_some());
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
    let record = Some(record).filter(|_| !change.anew);
    let cell = |key: &str| record.and_then(|record| record.cell(key));
    let replaced = |key: &str| cell(key).map_or(0, |cell| key.len() + cell.json.as_str().len());
    let before = record.map_or(0, Record::size);
    let size = change.write.iter().fold(before, |size, write| {
        let key = write.key.as_str();
        size.saturating_sub(replaced(key)) + key.len() + write.json.as_str().len()
    });
    let size = change.delete.iter().fold(size, |size, key| size.saturating_sub(replaced(key.as_str())));
    within_limit(size, max.max(before))
}

fn within_limit(size: usize, max: usize) -> Result<(), Error> {
    if size > max {
        return Err(Error::new(ErrorKind::TooLarge).because(format!(
            "the session would hold {size} bytes, and the limit is {max}; store less, or raise `max_record_bytes`"
        )));
    }
    Ok(())
}

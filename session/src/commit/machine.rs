//! Decides what a request's operations do to the store and to the cookie.
//!
//! In: a [`Request`], and the store's answers one by one. Out: the [`Next`] thing to do, until it is [`Next::Finish`]. Never: I/O,
//! actix, a clock of its own. The commit table in `ARCHITECTURE.md` is this file in words.

use std::{rc::Rc, time::Duration};

use super::{
    arrival::{Arrival, Base, has_other_sign_in, has_other_verifier, is_just_renewed, touch_is_due},
    build::{Attempt, By, Target, as_overtaken, authenticates, cookie_for, mint, new_record, relabels},
    exchange::{After, Answer, CookieAction, Done, Finish, Head, Lives, Next, Request, Rules, Since, Stored},
    fold::Fold,
    operation::{Recorded, since_leaving},
};
use crate::{
    error::{Error, ErrorKind},
    events::event::Event,
    id::{public::PublicId, session_id::SessionId},
    record::{
        apply::Record,
        change::{Change, NewRecord},
        time::{Limits, Timestamp},
    },
    schema::group::Upgraded,
    store::{
        contract::{Created, Loaded, Updated},
        error::StoreError,
    },
};

/// How many selectors are tried for a new record before the operating system's randomness is called broken.
const MINTS: u32 = 3;

/// The wait after the second conflict in a row. It doubles each time, and the shell waits a random part of it ("full jitter").
const FIRST_WAIT: Duration = Duration::from_millis(4);
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// A commit in progress.
pub(crate) struct Commit<'a> {
    request: Request,
    rules: &'a Rules,
    stage: Stage,
    conflicts: u32,
    /// What has happened and was not told yet.
    events: Vec<Event<'static>>,
    /// The session that the request met has been deleted, and another one is being created.
    has_ended: bool,
}

/// The store call that is under way, and what it was made for.
enum Stage {
    Idle,
    Touch,
    Update(Box<Attempt>),
    Create {
        id: SessionId,
        new: Rc<NewRecord>,
        mints: u32,
    },
    /// Ending the session that the request purges, because the one that was to take its place could not be stored for this reason.
    End {
        id: SessionId,
        purged: Loaded,
        because: Error,
    },
    /// Deleting a session that the request met; then perhaps another one, and creating one.
    Delete {
        id: SessionId,
        then: Option<Box<(Stage, Next)>>,
    },
}

impl<'a> Commit<'a> {
    pub(crate) fn new(request: Request, rules: &'a Rules) -> Self {
        Self { request, rules, stage: Stage::Idle, conflicts: 0, events: Vec::new(), has_ended: false }
    }

    /// Whether the commit depends on cells that were read. Such commits of one session had better take turns.
    pub(crate) fn is_guarded(&self) -> bool {
        self.request.local.patch.is_guarded()
    }

    /// When the record was touched before, if the store call that is under way only touches it.
    pub(crate) fn touches_since(&self) -> Option<Timestamp> {
        match (&self.stage, &self.request.arrival) {
            (Stage::Touch, Arrival::Live(_, loaded)) => Some(loaded.record.meta().touched),
            _ => None,
        }
    }

    /// What has happened since the last call.
    pub(crate) fn take_events(&mut self) -> Vec<Event<'static>> {
        std::mem::take(&mut self.events)
    }

    /// The first thing to do.
    pub(crate) fn begin(&mut self) -> Next {
        self.first().unwrap_or_else(Next::fail)
    }

    /// What to do after the store's answer to the last [`Next`], `elapsed` after the commit began.
    pub(crate) fn answered(&mut self, answer: Result<Answer, StoreError>, elapsed: Duration) -> Next {
        let next = match answer {
            Ok(answer) => self.after_answer(answer, elapsed).unwrap_or_else(Next::fail),
            Err(error) => self.store_failed(error),
        };
        match next {
            // What the request ended stays ended, although what it would begin cannot be stored.
            Next::Finish(Finish { result: Err(error), .. }) if self.has_ended => {
                let (cookie, after) = (CookieAction::Remove, After::Nobody);
                Next::Finish(Finish { result: Err(error), cookie, after })
            }
            next => next,
        }
    }

    /// What to do after [`Next::Wait`]: send the update that it held back.
    pub(crate) fn waited(&mut self, elapsed: Duration) -> Next {
        match &self.stage {
            Stage::Update(attempt) if elapsed >= self.rules.deadline => {
                let id = attempt.id;
                Next::fail(self.contended(id))
            }
            Stage::Update(attempt) => Next::Update(attempt.id.selector, attempt.change.clone()),
            _ => Next::fail(Error::new(ErrorKind::StoreUnavailable)),
        }
    }

    /// Decides by what the request met. The order of the arms is the order of effects: a purge comes before a change of user, and
    /// that before everything else.
    fn first(&mut self) -> Result<Next, Error> {
        let local = &self.request.local;
        match self.request.arrival.clone() {
            // An earlier logout is owed to its user; this request pays it, whatever else it does (G3).
            Arrival::Unconfirmed(id) => self.delete(&[id]),
            // A copy of the cookie would open the session that it leaves, unless that has an id of its own to be revoked by.
            Arrival::Live(id, _) if local.has_left() && self.rules.lives == Lives::InCookie => {
                self.delete(&[id])
            }
            // The session of the user who signs in begins in the place of the one that the request leaves, in one step.
            Arrival::Live(id, loaded) if local.begins_in_place() => self.begin_update(id, loaded),
            Arrival::Displaced { id, ref found, .. } | Arrival::Superseded(id, ref found)
                if self.successor(id, found).is_some() =>
            {
                self.join_or_create(id, found.clone())
            }
            Arrival::Live(id, _) | Arrival::Displaced { id, .. } | Arrival::Unreadable(id)
                if local.purges() =>
            {
                self.delete(&[id])
            }
            Arrival::Ambiguous(ids) if local.purges() => self.delete(&ids),
            Arrival::Live(id, loaded) => self.begin_update(id, loaded),
            // Unreadable is not empty: it is never overwritten (G6).
            Arrival::Displaced { .. } | Arrival::Unreadable(_) if self.request.operations.is_empty() => {
                Ok(Next::nothing())
            }
            Arrival::Unreadable(_) => Err(Error::new(ErrorKind::Unreadable)),
            Arrival::Displaced { .. } if local.signed_in.is_some() => self.create_from_replay(),
            Arrival::Displaced { found, .. } => Ok(Next::Finish(Finish::displaced(found))),
            // The browser is about to learn its new cookie. A write now would go to a session of its own, and a logout nowhere.
            Arrival::Superseded(_, loaded)
                if is_just_renewed(&loaded) && (local.purges() || local.only_writes()) =>
            {
                Err(Error::new(ErrorKind::Superseded))
            }
            // Its writes count as done just before the end, so that nothing brings the session back (G3).
            Arrival::Ended if local.only_writes() && !local.has_left() => Ok(Next::Finish(Finish::gone())),
            Arrival::Nobody | Arrival::Ambiguous(_) | Arrival::Superseded(..) | Arrival::Ended => {
                self.create_from_local()
            }
        }
    }

    fn after_answer(&mut self, answer: Answer, elapsed: Duration) -> Result<Next, Error> {
        let stage = std::mem::replace(&mut self.stage, Stage::Idle);
        match (stage, answer) {
            (Stage::Touch, Answer::Updated(updated)) => {
                if !matches!(updated, Updated::Done { .. }) {
                    tracing::debug!("a session ended before it could be touched");
                    return Ok(Next::nothing());
                }
                Ok(self.touched())
            }
            (Stage::Update(attempt), Answer::Updated(updated)) => self.updated(*attempt, updated, elapsed),
            (Stage::End { id, purged, because }, Answer::Updated(updated)) => {
                Ok(self.ended(id, &purged, because, &updated))
            }
            (Stage::Create { id, new, .. }, Answer::Created(Created::Created, now)) => {
                Ok(self.created(id, &new, now))
            }
            (Stage::Create { new, mints, .. }, Answer::Created(Created::Exists, _)) => {
                self.create_again(new, mints)
            }
            (Stage::Create { .. }, Answer::Created(Created::TooMany, _)) => {
                Err(Error::new(ErrorKind::TooManySessions))
            }
            (Stage::Delete { id, then: Some(then) }, Answer::Deleted) => {
                self.tell_of_end(id);
                let (stage, next) = *then;
                (self.stage, self.has_ended) = (stage, true);
                Ok(next)
            }
            (Stage::Delete { id, then: None }, Answer::Deleted) => {
                self.tell_of_end(id);
                Ok(Next::Finish(Finish::stored(CookieAction::Remove, After::Nobody)))
            }
            // An answer to another question: the shell is broken, and nothing more must be written.
            _ => Err(Error::new(ErrorKind::StoreUnavailable)),
        }
    }

    fn store_failed(&mut self, error: StoreError) -> Next {
        let after = match &self.stage {
            Stage::Update(attempt) if self.ends(attempt) => {
                let (id, purged) = (attempt.id, attempt.on.clone());
                return self.end(id, purged, error.into());
            }
            Stage::Touch => {
                tracing::debug!(%error, "a session could not be touched; it may end early");
                return Next::nothing();
            }
            // The user asked for the end and may not have got it; the session must not be used until it has come.
            Stage::Delete { id, .. } | Stage::End { id, .. } => After::Unconfirmed(*id),
            _ => After::Same,
        };
        // The cookie stays: without it the browser could not ask again.
        Next::Finish(Finish { result: Err(error.into()), cookie: CookieAction::Keep, after })
    }

    /// The store has confirmed the end of a session that the request met.
    fn tell_of_end(&mut self, id: SessionId) {
        let public = PublicId::of(id.selector);
        if self.request.arrival.may_have_user() {
            self.events.push(Event::SignedOut { id: public });
        }
        self.events.push(Event::Purged { id: public });
    }

    // ── deleting ──

    /// Ends the sessions that the request met. What comes after is prepared first, so that a session which cannot be created does
    /// not leave the request half done.
    fn delete(&mut self, ids: &[SessionId]) -> Result<Next, Error> {
        if self.rules.lives == Lives::InCookie && self.request.head == Head::Sent {
            return Err(Error::new(ErrorKind::TooLate));
        }
        let mut next = Next::nothing();
        let mut then = None;
        if self.request.local.begins() {
            next = self.create_from_local()?;
            then = Some(std::mem::replace(&mut self.stage, Stage::Idle));
        }
        for id in ids.iter().rev() {
            let after = then.map(|stage| Box::new((stage, next)));
            (then, next) = (Some(Stage::Delete { id: *id, then: after }), Next::Delete(id.selector));
        }
        self.stage = then.unwrap_or(Stage::Idle);
        Ok(next)
    }

    /// Whether a change also ends the session that it is made for, as the request asked.
    fn ends(&self, attempt: &Attempt) -> bool {
        attempt.change.anew && self.request.local.purges()
    }

    /// Ends the session that the request purges, unless another one has taken its place: a change that leaves it no time to live.
    fn end(&mut self, id: SessionId, purged: Loaded, because: Error) -> Next {
        let change = Change {
            expected_generation: Some(purged.record.meta().generation),
            limits: Some(Limits { idle: Duration::ZERO, absolute: Duration::ZERO }),
            principal: purged.record.meta().principal.clone().map(Some),
            ..Change::default()
        };
        self.stage = Stage::End { id, purged, because };
        Next::Update(id.selector, Rc::new(change))
    }

    fn ended(&mut self, id: SessionId, purged: &Loaded, because: Error, updated: &Updated) -> Next {
        match updated {
            // The change may have been stored after all, and another request may have joined the session. This one can, too, if it
            // is sent again with its cookie.
            Updated::Conflict(current) if has_other_sign_in(purged.record.meta(), current.record.meta()) => {
                Next::Finish(Finish { result: Err(because), cookie: CookieAction::Keep, after: After::Ended })
            }
            // It was renewed.
            Updated::Conflict(_) => {
                let then = Some(Box::new((Stage::Idle, Next::fail(because))));
                self.stage = Stage::Delete { id, then };
                Next::Delete(id.selector)
            }
            Updated::Done { .. } | Updated::Gone | Updated::TooMany => {
                self.has_ended = true;
                self.tell_of_end(id);
                Next::fail(because)
            }
        }
    }

    // ── updating ──

    fn begin_update(&mut self, id: SessionId, loaded: Loaded) -> Result<Next, Error> {
        if self.changes_nothing(&loaded) {
            return Ok(self.touch(id, &loaded));
        }
        let local = self.request.local.clone();
        self.attempt(&local, Target { id, on: loaded, by: By::Met })
    }

    /// The id of the session, if another request of this browser has just renewed it by signing in the user whom this one signs in.
    ///
    /// Only a request that came with the cookie before, and signs in the same user, can make that id (G4, G7).
    fn successor(&self, id: SessionId, current: &Loaded) -> Option<SessionId> {
        let signed_in = self.request.local.signed_in.as_ref()?;
        let meta = current.record.meta();
        let same_user = meta.principal.as_ref() == Some(&signed_in.principal);
        let mut ids = id.successors(signed_in.principal.as_str(), &self.rules.succession);
        let is_recent = same_user && is_just_renewed(current);
        is_recent.then(|| ids.find(|id| !has_other_verifier(id, current)))?
    }

    /// Goes on in the session that another request of this browser has just signed in to, and sends the cookie that it sent: of two
    /// sign-ins at once one session is left, whichever response arrives last, and a response that is lost locks nobody out.
    fn join(&mut self, id: SessionId, current: Loaded) -> Result<Next, Error> {
        // None of its writes is late: the user has proved who they are after the other request did.
        let base = Base { record: Some(&current.record), now: current.now, before_renewal: None };
        let fold = Fold::replay_joining(self.since_leaving(), base)?;
        self.conflicts += 1;
        self.attempt(&fold, Target { id, on: current, by: By::Joined })
    }

    /// Joins the session of another sign-in that is the same as this one, or begins a session of its own.
    fn join_or_create(&mut self, id: SessionId, current: Loaded) -> Result<Next, Error> {
        match self.successor(id, &current) {
            Some(id) => self.join(id, current),
            None => self.create_from_replay(),
        }
    }

    /// Whether the request counts as done at its load: each of its writes equals what it loaded, and it asks for nothing else.
    ///
    /// All or nothing: to leave out single writes that equal what was loaded would not be serializable, because the others are
    /// stored at a later moment.
    fn changes_nothing(&self, loaded: &Loaded) -> bool {
        let Request { local, since, .. } = &self.request;
        local.patch.is_as_stored()
            && !local.renews
            && !local.touches
            && local.lifetime.is_none()
            && !authenticates(local, loaded)
            && !relabels(local, &loaded.record)
            && (*since == Since::Load || !local.patch.writes())
    }

    fn touch(&mut self, id: SessionId, loaded: &Loaded) -> Next {
        let is_due = self.request.touches && touch_is_due(loaded.record.meta(), loaded.now);
        let is_too_late = self.rules.lives != Lives::InStore && self.request.head == Head::Sent;
        if !is_due || is_too_late {
            return Next::nothing();
        }
        self.stage = Stage::Touch;
        Next::Update(id.selector, Rc::new(Change { touch: true, ..Change::default() }))
    }

    fn touched(&self) -> Next {
        match &self.request.arrival {
            Arrival::Live(id, loaded) if self.rules.lives != Lives::InStore => {
                let cookie = cookie_for(*id, loaded.record.meta(), &Change::default());
                Next::Finish(Finish { cookie, ..Finish::unchanged(Ok(Done::Nothing)) })
            }
            _ => Next::nothing(),
        }
    }

    /// Sends `fold` as a change of `target`, if it changes anything there.
    fn attempt(&mut self, fold: &Fold, target: Target) -> Result<Next, Error> {
        let Some(mut attempt) = Attempt::new(fold, &target, &self.request, self.rules)? else {
            let cookie = match target.by {
                By::Joined => cookie_for(target.id, target.on.record.meta(), &Change::default()),
                By::Met | By::Overtaken => CookieAction::Keep,
            };
            let after = match target.by {
                By::Overtaken => as_overtaken(target.id, target.on.record.meta().revision, &self.request),
                By::Met | By::Joined => After::Live(target.id, target.on),
            };
            return Ok(Next::Finish(Finish::stored(cookie, after)));
        };
        // Storing an upgraded field is a courtesy to the next reader; after a conflict it is not worth another one.
        if self.conflicts == 0 {
            attempt.add_upgrades(fold, &self.request.schemas, self.rules);
        }
        let update = Next::Update(target.id.selector, attempt.change.clone());
        self.stage = Stage::Update(Box::new(attempt));
        Ok(update)
    }

    /// Other requests were faster until the deadline.
    fn contended(&mut self, id: SessionId) -> Error {
        self.events.push(Event::Contended { id: PublicId::of(id.selector) });
        Error::new(ErrorKind::Contended)
    }

    fn updated(&mut self, attempt: Attempt, updated: Updated, elapsed: Duration) -> Result<Next, Error> {
        match updated {
            Updated::Done { revision } => {
                attempt.upgraded.iter().for_each(Upgraded::tell);
                let ended = self.ends(&attempt);
                self.events.extend(attempt.events(ended));
                let cookie = attempt.cookie.clone();
                let after = attempt.stored_as(revision, &self.request);
                Ok(Next::Finish(Finish::stored(cookie, after)))
            }
            // A sign-in never fails because of a race: it opens a session of its own.
            Updated::Gone if self.request.local.signs_in_from_nobody() => self.create_from_replay(),
            Updated::Gone => Ok(Next::Finish(Finish::gone())),
            Updated::Conflict(current) => {
                self.events.push(Event::Conflict { id: PublicId::of(attempt.id.selector) });
                self.rebase(attempt.id, current, elapsed)
            }
            Updated::TooMany if self.ends(&attempt) => {
                Ok(self.end(attempt.id, attempt.on, Error::new(ErrorKind::TooManySessions)))
            }
            Updated::TooMany => Err(Error::new(ErrorKind::TooManySessions)),
        }
    }

    /// Another request was faster: plays the operations on the record that the store answered with.
    fn rebase(&mut self, tried: SessionId, current: Loaded, elapsed: Duration) -> Result<Next, Error> {
        if let Arrival::Live(id, _) = self.request.arrival
            && self.request.local.purges()
            && self.successor(id, &current).is_none()
        {
            return self.delete(&[id]);
        }
        if elapsed >= self.rules.deadline {
            return Err(self.contended(tried));
        }
        let (id, loaded) = match self.request.arrival.clone() {
            Arrival::Live(id, loaded) => (id, loaded),
            // It had joined the session that another request signed in to.
            Arrival::Superseded(id, _) | Arrival::Displaced { id, .. } => {
                return self.join_or_create(id, current);
            }
            _ => return Err(Error::new(ErrorKind::StoreUnavailable)),
        };
        let (then, now) = (loaded.record.meta(), current.record.meta());
        if self.request.local.has_left() {
            return match self.successor(id, &current) {
                Some(id) => self.join(id, current),
                None if !has_other_sign_in(then, now) => self.begin_update(id, current),
                None => self.create_from_local(),
            };
        }
        // A change of who is signed in ends every visit that began before it: whoever holds the old cookie must not read, by a
        // closure or after a save, what is stored since (session fixation; G4, G7).
        if has_other_sign_in(then, now) {
            return match self.request.local.signed_in {
                None => Ok(Next::Finish(Finish::displaced(current))),
                Some(_) => self.join_or_create(id, current),
            };
        }
        // Every renewal counts the generation up.
        let overtaken = then.generation != now.generation;
        if overtaken && self.request.local.signs_in_from_nobody() {
            return self.join_or_create(id, current);
        }
        // It would hand out data from after the renewal to a request from before it.
        if overtaken && self.request.operations.iter().any(|recorded| recorded.operation.tells()) {
            return Err(Error::new(ErrorKind::Superseded));
        }
        let base = Base {
            record: Some(&current.record),
            now: current.now,
            before_renewal: overtaken.then_some(&*loaded.record),
        };
        let fold = Fold::replay(&self.request.operations, base)?;
        self.conflicts += 1;
        let by = if overtaken { By::Overtaken } else { By::Met };
        let next = self.attempt(&fold, Target { id, on: current, by })?;
        // The record is as fresh as can be after the first conflict, so that there is nothing to wait for.
        match next {
            Next::Update(..) if self.conflicts > 1 => {
                let doubled = FIRST_WAIT.saturating_mul(1 << (self.conflicts - 2).min(10));
                Ok(Next::Wait(doubled.min(LONGEST_WAIT)))
            }
            next => Ok(next),
        }
    }

    // ── creating ──

    /// A new session from the operations as the handlers saw them: they stood on no record.
    fn create_from_local(&mut self) -> Result<Next, Error> {
        let local = self.request.local.clone();
        self.create(&local)
    }

    /// A new session from the operations of this request, played on nothing.
    fn create_from_replay(&mut self) -> Result<Next, Error> {
        let fold = Fold::replay(self.since_leaving(), Base::NOTHING)?;
        self.create(&fold)
    }

    /// The operations that are not about a session which the request has left.
    fn since_leaving(&self) -> &[Rc<Recorded>] {
        let Request { arrival, operations, .. } = &self.request;
        let record = arrival.base().record;
        since_leaving(operations, record.and_then(|record| record.meta().principal.as_ref()))
    }

    fn create(&mut self, fold: &Fold) -> Result<Next, Error> {
        let Some((id, new)) = new_record(fold, &self.request, self.rules)? else {
            return Ok(Next::nothing());
        };
        let new = Rc::new(new);
        self.stage = Stage::Create { id, new: new.clone(), mints: 1 };
        Ok(Next::Create(id.selector, new))
    }

    /// The selector is taken. The record under it belongs to another visitor, so a new selector is tried; that of a session which moves
    /// here belongs to this visitor, and another request was faster.
    fn create_again(&mut self, mut new: Rc<NewRecord>, mints: u32) -> Result<Next, Error> {
        if self.request.moves_to.is_some() {
            return Err(Error::new(ErrorKind::Superseded));
        }
        if mints >= MINTS {
            let because = "new session ids collide: the operating system's randomness is broken";
            return Err(Error::new(ErrorKind::NoRandomness).because(because));
        }
        let id = mint(self.rules.random)?;
        Rc::make_mut(&mut new).verifier = id.verifier_hash();
        self.stage = Stage::Create { id, new: new.clone(), mints: mints + 1 };
        Ok(Next::Create(id.selector, new))
    }

    fn created(&mut self, id: SessionId, new: &NewRecord, now: Timestamp) -> Next {
        let public = PublicId::of(id.selector);
        self.events.push(Event::Created { id: public });
        if self.request.moves_to.is_some() {
            self.events.push(Event::Imported { id: public });
        } else if new.authenticated {
            self.events.push(Event::SignedIn { id: public });
        }
        let cookie = CookieAction::set(id, new.limits, new.persistent);
        let created = Stored { id, shown: Loaded::new(Record::create(new, now), now) };
        Next::Finish(Finish::stored(cookie, After::Stored(created)))
    }
}

/// Whether the operations of a commit that failed with `kind` are given up: they may be stored already, or could not be stored
/// before the deadline, or never could. The others were refused before anything was sent, and a handler can still mend them.
pub(crate) const fn is_final(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::StoreUnavailable | ErrorKind::Contended | ErrorKind::Unreadable | ErrorKind::Superseded
    )
}

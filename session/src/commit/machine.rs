//! Decides what a request's operations do to the store and to the cookie.
//!
//! In: what the load found, the operations, and the store's answers one by one. Out: the next [`Step`]. Never: I/O, actix, a
//! clock of its own. The table in `ARCHITECTURE.md` is this file in words.

use std::time::Duration;

use super::{
    arrival::{Arrival, Base, is_overtaken, touch_is_due},
    build::{Attempt, merged, relabels, too_large},
    fold::Fold,
    step::{After, Answer, CookieAction, Done, Finish, Request, Rules, Step, fail, finish},
};
use crate::{
    error::{Error, ErrorKind},
    id::{public::Selector, random::NoRandomness, session_id::SessionId},
    record::{
        apply::Record,
        change::{Change, NewRecord, Renewal},
        time::Timestamp,
    },
    schema::group::Moved,
    section::view::View,
    store::{
        contract::{Created, Loaded, Updated},
        error::StoreError,
    },
};

/// How long a write with a superseded cookie is refused: until then the browser is about to learn the new one.
pub(crate) const SUPERSEDED_WINDOW: Duration = Duration::from_mins(1);

/// New selectors tried before the randomness is called broken.
const MINTS: u32 = 3;

/// The first wait after a repeated conflict; doubled each time, and drawn from zero to there ("full jitter").
const FIRST_WAIT: Duration = Duration::from_millis(2);

const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// A commit in progress.
pub(crate) struct Commit<'a> {
    request: Request,
    rules: &'a Rules,
    stage: Stage,
    attempts: u32,
    /// Whether what was carried up on reading is stored too; after a conflict it is not worth another.
    carries: bool,
}

enum Stage {
    /// No call is under way.
    Idle,
    Touch,
    Update(Box<Attempt>),
    /// Creating, and then deleting the session that was left for it.
    Create {
        id: SessionId,
        new: Box<NewRecord>,
        mints: u32,
        delete: Option<Selector>,
    },
    /// Deleting, and then perhaps creating; prepared before, so that what cannot be created is not half done.
    Delete {
        then: Option<Box<(Stage, Step)>>,
    },
    DeleteLeft {
        id: SessionId,
        cookie: CookieAction,
    },
}

impl<'a> Commit<'a> {
    pub(crate) fn new(request: Request, rules: &'a Rules) -> Self {
        Self { request, rules, stage: Stage::Idle, attempts: 0, carries: true }
    }

    /// Whether it depends on cells that were read, so that commits of one session had better queue.
    pub(crate) fn is_guarded(&self) -> bool {
        self.request.local.patch.is_guarded()
    }

    /// The first step.
    pub(crate) fn begin(&mut self) -> Step {
        let local = &self.request.local;
        let purged = local.purged || matches!(self.request.arrival, Arrival::Unconfirmed(_));
        match self.request.arrival.clone() {
            Arrival::Live(id, _) | Arrival::Unreadable(id) | Arrival::Unconfirmed(id) if purged => {
                let mut then = None;
                if local.patch.writes_a_value() {
                    match self.create_from_local(None) {
                        failed @ Step::Finish(_) => return failed,
                        create => {
                            then = Some(Box::new((std::mem::replace(&mut self.stage, Stage::Idle), create)));
                        }
                    }
                }
                self.stage = Stage::Delete { then };
                Step::Delete(id.selector)
            }
            Arrival::Live(id, _) if local.left => self.create_from_local(Some(id.selector)),
            Arrival::Live(id, loaded) => self.begin_update(id, loaded),
            Arrival::Superseded(ago)
                if ago < SUPERSEDED_WINDOW
                    && (local.purged || (local.patch.writes() && local.sign_in.is_none())) =>
            {
                fail(Error::new(ErrorKind::Superseded))
            }
            Arrival::Ended if local.patch.writes() && local.sign_in.is_none() && !local.left => {
                Step::Finish(Finish {
                    result: Ok(Done::Gone),
                    cookie: CookieAction::Keep,
                    after: After::Same,
                })
            }
            Arrival::Nobody | Arrival::Superseded(_) | Arrival::Ended | Arrival::Unconfirmed(_) => {
                self.create_from_local(None)
            }
            Arrival::Unreadable(_) if self.request.operations.is_empty() => finish(Done::Nothing),
            Arrival::Unreadable(_) => fail(Error::new(ErrorKind::Unreadable)),
        }
    }

    /// The step after the store's answer to the one before.
    pub(crate) fn next(&mut self, answer: Result<Answer, StoreError>, elapsed: Duration) -> Step {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.store_failed(error),
        };
        let stage = std::mem::replace(&mut self.stage, Stage::Idle);
        match (stage, answer) {
            (Stage::Touch, Answer::Updated(updated)) => {
                if !matches!(updated, Updated::Done { .. }) {
                    tracing::debug!("a session ended before it could be touched");
                }
                finish(Done::Nothing)
            }
            (Stage::Update(attempt), Answer::Updated(updated)) => self.updated(*attempt, updated, elapsed),
            (Stage::Create { id, new, delete, .. }, Answer::Created(Created::Created)) => {
                self.created(id, &new, delete)
            }
            (Stage::Create { new, mints, delete, .. }, Answer::Created(Created::Exists)) => {
                self.create_again(new, mints, delete)
            }
            (Stage::Create { .. }, Answer::Created(Created::TooMany)) => {
                fail(Error::new(ErrorKind::TooManySessions))
            }
            (Stage::Delete { then: Some(then) }, Answer::Deleted) => {
                let (stage, create) = *then;
                self.stage = stage;
                create
            }
            (Stage::Delete { then: None }, Answer::Deleted) => Step::Finish(Finish {
                result: Ok(Done::Stored),
                cookie: CookieAction::Remove,
                after: After::Nobody,
            }),
            (Stage::DeleteLeft { id, cookie }, Answer::Deleted) => {
                Step::Finish(Finish { result: Ok(Done::Stored), cookie, after: After::Load(id) })
            }
            // An answer to another question: the shell is broken, and nothing more must be written.
            _ => fail(Error::new(ErrorKind::StoreUnavailable)),
        }
    }

    /// The step after [`Step::Wait`]: the same update again.
    pub(crate) fn after_wait(&mut self, elapsed: Duration) -> Step {
        match &self.stage {
            Stage::Update(_) if elapsed >= self.rules.deadline => fail(Error::new(ErrorKind::Contended)),
            Stage::Update(attempt) => Step::Update(attempt.id.selector, Box::new(attempt.change.clone())),
            _ => fail(Error::new(ErrorKind::StoreUnavailable)),
        }
    }

    fn begin_update(&mut self, id: SessionId, loaded: Loaded) -> Step {
        let local = &self.request.local;
        let as_loaded = local.patch.is_same()
            && !local.renew
            && local.lifetime.is_none()
            && !relabels(local, &loaded.record)
            && (!self.request.saved_before || !local.patch.writes());
        if as_loaded {
            return self.touch(id, &loaded);
        }
        let local = self.request.local.clone();
        let overtaken = is_overtaken(&id, &loaded);
        if overtaken && local.sign_in.as_ref().is_some_and(|sign_in| sign_in.from_none) {
            return self.create_from_replay();
        }
        self.attempt(id, loaded, &local, overtaken)
    }

    fn touch(&mut self, id: SessionId, loaded: &Loaded) -> Step {
        if !touch_is_due(loaded.record.meta(), loaded.now) {
            return finish(Done::Nothing);
        }
        let change = Change { touch: true, ..Change::default() };
        self.stage = Stage::Touch;
        Step::Update(id.selector, Box::new(change))
    }

    /// Makes `fold` a change of the record in `on`. `late`: another request renewed since the load.
    fn attempt(&mut self, id: SessionId, on: Loaded, fold: &Fold, late: bool) -> Step {
        let record = &on.record;
        // Somebody may have raised a gate since the section was read.
        if let Err(error) = fold.patch.check_gates(record) {
            return fail(error);
        }
        let signed_in = fold.sign_in.as_ref().is_some_and(|sign_in| sign_in.from_none);
        let view = View { record: Some(record), now: on.now, signed_in, patch: &fold.patch };
        let delta = match fold.patch.against(view) {
            Ok(delta) => delta,
            Err(error) => return fail(error),
        };
        let renews = !late && (fold.renew || fold.sign_in.is_some() || fold.lifetime.is_some());
        let relabels = relabels(fold, record);
        if delta.writes.is_empty() && !renews && fold.lifetime.is_none() && !relabels {
            let after = After::Live(id, on);
            return Step::Finish(Finish { result: Ok(Done::Stored), cookie: CookieAction::Keep, after });
        }
        if renews && !self.request.cookie_possible {
            return fail(Error::new(ErrorKind::TooLate));
        }
        let mut change = Change {
            expected_generation: Some(record.meta().generation),
            guards: delta.guards,
            delete: delta.deletes,
            write: delta.writes,
            touch: true,
            ..Change::default()
        };
        let meta = record.meta();
        if let Some(sign_in) = &fold.sign_in {
            change.principal = Some(Some(sign_in.principal.clone()));
            change.max_sessions = self.rules.max_sessions;
            change.authenticated = true;
            change.limits = Some(meta.limits);
        }
        if let Some((limits, persistent)) = fold.lifetime {
            change.limits = Some(limits);
            change.persistent = Some(persistent);
            if change.principal.is_none() && meta.principal.is_some() {
                change.principal = Some(meta.principal.clone());
            }
        }
        if relabels {
            change.label.clone_from(&fold.label);
        }
        let mut renewed = id;
        let mut cookie = CookieAction::Keep;
        if renews {
            renewed = match id.with_new_verifier(self.rules.random) {
                Ok(id) => id,
                Err(NoRandomness) => return fail(Error::new(ErrorKind::NoRandomness)),
            };
            change.renewal = Some(Renewal::new(renewed.verifier_hash()));
            let (limits, persistent) = fold.lifetime.unwrap_or((meta.limits, meta.persistent));
            cookie = CookieAction::of(renewed, limits, persistent);
        }
        if let Err(error) = self.check_size(record, &change) {
            return fail(error);
        }
        let (mut alone, mut moved) = (None, delta.moved);
        if self.carries {
            let carried = fold.patch.carried(view, &self.request.schemas);
            if !carried.writes.is_empty() {
                let without = change.clone();
                change.guards.extend(carried.guards);
                change.write.extend(carried.writes);
                moved.extend(carried.moved);
                alone = Some(without);
            }
        }
        if let (Some(_), Err(_)) = (&alone, self.check_size(record, &change)) {
            change = alone.take().unwrap_or_default();
        }
        let step = Step::Update(id.selector, Box::new(change.clone()));
        self.stage = Stage::Update(Box::new(Attempt { id: renewed, on, change, alone, moved, cookie }));
        step
    }

    fn check_size(&self, record: &Record, change: &Change) -> Result<(), Error> {
        let replaced = |key: &str| record.cell(key).map_or(0, |cell| key.len() + cell.json.as_str().len());
        let size = change.write.iter().fold(record.size(), |size, write| {
            size.saturating_sub(replaced(write.key.as_str()))
                + write.key.as_str().len()
                + write.json.as_str().len()
        });
        // One that is too large already may still shrink, be renewed, and be signed in to.
        let size = change.delete.iter().fold(size, |size, key| size.saturating_sub(replaced(key.as_str())));
        too_large(size, self.rules.max_record.max(record.size()))
    }

    fn updated(&mut self, attempt: Attempt, updated: Updated, elapsed: Duration) -> Step {
        let signs_in = self.request.local.sign_in.as_ref().is_some_and(|sign_in| sign_in.from_none);
        match updated {
            Updated::Done { revision } => {
                let Attempt { id, on, change, alone: _, moved, cookie } = attempt;
                let is_stored =
                    |moved: &&Moved| change.write.iter().any(|write| write.key.as_str() == moved.key);
                moved.iter().filter(is_stored).for_each(Moved::tell);
                let after =
                    if self.request.last { After::Load(id) } else { merged(id, &on, &change, revision) };
                Step::Finish(Finish { result: Ok(Done::Stored), cookie, after })
            }
            // A sign-in never fails because of a race: it opens a session of its own.
            Updated::Gone if signs_in => self.create_from_replay(),
            Updated::Gone => Step::Finish(Finish {
                // The writes count as done just before the session ended.
                result: Ok(Done::Gone),
                cookie: CookieAction::Keep,
                after: After::Ended,
            }),
            Updated::Conflict(current) => {
                self.carries = false;
                match attempt.alone {
                    Some(alone) if current.record.allows(&alone) => {
                        let Attempt { id, cookie, moved, .. } = attempt;
                        let step = Step::Update(id.selector, Box::new(alone.clone()));
                        let attempt = Attempt { id, on: current, change: alone, alone: None, moved, cookie };
                        self.stage = Stage::Update(Box::new(attempt));
                        step
                    }
                    _ => self.rebase(current, signs_in, elapsed),
                }
            }
            Updated::TooMany => fail(Error::new(ErrorKind::TooManySessions)),
        }
    }

    fn rebase(&mut self, current: Loaded, signs_in: bool, elapsed: Duration) -> Step {
        let Arrival::Live(id, loaded) = &self.request.arrival else {
            return fail(Error::new(ErrorKind::StoreUnavailable));
        };
        let (id, loaded) = (*id, loaded.record.clone());
        let moved = current.record.meta().generation != loaded.meta().generation;
        let late = moved || is_overtaken(&id, &current);
        if late && signs_in {
            return self.create_from_replay();
        }
        if elapsed >= self.rules.deadline {
            return fail(Error::new(ErrorKind::Contended));
        }
        let base = Base { record: Some(&current.record), now: current.now, late: moved.then_some(&*loaded) };
        let fold = match Fold::replay(&self.request.operations, base) {
            Ok(fold) => fold,
            Err(error) => return fail(error),
        };
        self.attempts += 1;
        let step = self.attempt(id, current, &fold, late);
        // The record just answered is current, so the first time there is nothing to wait for.
        match step {
            Step::Update(..) if self.attempts > 1 => {
                let doubled = FIRST_WAIT.saturating_mul(1 << (self.attempts - 1).min(10));
                Step::Wait(doubled.min(LONGEST_WAIT))
            }
            step => step,
        }
    }

    /// A new session from the operations as the handlers saw them; they stood on no record.
    fn create_from_local(&mut self, delete: Option<Selector>) -> Step {
        let local = self.request.local.clone();
        self.create(&local, delete)
    }

    /// A new session from all operations of this request, on nothing.
    fn create_from_replay(&mut self) -> Step {
        match Fold::replay(&self.request.operations, Base::EMPTY) {
            Ok(fold) => self.create(&fold, None),
            Err(error) => fail(error),
        }
    }

    fn create(&mut self, fold: &Fold, delete: Option<Selector>) -> Step {
        if !fold.patch.writes_a_value() {
            return finish(Done::Nothing);
        }
        if !self.request.cookie_possible {
            return fail(Error::new(ErrorKind::TooLate));
        }
        let id = match SessionId::mint(self.rules.random) {
            Ok(id) => id,
            Err(NoRandomness) => return fail(Error::new(ErrorKind::NoRandomness)),
        };
        let (limits, persistent) = fold.lifetime.unwrap_or((self.rules.limits, self.rules.persistent));
        let mut new = NewRecord::new(id.verifier_hash(), limits);
        let nothing = View { record: None, now: Timestamp::default(), signed_in: false, patch: &fold.patch };
        new.cells = match fold.patch.against(nothing) {
            Ok(delta) => delta.writes,
            Err(error) => return fail(error),
        };
        new.persistent = persistent;
        new.principal = fold.sign_in.as_ref().map(|sign_in| sign_in.principal.clone());
        new.authenticated = new.principal.is_some();
        new.max_sessions = self.rules.max_sessions.filter(|_| new.authenticated);
        new.label = fold.label.clone().flatten();
        let size = new.cells.iter().map(|cell| cell.key.as_str().len() + cell.json.as_str().len()).sum();
        if let Err(error) = too_large(size, self.rules.max_record) {
            return fail(error);
        }
        let step = Step::Create(id.selector, Box::new(new.clone()));
        self.stage = Stage::Create { id, new: Box::new(new), mints: 1, delete };
        step
    }

    /// Somebody else's record has this selector: take another one.
    fn create_again(&mut self, mut new: Box<NewRecord>, mints: u32, delete: Option<Selector>) -> Step {
        if mints >= MINTS {
            tracing::error!("new session ids collide: the operating system's randomness is broken");
            return fail(Error::new(ErrorKind::NoRandomness));
        }
        let id = match SessionId::mint(self.rules.random) {
            Ok(id) => id,
            Err(NoRandomness) => return fail(Error::new(ErrorKind::NoRandomness)),
        };
        new.verifier = id.verifier_hash();
        let step = Step::Create(id.selector, new.clone());
        self.stage = Stage::Create { id, new, mints: mints + 1, delete };
        step
    }

    fn created(&mut self, id: SessionId, new: &NewRecord, delete: Option<Selector>) -> Step {
        let cookie = CookieAction::of(id, new.limits, new.persistent);
        if let Some(left) = delete {
            self.stage = Stage::DeleteLeft { id, cookie };
            return Step::Delete(left);
        }
        Step::Finish(Finish { result: Ok(Done::Stored), cookie, after: After::Load(id) })
    }

    fn store_failed(&mut self, error: StoreError) -> Step {
        if matches!(self.stage, Stage::Touch) {
            tracing::warn!(error = %error, "a session could not be touched; it may end early");
            return finish(Done::Nothing);
        }
        fail(Error::from(error))
    }
}

//! Everything that one request knows of its session and did to it.
//!
//! In: what the load found, operations, the end of each commit. Out: what handlers see, what a commit works on, what the response
//! must carry. Never: I/O, a closure of the user's (the shell runs those, because they may call the session again).

use std::{panic::Location, rc::Rc, time::Duration};

use super::{
    arrival::{Arrival, Arrived, Base, touch_is_due},
    build::authenticates,
    exchange::{After, CookieAction, Done, Finish, Head, Request, Rules, Since, Stored},
    failures::Failures,
    fold::Fold,
    machine::is_final,
    operation::{Lifetime, Operation, Ran, Recorded, Replay},
};
use crate::{
    error::{Error, ErrorKind},
    id::{public::PublicId, session_id::SessionId},
    record::{apply::Record, meta::Principal, time::Timestamp},
    schema::{
        describe::{Field, Schema},
        schemas::one_principal,
    },
    section::patch::{Place, Seen},
    store::contract::Loaded,
};

/// One request's session.
pub(crate) struct Ledger {
    standing: Standing,
    /// The schemas that this request uses.
    schemas: Vec<&'static Schema>,
    operations: Vec<Rc<Recorded>>,
    fold: Fold,
    since: Since,
    /// The lifetime that the request has set, stored or not: it holds for a later sign-in too.
    granted: Option<Lifetime>,
    /// How long the session may last at most, whatever the lifetime.
    longest: Option<Duration>,
    /// What the request's cookie opened.
    arrived: Arrived,
    /// Whether a commit has carried out that the request ends its session.
    has_ended: bool,
    /// The id of the live session that the request came with.
    came_with: Option<SessionId>,
    /// Whether the request counts as activity of its visitor.
    touches: bool,
    /// The id that a session gets which the request moves here from elsewhere.
    moves_to: Option<SessionId>,
    response: Response,
    failures: Failures,
}

/// What the request's operations stand on.
enum Standing {
    /// What the request met, or what its last commit left.
    Known(Arrival),
    /// A commit stored the session, and the record may hold writes of other requests too: it is loaded before the next commit.
    /// Until then handlers go on seeing `shown`.
    Stored { id: SessionId, shown: Arrival },
}

/// The response, as far as the session is concerned.
enum Response {
    /// The head is not sent; this is the cookie that it must carry.
    Open(CookieAction),
    /// The head is sent: no cookie can be set any more.
    Begun,
}

/// What the shell must do with the fold after a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fresh {
    /// It is right as it is.
    Kept,
    /// Play the operations that are left on what the session is now, outside of any borrow: closures may call the session.
    Replay,
}

impl Ledger {
    /// A request that has not looked at its session.
    pub(crate) fn new() -> Self {
        Self {
            standing: Standing::Known(Arrival::Nobody),
            schemas: Vec::new(),
            operations: Vec::new(),
            fold: Fold::default(),
            since: Since::Load,
            granted: None,
            longest: None,
            arrived: Arrived::Nothing,
            has_ended: false,
            came_with: None,
            touches: true,
            moves_to: None,
            response: Response::Open(CookieAction::Keep),
            failures: Failures::default(),
        }
    }

    // ── what the request met ──

    /// The load is done.
    pub(crate) fn arrive(&mut self, arrival: Arrival) {
        self.fold = Fold::on(arrival.base().record);
        self.arrived = arrival.opened();
        if let Arrival::Live(id, _) = &arrival {
            self.came_with = Some(*id);
        }
        self.standing = Standing::Known(arrival);
    }

    /// Whether the request has ended its session, or whatever there was of one, and the store has confirmed it.
    pub(crate) const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The id of the live session that the request came with.
    pub(crate) const fn came_with(&self) -> Option<SessionId> {
        self.came_with
    }

    pub(crate) const fn arrived(&self) -> Arrived {
        self.arrived
    }

    /// The id under which the session must be loaded before the next commit, if it must.
    pub(crate) fn must_reload(&self) -> Option<SessionId> {
        match &self.standing {
            Standing::Known(_) => None,
            Standing::Stored { id, .. } => Some(*id),
        }
    }

    /// The id under which the session can be loaded again, if the request has one and has not left it.
    pub(crate) fn can_reload(&self) -> Option<SessionId> {
        match &self.standing {
            _ if self.fold.has_left() => None,
            Standing::Stored { id, .. } | Standing::Known(Arrival::Live(id, _)) => Some(*id),
            Standing::Known(_) => None,
        }
    }

    /// The session that the request has, as far as it knows.
    pub(crate) fn met(&self) -> Option<(SessionId, Loaded)> {
        match self.arrival() {
            Arrival::Live(id, shown) | Arrival::Displaced { id, shown, .. } => Some((*id, shown.clone())),
            _ => None,
        }
    }

    /// The session was loaded again, and the store has `found`.
    pub(crate) fn reloaded(&mut self, found: Option<Loaded>) {
        let standing = std::mem::replace(&mut self.standing, Standing::Known(Arrival::Nobody));
        let (Standing::Known(arrival) | Standing::Stored { shown: arrival, .. }) = standing;
        self.standing = Standing::Known(arrival.again(found));
    }

    /// Why the request has no part in its session any more, if it had one.
    pub(crate) fn is_over(&self) -> Option<Error> {
        let Standing::Known(arrival) = &self.standing else { return None };
        arrival.is_over().map(Error::new)
    }

    fn arrival(&self) -> &Arrival {
        match &self.standing {
            Standing::Known(arrival) | Standing::Stored { shown: arrival, .. } => arrival,
        }
    }

    fn base(&self) -> Base<'_> {
        self.arrival().base()
    }

    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(self.arrival(), Arrival::Unreadable(_))
    }

    /// Adds a schema to those that this request uses. Two that both have a principal field cannot share a session, nor can one
    /// whose principal field is not the one that somebody is signed in by.
    pub(crate) fn register(&mut self, schema: &'static Schema) -> Result<(), Error> {
        if self.schemas.iter().any(|known| std::ptr::eq(*known, schema)) {
            return Ok(());
        }
        if let Some(field) = schema.principal() {
            let other = self.schemas.iter().find_map(|known| known.principal()).map(Field::wire_key);
            let disowned = |key: &&str| self.schemas.iter().chain([&schema]).any(|known| known.disowns(key));
            let stored = self.fold.principal.as_ref().map(Principal::wire_key).filter(|key| !disowned(key));
            one_principal(Some(field.wire_key()), other.or(stored))?;
        }
        self.schemas.push(schema);
        Ok(())
    }

    // ── what handlers see ──

    pub(crate) fn seen(&self) -> Seen<'_> {
        self.fold.seen(self.base())
    }

    /// The session's record and the time of its load, unless there is none or the request has left it.
    pub(crate) fn record(&self) -> Option<(&Record, Timestamp)> {
        let base = self.base();
        base.record.filter(|_| !self.fold.has_left()).map(|record| (record, base.now))
    }

    /// How long the session lives if the browser makes no further request, with the limits that this request gives it.
    pub(crate) fn expires_in(&self, rules: &Rules) -> Option<Duration> {
        let begins = self.fold.signs_in_from_nobody() || self.record().is_none();
        let granted = self.fold.lifetime.map(|lifetime| lifetime.limits);
        let limits = granted.or_else(|| begins.then_some(rules.limits_of(self.fold.signed_in.is_some())));
        let Some((record, now)) = self.record() else {
            let limits = limits.filter(|_| self.fold.begins());
            return limits.map(|limits| limits.idle.min(limits.absolute));
        };
        let mut meta = record.meta().clone();
        let proves = match self.arrival() {
            Arrival::Live(_, loaded) => authenticates(&self.fold, loaded),
            _ => false,
        };
        if proves {
            meta.authenticated = Some(now);
        }
        meta.limits = limits.unwrap_or(meta.limits);
        // A touch that this request will make counts already. A request too soon for a touch does not prolong anything.
        if (self.touches && touch_is_due(&meta, now))
            || limits.is_some()
            || proves
            || self.fold.renews
            || self.fold.touches
        {
            meta.touched = now;
        }
        Some(meta.expires().since(now))
    }

    pub(crate) const fn fold(&self) -> &Fold {
        &self.fold
    }

    /// Whether a commit of this request has stored something.
    pub(crate) fn has_stored(&self) -> bool {
        self.since == Since::Save
    }

    /// What lists and logs call the session by.
    pub(crate) fn public_id(&self) -> Option<PublicId> {
        self.id().map(|id| PublicId::of(id.selector))
    }

    /// The id that opens the session, as far as it is stored.
    pub(crate) fn id(&self) -> Option<SessionId> {
        match &self.standing {
            Standing::Stored { id, .. } | Standing::Known(Arrival::Live(id, _)) if !self.fold.has_left() => {
                Some(*id)
            }
            Standing::Stored { .. } | Standing::Known(_) => None,
        }
    }

    /// Whether the next commit gives the browser another id, unless it fails.
    pub(crate) fn changes_id(&self) -> bool {
        let begins = self.id().is_none() && self.fold.begins();
        begins || self.fold.renews || self.fold.signed_in.is_some() || self.fold.lifetime.is_some()
    }

    // ── what handlers do ──

    /// Records an operation, as the handler performs it.
    pub(crate) fn perform(&mut self, operation: Operation, caller: &'static Location<'static>) {
        let Self { standing: Standing::Known(arrival) | Standing::Stored { shown: arrival, .. }, .. } = self;
        let operation = match operation {
            Operation::SignOut(_) if arrival.hides_sessions() => Operation::Purge,
            Operation::Lifetime(lifetime) => Operation::Lifetime(lifetime.within(self.longest)),
            operation => operation,
        };
        match self.fold.record(operation, arrival.base()) {
            Ok(operation) => {
                if let Operation::Lifetime(lifetime) = operation {
                    self.granted = Some(lifetime);
                }
                self.operations.push(Recorded::new(operation, caller));
            }
            Err(error) => self.fail(error),
        }
    }

    /// Bounds the lifetime of the session that the request signs in to, which is that of `rules` unless the request sets another one.
    pub(crate) fn set_longest(
        &mut self,
        longest: Duration,
        rules: &Rules,
        caller: &'static Location<'static>,
    ) {
        self.longest = Some(longest);
        let usual = Lifetime { limits: rules.limits, persistent: rules.persistent };
        self.perform(Operation::Lifetime(self.granted.unwrap_or(usual)), caller);
    }

    /// Records that the flash field `place` was taken.
    pub(crate) fn take(&mut self, place: Place, caller: &'static Location<'static>) {
        let read = self.record().and_then(|(record, _)| place.slot(record));
        self.perform(Operation::Take(place, read), caller);
    }

    /// Records a closure that ran on what [`seen`](Self::seen) shows.
    pub(crate) fn ran(&mut self, closure: Rc<dyn Replay>, ran: Ran, caller: &'static Location<'static>) {
        self.fold.ran(ran);
        self.operations.push(Recorded::new(Operation::Update(closure), caller));
    }

    /// The request does not count as activity of its visitor.
    pub(crate) const fn do_not_touch(&mut self) {
        self.touches = false;
    }

    /// A session that the request begins is one that moves here from elsewhere, and gets this id.
    #[cfg(feature = "actix-session-import")]
    pub(crate) const fn move_to(&mut self, id: SessionId) {
        self.moves_to = Some(id);
    }

    /// Forgets everything that is not stored. The operations are returned, to be dropped outside of any borrow: a closure may own
    /// what calls the session when it is dropped.
    pub(crate) fn discard(&mut self) -> Vec<Rc<Recorded>> {
        self.fold = Fold::on(self.base().record);
        let mut forgotten = std::mem::take(&mut self.operations);
        forgotten.extend(self.failures.forget_unsaved());
        forgotten
    }

    /// Forgets everything that is not stored, except that the request ended its session. The operations are returned, as by
    /// [`discard`](Self::discard); those that are left must be played again.
    pub(crate) fn keep_ends(&mut self) -> Vec<Rc<Recorded>> {
        let operations = std::mem::take(&mut self.operations).into_iter();
        let (ends, mut others): (_, Vec<_>) = operations.partition(|recorded| recorded.operation.ends());
        self.operations = ends;
        others.extend(self.failures.forget_unsaved());
        others
    }

    /// Forgets that flash fields were taken. The operations are returned, as by [`discard`](Self::discard); those that are left must be
    /// played again.
    pub(crate) fn forget_takes(&mut self) -> Vec<Rc<Recorded>> {
        let is_take = |recorded: &Rc<Recorded>| matches!(recorded.operation, Operation::Take(..));
        let (takes, others) = std::mem::take(&mut self.operations).into_iter().partition(is_take);
        self.operations = others;
        takes
    }

    // ── what failed ──

    /// Nothing of this request can be saved any more.
    pub(crate) fn fail(&mut self, error: Error) {
        self.failures.fail(error);
    }

    /// Keeps a failure in mind, until it is acknowledged. Once the response has begun, it cannot answer the request any more.
    pub(crate) fn refuse(&mut self, error: &Error) {
        self.failures.note_lockout(error);
        if matches!(self.response, Response::Open(_)) {
            self.failures.refuse(error);
        }
    }

    /// Keeps in mind that a handle could not read its section again.
    pub(crate) fn misread(&mut self, schema: &'static Schema, error: Error) {
        self.failures.misread(schema, error);
    }

    /// The failure that answers the request, unless the handler acknowledges it.
    pub(crate) fn unacknowledged(&self) -> Option<Error> {
        self.failures.unacknowledged(&self.operations)
    }

    /// Whether there are rejected operations to forget.
    pub(crate) fn has_acknowledged(&self) -> bool {
        self.failures.has_acknowledged()
    }

    /// Forgets what the handler was told could not be stored, if it acknowledged that. The operations are returned, as by
    /// [`discard`](Self::discard); the others must then be played again.
    pub(crate) fn forget_acknowledged(&mut self) -> Vec<Rc<Recorded>> {
        let rejected = self.failures.forget_acknowledged();
        forget(&mut self.operations, &rejected);
        rejected
    }

    /// Fails if nothing of this request can be saved any more.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.failures.check()
    }

    // ── committing ──

    /// Whether a commit at the end of the request would do anything.
    pub(crate) fn needs_commit(&self) -> bool {
        !self.operations.is_empty() || self.failures.are_fatal() || self.owes_something()
    }

    /// Whether a commit has something to do even if no handler did anything: a touch, or a logout of an earlier request.
    fn owes_something(&self) -> bool {
        match self.arrival() {
            Arrival::Unconfirmed(_) => true,
            // A visitor who is sent back to a newer binary leaves no trace of this one in the record. One whom no binary lets in is
            // not kept out for longer than the idle timeout.
            Arrival::Live(..) if self.failures.is_locked_out() => false,
            // Whatever an earlier commit stored was a touch as well.
            Arrival::Live(..) if self.since == Since::Save => false,
            Arrival::Live(_, loaded) => self.touches && touch_is_due(loaded.record.meta(), loaded.now),
            _ => false,
        }
    }

    /// Whether an earlier request of this browser asked for the end of the session, and the store did not confirm it.
    pub(crate) fn owes_a_logout(&self) -> bool {
        matches!(self.arrival(), Arrival::Unconfirmed(_))
    }

    /// What a commit works on.
    pub(crate) fn request(&self) -> Result<Request, Error> {
        self.check()?;
        Ok(Request {
            arrival: self.arrival().clone(),
            operations: self.operations.clone(),
            local: Rc::new(self.fold.clone()),
            schemas: self.schemas.iter().copied().filter(|schema| !schema.groups().is_empty()).collect(),
            since: self.since,
            granted: self.granted,
            touches: self.touches,
            moves_to: self.moves_to,
            head: match self.response {
                Response::Open(_) => Head::Open,
                Response::Begun => Head::Sent,
            },
        })
    }

    /// Takes up how a commit of the operations in `covered` ended.
    ///
    /// A failure that is final takes its operations with it: they may be stored, so to send them again could apply a closure
    /// twice (G2). The request is then answered with the error, unless the handler acknowledges it.
    pub(crate) fn settle(
        &mut self,
        covered: &[Rc<Recorded>],
        finish: Finish,
    ) -> (Result<Done, Error>, Fresh) {
        let Finish { result, cookie, after } = finish;
        self.has_ended |= result.is_ok() && covered.iter().any(|recorded| recorded.operation.ends());
        match &result {
            Err(error) if !is_final(error.kind()) && matches!(after, After::Same) => {
                self.failures.reject(error.clone(), covered.to_vec());
                return (result, Fresh::Kept);
            }
            Err(error) => {
                self.failures.forget_rejected();
                lose(covered, error);
                self.refuse(error);
            }
            Ok(Done::Gone) => {
                self.failures.forget_rejected();
                lose(covered, &Error::new(ErrorKind::Gone));
            }
            Ok(Done::Stored | Done::Nothing) => self.failures.forget_rejected(),
        }
        forget(&mut self.operations, covered);
        if matches!(result, Ok(Done::Stored | Done::Gone)) {
            self.since = Since::Save;
        }
        if let (Response::Open(open), false) = (&mut self.response, cookie == CookieAction::Keep) {
            *open = cookie;
        }
        let arrival = match after {
            After::Same => return (result, Fresh::Replay),
            After::Nobody => Arrival::Nobody,
            After::Ended => Arrival::Ended,
            After::Unconfirmed(id) => Arrival::Unconfirmed(id),
            After::Live(id, loaded) => Arrival::Live(id, loaded),
            After::Displaced(found) => match self.arrival().clone() {
                Arrival::Live(id, shown) => Arrival::Displaced { id, shown, found },
                arrival => arrival,
            },
            After::Stored(Stored { id, shown }) => {
                self.standing = Standing::Stored { id, shown: Arrival::Live(id, shown) };
                return (result, Fresh::Replay);
            }
        };
        self.standing = Standing::Known(arrival);
        (result, Fresh::Replay)
    }

    /// What the shell must play again after [`Fresh::Replay`].
    pub(crate) fn to_replay(&self) -> (Arrival, Vec<Rc<Recorded>>) {
        (self.arrival().clone(), self.operations.clone())
    }

    /// The operations were played again.
    pub(crate) fn replayed(&mut self, fold: Result<Fold, Error>) {
        match fold {
            Ok(fold) => self.fold = fold,
            // They are not shown any more, nor stored: what they would come to is not known.
            Err(error) => {
                self.fold = Fold::on(self.base().record);
                self.failures.reject(error.clone(), self.operations.clone());
                self.failures.fail(error);
            }
        }
    }

    /// The operations that are not yet stored.
    pub(crate) fn operations(&self) -> &[Rc<Recorded>] {
        &self.operations
    }

    // ── the response ──

    /// The response carries out `cookie`, unless a commit has it carry out something else.
    pub(crate) fn answer_with(&mut self, cookie: CookieAction) {
        if let Response::Open(open) = &mut self.response {
            *open = cookie;
        }
    }

    /// The head of the response is sent now; what it must do to the browser's cookie.
    pub(crate) fn send_head(&mut self) -> CookieAction {
        match std::mem::replace(&mut self.response, Response::Begun) {
            Response::Open(cookie) => cookie,
            Response::Begun => CookieAction::Keep,
        }
    }

    /// The operations that no commit will store, if the response has begun.
    pub(crate) fn never_saved(&self) -> &[Rc<Recorded>] {
        match self.response {
            Response::Open(_) => &[],
            Response::Begun => &self.operations,
        }
    }
}

/// Takes those in `done` out of `operations`, which begin with them, unless all were discarded while the commit ran.
fn forget(operations: &mut Vec<Rc<Recorded>>, done: &[Rc<Recorded>]) {
    let known = operations.iter().zip(done).take_while(|(recorded, known)| Rc::ptr_eq(recorded, known));
    let count = known.count();
    drop(operations.drain(..count));
}

/// Tells every save of these operations, also a later one, why they were not stored.
fn lose(covered: &[Rc<Recorded>], error: &Error) {
    for recorded in covered {
        drop(recorded.lost.set(error.clone()));
    }
}

//! One request's session: what its handles share, and the middleware holds until the response.
//!
//! In: calls of handles. Out: what they see. Never: a rule; those are `commit`'s, and this carries them out.

use std::{
    any::Any,
    cell::{Cell, OnceCell, RefCell},
    future::Future,
    panic::Location,
    rc::Rc,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    common::{Common, WeakCommon},
    lookup::Loading,
    records::Records,
    run_to_end::{Begun, spawn},
    shared::Shared,
    stamps::Stamps,
};
#[cfg(feature = "actix-session-import")]
use crate::id::session_id::SessionId;
use crate::{
    commit::{
        arrival::Arrived,
        exchange::{CookieAction, Done},
        fold::Fold,
        ledger::Ledger,
        operation::{Affects, Operation, Ran, Replay},
    },
    error::{Error, ErrorKind},
    id::{
        csrf_token::{csrf_token, is_csrf_token},
        public::PublicId,
        random::NoRandomness,
    },
    record::{apply::Record, time::Timestamp},
    schema::{describe::Schema, schemas::Named},
    section::patch::{Place, Seen},
};

/// One request's session.
pub(crate) struct Visit {
    pub(super) shared: Rc<Shared>,
    pub(super) records: Records,
    stamps: Stamps,
    pub(super) loading: RefCell<Loading>,
    /// When the session was loaded last.
    pub(super) loaded_at: Cell<Option<Instant>>,
    /// The last commit or reload that began. They take turns: each waits for the one before it, and drives it.
    last: RefCell<Option<WeakCommon<Result<Done, Error>>>>,
    /// Nobody sees the response, so flash fields are read and not cleared.
    keeps_flashes: Cell<bool>,
    /// The browser had better forget the cookie by which the session was known elsewhere.
    retires: Cell<bool>,
    /// Closures are running again. What they do to the session was recorded the first time.
    replaying: Cell<bool>,
    pub(super) ledger: RefCell<Ledger>,
    /// What the edge keeps of the request beside its session, once there is something.
    pub(crate) edge: OnceCell<Box<dyn Any>>,
}

impl Visit {
    pub(crate) fn new(shared: Rc<Shared>) -> Rc<Self> {
        Self::over(shared.clone(), Records::of(shared))
    }

    /// A request of its own that reaches the records of this one.
    pub(super) fn beside(&self) -> Rc<Self> {
        Self::over(self.shared.clone(), self.records.clone())
    }

    fn over(shared: Rc<Shared>, records: Records) -> Rc<Self> {
        Rc::new(Self {
            records,
            shared,
            stamps: Stamps::default(),
            loading: RefCell::default(),
            loaded_at: Cell::new(None),
            last: RefCell::new(None),
            keeps_flashes: Cell::new(false),
            retires: Cell::new(false),
            replaying: Cell::new(false),
            ledger: RefCell::new(Ledger::new()),
            edge: OnceCell::new(),
        })
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    // ── what handles see ──

    /// Adds a state to those that this request uses.
    pub(crate) fn register(&self, state: Named) -> Result<(), Error> {
        self.shared.known.add(state)?;
        self.ledger.borrow_mut().register(state.schema)
    }

    /// A value of `schema` that was read at this stamp is still right.
    pub(crate) fn stamp(&self, schema: &'static Schema) -> u64 {
        self.show_no_refused();
        self.stamps.of(schema)
    }

    /// What the handler was told could not be stored, and acknowledged, is not shown any more.
    fn show_no_refused(&self) {
        let is_known = self.replaying.get() || !self.ledger.borrow().has_acknowledged();
        if !is_known && self.under_way().is_none() {
            self.forget_acknowledged();
        }
    }

    pub(super) fn changed(&self) {
        self.stamps.change(Affects::Everything);
    }

    /// Reads from what handlers see.
    pub(crate) fn read<R>(&self, read: impl FnOnce(Seen<'_>) -> Result<R, Error>) -> Result<R, Error> {
        read(self.ledger.borrow().seen())
    }

    /// The same for a handle that has read its section before. A failure answers the request.
    pub(crate) fn read_again<R>(
        &self,
        schema: &'static Schema,
        read: impl FnOnce(Seen<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let read = self.read(read);
        read.inspect_err(|error| self.ledger.borrow_mut().misread(schema, error.clone()))
    }

    /// Reads from the session's record, unless there is none or the request has left it.
    pub(crate) fn read_record<R>(&self, read: impl FnOnce(&Record, Timestamp) -> R) -> Option<R> {
        self.show_no_refused();
        let ledger = self.ledger.borrow();
        if ledger.is_unreadable() {
            drop(ledger);
            if let Some(Err(error)) = self.loaded() {
                self.refuse(&error);
            }
            return None;
        }
        ledger.record().map(|(record, now)| read(record, now))
    }

    /// How long the session lives if the browser makes no further request.
    pub(crate) fn expires_in(&self) -> Option<Duration> {
        self.ledger.borrow().expires_in(&self.shared.rules)
    }

    pub(crate) fn fold<R>(&self, read: impl FnOnce(&Fold) -> R) -> R {
        read(self.ledger.borrow().fold())
    }

    /// Whether a part of the request is stored.
    pub(crate) fn has_stored(&self) -> bool {
        self.ledger.borrow().has_stored()
    }

    /// What lists and logs call the session by.
    pub(crate) fn public_id(&self) -> Option<PublicId> {
        self.show_no_refused();
        self.ledger.borrow().public_id()
    }

    /// Whether the request has ended its session.
    pub(crate) fn has_ended(&self) -> bool {
        self.ledger.borrow().has_ended()
    }

    /// Whether the next commit gives the browser another id.
    pub(crate) fn changes_id(&self) -> bool {
        self.ledger.borrow().changes_id()
    }

    /// A token for the pages of the session, if there is one.
    pub(crate) fn csrf_token(&self) -> Result<Option<String>, Error> {
        let (Some(id), Some(keys)) = (self.ledger.borrow().id(), &self.shared.csrf) else { return Ok(None) };
        let token = csrf_token(&id, keys, self.shared.rules.random);
        token.map(Some).map_err(|NoRandomness| Error::new(ErrorKind::NoRandomness))
    }

    /// Whether `text` is a token of the session that the request came with. Without a session there is nothing to protect.
    pub(crate) fn accepts_csrf_token(&self, text: &str) -> bool {
        let id = self.ledger.borrow().came_with();
        let Some(keys) = &self.shared.csrf else { return true };
        id.is_none_or(|id| is_csrf_token(text, &id, keys))
    }

    // ── what handles do ──

    /// Records an operation.
    pub(crate) fn perform(&self, operation: Operation, caller: &'static Location<'static>) {
        self.record(operation.affects(), |ledger| ledger.perform(operation, caller));
    }

    /// Bounds the lifetime of the session that the request signs in to.
    pub(crate) fn set_longest(&self, longest: Duration, caller: &'static Location<'static>) {
        self.record(Affects::Nothing, |ledger| ledger.set_longest(longest, &self.shared.rules, caller));
    }

    /// Records that the flash field `place` was taken.
    pub(crate) fn take(&self, place: Place, caller: &'static Location<'static>) {
        if !self.keeps_flashes.get() {
            self.record(Affects::Section(place.schema), |ledger| ledger.take(place, caller));
        }
    }

    /// Nobody will see the response, so what is taken from here on stays.
    pub(crate) fn keep_flashes(&self) {
        self.keeps_flashes.set(true);
    }

    /// Nobody sees what was taken, so what is not stored of that stays.
    pub(crate) fn put_flashes_back(&self) {
        let forgotten = self.ledger.borrow_mut().forget_takes();
        if !forgotten.is_empty() {
            drop(forgotten);
            self.replay();
        }
    }

    /// Records a closure that has run on the handle's own value.
    pub(crate) fn ran(&self, closure: Rc<dyn Replay>, ran: Ran, caller: &'static Location<'static>) {
        self.record(Affects::Section(ran.schema), |ledger| ledger.ran(closure, ran, caller));
    }

    fn record(&self, affects: Affects, record: impl FnOnce(&mut Ledger)) {
        if !self.replaying.get() {
            record(&mut self.ledger.borrow_mut());
            self.stamps.change(affects);
        }
    }

    /// Whether closures run again, during which nothing is recorded.
    pub(crate) fn is_replaying(&self) -> bool {
        self.replaying.get()
    }

    /// A session that this begins is one that moves here from elsewhere, and gets this id.
    #[cfg(feature = "actix-session-import")]
    pub(crate) fn move_to(&self, id: SessionId) {
        self.ledger.borrow_mut().move_to(id);
    }

    /// The request does not count as activity of its visitor.
    pub(crate) fn do_not_touch(&self) {
        self.ledger.borrow_mut().do_not_touch();
    }

    /// What the request's cookie opened.
    pub(crate) fn arrived(&self) -> Arrived {
        self.ledger.borrow().arrived()
    }

    /// Nothing of this request can be saved any more.
    pub(crate) fn fail(&self, error: Error) {
        if self.replaying.get() {
            return;
        }
        if let Some(left_out) = self.shared.lines.unsaved.due() {
            tracing::error!(%error, left_out, "the session of this request cannot be saved");
        }
        self.ledger.borrow_mut().fail(error);
    }

    /// Forgets everything that is not stored.
    pub(crate) fn discard(&self) {
        if self.replaying.get() {
            return;
        }
        let forgotten = self.ledger.borrow_mut().discard();
        drop(forgotten);
        self.changed();
    }

    /// Forgets everything that is not stored, except that the request ended its session.
    pub(crate) fn keep_ends(&self) {
        let forgotten = self.ledger.borrow_mut().keep_ends();
        drop(forgotten);
        self.replay();
    }

    pub(crate) fn owes_a_logout(&self) -> bool {
        self.ledger.borrow().owes_a_logout()
    }

    /// Keeps a failure in mind: it answers the request unless this error or a clone of it is acknowledged.
    pub(crate) fn refuse(&self, error: &Error) {
        self.ledger.borrow_mut().refuse(error);
    }

    pub(crate) fn unacknowledged(&self) -> Option<Error> {
        self.ledger.borrow().unacknowledged()
    }

    /// Begins `work`, which goes on when everything that began before it has ended.
    pub(super) fn begin(&self, work: impl Future<Output = Result<Done, Error>> + 'static) -> Begun<Done> {
        let before = self.under_way();
        let in_turn = async move {
            if let Some(before) = before {
                drop(before.await);
            }
            work.await
        };
        let begun = Common::new(in_turn);
        *self.last.borrow_mut() = Some(begun.downgrade());
        begun
    }

    /// What began last, if it has not ended.
    pub(super) fn under_way(&self) -> Option<Begun<Done>> {
        let last = self.last.borrow();
        last.as_ref().and_then(WeakCommon::upgrade).filter(|begun| !begun.is_done())
    }

    /// The request is dropped before its answer: what it has not saved is forgotten. A closure may own the session that it is
    /// recorded in, and would keep it for ever.
    pub(crate) fn abandon(self: Rc<Self>) {
        match self.under_way() {
            // A save that has begun runs to its end.
            Some(begun) => spawn(async move {
                drop(begun.await);
                self.discard();
            }),
            None => self.discard(),
        }
    }

    /// Runs closures again, during which nothing is recorded.
    pub(super) fn replaying<R>(&self, run: impl FnOnce() -> R) -> R {
        struct Until<'a>(&'a Cell<bool>);
        impl Drop for Until<'_> {
            fn drop(&mut self) {
                self.0.set(false);
            }
        }
        self.replaying.set(true);
        let _done = Until(&self.replaying);
        run()
    }

    // ── the response ──

    /// The browser had better forget the cookie by which the session was known elsewhere.
    pub(crate) fn retire(&self) {
        self.retires.set(true);
    }

    #[cfg(feature = "actix-session-import")]
    pub(crate) fn retires(&self) -> bool {
        self.retires.get()
    }

    /// The head of the response is sent now; what it must do to the browser's cookie. From here on no cookie can be set.
    pub(crate) fn send_head(&self) -> CookieAction {
        self.ledger.borrow_mut().send_head()
    }

    /// The value of the cookie that carries the session, as the last commit sealed it.
    pub(crate) fn sealed(&self) -> Option<String> {
        self.records.text()
    }
}

impl Drop for Visit {
    /// Reports what a handle wrote after the response began and never saved.
    fn drop(&mut self) {
        for recorded in self.ledger.get_mut().never_saved() {
            let Some(left_out) = self.shared.lines.unsaved.due() else { continue };
            tracing::error!(
                left_out,
                schema = recorded.schema_name(),
                file = recorded.caller.file(),
                line = recorded.caller.line(),
                "a session was changed after the response began, and the change is lost; call `session.save().await` after it"
            );
        }
    }
}

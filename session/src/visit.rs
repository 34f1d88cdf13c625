//! One request's session: what was loaded, what the handlers did since, and the commit.
//!
//! In: the request's cookie, operations of the handles. Out: the state that handles read, and what the response must carry.
//! Never: a rule. What a commit does is decided in `commit`, what an operation means in `patch`.

use std::{
    cell::{Cell, OnceCell, RefCell},
    future::Future,
    panic::Location,
    rc::Rc,
    time::{Duration, Instant},
};

use actix_web::http::header::{HeaderMap, HeaderValue};

use crate::{
    app::App,
    commit::{After, Answer, Arrival, Commit, CookieAction, Done, Finish, Request, Step, touch_is_due},
    cookie::{self, Reading},
    error::{Error, ErrorKind},
    id::{public::PublicId, session_id::SessionId},
    patch::{Base, Fold, Operation, Place, Ran, Recorded, Replay, schema_name},
    record::{apply::Record, json::Json, meta::Principal, time::Timestamp},
    schema::{Field, Schema, SessionState},
    schemas::one_principal,
    state,
    store::contract::Loaded,
};

/// One request's session. Handles share it; the middleware holds it until the response.
pub(crate) struct Visit {
    app: Rc<App>,
    /// Changes whenever what handles read may have changed.
    stamp: Cell<u64>,
    loading: tokio::sync::OnceCell<Result<(), Error>>,
    committing: tokio::sync::Mutex<()>,
    /// Closures run again: nothing is recorded.
    replaying: Cell<bool>,
    inner: RefCell<Inner>,
}

struct Inner {
    arrival: Arrival,
    /// A commit stored this session, but what else is in its record is not known: load it before the next commit.
    stale: Option<SessionId>,
    schemas: Vec<&'static Schema>,
    operations: Vec<Rc<Recorded>>,
    /// Raised by `discard`: a commit that is under way then no longer knows these operations.
    discards: u64,
    fold: Fold,
    /// What keeps this request from being saved.
    fault: Option<Error>,
    /// Extractions that failed; one that nobody looked at answers the request.
    refused: Vec<Error>,
    cookie: CookieAction,
    saved_before: bool,
    head_sent: bool,
}

impl Visit {
    pub(crate) fn new(app: Rc<App>) -> Rc<Self> {
        Rc::new(Self {
            app,
            stamp: Cell::new(0),
            loading: tokio::sync::OnceCell::new(),
            committing: tokio::sync::Mutex::new(()),
            replaying: Cell::new(false),
            inner: RefCell::new(Inner {
                arrival: Arrival::Nobody,
                stale: None,
                schemas: Vec::new(),
                operations: Vec::new(),
                discards: 0,
                fold: Fold::default(),
                fault: None,
                refused: Vec::new(),
                cookie: CookieAction::Keep,
                saved_before: false,
                head_sent: false,
            }),
        })
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    // ── loading ──

    /// Whether anybody looked at the session: the response then varies by cookie.
    pub(crate) fn is_consulted(&self) -> bool {
        self.loading.initialized()
    }

    /// What the load said, if it is done.
    pub(crate) fn loaded(&self) -> Option<Result<(), Error>> {
        self.loading.get().cloned()
    }

    /// What the request's cookies say.
    pub(crate) fn cookies(&self, headers: &HeaderMap) -> Reading {
        cookie::read(headers, self.app.cookie.name(), &self.app.keys)
    }

    /// Loads the session that the request's cookie opens, once.
    pub(crate) async fn load(&self, cookies: Reading) -> Result<(), Error> {
        self.loading
            .get_or_init(|| async {
                let id = match cookies {
                    Reading::One(id) => id,
                    Reading::None => return Ok(()),
                    Reading::Ambiguous => {
                        tracing::warn!("a request carries several authentic session cookies; none is used");
                        return Ok(());
                    }
                    Reading::TooMany => {
                        tracing::warn!("a request carries too many session cookies; none is used");
                        return Ok(());
                    }
                };
                if self.app.unconfirmed.holds(&id.selector) {
                    self.inner.borrow_mut().arrival = Arrival::Unconfirmed(id);
                    return Ok(());
                }
                let arrival = match self.app.store.load(&id.selector).await {
                    Ok(None) => Arrival::Nobody,
                    Ok(Some(loaded)) if loaded.record.meta().verifier == id.verifier_hash() => {
                        self.inner.borrow_mut().fold = Fold::on(Some(&loaded.record));
                        Arrival::Live(id, loaded)
                    }
                    Ok(Some(loaded)) => Arrival::Superseded(loaded.now.since(loaded.record.meta().renewed)),
                    Err(error) => {
                        let error = Error::from(error);
                        if error.peek() != ErrorKind::Unreadable {
                            return Err(error);
                        }
                        self.inner.borrow_mut().arrival = Arrival::Unreadable(id);
                        return Err(error);
                    }
                };
                self.inner.borrow_mut().arrival = arrival;
                Ok(())
            })
            .await
            .clone()
    }

    /// Keeps a failed extraction in mind: it answers the request unless somebody looks at it.
    pub(crate) fn refuse(&self, error: &Error) {
        self.inner.borrow_mut().refused.push(error.clone());
    }

    pub(crate) fn unacknowledged(&self) -> Option<Error> {
        self.inner.borrow().refused.iter().find(|error| !error.is_acknowledged()).cloned()
    }

    /// A schema is used in this request.
    pub(crate) fn register<T: SessionState>(&self) -> Result<(), Error> {
        self.app.met.meet::<T>()?;
        let schema = T::schema();
        let mut inner = self.inner.borrow_mut();
        if inner.schemas.iter().any(|known| std::ptr::eq(*known, schema)) {
            return Ok(());
        }
        if let Some(field) = schema.principal() {
            let other = inner.schemas.iter().find_map(|known| known.principal()).map(Field::wire_key);
            let stored = inner.fold.principal.as_ref().map(Principal::wire_key);
            one_principal(Some(field.wire_key()), other.or(stored))?;
        }
        inner.schemas.push(schema);
        Ok(())
    }

    // ── reading ──

    pub(crate) fn stamp(&self) -> u64 {
        self.stamp.get()
    }

    fn changed(&self) {
        self.stamp.set(self.stamp.get() + 1);
    }

    /// The state as of now. A failure answers the request.
    pub(crate) fn read<T: SessionState>(&self) -> Result<T, Error> {
        self.decoded(false)
    }

    /// The same for a new handle, which tells of what cannot be read.
    pub(crate) fn read_first<T: SessionState>(&self) -> Result<T, Error> {
        self.decoded(true)
    }

    fn decoded<T: SessionState>(&self, tells: bool) -> Result<T, Error> {
        let read = {
            let inner = self.inner.borrow();
            state::decode::<T>(inner.fold.view(inner.base()), tells)
        };
        read.inspect_err(|error| self.refuse(error))
    }

    /// The session's record, while the request has not left it.
    pub(crate) fn read_record<R>(&self, read: impl FnOnce(&Record, Timestamp) -> R) -> Option<R> {
        let inner = self.inner.borrow();
        if let Arrival::Unreadable(_) = inner.arrival {
            drop(inner);
            if let Some(Err(error)) = self.loaded() {
                self.refuse(&error);
            }
            return None;
        }
        let base = inner.base();
        base.record.filter(|_| !inner.fold.left).map(|record| read(record, base.now))
    }

    pub(crate) fn fold<R>(&self, read: impl FnOnce(&Fold) -> R) -> R {
        read(&self.inner.borrow().fold)
    }

    // ── recording ──

    /// Nothing of this request can be saved any more.
    pub(crate) fn poison(&self, error: Error) {
        tracing::error!(error = %error, "the session of this request cannot be saved");
        self.inner.borrow_mut().fault.get_or_insert(error);
        self.changed();
    }

    /// Records a blind write; `same` as what the handle had before.
    pub(crate) fn set(&self, place: Place, json: Json, same: bool, at: &'static Location<'static>) {
        if self.replaying.get() {
            return;
        }
        let mut inner = self.inner.borrow_mut();
        // Absent is never equal: a default that is set becomes a stored value.
        let stored = same && inner.fold.view(inner.base()).stores(place.schema, place.field);
        inner.fold.set(place, json.clone(), stored);
        inner.push(Operation::Set(place, json), at);
        drop(inner);
        self.changed();
    }

    /// Records that a flash field was read away.
    pub(crate) fn take(&self, place: Place, at: &'static Location<'static>) {
        let read = {
            let inner = self.inner.borrow();
            inner.base().record.filter(|_| !inner.fold.left).and_then(|record| place.slot(record))
        };
        self.record(Operation::Take(place, read), at);
    }

    /// Records a closure that has run.
    pub(crate) fn updated(&self, closure: Rc<dyn Replay>, ran: Ran, at: &'static Location<'static>) {
        if self.replaying.get() {
            return;
        }
        let mut inner = self.inner.borrow_mut();
        inner.fold.updated(ran);
        inner.push(Operation::Update(closure), at);
        drop(inner);
        self.changed();
    }

    /// Records any other operation.
    pub(crate) fn record(&self, operation: Operation, at: &'static Location<'static>) {
        if self.replaying.get() {
            return;
        }
        let mut inner = self.inner.borrow_mut();
        let Inner { fold, arrival, .. } = &mut *inner;
        // Only closures can fail, and they are recorded by `updated`.
        let mut stepped = Ok(());
        let operation = match operation {
            // Nobody was signed in, so nobody is signed out; also not who signs in meanwhile.
            Operation::SignOut(place) if fold.principal.is_none() => {
                fold.set(place, Json::null(), true);
                Operation::Set(place, Json::null())
            }
            operation => {
                stepped = fold.step(&operation, base_of(arrival));
                operation
            }
        };
        inner.push(operation, at);
        drop(inner);
        if let Err(error) = stepped {
            self.poison(error);
        }
        self.changed();
    }

    /// Forgets everything that was not yet stored.
    pub(crate) fn discard(&self) {
        let mut inner = self.inner.borrow_mut();
        inner.operations.clear();
        inner.discards += 1;
        inner.fault = None;
        inner.fold = Fold::on(inner.base().record);
        drop(inner);
        self.changed();
    }

    // ── committing ──

    /// Whether a commit at the end of the request would do anything, or one is under way.
    pub(crate) fn needs_commit(&self) -> bool {
        let inner = self.inner.borrow();
        let due = match &inner.arrival {
            // Who is told to come back to a newer binary leaves no trace in the record.
            Arrival::Live(..)
                if inner.refused.iter().any(|error| error.peek() == ErrorKind::SchemaTooNew) =>
            {
                false
            }
            Arrival::Live(_, loaded) => touch_is_due(loaded.record.meta(), loaded.now),
            Arrival::Unconfirmed(_) => true,
            _ => false,
        };
        !inner.operations.is_empty() || inner.fault.is_some() || due || self.committing.try_lock().is_err()
    }

    /// Stores what was recorded so far.
    pub(crate) async fn commit(self: Rc<Self>, last: bool) -> Result<Done, Error> {
        let _one_at_a_time = self.committing.lock().await;
        self.reload().await?;
        let (request, discards) = {
            let inner = self.inner.borrow();
            if let Some(fault) = &inner.fault {
                return Err(fault.clone());
            }
            let request = Request {
                arrival: inner.arrival.clone(),
                operations: inner.operations.clone(),
                local: inner.fold.clone(),
                schemas: inner.schemas.iter().copied().filter(|schema| !schema.groups().is_empty()).collect(),
                saved_before: inner.saved_before,
                cookie_possible: !inner.head_sent,
                last,
            };
            (request, inner.discards)
        };
        let covered = request.operations.clone();
        let finish = self.drive(Commit::new(request, &self.app.rules)).await;
        let failure = match &finish.result {
            Err(error) if is_final(error) => Some(error.clone()),
            Ok(Done::Gone) => Some(Error::new(ErrorKind::Gone)),
            _ => None,
        };
        if let Some(error) = failure {
            // Whoever saves one of them later hears it too.
            for recorded in &covered {
                drop(recorded.lost.set(error.clone()));
            }
        }
        let known = self.inner.borrow().discards == discards;
        self.settle(finish, if known { covered.len() } else { 0 })
    }

    async fn drive(&self, mut commit: Commit<'_>) -> Finish {
        let begun = Instant::now();
        let mut step = self.quietly(|| commit.begin());
        let mut turn = None;
        loop {
            let answer = match step {
                Step::Finish(finish) => return finish,
                Step::Wait(longest) => {
                    tokio::time::sleep(self.app.jitter(longest)).await;
                    step = commit.after_wait(begun.elapsed());
                    continue;
                }
                Step::Create(key, new) => self.app.store.create(begun, &key, &new).await.map(Answer::Created),
                Step::Delete(key) => {
                    let deleted = self.app.store.delete(begun, &key, None).await;
                    match &deleted {
                        Ok(()) => self.app.unconfirmed.confirm(&key),
                        Err(_) => self.app.unconfirmed.add(key),
                    }
                    deleted.map(|()| Answer::Deleted)
                }
                Step::Update(key, change) => {
                    if turn.is_none() && commit.is_guarded() {
                        turn = self.app.queue.turn(&key, self.app.rules.deadline / 2).await;
                    }
                    self.app.store.update(begun, &key, &change).await.map(Answer::Updated)
                }
            };
            step = self.quietly(|| commit.next(answer, begun.elapsed()));
        }
    }

    /// Takes up how a commit of the first `covered` operations ended.
    fn settle(&self, finish: Finish, covered: usize) -> Result<Done, Error> {
        let done = match finish.result {
            Ok(done) => done,
            Err(error) => {
                self.give_up(&error, covered);
                return Err(error);
            }
        };
        let mut inner = self.inner.borrow_mut();
        if finish.cookie != CookieAction::Keep {
            inner.cookie = finish.cookie;
        }
        inner.operations.drain(..covered);
        inner.saved_before |= done != Done::Nothing;
        match finish.after {
            After::Same => {}
            After::Nobody => inner.arrival = Arrival::Nobody,
            After::Ended => inner.arrival = Arrival::Ended,
            After::Live(id, loaded) => inner.arrival = Arrival::Live(id, loaded),
            After::Load(id) => {
                // Until somebody loads it, handles go on reading what they read.
                inner.stale = Some(id);
                return Ok(done);
            }
        }
        drop(inner);
        self.refold();
        Ok(done)
    }

    /// What was sent to the store and failed is not sent again, neither by another `save` nor by the end of the request: it
    /// may be stored, and a closure would then count twice. So the request's answer is the error, unless somebody looks at it.
    fn give_up(&self, error: &Error, covered: usize) {
        if !is_final(error) {
            return;
        }
        let mut inner = self.inner.borrow_mut();
        inner.operations.drain(..covered);
        if let Arrival::Live(id, _) | Arrival::Unreadable(id) = inner.arrival
            && self.app.unconfirmed.holds(&id.selector)
        {
            inner.arrival = Arrival::Unconfirmed(id);
        }
        drop(inner);
        self.refuse(error);
        self.refold();
    }

    /// Loads what a commit left behind, if that is not known.
    async fn reload(&self) -> Result<(), Error> {
        let Some(id) = self.inner.borrow().stale else { return Ok(()) };
        let found = self.app.store.load(&id.selector).await?;
        let mut inner = self.inner.borrow_mut();
        inner.stale = None;
        inner.arrival = found.map_or(Arrival::Ended, |loaded| Arrival::Live(id, loaded));
        drop(inner);
        self.refold();
        Ok(())
    }

    /// Takes the operations that are left on what is stored now. Closures may call the session, so nothing stays borrowed.
    fn refold(&self) {
        let (arrival, operations) = {
            let inner = self.inner.borrow();
            (inner.arrival.clone(), inner.operations.clone())
        };
        let folded = self.quietly(|| Fold::replay(&operations, base_of(&arrival)));
        let mut inner = self.inner.borrow_mut();
        match folded {
            Ok(fold) => inner.fold = fold,
            Err(error) => inner.fault = Some(error),
        }
        drop(inner);
        self.changed();
    }

    /// Runs closures again; what they call on the session was recorded the first time.
    fn quietly<R>(&self, run: impl FnOnce() -> R) -> R {
        struct Replaying<'a>(&'a Cell<bool>);
        impl Drop for Replaying<'_> {
            fn drop(&mut self) {
                self.0.set(false);
            }
        }
        self.replaying.set(true);
        let _until_done = Replaying(&self.replaying);
        run()
    }

    /// [`commit`](Self::commit) in the middle of a request: handles then read what is stored.
    pub(crate) fn save(self: Rc<Self>) -> impl Future<Output = Result<(), Error>> + 'static {
        // Another `save` may commit them before this one gets its turn.
        let asked = self.inner.borrow().operations.clone();
        async move {
            self.clone().commit(false).await?;
            if let Some(error) = asked.iter().find_map(|recorded| recorded.lost.get()) {
                return Err(error.clone());
            }
            let _one_at_a_time = self.committing.lock().await;
            if let Err(error) = self.reload().await {
                // What was asked for is stored; the next use loads it.
                tracing::warn!(%error, "a session was saved and could not be read again");
            }
            Ok(())
        }
    }

    /// The response begins, and carries no cookie of ours.
    pub(crate) fn close_head(&self) {
        self.inner.borrow_mut().head_sent = true;
    }

    /// The `Set-Cookie` that the response must carry. From here on no other can be sent.
    pub(crate) fn send_head(&self) -> Option<HeaderValue> {
        let mut inner = self.inner.borrow_mut();
        inner.head_sent = true;
        match &inner.cookie {
            CookieAction::Keep => None,
            CookieAction::Remove => Some(cookie::remove(&self.app.cookie)),
            CookieAction::Set { id, max_age } => {
                let value = id.to_cookie(self.app.cookie.name(), &self.app.keys);
                cookie::set(&self.app.cookie, &value, *max_age)
                    .inspect_err(|error| tracing::error!(%error, "the session cookie could not be written"))
                    .ok()
            }
        }
    }

    /// What lists and logs call the session by.
    pub(crate) fn public_id(&self) -> Option<PublicId> {
        let inner = self.inner.borrow();
        match (&inner.stale, &inner.arrival) {
            (Some(id), _) => Some(PublicId::of(id.selector)),
            (None, Arrival::Live(id, _)) if !inner.fold.left => Some(PublicId::of(id.selector)),
            _ => None,
        }
    }
}

/// Whether the operations of a commit that failed so are given up: they may be stored, or cannot be before the deadline. The
/// others were refused before anything was sent, and a handler may still mend them.
fn is_final(error: &Error) -> bool {
    matches!(error.peek(), ErrorKind::StoreUnavailable | ErrorKind::Contended | ErrorKind::Unreadable)
}

fn base_of(arrival: &Arrival) -> Base<'_> {
    match arrival {
        Arrival::Live(_, Loaded { record, now, .. }) => Base { record: Some(record), now: *now, late: None },
        _ => Base::EMPTY,
    }
}

impl Inner {
    fn base(&self) -> Base<'_> {
        base_of(&self.arrival)
    }

    fn push(&mut self, operation: Operation, at: &'static Location<'static>) {
        self.operations.push(Rc::new(Recorded { operation, lost: OnceCell::new(), at }));
    }
}

impl Drop for Visit {
    /// Writes of a handle that outlived the response are loud.
    fn drop(&mut self) {
        let inner = self.inner.get_mut();
        if !inner.head_sent {
            return;
        }
        for recorded in &inner.operations {
            tracing::error!(
                schema = schema_name(recorded),
                file = recorded.at.file(),
                line = recorded.at.line(),
                "a session was changed after the response began, and the change is lost; call `session.save().await` after it"
            );
        }
    }
}

/// Commits of one session that depend on what they read take turns in this process: one after the other they need one update
/// each, all at once they would mostly conflict. Sessions share turns by chance, which costs a little waiting and no more.
#[derive(Debug)]
pub(crate) struct Queue {
    turns: Box<[tokio::sync::Mutex<()>]>,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self { turns: (0..256).map(|_| tokio::sync::Mutex::new(())).collect() }
    }

    /// Waits for a turn, but leaves the commit time to do its work; then goes without.
    async fn turn(
        &self,
        key: &crate::id::Selector,
        longest: Duration,
    ) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let turn = self.turns.get(usize::from(key.as_bytes()[0]))?;
        match turn.try_lock() {
            Ok(guard) => Some(guard),
            Err(_) => tokio::time::timeout(longest, turn.lock()).await.ok(),
        }
    }
}

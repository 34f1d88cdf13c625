//! Carries a commit to the store and back.
//!
//! In: what was recorded. Out: what became of it. Never: a rule; what a commit does is decided by `commit::machine`.

use std::{cell::Cell, future::Future, rc::Rc, time::Instant};

use super::visit::Visit;
use crate::{
    commit::{
        arrival::{Arrival, base_of, touch_is_due},
        fold::Fold,
        machine::Commit,
        step::{After, Answer, CookieAction, Done, Finish, Request, Step},
    },
    error::{Error, ErrorKind},
};

impl Visit {
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
}

/// Whether the operations of a commit that failed so are given up: they may be stored, or cannot be before the deadline. The
/// others were refused before anything was sent, and a handler may still mend them.
fn is_final(error: &Error) -> bool {
    matches!(error.peek(), ErrorKind::StoreUnavailable | ErrorKind::Contended | ErrorKind::Unreadable)
}

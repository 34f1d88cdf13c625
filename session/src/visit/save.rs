//! Carries a commit to the store and back.
//!
//! In: what was recorded. Out: what became of it. Never: a rule; a commit is decided by `commit::machine`, and what it leaves by
//! `commit::ledger`.

use std::{
    rc::Rc,
    time::{Duration, Instant, SystemTime},
};

use super::{run_to_end::RunToEnd, visit::Visit};
use crate::{
    commit::{
        exchange::{After, Answer, Done, Finish, Next},
        fold::Fold,
        ledger::Fresh,
        machine::{Commit, is_final},
        operation::Recorded,
    },
    error::Error,
    events::event::Event,
    id::{public::PublicId, session_id::SessionId},
};

/// For how long after a load a request takes what has not expired for what does not expire.
const FRESH: Duration = Duration::from_secs(1);

impl Visit {
    /// Whether a commit at the end of the request would do anything, or one is under way.
    pub(crate) fn needs_commit(&self) -> bool {
        // A commit that is under way knows its operations as the first of all, so none is forgotten before it has ended.
        if self.under_way().is_some() {
            return true;
        }
        self.forget_acknowledged();
        self.ledger.borrow().needs_commit()
    }

    /// Whether an operation is left to commit, or a commit is under way.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.has_operations() || self.under_way().is_some()
    }

    /// Stores what was recorded so far, at the end of the request.
    pub(crate) fn commit(self: &Rc<Self>) -> RunToEnd<Done> {
        let visit = self.clone();
        RunToEnd::new(&self.shared, move || visit.begin(visit.clone().store()))
    }

    /// Stores what was recorded so far.
    async fn store(self: Rc<Self>) -> Result<Done, Error> {
        self.forget_acknowledged();
        let must_reload = self.ledger.borrow().must_reload().or_else(|| self.may_have_expired());
        if let Some(id) = must_reload {
            self.ledger.borrow().check()?;
            // Everything is stored, and without an operation there is nothing that the record as it is now could matter for.
            if !self.has_operations() {
                return Ok(Done::Nothing);
            }
            self.load_again(id).await?;
        }
        let request = self.ledger.borrow().request()?;
        let covered = request.operations.clone();
        let finish = self.drive(Commit::new(request, &self.shared.rules)).await;
        let (result, fresh) = self.ledger.borrow_mut().settle(&covered, finish);
        if fresh == Fresh::Replay {
            self.replay();
        }
        result
    }

    /// The session's id if a field that expires is part of this commit, and may have expired since the load. That is no edit of it, which
    /// the store would notice.
    fn may_have_expired(&self) -> Option<SessionId> {
        let is_old = self.loaded_at.get().is_some_and(|at| at.elapsed() > FRESH);
        let ledger = self.ledger.borrow();
        if is_old && ledger.fold().patch.is_timed() { ledger.can_reload() } else { None }
    }

    fn has_operations(&self) -> bool {
        !self.ledger.borrow().operations().is_empty()
    }

    pub(super) fn forget_acknowledged(&self) {
        let forgotten = self.ledger.borrow_mut().forget_acknowledged();
        if !forgotten.is_empty() {
            self.replay();
        }
    }

    /// Does what the commit asks for, until it is finished.
    async fn drive(&self, mut commit: Commit<'_>) -> Finish {
        let shared = &*self.shared;
        let begun = Instant::now();
        let attempted = self.records.begin();
        let mut next = self.replaying(|| commit.begin());
        let mut turn = None;
        // They are told when it is known that nothing is undone.
        let mut events = Vec::new();
        loop {
            let answer = match next {
                Next::Finish(finish) => {
                    let finish = match attempted.finish(finish) {
                        Ok(finish) => {
                            for event in events {
                                shared.events.tell(event);
                            }
                            finish
                        }
                        Err(undone) => Finish::unchanged(undone),
                    };
                    if let After::Unconfirmed(id) = finish.after
                        && shared.unconfirmed.add(id.selector)
                    {
                        shared.events.tell(Event::Unconfirmed { id: PublicId::of(id.selector) });
                    }
                    return finish;
                }
                Next::Wait(longest) => {
                    tokio::time::sleep(shared.jitter(longest)).await;
                    next = commit.waited(begun.elapsed());
                    events.extend(commit.take_events());
                    continue;
                }
                Next::Create(selector, new) => {
                    let created = self.records.create(begun, &selector, &new).await;
                    created.map(|created| Answer::Created(created, SystemTime::now().into()))
                }
                Next::Delete(selector) => {
                    let deleted = self.records.delete(begun, &selector).await;
                    if deleted.is_ok() {
                        shared.unconfirmed.confirm(&selector);
                    }
                    deleted.map(|()| Answer::Deleted)
                }
                Next::Update(selector, change) => {
                    let touched = commit.touches_since();
                    if touched.is_some_and(|since| !shared.touches.claim(&selector, since)) {
                        return Finish::unchanged(Ok(Done::Nothing));
                    }
                    if turn.is_none() && commit.is_guarded() {
                        turn = shared.turns.turn(&selector, shared.rules.deadline / 2).await;
                    }
                    let updated = self.records.update(begun, &selector, &change).await;
                    if touched.is_some() && updated.is_err() {
                        shared.touches.give_back(&selector);
                    }
                    updated.map(Answer::Updated)
                }
            };
            next = self.replaying(|| commit.answered(answer, begun.elapsed()));
            events.extend(commit.take_events());
        }
    }

    async fn load_again(&self, id: SessionId) -> Result<(), Error> {
        let found = self.records.load(Instant::now(), &id.selector).await?;
        self.ledger.borrow_mut().reloaded(found);
        self.loaded_at.set(Some(tokio::time::Instant::now()));
        self.replay();
        Ok(())
    }

    /// Loads the session again, so that handles see what other requests wrote.
    pub(crate) fn reload(self: &Rc<Self>) -> RunToEnd<Done> {
        let visit = self.clone();
        RunToEnd::new(&self.shared, move || visit.begin(visit.clone().look_again()))
    }

    async fn look_again(self: Rc<Self>) -> Result<Done, Error> {
        self.forget_acknowledged();
        let id = self.ledger.borrow().can_reload();
        if let Some(id) = id {
            self.load_again(id).await?;
        }
        self.ledger.borrow().check()?;
        self.ledger.borrow().is_over().map_or(Ok(Done::Nothing), Err)
    }

    /// Plays the operations that are left on what the session is now. Closures may call the session, so nothing is borrowed.
    pub(super) fn replay(&self) {
        let (arrival, operations) = self.ledger.borrow().to_replay();
        let fold = self.replaying(|| Fold::replay(&operations, arrival.base()));
        self.ledger.borrow_mut().replayed(fold);
        self.changed();
    }

    /// [`commit`](Self::commit) in the middle of a request; handles then see what is stored.
    pub(crate) fn save(self: &Rc<Self>) -> RunToEnd<Done> {
        let visit = self.clone();
        // Another `save` may commit them before this one gets its turn.
        let asked = self.ledger.borrow().operations().to_vec();
        RunToEnd::new(&self.shared, move || visit.begin(visit.clone().store_and_show(asked)))
    }

    async fn store_and_show(self: Rc<Self>, asked: Vec<Rc<Recorded>>) -> Result<Done, Error> {
        let done = self.clone().store().await?;
        if let Some(error) = asked.iter().find_map(|recorded| recorded.lost.get()) {
            return Err(error.clone());
        }
        let is_known = self.ledger.borrow().must_reload().is_none();
        if done == Done::Stored && is_known {
            return Ok(done);
        }
        match self.clone().look_again().await {
            // What was asked for is stored; the next use loads it.
            Err(error) if done == Done::Stored && is_final(error.kind()) => {
                self.shared.tell(&error, "a session was saved and could not be read again");
                Ok(done)
            }
            shown => shown,
        }
    }
}

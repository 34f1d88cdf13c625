//! Records what handlers do.
//!
//! In: operations of handles. Out: the fold that they read. Never: a rule; what an operation means is `commit::fold`'s.

use std::{panic::Location, rc::Rc};

use super::visit::{Inner, Visit};
use crate::{
    commit::{
        arrival::base_of,
        fold::Fold,
        operation::{Operation, Ran, Replay},
    },
    error::Error,
    record::json::Json,
    section::patch::Place,
};

impl Visit {
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
}

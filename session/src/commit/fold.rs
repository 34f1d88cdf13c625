//! What a request's operations come to.
//!
//! In: operations, and what they stand on. Out: a [`Fold`]: what handlers see, and what a commit stores. Never: I/O, a decision
//! about what to save.
//!
//! Operations enter a fold in two ways. [`Fold::record`] takes each one as the handler performs it, on what the request loaded.
//! [`Fold::replay`] takes all of them again, on another record, when another request was faster.

use std::{rc::Rc, sync::Arc};

use super::{
    arrival::Base,
    operation::{Lifetime, Operation, Ran, Recorded},
};
use crate::{
    error::Error,
    record::{apply::Record, json::Json, meta::Principal},
    schema::describe::Field,
    section::patch::{Patch, Place, Seen},
};

/// Where a request's operations have led.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Course {
    /// They are about the session that the request met.
    #[default]
    Stays,
    /// Another user signed in. The operations since then are about a session of that user's own.
    Switches,
    /// The session that the request met was purged or signed out. The operations since then are about a new one.
    Purges,
}

/// The user who signed in during a request.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct SignedIn {
    pub(crate) principal: Principal,
    /// Whether nobody was signed in before; otherwise the user proved again who they are, or another one took their place.
    pub(crate) from_nobody: bool,
}

/// The operations of one request, played one after the other.
#[derive(Clone, Default)]
pub(crate) struct Fold {
    pub(crate) course: Course,
    /// Who is signed in now.
    pub(crate) principal: Option<Principal>,
    pub(crate) signed_in: Option<SignedIn>,
    pub(crate) renews: bool,
    /// Whether a session begins although no value is set.
    pub(crate) begins_empty: bool,
    /// Whether the browser counts as seen, although a touch may not be due.
    pub(crate) touches: bool,
    pub(crate) lifetime: Option<Lifetime>,
    /// As `Change::label`.
    #[allow(clippy::option_option)] // not labelled, labelled, label removed
    pub(crate) label: Option<Option<Arc<str>>>,
    pub(crate) patch: Patch,
}

impl Fold {
    /// No operation yet, on `record`.
    pub(crate) fn on(record: Option<&Record>) -> Self {
        Self { principal: record.and_then(|record| record.meta().principal.clone()), ..Self::default() }
    }

    /// All of `operations` on `base`.
    pub(crate) fn replay(operations: &[Rc<Recorded>], base: Base<'_>) -> Result<Self, Error> {
        let mut fold = Self::on(base.record);
        for recorded in operations {
            fold.play(&recorded.operation, base)?;
        }
        Ok(fold)
    }

    /// All of `operations` on a record that another request of the same browser has signed the same user in to. To this request's
    /// handlers it was their own sign-in that reset fields, so what they set in those before it is dropped.
    pub(crate) fn replay_joining(operations: &[Rc<Recorded>], base: Base<'_>) -> Result<Self, Error> {
        let mut fold = Self::on(base.record);
        for recorded in operations {
            if matches!(recorded.operation, Operation::SignIn(..)) {
                fold.patch.reset();
            }
            fold.play(&recorded.operation, base)?;
        }
        Ok(fold)
    }

    /// What handlers see.
    pub(crate) fn seen<'a>(&'a self, base: Base<'a>) -> Seen<'a> {
        let base = if self.has_left() { Base::NOTHING } else { base };
        Seen { view: base.view().after_sign_in(self.signs_in_from_nobody()), patch: &self.patch }
    }

    /// Whether the request has left the session that it met.
    pub(crate) fn has_left(&self) -> bool {
        self.course != Course::Stays
    }

    pub(crate) fn purges(&self) -> bool {
        self.course == Course::Purges
    }

    /// Whether a user signed in where nobody was signed in.
    pub(crate) fn signs_in_from_nobody(&self) -> bool {
        self.signed_in.as_ref().is_some_and(|signed_in| signed_in.from_nobody)
    }

    /// Whether it leaves the session that it met for one in which a user is signed in.
    pub(crate) fn begins_in_place(&self) -> bool {
        self.has_left() && self.signed_in.is_some()
    }

    /// Whether a session begins where there is none.
    pub(crate) fn begins(&self) -> bool {
        self.begins_empty || self.patch.writes_a_value()
    }

    /// Whether it writes, in the session that it is about, without signing in: what a superseded or ended session does not take.
    pub(crate) fn only_writes(&self) -> bool {
        (self.patch.writes() || self.begins_empty) && self.signed_in.is_none()
    }

    /// Adds an operation as a handler performs it, and returns it as it must be replayed.
    ///
    /// Closures do not come here: they have run on the handler's own copy, and [`ran`](Self::ran) takes what they did.
    pub(crate) fn record(&mut self, operation: Operation, base: Base<'_>) -> Result<Operation, Error> {
        let operation = match operation {
            // Nobody is signed in, so the request signs nobody out; not the user either who signs in while it runs.
            Operation::SignOut(place) if self.principal.is_none() => Operation::Set(place, Json::null()),
            operation => operation,
        };
        if let Operation::SignIn(place, json) = &operation
            && self.principal.as_ref() == Some(&Principal::new(place.wire_key(), json))
        {
            // The user proves again who they are; whether that counts is decided by when they last did.
            let as_stored = self.seen(base).is_stored_as(*place, json);
            self.sign_in(*place, json.clone(), as_stored);
        } else if let Operation::Set(place, json) = &operation {
            let as_stored = self.seen(base).is_stored_as(*place, json) || self.clears_nobody(*place, json);
            self.patch.set(*place, json.clone(), as_stored);
        } else {
            self.play(&operation, base)?;
        }
        Ok(operation)
    }

    /// Whether a write clears the principal field while nobody is signed in, which changes nothing.
    fn clears_nobody(&self, place: Place, json: &Json) -> bool {
        let is_principal = place.schema.field(place.at).is_some_and(Field::is_principal);
        is_principal && json.is_null() && self.principal.is_none()
    }

    /// One operation more, on whatever record `base` has.
    fn play(&mut self, operation: &Operation, base: Base<'_>) -> Result<(), Error> {
        // What was done until here belongs to another user, or to a session that has ended.
        if operation.leaves(self.principal.as_ref()) {
            let ends = operation.ends() || self.purges();
            self.leave(if ends { Course::Purges } else { Course::Switches });
        }
        let record = base.record.filter(|_| !self.has_left());
        match operation {
            Operation::Set(place, json) => {
                // After an earlier write of this request the field is the request's own, so only the first set can be late.
                let late = record.is_some() && base.is_late(*place) && !self.patch.is_written(*place);
                if !late {
                    self.patch.set(*place, json.clone(), false);
                }
            }
            Operation::Take(place, read) => {
                if self.patch.is_written(*place) {
                    self.patch.set(*place, Json::null(), false);
                } else if let (Some(now), Some(then)) = (record.and_then(|record| place.slot(record)), read)
                    && !now.edited_since(then)
                {
                    // Guarded, so that a message written meanwhile is shown rather than cleared.
                    self.patch.guard(*place);
                    self.patch.set(*place, Json::null(), false);
                }
            }
            Operation::Update(closure) => {
                let ran = closure.run(self.seen(base))?;
                self.ran(ran);
            }
            Operation::SignIn(place, json) => self.sign_in(*place, json.clone(), false),
            Operation::SignOut(_) | Operation::Purge => {}
            Operation::Renew => self.renews = true,
            Operation::Begin => self.begins_empty = true,
            Operation::Touch => self.touches = true,
            Operation::Lifetime(lifetime) => self.lifetime = Some(*lifetime),
            Operation::Label(label) => self.label = Some(label.clone()),
        }
        Ok(())
    }

    /// What a closure did. One that changed nothing still relied on what it read: not to write was its decision.
    pub(crate) fn ran(&mut self, ran: Ran) {
        let Ran { schema, read, wrote, unset } = ran;
        match read {
            Some(at) => self.patch.guard(Place { schema, at }),
            None => (0..schema.fields().len()).for_each(|at| self.patch.guard(Place { schema, at })),
        }
        for (at, json) in wrote {
            self.patch.set(Place { schema, at }, json, false);
        }
        for at in unset {
            self.patch.unset(Place { schema, at });
        }
    }

    fn sign_in(&mut self, place: Place, json: Json, as_stored: bool) {
        let principal = Principal::new(place.wire_key(), &json);
        // The visitor keeps what they did before they signed in, but for the fields that a sign-in resets.
        if self.principal.is_none() {
            self.patch.reset();
        }
        let from_nobody = self.principal.is_none() || self.signs_in_from_nobody();
        self.principal = Some(principal.clone());
        self.signed_in = Some(SignedIn { principal, from_nobody });
        self.patch.set(place, json, as_stored);
    }

    /// Leaves the session. The label and the lifetime that the request asked for go with the browser into the next one.
    fn leave(&mut self, course: Course) {
        *self = Self { course, label: self.label.take(), lifetime: self.lifetime, ..Self::default() };
    }
}

//! What a request's operations come to.
//!
//! In: operations, a base. Out: a [`Fold`], the same for the local view of the handlers and for every attempt to commit. Never:
//! I/O, a decision about what to save.

use std::{rc::Rc, sync::Arc};

use super::{
    arrival::Base,
    operation::{Operation, Ran, Recorded},
};
use crate::{
    error::Error,
    record::{apply::Record, json::Json, meta::Principal, time::Limits},
    section::{
        patch::{Patch, Place},
        view::View,
    },
};

/// Who signed in during a request.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct SignIn {
    pub(crate) principal: Principal,
    /// Nobody was signed in before.
    pub(crate) from_none: bool,
}

/// The operations of one request, taken one after the other on a base.
#[derive(Clone, Default)]
pub(crate) struct Fold {
    /// The session that was loaded has been left: purged, or it belongs to somebody else.
    pub(crate) left: bool,
    /// It was purged or signed out, so its cookie goes.
    pub(crate) purged: bool,
    pub(crate) principal: Option<Principal>,
    pub(crate) sign_in: Option<SignIn>,
    pub(crate) renew: bool,
    pub(crate) lifetime: Option<(Limits, bool)>,
    /// As `Change::label`.
    #[allow(clippy::option_option)] // not named, named, unnamed
    pub(crate) label: Option<Option<Arc<str>>>,
    pub(crate) patch: Patch,
}

impl Fold {
    pub(crate) fn on(record: Option<&Record>) -> Self {
        Self { principal: record.and_then(|record| record.meta().principal.clone()), ..Self::default() }
    }

    /// All of `operations` on `base`.
    pub(crate) fn replay(operations: &[Rc<Recorded>], base: Base<'_>) -> Result<Self, Error> {
        let mut fold = Self::on(base.record);
        for recorded in operations {
            fold.step(&recorded.operation, base)?;
        }
        Ok(fold)
    }

    pub(crate) fn view<'a>(&'a self, base: Base<'a>) -> View<'a> {
        View {
            record: if self.left { None } else { base.record },
            now: base.now,
            signed_in: self.sign_in.as_ref().is_some_and(|sign_in| sign_in.from_none),
            patch: &self.patch,
        }
    }

    /// One operation more.
    pub(crate) fn step(&mut self, operation: &Operation, base: Base<'_>) -> Result<(), Error> {
        match operation {
            Operation::Set(place, json) => {
                let overtaken = !self.left && base.overtaken(*place) && !self.patch.is_written(*place);
                if !overtaken {
                    self.set(*place, json.clone(), false);
                }
            }
            Operation::Take(place, read) => {
                if self.patch.is_written(*place) {
                    self.set(*place, Json::null(), false);
                } else if let (Some(now), Some(then)) =
                    (base.record.filter(|_| !self.left).and_then(|record| place.slot(record)), read)
                    && !now.moved_since(then)
                {
                    self.patch.guard(*place);
                    self.set(*place, Json::null(), false);
                }
            }
            Operation::Update(closure) => {
                let ran = closure.run(self.view(base))?;
                self.updated(ran);
            }
            Operation::SignIn(place, json) => self.signed_in(*place, json.clone()),
            Operation::SignOut(_) => {
                if self.principal.is_some() {
                    self.purge();
                }
            }
            Operation::Purge => self.purge(),
            Operation::Renew => self.renew = true,
            Operation::Lifetime(limits, persistent) => self.lifetime = Some((*limits, *persistent)),
            Operation::Label(label) => self.label = Some(label.clone()),
        }
        Ok(())
    }

    /// A blind write; `same` if the field already had this value when it was loaded.
    pub(crate) fn set(&mut self, place: Place, json: Json, same: bool) {
        self.patch.set(place, json, same);
    }

    /// What a closure did. One that changed nothing still relied on what it read.
    pub(crate) fn updated(&mut self, ran: Ran) {
        let Ran { schema, read, wrote } = ran;
        match read {
            Some(field) => self.patch.guard(Place { schema, field }),
            None => (0..schema.fields().len()).for_each(|field| self.patch.guard(Place { schema, field })),
        }
        for (field, json) in wrote {
            self.set(Place { schema, field }, json, false);
        }
    }

    fn signed_in(&mut self, place: Place, json: Json) {
        let principal = Principal::new(place.wire_key(), &json);
        match &self.principal {
            None => self.patch.cells.retain(|cell| !cell.place.resets()),
            // Operations until here belong to somebody else.
            Some(other) if *other != principal => {
                self.leave(self.purged);
            }
            Some(_) => {}
        }
        let from_none =
            self.principal.is_none() || self.sign_in.as_ref().is_some_and(|sign_in| sign_in.from_none);
        self.principal = Some(principal.clone());
        self.sign_in = Some(SignIn { principal, from_none });
        // Never "as it was loaded": a sign-in is always stored.
        self.set(place, json, false);
    }

    fn purge(&mut self) {
        self.leave(true);
    }

    /// Nothing goes with the browser into another session but what it is called.
    fn leave(&mut self, purged: bool) {
        *self = Self { left: true, purged, label: self.label.take(), ..Self::default() };
    }
}

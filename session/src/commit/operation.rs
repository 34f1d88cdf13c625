//! What handlers call, one operation at a time.
//!
//! In: calls of setters, closures and life-cycle methods. Out: an [`Operation`], which can be taken again on other data. Never: what
//! it comes to.

use std::{cell::OnceCell, panic::Location, rc::Rc, sync::Arc};

use crate::{
    error::Error,
    record::{json::Json, time::Limits},
    schema::{describe::Schema, group::Slot},
    section::{patch::Place, view::View},
};

/// One call of a setter, an update, a take, or a life-cycle method.
pub(crate) enum Operation {
    /// A blind write; `null` clears.
    Set(Place, Json),
    /// A flash field was read away: write `null` if it is still the one that was read.
    Take(Place, Option<Slot>),
    /// A closure; run again on other data if need be.
    Update(Rc<dyn Replay>),
    /// The principal field was set.
    SignIn(Place, Json),
    /// The principal field was cleared.
    SignOut(Place),
    Purge,
    Renew,
    Lifetime(Limits, bool),
    /// What a list of sessions shows.
    Label(Option<Arc<str>>),
}

/// An operation and where in the user's code it was called.
pub(crate) struct Recorded {
    pub(crate) operation: Operation,
    /// Why it was not stored, once that is decided.
    pub(crate) lost: OnceCell<Error>,
    pub(crate) at: &'static Location<'static>,
}

impl Recorded {
    /// The schema that is written, for reports.
    pub(crate) fn schema(&self) -> Option<&'static Schema> {
        match &self.operation {
            Operation::Set(place, _)
            | Operation::Take(place, _)
            | Operation::SignIn(place, _)
            | Operation::SignOut(place) => Some(place.schema),
            Operation::Update(closure) => Some(closure.schema()),
            Operation::Purge | Operation::Renew | Operation::Lifetime(..) | Operation::Label(_) => None,
        }
    }
}

/// A closure over a state whose type is forgotten.
pub(crate) trait Replay {
    fn schema(&self) -> &'static Schema;
    /// Runs it on what `view` shows.
    fn run(&self, view: View<'_>) -> Result<Ran, Error>;
}

/// What a closure read and wrote.
pub(crate) struct Ran {
    pub(crate) schema: &'static Schema,
    /// The field it was given; `None`: all of them.
    pub(crate) read: Option<usize>,
    pub(crate) wrote: Vec<(usize, Json)>,
}

/// Text for reports: which schemas a list of operations writes.
pub(crate) fn schema_name(recorded: &Recorded) -> &'static str {
    recorded.schema().map_or("session", Schema::name)
}

//! What handlers call, one operation at a time.
//!
//! In: calls of setters, closures and life-cycle methods. Out: an [`Operation`], which can be played again on another record.
//! Never: what a list of operations comes to.

use std::{cell::OnceCell, panic::Location, rc::Rc, sync::Arc, time::Duration};

use crate::{
    error::Error,
    record::{json::Json, meta::Principal, time::Limits},
    schema::{describe::Schema, group::Slot},
    section::patch::{Place, Seen},
};

/// One call of a setter, an update, a take, or a life-cycle method.
pub(crate) enum Operation {
    /// A blind write; `null` clears the field.
    Set(Place, Json),
    /// A flash field was taken, with the slot that was read: clear it unless it was written since.
    Take(Place, Option<Slot>),
    /// A closure, which runs again if the data it ran on has changed.
    Update(Rc<dyn Replay>),
    /// The principal field was set.
    SignIn(Place, Json),
    /// The principal field was cleared.
    SignOut(Place),
    Purge,
    Renew,
    /// A session begins if there is none, whether it holds a value or not.
    Begin,
    /// The browser was seen now, however short a time ago it was seen before.
    Touch,
    Lifetime(Lifetime),
    /// What a list of sessions shows for this one.
    Label(Option<Arc<str>>),
}

impl Operation {
    /// What it may change of what handles see.
    pub(crate) fn affects(&self) -> Affects {
        match self {
            Self::Set(place, _) | Self::Take(place, _) => Affects::Section(place.schema),
            Self::Update(closure) => Affects::Section(closure.schema()),
            // A sign-in resets fields of other schemas too.
            Self::SignIn(..) | Self::SignOut(_) | Self::Purge => Affects::Everything,
            Self::Renew | Self::Begin | Self::Touch | Self::Lifetime(_) | Self::Label(_) => Affects::Nothing,
        }
    }

    /// Whether it hands out what it reads when it is replayed.
    pub(crate) fn tells(&self) -> bool {
        matches!(self, Self::Update(closure) if closure.tells())
    }

    /// Whether a request that does this leaves the session in which `principal` is signed in.
    pub(crate) fn leaves(&self, principal: Option<&Principal>) -> bool {
        match self {
            Self::Purge => true,
            Self::SignOut(_) => principal.is_some(),
            Self::SignIn(place, json) => {
                principal.is_some_and(|other| *other != Principal::new(place.wire_key(), json))
            }
            _ => false,
        }
    }

    /// Whether it ends the session. That is carried out whatever else the request fails at, because nothing may bring back a
    /// session that its visitor has left (G3).
    pub(crate) const fn ends(&self) -> bool {
        matches!(self, Self::Purge | Self::SignOut(_))
    }
}

/// What may have changed of what handles see.
#[derive(Clone, Copy)]
pub(crate) enum Affects {
    Nothing,
    /// The section of one schema.
    Section(&'static Schema),
    Everything,
}

/// How long a session lives from now on.
#[derive(Clone, Copy)]
pub(crate) struct Lifetime {
    pub(crate) limits: Limits,
    /// Whether the cookie outlives the browser.
    pub(crate) persistent: bool,
}

impl Lifetime {
    /// The same, but no longer than `longest`.
    pub(super) fn within(mut self, longest: Option<Duration>) -> Self {
        self.limits.absolute =
            longest.map_or(self.limits.absolute, |longest| longest.min(self.limits.absolute));
        self
    }
}

/// An operation that was performed.
pub(crate) struct Recorded {
    pub(crate) operation: Operation,
    /// Why it was not stored, once that is known.
    pub(crate) lost: OnceCell<Error>,
    /// Where the user's code performed it.
    pub(crate) caller: &'static Location<'static>,
}

impl Recorded {
    pub(crate) fn new(operation: Operation, caller: &'static Location<'static>) -> Rc<Self> {
        Rc::new(Self { operation, lost: OnceCell::new(), caller })
    }

    /// The name of the schema that it writes, for reports.
    pub(crate) fn schema_name(&self) -> &'static str {
        let schema = match &self.operation {
            Operation::Set(place, _)
            | Operation::Take(place, _)
            | Operation::SignIn(place, _)
            | Operation::SignOut(place) => Some(place.schema),
            Operation::Update(closure) => Some(closure.schema()),
            Operation::Purge
            | Operation::Renew
            | Operation::Begin
            | Operation::Touch
            | Operation::Lifetime(_)
            | Operation::Label(_) => None,
        };
        schema.map_or("session", Schema::name)
    }
}

/// Those of `operations` that are about the session in which the request ends, if `principal` was signed in where it began.
pub(crate) fn since_leaving<'a>(
    operations: &'a [Rc<Recorded>],
    principal: Option<&Principal>,
) -> &'a [Rc<Recorded>] {
    let (mut principal, mut from) = (principal.cloned(), 0);
    for (at, recorded) in operations.iter().enumerate() {
        let leaves = recorded.operation.leaves(principal.as_ref());
        match &recorded.operation {
            Operation::SignIn(place, json) => {
                principal = Some(Principal::new(place.wire_key(), json));
                // It belongs to the session that it begins.
                from = if leaves { at } else { from };
            }
            _ if leaves => (principal, from) = (None, at + 1),
            _ => {}
        }
    }
    operations.get(from..).unwrap_or_default()
}

/// A closure over a state whose type is forgotten.
pub(crate) trait Replay {
    fn schema(&self) -> &'static Schema;
    /// Whether its caller is told what it returned.
    fn tells(&self) -> bool;
    /// Runs the closure on what `seen` shows.
    fn run(&self, seen: Seen<'_>) -> Result<Ran, Error>;
}

/// What a closure read and wrote.
pub(crate) struct Ran {
    pub(crate) schema: &'static Schema,
    /// The index of the field that it was given; `None`: it was given the whole state.
    pub(crate) read: Option<usize>,
    /// The fields that it changed, by index.
    pub(crate) wrote: Vec<(usize, Json)>,
    /// The fields that are not stored and need not be, by index: what the request wrote to them before does not count.
    pub(crate) unset: Vec<usize>,
}

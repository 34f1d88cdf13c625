//! One schema's part of a record: which of its cells can be read now, and whether this binary may read them.
//!
//! In: a record and a time. Out: a [`View`] of it. Never: a request's own writes, I/O.

use std::time::Duration;

use crate::{
    error::{Error, ErrorKind},
    events::event::Event,
    record::{apply::Record, cell::Cell, time::Timestamp},
    schema::{
        describe::{Fades, Field, Schema},
        group::{Group, Slot},
    },
};

/// A record as it can be read at one moment.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// `None`: there is no session, or the request has left it.
    pub(crate) record: Option<&'a Record>,
    now: Timestamp,
    /// This request signed somebody in, so fields marked `reset_on_sign_in` read as their defaults.
    signed_in: bool,
}

impl<'a> View<'a> {
    /// No session.
    pub(crate) const NOTHING: Self = Self { record: None, now: Timestamp::from_millis(0), signed_in: false };

    /// The record as it reads at `now`.
    pub(crate) const fn of(record: &'a Record, now: Timestamp) -> Self {
        Self { record: Some(record), now, signed_in: false }
    }

    /// The same record after a sign-in of this request, if `signed_in`.
    pub(crate) const fn after_sign_in(self, signed_in: bool) -> Self {
        Self { signed_in, ..self }
    }

    /// The stored cell with the wire key `key`, if it can be read now.
    pub(crate) fn cell(&self, key: &str, fades: Fades) -> Option<&'a Cell> {
        let record = self.record?;
        record.cell(key).filter(|cell| self.shows(record, fades, cell))
    }

    /// Whether a stored cell can be read now: it has not expired, and no sign-in since has reset it.
    pub(super) fn shows(&self, record: &Record, fades: Fades, cell: &Cell) -> bool {
        let reset = fades.on_sign_in && (self.signed_in || cell.revision < record.meta().signed_in);
        // A binary that does not know that the field expires wrote it, nobody knows when.
        let timeless = fades.in_time && cell.expires.is_none();
        !reset && !timeless && !cell.is_expired(self.now)
    }

    /// How long a value lives on that ends at `end`.
    pub(super) fn left(&self, end: Timestamp) -> Duration {
        end.since(self.now)
    }

    /// Whether the time of any stored cell of a group is limited, whichever binary wrote it.
    pub(super) fn is_timed(&self, group: &Group) -> bool {
        let ends = |record: &Record, key| record.cell(key).is_some_and(|cell| cell.expires.is_some());
        self.record.is_some_and(|record| group.keys().any(|key| ends(record, key)))
    }

    /// What the cells of a group say. If one of its fields fades, all its cells do: an older form must not show what the
    /// newer one does not. A cell that has faded was written all the same, and what was written before it does not count again.
    pub(crate) fn slots(&self, schema: &Schema, group: &Group) -> Vec<Slot> {
        let fields = group.fields().filter_map(|at| schema.field(at));
        let fades = fields.map(Field::fades).fold(Fades::default(), Fades::or);
        group.read(|key| {
            let (record, cell) = self.record.and_then(|record| Some((record, record.cell(key)?)))?;
            Some((cell, self.shows(record, fades, cell)))
        })
    }

    /// Whether this binary may read the section: the version in the gate is at most its own.
    pub(crate) fn check_gate(&self, schema: &Schema) -> Result<(), TooNew> {
        match self.gate(schema) {
            Some(Gate::At(needed)) if needed > u64::from(schema.version()) => Err(TooNew { needed }),
            Some(Gate::Unreadable) => Err(TooNew { needed: u64::MAX }),
            _ => Ok(()),
        }
    }

    /// Whether a write of the section must raise the gate.
    pub(crate) fn gate_rises(&self, schema: &Schema) -> bool {
        !matches!(self.gate(schema), Some(Gate::At(at)) if at >= u64::from(schema.oldest_reader()))
    }

    fn gate(&self, schema: &Schema) -> Option<Gate> {
        let cell = self.record?.cell(schema.gate())?;
        Some(cell.json.as_str().parse().map_or(Gate::Unreadable, Gate::At))
    }
}

/// What the gate cell `$shop` holds.
enum Gate {
    /// The oldest version of the schema that can read the section.
    At(u64),
    /// Something that only a later release can read.
    Unreadable,
}

/// The section needs a later version of the schema than this binary has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TooNew {
    needed: u64,
}

impl TooNew {
    /// The event for those who watch a deploy.
    pub(super) fn event(self, schema: &Schema) -> Event<'static> {
        Event::TooNew { schema: schema.name(), version: schema.version(), needed: self.needed }
    }

    /// The error for the request.
    pub(crate) fn error(self, schema: &Schema) -> Error {
        Error::new(ErrorKind::SchemaTooNew).because(format!(
            "the section `{}` of the session needs version {} of its schema, and this binary has version {}; it is left as it is",
            schema.name(),
            self.needed,
            schema.version()
        ))
    }
}

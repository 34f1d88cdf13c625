//! One schema's part of a record: which cells can be read, and whether this binary may.
//!
//! In: a record and a time. Out: a [`View`] of it. Never: what a request wrote, a write.

use super::patch::Patch;
use crate::{
    error::{Error, ErrorKind},
    record::{apply::Record, cell::Cell, time::Timestamp},
    schema::{
        describe::{Field, Schema},
        group::{Group, Slot},
    },
};

/// The session as the handlers of one request see it: the record, what the request did since, nothing of a session it left.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) record: Option<&'a Record>,
    pub(crate) now: Timestamp,
    /// Somebody signed in during this request, so what resets on sign-in is gone.
    pub(crate) signed_in: bool,
    pub(crate) patch: &'a Patch,
}

impl<'a> View<'a> {
    /// Whether `field` has a stored value that can be read now, and no older form of it is newer.
    pub(crate) fn stores(&self, schema: &'static Schema, field: usize) -> bool {
        let Some(described) = schema.field(field) else { return false };
        match schema.group_of(described) {
            None => self.cell(described.wire_key(), described.resets()).is_some(),
            Some(group) => {
                let slots = self.slots(schema, group);
                let slot = group.slot(&slots, field);
                slot.is_some_and(|slot| slot.carried.is_none() && matches!(slot.value, Ok(Some(_))))
            }
        }
    }

    /// The stored cell `key`, if it can be read now.
    pub(crate) fn cell(&self, key: &str, resets: bool) -> Option<&'a Cell> {
        let record = self.record?;
        record.cell(key).filter(|cell| self.shows(record, resets, cell))
    }

    /// Whether a stored cell can be read now: neither expired nor from before the sign-in that resets it.
    pub(crate) fn shows(&self, record: &Record, resets: bool, cell: &Cell) -> bool {
        let reset = resets && (self.signed_in || cell.revision < record.meta().signed_in);
        !reset && !cell.is_expired(self.now)
    }

    /// What the cells of a group say. Its fields reset together, so that no older form shows what was reset.
    pub(crate) fn slots(&self, schema: &Schema, group: &Group) -> Vec<Slot> {
        let resets = group.fields().filter_map(|field| schema.field(field)).any(Field::resets);
        group.read(|key| self.cell(key, resets))
    }

    /// Whether this binary may read the section: the gate's number is at most its version.
    pub(crate) fn gate(&self, schema: &Schema) -> Result<(), TooNew> {
        match self.gate_number(schema) {
            Some(Gate::At(needed)) if needed > u64::from(schema.version()) => Err(TooNew { needed }),
            Some(Gate::Unreadable) => Err(TooNew { needed: u64::MAX }),
            _ => Ok(()),
        }
    }

    /// Whether a write of the section must raise the gate.
    pub(crate) fn gate_rises(&self, schema: &Schema) -> bool {
        !matches!(self.gate_number(schema), Some(Gate::At(at)) if at >= u64::from(schema.oldest_reader()))
    }

    fn gate_number(&self, schema: &Schema) -> Option<Gate> {
        let cell = self.record?.cell(schema.gate())?;
        Some(cell.json.as_str().parse().map_or(Gate::Unreadable, Gate::At))
    }
}

impl std::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").finish_non_exhaustive()
    }
}

enum Gate {
    At(u64),
    Unreadable,
}

/// The section was written by a release that this binary cannot follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TooNew {
    pub(crate) needed: u64,
}

impl TooNew {
    pub(crate) fn error(self, schema: &Schema) -> Error {
        tracing::warn!(
            event = "schema_too_new",
            schema = schema.name(),
            version = schema.version(),
            needed = self.needed,
            "a session needs a later version of its schema"
        );
        Error::new(ErrorKind::SchemaTooNew).because(format!(
            "the section `{}` of the session needs version {} of its schema, and this binary has version {}; it is left as it is",
            schema.name(),
            self.needed,
            schema.version()
        ))
    }
}

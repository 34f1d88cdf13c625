//! The cells that one request wrote or relied on.
//!
//! In: writes and reads, field by field. Out: a [`Patch`]. Never: a record, a decision about what to save.

use crate::{
    record::{apply::Record, json::Json},
    schema::{
        describe::{Field, Schema},
        group::{Group, Slot},
    },
};

/// One field of one schema.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) schema: &'static Schema,
    pub(crate) field: usize,
}

impl Place {
    pub(crate) fn wire_key(self) -> &'static str {
        self.schema.field(self.field).map_or(self.schema.gate(), |field| field.wire_key())
    }

    pub(crate) fn resets(self) -> bool {
        self.schema.field(self.field).is_some_and(Field::resets)
    }

    pub(crate) fn group(self) -> Option<&'static Group> {
        self.schema.group_of(self.schema.field(self.field)?)
    }

    /// What the field says, in whichever form it was written; also if it has expired.
    pub(crate) fn slot(self, record: &Record) -> Option<Slot> {
        match self.group() {
            None => Some(Slot::of(record.cell(self.wire_key()))),
            Some(group) => group.slot(&group.read(|key| record.cell(key)), self.field).cloned(),
        }
    }

    pub(crate) fn moved(self, then: &Record, now: &Record) -> bool {
        match (self.slot(then), self.slot(now)) {
            (Some(then), Some(now)) => now.moved_since(&then),
            _ => false,
        }
    }
}

/// The cells that one request wrote or relied on.
#[derive(Clone, Default)]
pub(crate) struct Patch {
    pub(crate) cells: Vec<Touched>,
}

#[derive(Clone)]
pub(crate) struct Touched {
    pub(crate) place: Place,
    /// `None`: only relied on.
    pub(crate) value: Option<Json>,
    /// Whether the commit must find the cell as it was read.
    pub(crate) guarded: bool,
    /// Whether the value is the one that was loaded.
    same: bool,
}

impl Patch {
    fn find(&self, place: Place) -> Option<&Touched> {
        self.cells
            .iter()
            .find(|cell| cell.place.field == place.field && std::ptr::eq(cell.place.schema, place.schema))
    }

    fn entry(&mut self, place: Place) -> &mut Touched {
        let at = self.cells.iter().position(|cell| {
            cell.place.field == place.field && std::ptr::eq(cell.place.schema, place.schema)
        });
        let at = at.unwrap_or_else(|| {
            self.cells.push(Touched { place, value: None, guarded: false, same: true });
            self.cells.len() - 1
        });
        #[allow(clippy::indexing_slicing)] // found or pushed just above
        &mut self.cells[at]
    }

    /// What this request wrote to a field.
    pub(crate) fn value(&self, schema: &'static Schema, field: usize) -> Option<&Json> {
        if self.cells.is_empty() {
            return None;
        }
        self.find(Place { schema, field })?.value.as_ref()
    }

    pub(crate) fn is_written(&self, place: Place) -> bool {
        self.find(place).is_some_and(|cell| cell.value.is_some())
    }

    pub(crate) fn set(&mut self, place: Place, json: Json, same: bool) {
        let cell = self.entry(place);
        cell.same &= same;
        cell.value = Some(json);
    }

    /// Guards a field that was read, unless what was read is this request's own.
    pub(crate) fn guard(&mut self, place: Place) {
        let cell = self.entry(place);
        cell.guarded |= cell.value.is_none();
    }

    /// Whether there is anything to write.
    pub(crate) fn writes(&self) -> bool {
        self.cells.iter().any(|cell| cell.value.is_some())
    }

    /// Whether anything written is a value: a session does not begin by clearing.
    pub(crate) fn writes_a_value(&self) -> bool {
        self.cells.iter().any(|cell| cell.value.as_ref().is_some_and(|json| !json.is_null()))
    }

    /// Whether every write equals what was loaded.
    pub(crate) fn is_same(&self) -> bool {
        self.cells.iter().all(|cell| cell.value.is_none() || cell.same)
    }

    /// The schemas that are written.
    pub(crate) fn written_schemas(&self) -> impl Iterator<Item = &'static Schema> {
        self.cells.iter().enumerate().filter_map(|(at, cell)| {
            let first = !self.cells.iter().take(at).any(|earlier| {
                earlier.value.is_some() && std::ptr::eq(earlier.place.schema, cell.place.schema)
            });
            (first && cell.value.is_some()).then_some(cell.place.schema)
        })
    }

    /// Whether a commit depends on cells that were read.
    pub(crate) fn is_guarded(&self) -> bool {
        let joint = |cell: &Touched| cell.value.is_some() && cell.place.group().is_some_and(Group::is_joint);
        self.cells.iter().any(|cell| cell.guarded || joint(cell))
    }
}

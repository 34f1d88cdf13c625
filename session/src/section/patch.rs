//! The cells that one request wrote or relied on.
//!
//! In: writes and reads, field by field. Out: a [`Patch`], and [`Seen`]: the patch over the record. Never: I/O, a decision about
//! what to save.

use std::time::Duration;

use super::view::View;
use crate::{
    record::{apply::Record, json::Json},
    schema::{
        describe::{Fades, Field, Schema},
        group::{Group, Slot},
    },
};

/// One field of one schema.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) schema: &'static Schema,
    /// The field's index in the schema.
    pub(crate) at: usize,
}

impl Place {
    pub(crate) fn wire_key(self) -> &'static str {
        self.schema.field(self.at).map_or(self.schema.gate(), Field::wire_key)
    }

    pub(crate) fn resets(self) -> bool {
        self.schema.field(self.at).is_some_and(Field::resets)
    }

    /// How long a value lives, if not as long as the session.
    pub(super) fn ttl(self) -> Option<Duration> {
        self.schema.field(self.at)?.ttl()
    }

    pub(crate) fn fades(self) -> Fades {
        self.schema.field(self.at).map(Field::fades).unwrap_or_default()
    }

    pub(crate) fn group(self) -> Option<&'static Group> {
        self.schema.group_of(self.schema.field(self.at)?)
    }

    /// What the field says, in whichever form it was written, expired or not.
    pub(crate) fn slot(self, record: &Record) -> Option<Slot> {
        match self.group() {
            None => Some(Slot::of(record.cell(self.wire_key()).map(|cell| (cell, true)))),
            Some(group) => group.slot(&group.read(|key| Some((record.cell(key)?, true))), self.at).cloned(),
        }
    }

    /// Whether the field was edited between the record `then` and the record `now`.
    pub(crate) fn edited(self, then: &Record, now: &Record) -> bool {
        match (self.slot(then), self.slot(now)) {
            (Some(then), Some(now)) => now.edited_since(&then),
            _ => false,
        }
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && std::ptr::eq(self.schema, other.schema)
    }
}

/// What a handler sees: the record overlaid with this request's writes; empty once the request has left the session.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) view: View<'a>,
    pub(crate) patch: &'a Patch,
}

impl Seen<'_> {
    /// Whether a value is stored for `place`, in whichever form, and whether it shows or not.
    pub(crate) fn is_stored(&self, place: Place) -> bool {
        let holds = |record: &Record, key| record.cell(key).is_some_and(|cell| !cell.json.is_null());
        self.view.record.is_some_and(|record| match place.group() {
            None => holds(record, place.wire_key()),
            Some(group) => group.keys().any(|key| holds(record, key)),
        })
    }

    /// Whether writing `json` to `place` would change nothing: the field is stored, in its newest form, and reads as `json`.
    ///
    /// An absent field never equals anything: a default that is set becomes a stored value. A value that expires never equals one that
    /// is set: its time begins again.
    pub(crate) fn is_stored_as(&self, place: Place, json: &Json) -> bool {
        if place.fades().in_time {
            return false;
        }
        let reads = |stored: &Json| self.patch.value(place).unwrap_or(stored) == json;
        match place.group() {
            None => self.view.cell(place.wire_key(), place.fades()).is_some_and(|cell| reads(&cell.json)),
            Some(group) => {
                let slots = self.view.slots(place.schema, group);
                let slot = group.slot(&slots, place.at).filter(|slot| slot.upgraded.is_none());
                slot.is_some_and(|slot| matches!(&slot.value, Ok(Some(stored)) if reads(stored)))
            }
        }
    }
}

/// The cells that one request wrote or relied on.
#[derive(Clone, Default)]
pub(crate) struct Patch {
    pub(crate) cells: Vec<PatchCell>,
}

#[derive(Clone)]
pub(crate) struct PatchCell {
    pub(crate) place: Place,
    /// `None`: the field was only relied on.
    pub(crate) value: Option<Json>,
    /// Whether the commit must find the cell as it was read.
    pub(crate) guarded: bool,
    /// Whether every write of it so far equalled what is stored.
    as_stored: bool,
}

impl Patch {
    fn find(&self, place: Place) -> Option<&PatchCell> {
        self.cells.iter().find(|cell| cell.place == place)
    }

    fn entry(&mut self, place: Place) -> &mut PatchCell {
        let at = self.cells.iter().position(|cell| cell.place == place).unwrap_or_else(|| {
            self.cells.push(PatchCell { place, value: None, guarded: false, as_stored: true });
            self.cells.len() - 1
        });
        #[allow(clippy::indexing_slicing)] // found or pushed just above
        &mut self.cells[at]
    }

    /// What this request wrote to a field.
    pub(crate) fn value(&self, place: Place) -> Option<&Json> {
        self.find(place)?.value.as_ref()
    }

    pub(crate) fn is_written(&self, place: Place) -> bool {
        self.find(place).is_some_and(|cell| cell.value.is_some())
    }

    /// Writes a field; `as_stored` says whether that changes nothing that is stored.
    pub(crate) fn set(&mut self, place: Place, json: Json, as_stored: bool) {
        let cell = self.entry(place);
        cell.as_stored &= as_stored;
        cell.value = Some(json);
    }

    /// Forgets what was written to a field, which must not be stored by anybody else either.
    pub(crate) fn unset(&mut self, place: Place) {
        *self.entry(place) = PatchCell { place, value: None, guarded: true, as_stored: true };
    }

    /// Forgets the fields that a sign-in resets.
    pub(crate) fn reset(&mut self) {
        self.cells.retain(|cell| !cell.place.resets());
    }

    /// Guards a field that was read, unless what was read is this request's own write.
    pub(crate) fn guard(&mut self, place: Place) {
        let cell = self.entry(place);
        cell.guarded |= cell.value.is_none();
    }

    /// Whether there is anything to write.
    pub(crate) fn writes(&self) -> bool {
        self.cells.iter().any(|cell| cell.value.is_some())
    }

    /// Whether a value is written, rather than only clears: clearing a field does not begin a session.
    pub(crate) fn writes_a_value(&self) -> bool {
        self.cells.iter().any(|cell| cell.value.as_ref().is_some_and(|json| !json.is_null()))
    }

    /// Whether every write equals what is stored.
    pub(crate) fn is_as_stored(&self) -> bool {
        self.cells.iter().all(|cell| cell.value.is_none() || cell.as_stored)
    }

    /// The schemas that are written, each once.
    pub(crate) fn written_schemas(&self) -> impl Iterator<Item = &'static Schema> {
        self.cells.iter().enumerate().filter_map(|(at, cell)| {
            let first = !self.cells.iter().take(at).any(|earlier| {
                earlier.value.is_some() && std::ptr::eq(earlier.place.schema, cell.place.schema)
            });
            (first && cell.value.is_some()).then_some(cell.place.schema)
        })
    }

    /// Whether a field that expires was written or relied on.
    pub(crate) fn is_timed(&self) -> bool {
        self.cells.iter().any(|cell| cell.place.fades().in_time)
    }

    /// Whether a commit of this patch depends on cells that were read.
    pub(crate) fn is_guarded(&self) -> bool {
        let joint =
            |cell: &PatchCell| cell.value.is_some() && cell.place.group().is_some_and(Group::is_joint);
        self.cells.iter().any(|cell| cell.guarded || joint(cell))
    }
}

//! A patch on one record: what to write to it, and what must hold of it.
//!
//! In: a patch, a view of the record. Out: a [`Delta`]. Never: I/O.

use std::time::Duration;

use super::{
    patch::{Patch, PatchCell, Place},
    view::View,
};
use crate::{
    error::{Error, ErrorKind},
    record::{
        apply::Record,
        cell::WireKey,
        change::{CellWrite, Guard},
        json::Json,
    },
    schema::{
        describe::{Field, Schema},
        group::{Group, Unwritable, Upgraded, Written},
    },
};

/// What a patch does to one record.
pub(crate) struct Delta<'a> {
    record: Option<&'a Record>,
    pub(crate) writes: Vec<CellWrite>,
    pub(crate) deletes: Vec<WireKey>,
    pub(crate) guards: Vec<Guard>,
    pub(crate) upgraded: Vec<Upgraded>,
}

impl<'a> Delta<'a> {
    fn on(record: Option<&'a Record>, writes: usize) -> Self {
        let writes = Vec::with_capacity(writes);
        Self { record, writes, deletes: Vec::new(), guards: Vec::new(), upgraded: Vec::new() }
    }

    /// Guards a cell: it must still be as it is in the record.
    fn guard(&mut self, key: &'static str) {
        let revision = self.record.and_then(|record| record.revision_of(key));
        let guard = Guard::new(WireKey::from_static(key), revision);
        if !self.guards.contains(&guard) {
            self.guards.push(guard);
        }
    }

    /// Takes what is written of a group whose values live for `ttl`. A value that goes along ends when it was to end.
    fn take(&mut self, view: View<'_>, written: Written, ttl: Option<Duration>) {
        written.delete.into_iter().for_each(|key| self.delete(key));
        for (key, json, ends) in written.write {
            let left = ends.map(|end| view.left(end));
            self.write(key, json, left.into_iter().chain(ttl).min());
        }
        self.upgraded.extend(written.upgraded);
    }

    fn write(&mut self, key: &'static str, json: Json, ttl: Option<Duration>) {
        self.writes.push(CellWrite { ttl, ..CellWrite::new(WireKey::from_static(key), json) });
    }

    fn delete(&mut self, key: &'static str) {
        if self.record.is_some_and(|record| record.cell(key).is_some()) {
            self.deletes.push(WireKey::from_static(key));
        }
    }
}

impl Patch {
    /// What to write to the record in `view`, and what must hold of it.
    pub(crate) fn against<'a>(&self, view: View<'a>) -> Result<Delta<'a>, Error> {
        let mut delta = Delta::on(view.record, self.cells.len() + 1);
        for schema in self.written_schemas() {
            Self::raise_gate(view, schema, &mut delta);
        }
        for (nth, cell) in self.cells.iter().enumerate() {
            let Some(group) = cell.place.group() else {
                let key = cell.place.wire_key();
                if cell.guarded {
                    delta.guard(key);
                }
                if let Some(json) = &cell.value {
                    delta.write(key, json.clone(), cell.place.ttl());
                }
                continue;
            };
            // A group is one value in several forms. What one of its cells is depends on the others, so all are guarded.
            if cell.guarded || (cell.value.is_some() && group.is_joint()) {
                group.keys().for_each(|key| delta.guard(key));
            }
            let of_group = |other: &PatchCell| {
                other.value.is_some() && other.place.group().is_some_and(|known| std::ptr::eq(known, group))
            };
            if cell.value.is_some() && !self.cells.iter().take(nth).any(of_group) {
                self.write_group(view, cell.place.schema, group, &mut delta)?;
            }
        }
        Ok(delta)
    }

    /// Raises the gate of a section that is written. The guard keeps it from being lowered by a request that overlaps.
    fn raise_gate(view: View<'_>, schema: &'static Schema, delta: &mut Delta<'_>) {
        delta.guard(schema.gate());
        if view.gate_rises(schema) {
            let oldest = Json::from_store(&schema.oldest_reader().to_string());
            delta.write(schema.gate(), oldest, None);
        }
    }

    /// Writes what this request set of a group, in every form that a binary reads.
    fn write_group(
        &self,
        view: View<'_>,
        schema: &'static Schema,
        group: &'static Group,
        delta: &mut Delta<'_>,
    ) -> Result<(), Error> {
        let set = |at| self.value(Place { schema, at }).cloned();
        let written = group.write(view.slots(schema, group), set).map_err(|why| match why {
            Unwritable::Unreadable(key) => Error::new(ErrorKind::UnreadableField).because(format!(
                "the stored session field `{key}` could not be read, and a field that is stored together with it was set; it is left \
                 as it is"
            )),
            Unwritable::NotConverted => {
                let fields = group.fields().filter_map(|at| schema.field(at));
                let keys: Vec<&str> = fields.map(Field::wire_key).collect();
                Error::new(ErrorKind::NotConvertible).because(format!(
                    "the session field `{}` was set to a value that its `down` could not convert; nothing was stored",
                    keys.join("`, `")
                ))
            }
        })?;
        delta.take(view, written, schema.ttl_of(group));
        Ok(())
    }

    /// The fields of `schemas` that read from an older side, in their newer form. A commit stores them along with its own writes,
    /// if they still are as they were read. Groups that are written anyway are left out.
    pub(crate) fn upgrades<'a>(&self, view: View<'a>, schemas: &[&'static Schema]) -> Delta<'a> {
        let mut delta = Delta::on(view.record, 0);
        for &schema in schemas.iter().filter(|schema| view.check_gate(schema).is_ok()) {
            let before = delta.writes.len();
            for group in schema.groups() {
                // An upgrade is worth no doubt about the time of a value that expires.
                let expires = schema.ttl_of(group).is_some() || view.is_timed(group);
                if expires || group.fields().any(|at| self.is_written(Place { schema, at })) {
                    continue;
                }
                let upgrades = group.upgrades(view.slots(schema, group));
                if !upgrades.write.is_empty() {
                    group.keys().for_each(|key| delta.guard(key));
                }
                delta.take(view, upgrades, None);
            }
            let raised = self.written_schemas().any(|written| std::ptr::eq(written, schema));
            if delta.writes.len() > before && !raised {
                Self::raise_gate(view, schema, &mut delta);
            }
        }
        delta
    }

    /// Whether this binary may write, to the record in `view`, the sections that the patch writes.
    pub(crate) fn check_gates(&self, view: View<'_>) -> Result<(), Error> {
        self.written_schemas()
            .try_for_each(|schema| view.check_gate(schema).map_err(|too_new| too_new.error(schema)))
    }
}

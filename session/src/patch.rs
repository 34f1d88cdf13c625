//! What one request did: its operations, in order, and the cells they come to.
//!
//! In: operations as handlers call them. Out: a [`Fold`], the same for the local view of the handlers and for every attempt to
//! commit. Never: I/O, a decision about what to save.

use std::{cell::OnceCell, panic::Location, rc::Rc, sync::Arc};

use crate::{
    error::{Error, ErrorKind},
    evolve::View,
    history::{Group, Moved, Slot, Unwritable, Written},
    record::{
        apply::Record,
        cell::WireKey,
        change::{CellWrite, Guard},
        json::Json,
        meta::Principal,
        time::{Limits, Timestamp},
    },
    schema::{Field, Schema},
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

    fn resets(self) -> bool {
        self.schema.field(self.field).is_some_and(Field::resets)
    }

    fn group(self) -> Option<&'static Group> {
        self.schema.group_of(self.schema.field(self.field)?)
    }

    /// What the field says, in whichever form it was written; also if it has expired.
    pub(crate) fn slot(self, record: &Record) -> Option<Slot> {
        match self.group() {
            None => Some(Slot::of(record.cell(self.wire_key()))),
            Some(group) => group.slot(&group.read(|key| record.cell(key)), self.field).cloned(),
        }
    }

    fn moved(self, then: &Record, now: &Record) -> bool {
        match (self.slot(then), self.slot(now)) {
            (Some(then), Some(now)) => now.moved_since(&then),
            _ => false,
        }
    }
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

/// The cells that one request wrote or relied on.
#[derive(Clone, Default)]
pub(crate) struct Patch {
    cells: Vec<Touched>,
}

#[derive(Clone)]
struct Touched {
    place: Place,
    /// `None`: only relied on.
    value: Option<Json>,
    /// Whether the commit must find the cell as it was read.
    guarded: bool,
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

    fn is_written(&self, place: Place) -> bool {
        self.find(place).is_some_and(|cell| cell.value.is_some())
    }

    fn set(&mut self, place: Place, json: Json, same: bool) {
        let cell = self.entry(place);
        cell.same &= same;
        cell.value = Some(json);
    }

    /// Guards a field that was read, unless what was read is this request's own.
    fn guard(&mut self, place: Place) {
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
    fn written_schemas(&self) -> impl Iterator<Item = &'static Schema> {
        self.cells.iter().enumerate().filter_map(|(at, cell)| {
            let first = !self.cells.iter().take(at).any(|earlier| {
                earlier.value.is_some() && std::ptr::eq(earlier.place.schema, cell.place.schema)
            });
            (first && cell.value.is_some()).then_some(cell.place.schema)
        })
    }

    /// What to write to the record in `view`, and what must hold of it.
    pub(crate) fn against<'a>(&self, view: View<'a>) -> Result<Delta<'a>, Error> {
        let mut delta = Delta::on(view.record, self.cells.len() + 1);
        for schema in self.written_schemas() {
            Self::raise(view, schema, &mut delta);
        }
        for (at, cell) in self.cells.iter().enumerate() {
            let Some(group) = cell.place.group() else {
                let key = cell.place.wire_key();
                if cell.guarded {
                    delta.guard(key);
                }
                if let Some(json) = &cell.value {
                    delta.write(key, json.clone());
                }
                continue;
            };
            if cell.guarded || (cell.value.is_some() && group.is_joint()) {
                group.keys().for_each(|key| delta.guard(key));
            }
            let earlier = |other: &Touched| {
                other.value.is_some() && other.place.group().is_some_and(|known| std::ptr::eq(known, group))
            };
            if cell.value.is_some() && !self.cells.iter().take(at).any(earlier) {
                self.write_group(view, cell.place.schema, group, &mut delta)?;
            }
        }
        Ok(delta)
    }

    /// The gate of a section that is written: never lowered, also by nobody meanwhile.
    fn raise(view: View<'_>, schema: &'static Schema, delta: &mut Delta<'_>) {
        delta.guard(schema.gate());
        if view.gate_rises(schema) {
            delta.write(schema.gate(), Json::from_store(&schema.oldest_reader().to_string()));
        }
    }

    /// What this request wrote of a group, in every form that somebody reads.
    fn write_group(
        &self,
        view: View<'_>,
        schema: &'static Schema,
        group: &'static Group,
        delta: &mut Delta<'_>,
    ) -> Result<(), Error> {
        let set = |field| self.value(schema, field).cloned();
        let written = group.write(view.slots(schema, group), set).map_err(|why| match why {
            Unwritable::Unreadable(key) => Error::new(ErrorKind::UnreadableField).because(format!(
                "the stored session field `{key}` could not be read, and a field that is stored together with it was set; it is left \
                 as it is"
            )),
            Unwritable::NotConverted => {
                let keys: Vec<&str> = group.fields().filter_map(|at| Some(schema.field(at)?.wire_key())).collect();
                Error::new(ErrorKind::NotConvertible).because(format!(
                    "the session field `{}` was set to a value that its `down` could not convert; nothing was stored",
                    keys.join("`, `")
                ))
            }
        })?;
        delta.take(written);
        Ok(())
    }

    /// What of `schemas` an older side says newer, but for groups that are written anyway: to be stored on the newer side when the
    /// record is saved, if all of it stands as it was read.
    pub(crate) fn carried<'a>(&self, view: View<'a>, schemas: &[&'static Schema]) -> Delta<'a> {
        let mut delta = Delta::on(view.record, 0);
        for schema in schemas.iter().filter(|schema| view.gate(schema).is_ok()) {
            let before = delta.writes.len();
            for group in schema.groups() {
                if group.fields().any(|field| self.value(schema, field).is_some()) {
                    continue;
                }
                let carried = group.carried(view.slots(schema, group));
                if !carried.write.is_empty() {
                    group.keys().for_each(|key| delta.guard(key));
                }
                delta.take(carried);
            }
            let raised = self.written_schemas().any(|written| std::ptr::eq(written, *schema));
            if delta.writes.len() > before && !raised {
                Self::raise(view, schema, &mut delta);
            }
        }
        delta
    }

    /// Whether this binary may write the sections it writes, of this record.
    pub(crate) fn check_gates(&self, record: &Record) -> Result<(), Error> {
        let view = View { record: Some(record), now: Timestamp::default(), signed_in: false, patch: self };
        self.written_schemas()
            .try_for_each(|schema| view.gate(schema).map_err(|too_new| too_new.error(schema)))
    }

    /// Whether a commit depends on cells that were read.
    pub(crate) fn is_guarded(&self) -> bool {
        let joint = |cell: &Touched| cell.value.is_some() && cell.place.group().is_some_and(Group::is_joint);
        self.cells.iter().any(|cell| cell.guarded || joint(cell))
    }
}

/// What a patch does to one record.
pub(crate) struct Delta<'a> {
    record: Option<&'a Record>,
    pub(crate) writes: Vec<CellWrite>,
    pub(crate) deletes: Vec<WireKey>,
    pub(crate) guards: Vec<Guard>,
    pub(crate) moved: Vec<Moved>,
}

impl<'a> Delta<'a> {
    fn on(record: Option<&'a Record>, writes: usize) -> Self {
        let writes = Vec::with_capacity(writes);
        Self { record, writes, deletes: Vec::new(), guards: Vec::new(), moved: Vec::new() }
    }

    /// The cell must be as it is in the record.
    fn guard(&mut self, key: &'static str) {
        let revision = self.record.and_then(|record| record.revision_of(key));
        let guard = Guard::new(WireKey::from_static(key), revision);
        if !self.guards.contains(&guard) {
            self.guards.push(guard);
        }
    }

    fn take(&mut self, written: Written) {
        written.delete.into_iter().for_each(|key| self.delete(key));
        written.write.into_iter().for_each(|(key, json)| self.write(key, json));
        self.moved.extend(written.moved);
    }

    fn write(&mut self, key: &'static str, json: Json) {
        self.writes.push(CellWrite::new(WireKey::from_static(key), json));
    }

    fn delete(&mut self, key: &'static str) {
        if self.record.is_some_and(|record| record.cell(key).is_some()) {
            self.deletes.push(WireKey::from_static(key));
        }
    }
}

/// Who signed in during a request.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct SignIn {
    pub(crate) principal: Principal,
    /// Nobody was signed in before.
    pub(crate) from_none: bool,
}

/// What a base of operations stands on: the record, or nothing.
#[derive(Clone, Copy)]
pub(crate) struct Base<'a> {
    pub(crate) record: Option<&'a Record>,
    pub(crate) now: Timestamp,
    /// The record as it was loaded, when the generation moved since: a blind set of a cell that also moved counts as written before.
    pub(crate) late: Option<&'a Record>,
}

impl Base<'_> {
    pub(crate) const EMPTY: Self = Self { record: None, now: Timestamp::from_millis(0), late: None };

    /// Whether a blind set counts as written before what the record holds now.
    fn overtaken(&self, place: Place) -> bool {
        let (Some(loaded), Some(record)) = (self.late, self.record) else { return false };
        place.moved(loaded, record) || (place.resets() && loaded.meta().signed_in != record.meta().signed_in)
    }
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

/// Text for reports: which schemas a list of operations writes.
pub(crate) fn schema_name(recorded: &Recorded) -> &'static str {
    recorded.schema().map_or("session", Schema::name)
}

//! Cells that came out of one another: which of them counts, and what a write must leave in each.
//!
//! In: a [`Group`] that the derive wrote, the stored cells. Out: what each cell says to this binary; all cells of a write.
//! Never: I/O, a view of a request, a revision of its own.

use super::values::{Failed, Values, caught};
use crate::record::{cell::Cell, json::Json};

/// The cells of one side of a step from those of the other.
type Convert = fn(Values<'_>) -> Result<Vec<Json>, Failed>;

type Merge = fn(Values<'_>, Values<'_>) -> Result<Vec<Json>, Failed>;

/// Fields of a schema and the cells that held their values in older versions, connected by steps.
///
/// It is guarded whole, and what belongs together is written together, so that the revisions of its cells say which side was edited
/// last.
#[derive(Debug)]
pub struct Group {
    /// Wire keys, and the place in the schema of those that are fields now.
    cells: &'static [(&'static str, Option<usize>)],
    /// The oldest first. Each cell is made by at most one step and used up by at most one later step.
    steps: &'static [Step],
}

/// One `changed` or `step`: how cells become others.
#[derive(Debug)]
pub struct Step {
    /// The version that did it.
    since: u16,
    from: &'static [usize],
    to: &'static [usize],
    /// `None`: the source has let it go, because no session should still need it. One that does is an error, and not empty.
    up: Option<Convert>,
    merge: Option<Merge>,
    /// `None`: no binary that may be running reads `from` any more.
    down: Option<Convert>,
}

/// A cell as this binary sees it.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// When it was last edited, on whichever side.
    revision: Option<u64>,
    /// When its older side was last edited: of a value that comes from there, no more is known.
    older: Option<u64>,
    /// `None`: never written.
    pub(crate) value: Result<Option<Json>, Failed>,
    /// It is not what is stored under its key: an older side is newer.
    pub(crate) carried: Option<Carried>,
}

/// Why a cell is read from an older side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Carried {
    /// There is no newer one yet.
    Upgraded,
    /// An old binary wrote it last.
    Edited,
}

/// A cell that was carried up and is about to be stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    pub(crate) key: &'static str,
    pub(crate) why: Carried,
}

/// A cell on its way to the store.
struct Draft {
    key: &'static str,
    value: Result<Option<Json>, Failed>,
    written: bool,
    is_field: bool,
    carried: Option<Carried>,
}

/// All cells of a write.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) write: Vec<(&'static str, Json)>,
    /// What nobody reads any more.
    pub(crate) delete: Vec<&'static str>,
    pub(crate) moved: Vec<Moved>,
}

/// Why a group cannot be written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unwritable {
    /// This cell is needed and could not be read.
    Unreadable(&'static str),
    /// A `down` failed.
    NotConverted,
}

impl Moved {
    /// An event for those who watch a deploy.
    pub(crate) fn tell(&self) {
        let field = self.key;
        match self.why {
            Carried::Upgraded => {
                tracing::debug!(
                    event = "field_upgraded",
                    field,
                    "a session field is stored in its newer form"
                );
            }
            Carried::Edited => {
                tracing::debug!(
                    event = "old_side_edited",
                    field,
                    "an older binary's edit of a session field was taken over"
                );
            }
        }
    }
}

impl Step {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(since: u16, from: &'static [usize], to: &'static [usize], up: Convert) -> Self {
        Self { since, from, to, up: Some(up), merge: None, down: None }
    }

    /// A step of which the source kept no more than the keys.
    #[doc(hidden)]
    #[must_use]
    pub const fn forgotten(since: u16, from: &'static [usize], to: &'static [usize]) -> Self {
        Self { since, from, to, up: None, merge: None, down: None }
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn merge(mut self, merge: Merge) -> Self {
        self.merge = Some(merge);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn down(mut self, down: Convert) -> Self {
        self.down = Some(down);
        self
    }

    /// What the newer cells are, now that the older ones were edited after them.
    fn carry(&self, slots: &[Slot]) -> Result<Vec<Json>, Failed> {
        let old = values(slots, self.from)?;
        if is_cleared(&old) {
            return Ok(vec![Json::null(); self.to.len()]);
        }
        let up = self.up.ok_or(Failed::Forgotten(self.since))?;
        let before = values(slots, self.to)?;
        caught(|| match self.merge {
            Some(merge) if !is_cleared(&before) => merge(Values(&old), Values(&before)),
            _ => up(Values(&old)),
        })
    }
}

impl Group {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(cells: &'static [(&'static str, Option<usize>)], steps: &'static [Step]) -> Self {
        Self { cells, steps }
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.cells.iter().map(|(key, _)| *key)
    }

    /// Its fields, by their places in the schema.
    pub(crate) fn fields(&self) -> impl Iterator<Item = usize> {
        self.cells.iter().filter_map(|(_, field)| *field)
    }

    /// The keys that each step reads, the oldest first.
    pub(crate) fn older_sides(&self) -> impl Iterator<Item = Vec<&'static str>> {
        let key = |at: &usize| self.cells.get(*at).map(|(key, _)| *key);
        self.steps.iter().map(move |step| step.from.iter().filter_map(key).collect())
    }

    /// Whether a write of one field needs the values of others.
    pub(crate) fn is_joint(&self) -> bool {
        self.fields().nth(1).is_some()
    }

    /// Each cell with the place of its field, if it is one.
    pub(crate) fn with<S>(
        &self,
        slots: impl IntoIterator<Item = S>,
    ) -> impl Iterator<Item = (&'static str, Option<usize>, S)> {
        self.cells.iter().zip(slots).map(|((key, field), slot)| (*key, *field, slot))
    }

    /// The slot of one field.
    pub(crate) fn slot<'a>(&self, slots: &'a [Slot], field: usize) -> Option<&'a Slot> {
        self.with(slots).find(|(_, place, _)| *place == Some(field)).map(|(.., slot)| slot)
    }

    /// What each cell says. The newer side of a step counts unless the older one was edited after it.
    pub(crate) fn read<'a>(&self, stored: impl Fn(&'static str) -> Option<&'a Cell>) -> Vec<Slot> {
        let mut slots: Vec<Slot> = self.keys().map(|key| Slot::of(stored(key))).collect();
        for step in self.steps {
            let edited = newest(&slots, step.from);
            for at in step.to {
                if let Some(slot) = slots.get_mut(*at) {
                    slot.older = edited;
                }
            }
            if edited <= newest(&slots, step.to) {
                continue;
            }
            let carried = step.carry(&slots);
            for (nth, at) in step.to.iter().enumerate() {
                if let Some(slot) = slots.get_mut(*at) {
                    let why = if slot.revision.is_none() { Carried::Upgraded } else { Carried::Edited };
                    let value = carried.as_ref().map_err(|failed| *failed);
                    let value =
                        value.and_then(|cells| cells.get(nth).cloned().ok_or(Failed::Conversion)).map(Some);
                    *slot = Slot { revision: edited, older: edited, value, carried: Some(why) };
                }
            }
        }
        slots
    }

    /// What a write of the fields that `set` knows comes to, where `slots` is what was read.
    ///
    /// A step whose newer side is written has its older side written too. A field that is not written keeps its cell and its
    /// revision, so that a newer form of it, which this binary does not know, stays the newer one.
    pub(crate) fn write(
        &self,
        slots: Vec<Slot>,
        set: impl Fn(usize) -> Option<Json>,
    ) -> Result<Written, Unwritable> {
        let mut cells: Vec<Draft> = self
            .with(slots)
            .map(|(key, field, slot)| match field.and_then(&set) {
                Some(json) => {
                    Draft { key, value: Ok(Some(json)), written: true, is_field: true, carried: slot.carried }
                }
                // What an older side says newer goes along: from now on the newer side is the newer one.
                None => Draft {
                    key,
                    written: field.is_some() && slot.carried.is_some() && slot.value.is_ok(),
                    value: slot.value,
                    is_field: field.is_some(),
                    carried: slot.carried,
                },
            })
            .collect();
        let mut delete = Vec::new();
        for step in self.steps.iter().rev() {
            if !step.to.iter().any(|at| cells.get(*at).is_some_and(|cell| cell.written)) {
                continue;
            }
            // The older side is about to change: what was only said there stays in the form that it was carried up to.
            for at in step.to {
                if let Some(cell) = cells.get_mut(*at) {
                    cell.written |= cell.carried.is_some() && cell.value.is_ok();
                }
            }
            let new: Vec<&Draft> = step.to.iter().filter_map(|at| cells.get(*at)).collect();
            let unreadable = |cell: &&Draft| cell.value.clone().map_err(|_| Unwritable::Unreadable(cell.key));
            let new = new.iter().map(unreadable).collect::<Result<Vec<_>, _>>()?;
            let Some(down) = step.down else {
                for at in step.from {
                    if let Some(cell) = cells.get_mut(*at) {
                        delete.push(cell.key);
                        // Gone, and with it what it was made of.
                        (cell.value, cell.written) = (Ok(None), true);
                    }
                }
                continue;
            };
            let old = if is_cleared(&new) {
                vec![Json::null(); step.from.len()]
            } else {
                caught(|| down(Values(&new))).map_err(|_| Unwritable::NotConverted)?
            };
            for (at, json) in step.from.iter().zip(old) {
                if let Some(cell) = cells.get_mut(*at) {
                    (cell.value, cell.written) = (Ok(Some(json)), true);
                }
            }
        }
        Ok(Written { delete, ..Written::of(cells.into_iter().filter(|cell| cell.written)) })
    }

    /// What older sides say newer, in every form that somebody reads; nothing, if some of the group cannot be read. The older
    /// sides stay as they are: who reads them sees no write.
    pub(crate) fn carried(&self, slots: Vec<Slot>) -> Written {
        if slots.iter().any(|slot| slot.value.is_err()) {
            return Written::default();
        }
        let is_read =
            |at: usize| self.steps.iter().any(|step| step.down.is_some() && step.from.contains(&at));
        let carried = self
            .with(slots)
            .enumerate()
            .filter(|(at, (_, field, slot))| slot.carried.is_some() && (field.is_some() || is_read(*at)));
        Written::of(carried.map(|(_, (key, field, slot))| Draft {
            key,
            value: slot.value,
            written: true,
            is_field: field.is_some(),
            carried: slot.carried,
        }))
    }

    /// The versions of the steps without which these slots could not be read.
    pub(crate) fn needs(&self, slots: &[Slot]) -> impl Iterator<Item = u16> {
        let carries =
            |step: &&Step| step.to.iter().any(|at| slots.get(*at).is_some_and(|slot| slot.carried.is_some()));
        self.steps.iter().filter(carries).map(|step| step.since)
    }
}

impl Written {
    fn of(cells: impl Iterator<Item = Draft>) -> Self {
        let mut written = Self::default();
        for Draft { key, value, is_field, carried, .. } in cells {
            written.write.extend(value.ok().flatten().map(|json| (key, json)));
            written.moved.extend(carried.filter(|_| is_field).map(|why| Moved { key, why }));
        }
        written
    }
}

impl Slot {
    /// A cell without a history.
    pub(crate) fn of(cell: Option<&Cell>) -> Self {
        Self {
            revision: cell.map(|cell| cell.revision),
            older: None,
            value: Ok(cell.map(|cell| cell.json.clone())),
            carried: None,
        }
    }

    /// Whether it was edited since it was as in `then`. Storing what an older side says is no edit.
    pub(crate) fn moved_since(&self, then: &Self) -> bool {
        if then.carried.is_some() { self.older != then.older } else { self.revision != then.revision }
    }
}

/// The last edit of any of these cells; of absent ones it is before every other.
fn newest(slots: &[Slot], of: &[usize]) -> Option<u64> {
    of.iter().filter_map(|at| slots.get(*at)?.revision).max()
}

fn values(slots: &[Slot], of: &[usize]) -> Result<Vec<Option<Json>>, Failed> {
    of.iter().map(|at| slots.get(*at).map_or(Ok(None), |slot| slot.value.clone())).collect()
}

/// `null` means cleared, on both sides, whatever the functions say.
fn is_cleared(cells: &[Option<Json>]) -> bool {
    cells.iter().flatten().all(Json::is_null)
}

//! Cells that came out of one another from version to version: which of them counts, and what a write must leave in each.
//!
//! In: a [`Group`], which the derive wrote, and the stored cells. Out: what each cell says to this binary; every cell of a write.
//! Never: I/O, a request's own writes, a revision of its own.
//!
//! # Which side counts
//!
//! A step turns its older side (`from`) into its newer side (`to`). Old and new binaries run side by side during a deploy, so both
//! sides are stored, and the revisions of their cells tell which side was edited last. The newer side counts unless the older one
//! was edited after it. Every write of a newer side also writes the older side, in the same change and so with the same revision;
//! a tie therefore means that the newer side is the source.

use super::values::{Failed, Values, caught};
use crate::record::{cell::Cell, json::Json, time::Timestamp};

/// Makes the cells of one side of a step from those of the other.
type Convert = fn(Values<'_>) -> Result<Vec<Json>, Failed>;
/// Makes the newer cells from the edited older cells and the newer cells as they were.
type Merge = fn(Values<'_>, Values<'_>) -> Result<Vec<Json>, Failed>;

/// Fields of a schema and the cells that held their values in older versions, connected by steps.
///
/// A group is guarded as a whole, and what belongs together is written together; that is what makes the revisions of its cells
/// comparable.
#[derive(Debug)]
pub struct Group {
    /// Wire keys, each with the index of its field if it is a field of the present version.
    cells: &'static [(&'static str, Option<usize>)],
    /// The oldest first. Each cell is made by at most one step and consumed by at most one later step.
    steps: &'static [Step],
}

/// One `changed` or `step`: how cells become others. Cells are named by their index in the group.
#[derive(Debug)]
pub struct Step {
    /// The version that introduced it.
    since: u16,
    from: &'static [usize],
    to: &'static [usize],
    /// `None`: the conversion was removed from the source; a session that still needs it is an error, not an empty field.
    up: Option<Convert>,
    merge: Option<Merge>,
    /// `None`: no binary that may still be running reads `from`.
    down: Option<Convert>,
}

/// A cell as this binary sees it.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// The last edit, on whichever side it was made.
    revision: Option<u64>,
    /// The last edit of the older side of the step that makes this cell. The revision is all that two upgrades of one value have
    /// in common: `up` may produce another text each time.
    older_revision: Option<u64>,
    /// `None`: never written, or faded.
    pub(crate) value: Result<Option<Json>, Failed>,
    /// Why the value comes from an older side; `None` if it is what is stored under the cell's own wire key.
    pub(crate) upgraded: Option<Upgrade>,
    /// When the value ends, if before the record: for an upgraded one, when the first of those ends that it was made from.
    ends: Option<Timestamp>,
}

/// Why a cell is read from an older side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Upgrade {
    /// The newer side was never written.
    First,
    /// An older binary edited the older side last.
    Edited,
}

/// A field that was read from an older side and is about to be stored on the newer one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upgraded {
    pub(crate) key: &'static str,
    pub(crate) why: Upgrade,
}

/// A cell on its way to the store.
struct Draft {
    key: &'static str,
    value: Result<Option<Json>, Failed>,
    written: bool,
    is_field: bool,
    upgraded: Option<Upgrade>,
    /// When the value ends, however long a new one would live.
    ends: Option<Timestamp>,
}

/// Every cell of a write.
#[derive(Default)]
pub(crate) struct Written {
    /// Wire keys, values, and when a value ends that was not set just now.
    pub(crate) write: Vec<(&'static str, Json, Option<Timestamp>)>,
    /// Cells that no binary reads any more.
    pub(crate) delete: Vec<&'static str>,
    pub(crate) upgraded: Vec<Upgraded>,
}

/// Why a group cannot be written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unwritable {
    /// The cell with this wire key is needed and could not be read.
    Unreadable(&'static str),
    /// A `down` failed.
    NotConverted,
}

impl Upgraded {
    /// Emits an event, for those who watch a deploy.
    pub(crate) fn tell(&self) {
        let field = self.key;
        match self.why {
            Upgrade::First => {
                tracing::debug!(
                    event = "field_upgraded",
                    field,
                    "a session field is stored in its newer form"
                );
            }
            Upgrade::Edited => {
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

    /// A step whose conversions were removed from the source; only its wire keys are still known.
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

    /// The newer cells, given that the older ones were edited after them.
    fn upgrade(&self, slots: &[Slot]) -> Result<Vec<Json>, Failed> {
        let old = values(slots, self.from)?;
        // A clear never goes through the user's functions, so that it means the same in every version.
        if is_cleared(&old) {
            return Ok(vec![Json::null(); self.to.len()]);
        }
        let up = self.up.ok_or(Failed::Forgotten(self.since))?;
        let before = values(slots, self.to)?;
        if old.iter().chain(&before).flatten().any(|json| json.sealed().is_some()) {
            return Err(Failed::Sealed);
        }
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

    /// Whether it has the cell with this wire key.
    pub(crate) fn has(&self, wire_key: &str) -> bool {
        self.cells.iter().any(|(key, _)| *key == wire_key)
    }

    /// The indices of its fields in the schema.
    pub(crate) fn fields(&self) -> impl Iterator<Item = usize> {
        self.cells.iter().filter_map(|(_, field)| *field)
    }

    /// The wire keys that each step reads, the oldest step first.
    pub(crate) fn older_sides(&self) -> impl Iterator<Item = Vec<&'static str>> {
        let key = |at: &usize| self.cells.get(*at).map(|(key, _)| *key);
        self.steps.iter().map(move |step| step.from.iter().filter_map(key).collect())
    }

    /// Whether writing one field needs the values of others.
    pub(crate) fn is_joint(&self) -> bool {
        self.fields().nth(1).is_some()
    }

    /// Each cell with the index of its field, if it is one, and its slot.
    pub(crate) fn with<S>(
        &self,
        slots: impl IntoIterator<Item = S>,
    ) -> impl Iterator<Item = (&'static str, Option<usize>, S)> {
        self.cells.iter().zip(slots).map(|((key, field), slot)| (*key, *field, slot))
    }

    /// The slot of the field with the index `at`.
    pub(crate) fn slot<'a>(&self, slots: &'a [Slot], at: usize) -> Option<&'a Slot> {
        self.with(slots).find(|(_, field, _)| *field == Some(at)).map(|(.., slot)| slot)
    }

    /// What each cell says, in the order of the cells; `stored` finds a cell and whether its value shows.
    ///
    /// Steps run from the oldest to the newest, so that an edit made by a binary several versions back passes through every
    /// conversion in between. An upgraded slot takes the revision of the edit it came from: the next step then compares edits,
    /// not conversions.
    pub(crate) fn read<'a>(&self, stored: impl Fn(&'static str) -> Option<(&'a Cell, bool)>) -> Vec<Slot> {
        let mut slots: Vec<Slot> = self.keys().map(|key| Slot::of(stored(key))).collect();
        for step in self.steps {
            let edited = newest(&slots, step.from);
            for at in step.to {
                if let Some(slot) = slots.get_mut(*at) {
                    slot.older_revision = edited;
                }
            }
            if edited <= newest(&slots, step.to) {
                continue;
            }
            let upgraded = step.upgrade(&slots);
            let ends = step.from.iter().filter_map(|at| slots.get(*at)?.ends).min();
            for (nth, at) in step.to.iter().enumerate() {
                if let Some(slot) = slots.get_mut(*at) {
                    let why = if slot.revision.is_none() { Upgrade::First } else { Upgrade::Edited };
                    let cells = upgraded.as_ref().map_err(|failed| *failed);
                    let value = cells.and_then(|cells| cells.get(nth).cloned().ok_or(Failed::Conversion));
                    *slot = Slot {
                        revision: edited,
                        older_revision: edited,
                        value: value.map(Some),
                        upgraded: Some(why),
                        ends,
                    };
                }
            }
        }
        slots
    }

    /// Every cell to write when the fields that `set` knows are written over `slots`, which is what was read.
    ///
    /// Steps run from the newest to the oldest, because a value that is set here must reach every form that an older binary reads.
    /// A step whose newer side is written gets its older side written too. A field that is not written keeps its cell and its
    /// revision: a still newer form of it, which this binary does not know, must stay the newer one (G5).
    pub(crate) fn write(
        &self,
        slots: Vec<Slot>,
        set: impl Fn(usize) -> Option<Json>,
    ) -> Result<Written, Unwritable> {
        let mut cells: Vec<Draft> = self
            .with(slots)
            .map(|(key, field, slot)| match field.and_then(&set) {
                Some(json) => Draft {
                    key,
                    value: Ok(Some(json)),
                    written: true,
                    is_field: true,
                    upgraded: slot.upgraded,
                    ends: None,
                },
                // An upgraded field goes along, so that from now on its newer side is the newer one.
                None => Draft {
                    key,
                    written: field.is_some() && slot.upgraded.is_some() && slot.value.is_ok(),
                    value: slot.value,
                    is_field: field.is_some(),
                    upgraded: slot.upgraded,
                    ends: slot.ends,
                },
            })
            .collect();
        let mut delete = Vec::new();
        for step in self.steps.iter().rev() {
            if !step.to.iter().any(|at| cells.get(*at).is_some_and(|cell| cell.written)) {
                continue;
            }
            // The older side is about to change. A value that only it holds is kept in the form that it was upgraded to.
            for at in step.to {
                if let Some(cell) = cells.get_mut(*at) {
                    cell.written |= cell.upgraded.is_some() && cell.value.is_ok();
                }
            }
            let new: Vec<&Draft> = step.to.iter().filter_map(|at| cells.get(*at)).collect();
            let ends = new.iter().filter_map(|cell| cell.ends).min();
            let unreadable = |cell: &&Draft| cell.value.clone().map_err(|_| Unwritable::Unreadable(cell.key));
            let new = new.iter().map(unreadable).collect::<Result<Vec<_>, _>>()?;
            let Some(down) = step.down else {
                for at in step.from {
                    if let Some(cell) = cells.get_mut(*at) {
                        delete.push(cell.key);
                        // Marked as written, so that the cells that it was made from go too.
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
                    (cell.value, cell.written, cell.ends) = (Ok(Some(json)), true, ends);
                }
            }
        }
        Ok(Written { delete, ..Written::of(cells.into_iter().filter(|cell| cell.written)) })
    }

    /// The upgraded cells, in every form that a binary reads; none if some of the group cannot be read.
    ///
    /// The older sides stay as they are, so that a binary that reads only them sees no write.
    pub(crate) fn upgrades(&self, slots: Vec<Slot>) -> Written {
        if slots.iter().any(|slot| slot.value.is_err()) {
            return Written::default();
        }
        let is_read =
            |at: usize| self.steps.iter().any(|step| step.down.is_some() && step.from.contains(&at));
        let upgraded = self
            .with(slots)
            .enumerate()
            .filter(|(at, (_, field, slot))| slot.upgraded.is_some() && (field.is_some() || is_read(*at)));
        Written::of(upgraded.map(|(_, (key, field, slot))| Draft {
            key,
            value: slot.value,
            written: true,
            is_field: field.is_some(),
            upgraded: slot.upgraded,
            ends: slot.ends,
        }))
    }

    /// The versions whose steps these slots needed.
    pub(crate) fn needs(&self, slots: &[Slot]) -> impl Iterator<Item = u16> {
        let upgrades = |step: &&Step| {
            step.to.iter().any(|at| slots.get(*at).is_some_and(|slot| slot.upgraded.is_some()))
        };
        self.steps.iter().filter(upgrades).map(|step| step.since)
    }
}

impl Written {
    fn of(cells: impl Iterator<Item = Draft>) -> Self {
        let mut written = Self::default();
        for Draft { key, value, is_field, upgraded, ends, .. } in cells {
            written.write.extend(value.ok().flatten().map(|json| (key, json, ends)));
            written.upgraded.extend(upgraded.filter(|_| is_field).map(|why| Upgraded { key, why }));
        }
        written
    }
}

impl Slot {
    /// The slot of a cell without a history, and whether its value shows. One that has faded was an edit all the same.
    pub(crate) fn of(stored: Option<(&Cell, bool)>) -> Self {
        let shown = stored.filter(|(_, shows)| *shows).map(|(cell, _)| cell);
        Self {
            revision: stored.map(|(cell, _)| cell.revision),
            older_revision: None,
            value: Ok(shown.map(|cell| cell.json.clone())),
            upgraded: None,
            ends: shown.and_then(|cell| cell.expires),
        }
    }

    /// Whether the cell was edited since it was as in `then`. Storing an upgraded value is no edit.
    pub(crate) fn edited_since(&self, then: &Self) -> bool {
        if then.upgraded.is_some() {
            self.older_revision != then.older_revision
        } else {
            self.revision != then.revision
        }
    }
}

/// The last edit of any of these cells; an absent cell was edited before every other.
fn newest(slots: &[Slot], of: &[usize]) -> Option<u64> {
    of.iter().filter_map(|at| slots.get(*at)?.revision).max()
}

fn values(slots: &[Slot], of: &[usize]) -> Result<Vec<Option<Json>>, Failed> {
    of.iter().map(|at| slots.get(*at).map_or(Ok(None), |slot| slot.value.clone())).collect()
}

/// Whether this side of a step is cleared: `null` means so on both sides, whatever the user's functions say.
fn is_cleared(cells: &[Option<Json>]) -> bool {
    cells.iter().flatten().all(Json::is_null)
}

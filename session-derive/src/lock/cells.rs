//! In: what the attributes say, and the lock. Out: the cells of every version, and the lock as it should be now.
//!
//! Never judges; `compare` says whether the attributes may differ from the lock.

use std::collections::BTreeMap;

use super::data::{Action, Cell, Default, Lock, Marks, Shape, View};
use crate::structure;

/// The schema as its attributes describe it.
#[derive(Clone, Debug)]
pub(super) struct Now {
    pub(crate) schema: String,
    pub(crate) state: String,
    pub(crate) version: u16,
    /// `None` if it was left out.
    pub(crate) oldest_reader: Option<u16>,
    pub(crate) oldest_record: u16,
    pub(crate) cells: Vec<Stored>,
}

/// A cell that this version or an older one stores.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(crate) role: Role,
    /// What messages call it: the name of the field, or the wire key if there is no field.
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) ty: String,
    pub(crate) default: Option<Default>,
    /// The version in which it began. `None` if the attributes do not say: what the lock does not know either is new.
    pub(crate) since: Option<u16>,
    /// The first version without it.
    pub(crate) until: Option<u16>,
    pub(crate) action: Action,
    pub(crate) marks: Marks,
    /// The versions in which fields were added inside of its type.
    pub(crate) compatible: Vec<u16>,
}

/// What a cell is in the present version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Field,
    /// An older form of a field.
    Before,
    /// Listed in `removed(..)`.
    Removed,
    /// Read by the `from(..)` of a step.
    Split,
}

impl Now {
    /// Whether the attributes may leave out how this cell began, because no record from before it is stored any more.
    pub(super) fn may_forget(&self, stored: &Stored, old: &Frozen<'_>) -> bool {
        stored.action == Action::Added && old.since <= self.oldest_record
    }
}

/// A cell that a released version stores.
pub(super) struct Frozen<'a> {
    pub(super) since: u16,
    /// The first released version without it.
    pub(super) until: Option<u16>,
    /// The newest released version with it.
    pub(super) seen: u16,
    pub(super) cell: &'a Cell,
}

pub(super) fn frozen(lock: &Lock) -> BTreeMap<&str, Frozen<'_>> {
    let mut all: BTreeMap<&str, Frozen<'_>> = BTreeMap::new();
    for (version, view) in lock.versions.range(..=lock.released) {
        for (key, cell) in view {
            all.insert(key, Frozen { since: cell.since, until: None, seen: *version, cell });
        }
        for (_, gone) in
            all.iter_mut().filter(|(key, gone)| gone.until.is_none() && !view.contains_key(**key))
        {
            gone.until = Some(*version);
        }
    }
    all
}

/// The wire key before any change: `cart` for `cart@3`.
pub(super) fn base(key: &str) -> &str {
    key.split_once('@').map_or(key, |(base, _)| base)
}

/// The view of `version`, from the attributes and, where they say nothing, from the lock.
pub(super) fn view(now: &Now, lock: Option<&Lock>, version: u16) -> View {
    let known = lock.map(frozen).unwrap_or_default();
    let cells = now.cells.iter().filter_map(|stored| {
        let old = known.get(stored.key.as_str());
        let begins = if lock.is_some() { now.version } else { 1 };
        let since = stored.since.or_else(|| old.map(|cell| cell.since)).unwrap_or(begins);
        let there = since <= version && stored.until.is_none_or(|until| version < until);
        let Stored { ty, action, default, marks, .. } = stored.clone();
        let action =
            old.filter(|old| now.may_forget(stored, old)).map_or(action, |old| old.cell.action.clone());
        there.then(|| (stored.key.clone(), Cell { ty, shape: Shape::Asked, since, action, default, marks }))
    });
    cells.collect()
}

/// The lock that matches the attributes: released versions stay as they are, and the draft is written anew. Where nothing is released,
/// the versions before the present one count as released, because the source says that they were in use.
pub(super) fn updated(now: &Now, lock: Option<&Lock>) -> Lock {
    let released = lock.map_or(now.version.saturating_sub(1), |lock| lock.released);
    let mut versions = lock.map(|lock| lock.versions.clone()).unwrap_or_default();
    versions.retain(|version, _| *version <= released);
    // A type that was opaque at the release may have a shape by now. It is taken for the type that was released.
    if let Some(view) = versions.get_mut(&released) {
        for stored in now.cells.iter().filter(|stored| stored.role == Role::Field) {
            if let Some(cell) = view.get_mut(&stored.key)
                && matches!(cell.shape, Shape::Opaque(_))
                && structure::alike(&cell.ty, &stored.ty)
            {
                cell.shape = Shape::Asked;
            }
        }
    }
    let first = if lock.is_some() { released.saturating_add(1) } else { now.oldest_record };
    for version in first..=now.version {
        versions.insert(version, view(now, lock, version));
    }
    // Defaults and `reset_on_sign_in` may change in a released version, since no record holds them.
    if let Some(view) = versions.get_mut(&now.version) {
        for stored in now.cells.iter().filter(|stored| stored.role == Role::Field) {
            if let Some(cell) = view.get_mut(&stored.key) {
                cell.default.clone_from(&stored.default);
                cell.marks.reset_on_sign_in = stored.marks.reset_on_sign_in;
            }
        }
    }
    let records = lock.map(|lock| lock.records.clone()).unwrap_or_default();
    Lock { schema: now.schema.clone(), state: now.state.clone(), released, records, versions }
}

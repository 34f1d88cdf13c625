//! In: cells that are in both, the attributes and the lock. Out: what their types, their defaults and the draft may not be.
//!
//! Never decides whether two types are stored alike: that is left to the compiler.

use std::collections::BTreeMap;

use super::super::cells::{Frozen, Role, Stored, view};
use super::super::text::{Action, Cell, Default, Shape, View};
use super::{Found, Part, Place, TypeCheck, UPDATE};

impl Found<'_> {
    pub(super) fn types(&mut self) {
        let draft = self.lock.versions.get(&self.now.version).filter(|_| self.is_bumped());
        for (at, stored) in self.now.cells.iter().enumerate() {
            let key = stored.key.as_str();
            if let Some(old) = self.frozen.get(key) {
                // An older form that the lock does not know as one is refused already, and so is what `list` lists.
                let ended = |until: Option<u16>| until.filter(|until| *until <= self.lock.released);
                let listed = self.lists_changes && stored.role == Role::Field && stored.ty != old.cell.ty;
                if listed || ended(stored.until) != old.until {
                    continue;
                }
                self.verdict
                    .types
                    .extend(type_check(at, stored, old.cell, false, || self.type_changed(stored, old)));
            } else if let Some(cell) = draft.and_then(|draft| draft.get(key)) {
                self.verdict
                    .types
                    .extend(type_check(at, stored, cell, true, || draft_differs(self.now.version)));
            }
        }
    }

    fn type_changed(&self, stored: &Stored, old: &Frozen<'_>) -> String {
        let Stored { name, ty, role, .. } = stored;
        let (was, seen, next) = (&old.cell.ty, old.seen, self.next());
        let inside = was == ty;
        if *role != Role::Field {
            return if inside {
                format!(
                    "something inside `{was}` changed, but version {seen} stored the old shape as `{}`; keep the old type under another name",
                    stored.key
                )
            } else {
                format!("version {seen} stored `{was}` as `{}`; say that type here", stored.key)
            };
        }
        let changed = format!("`changed(since = {next}, from = {was}, up = .., down = ..)`");
        match (self.is_bumped(), inside) {
            (true, false) => format!(
                "`{name}` was `{was}` in version {seen}; values already stored have that shape: add {changed}"
            ),
            (true, true) => format!(
                "something inside `{was}` of `{name}` changed since version {seen}; values already stored have the old shape: \
                 keep the old type under another name, and add {changed} with that name in `from`"
            ),
            (false, false) => {
                self.bump(&format!("~ `{name}: {was}` → `{ty}`"), &format!("{changed} on `{name}`"))
            }
            (false, true) => self.bump(
                &format!("~ `{name}`, inside `{was}`"),
                &format!("{changed} on `{name}`, with the old type under another name in `from`"),
            ),
        }
    }

    pub(super) fn defaults(&mut self) {
        let now = self.now;
        for (at, stored) in now.cells.iter().enumerate().filter(|(_, stored)| stored.role == Role::Field) {
            let differs = |cell: &&Cell| cell.ty == stored.ty && cell.default != stored.default;
            let Some(cell) = self.newest(&stored.key).filter(differs) else { continue };
            let was = cell.default.as_ref().map_or("None", Default::describe);
            let message = format!(
                "the default of `{}` was `{was}`; sessions that never set it would change value. Keep it, or run `{UPDATE}`",
                stored.name
            );
            self.recordable(Place::Cell(at, Part::Default), message);
        }
    }

    /// Whether the draft in the lock is the one in the attributes. Types and defaults have been looked at.
    pub(super) fn draft(&mut self) {
        if !self.verdict.findings.is_empty() || self.silent {
            return;
        }
        let strip = |view: View| -> BTreeMap<String, (u16, Action, bool)> {
            let what = |cell: Cell| (cell.since, cell.action, cell.marks.principal);
            view.into_iter().map(|(key, cell)| (key, what(cell))).collect()
        };
        let version = self.now.version;
        if self.is_bumped() {
            let recorded = self.lock.versions.get(&version).cloned().map(strip);
            if recorded != Some(strip(view(self.now, Some(self.lock), version))) {
                self.recordable(Place::Version, draft_differs(version));
            }
        } else if self.lock.head() > version {
            let message = format!(
                "the lock has a draft of version {}, found version {version}; to drop the draft run `{UPDATE}`",
                self.lock.head()
            );
            self.recordable(Place::Version, message);
        }
    }
}

fn draft_differs(version: u16) -> String {
    format!("version {version} is a draft; run `{UPDATE}` to record this change")
}

/// Nothing is left to the compiler where it has never seen the shape and the words are the same.
fn type_check(
    at: usize,
    stored: &Stored,
    locked: &Cell,
    can_be_recorded: bool,
    message: impl FnOnce() -> String,
) -> Option<TypeCheck> {
    let same_words = stored.ty == locked.ty;
    let shape = match locked.shape {
        Shape::Known(shape) => Some(shape),
        Shape::Opaque | Shape::Asked => None,
    };
    (shape.is_some() || !same_words).then(|| TypeCheck {
        cell: at,
        locked: shape,
        same_words,
        message: message(),
        can_be_recorded,
    })
}

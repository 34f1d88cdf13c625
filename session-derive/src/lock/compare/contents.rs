//! In: cells that both the attributes and the lock have. Out: findings about their defaults, and checks of their types.
//!
//! Never decides whether two types are stored alike; the compiler does.

use std::fmt::Write as _;

use super::super::cells::{Frozen, Role, Stored};
use super::super::data::{Cell, Default, Shape};
use super::super::own;
use super::found::{Found, TypeCheck};
use crate::structure;

impl Found<'_> {
    /// Asks the compiler to compare the type of every cell with the one in the lock.
    pub(super) fn types(&mut self) {
        for (at, stored) in self.now.cells.iter().enumerate() {
            let key = stored.key.as_str();
            if let Some(old) = self.frozen.get(key) {
                // These have a finding already: an end that differs from the lock, and a type that `list` names.
                let ended = |until: Option<u16>| until.filter(|until| *until <= self.lock.released);
                let listed = self.lists_changes
                    && stored.role == Role::Field
                    && !structure::alike(&stored.ty, &old.cell.ty);
                let returns = self.returns(stored, old);
                if listed || !returns && ended(stored.until) != old.until || self.grows(stored, old) {
                    continue;
                }
                self.verdict
                    .types
                    .extend(type_check(at, stored, old.cell, || self.type_changed(stored, old)));
            }
        }
    }

    /// Whether the attributes say that fields were added inside of the type since. The golden records show whether that is all.
    fn grows(&self, stored: &Stored, old: &Frozen<'_>) -> bool {
        stored.role == Role::Field
            && structure::alike(&stored.ty, &old.cell.ty)
            && stored.compatible.iter().any(|since| *since > self.lock.released)
    }

    /// The message for a type whose shape differs, and the one for a type that no longer has a shape.
    fn type_changed(&self, stored: &Stored, old: &Frozen<'_>) -> (String, String) {
        let Stored { name, key, ty, role, .. } = stored;
        let (was, seen, next) = (&old.cell.ty, old.seen, self.next());
        let same_words = structure::alike(was, ty);
        let copies = own::copies(was, seen);
        let copy = if copies.is_empty() {
            "a copy of the old type".to_owned()
        } else {
            format!("a copy of the old type ({copies}, which derives `SessionValue` too)")
        };
        let lost = || {
            format!(
                "`{}` no longer derives `SessionValue`, so the lock cannot see whether `{key}` is stored as in version {seen}; \
                 put it back",
                own::names(ty).join("` or `")
            )
        };
        if *role != Role::Field {
            if same_words {
                let inside = format!(
                    "something inside `{was}` changed, but version {seen} stored the old shape as `{key}`; keep {copy}, and say \
                     `{}` here",
                    own::old(was, seen)
                );
                return (inside, lost());
            }
            let stored = format!("version {seen} stored `{was}` as `{key}`");
            let alike = if copies.is_empty() { "" } else { ", or a copy of it as it was then" };
            let other = format!("{stored}, and `{ty}` is not stored alike; say that type here{alike}");
            let unseen = match own::names(ty).join("` and `").as_str() {
                "" => other.clone(),
                names => format!(
                    "{stored}; derive `SessionValue` for `{names}`, so that the lock can see whether it is stored alike"
                ),
            };
            return (other, unseen);
        }
        if self.returns(stored, old) {
            let other = format!(
                "wire key \"{key}\" held `{was}` up to version {seen}, and sessions may still hold it; a field comes back only with the \
                 type that it had, so say that, or pick a new key with `#[session(key = \"..\")]`"
            );
            return (other, lost());
        }
        if same_words {
            let changed =
                format!("`changed(since = {next}, from = {}, up = .., down = ..)`", own::old(was, seen));
            let added = "if fields were only added, each an `Option` or with `#[serde(default)]`,";
            let inside = if self.is_bumped() {
                format!(
                    "something inside `{was}` of `{name}` changed since version {seen}; values already stored have the old \
                     shape: {added} add `changed(since = {next}, compatible)`; otherwise keep {copy}, and add {changed}"
                )
            } else {
                let fix = format!(
                    "{added} `changed(since = {next}, compatible)`; otherwise {changed}, where `from` is {copy}"
                );
                self.bump(&[(format!("~ `{name}`, inside `{was}`"), fix)])
            };
            return (inside, lost());
        }
        let changed = format!("`changed(since = {next}, from = {was}, up = .., down = ..)`");
        let mut message = if self.is_bumped() {
            format!(
                "`{name}` was `{was}` in version {seen}; values already stored have that shape: add {changed}"
            )
        } else {
            self.bump(&[(format!("~ `{name}: {was}` → `{ty}`"), changed)])
        };
        if matches!(old.cell.shape, Shape::Opaque(_)) {
            let _ = write!(
                message,
                ". The lock never saw inside `{was}`: `from` may be any type that reads what was stored. If only the name of the \
                 type changed, keep `{was}` here, with a `type` or a `use .. as` of that name"
            );
        }
        (message.clone(), message)
    }

    /// Reports defaults that changed.
    pub(super) fn defaults(&mut self) {
        let now = self.now;
        for stored in now.cells.iter().filter(|stored| stored.role == Role::Field) {
            let differs = |cell: &&Cell| cell.default != stored.default;
            let Some(cell) = self.newest(&stored.key).filter(differs) else { continue };
            let was = cell.default.as_ref().map_or("None", Default::describe);
            let message = format!(
                "the default of `{}` was `{was}`; sessions that never set it change value{}",
                stored.name,
                self.or_release("keep it")
            );
            self.verdict.told.push(message);
        }
    }
}

/// The check of one type. There is none if the lock has no shape to compare with, unless a field is spelled differently: then the
/// spelling is all there is to compare.
fn type_check(
    at: usize,
    stored: &Stored,
    locked: &Cell,
    messages: impl FnOnce() -> (String, String),
) -> Option<TypeCheck> {
    let same_words = structure::alike(&stored.ty, &locked.ty);
    let (shape, unseen_names) = match &locked.shape {
        Shape::Known(shape) => (Some(*shape), None),
        // A copy of an opaque type has another name, and may be any type that reads what was stored.
        Shape::Opaque(Some(seen)) if stored.role == Role::Field => {
            (Some(seen.shape), Some(seen.unseen.clone()))
        }
        Shape::Opaque(_) | Shape::Asked => (None, None),
    };
    (shape.is_some() || (!same_words && stored.role == Role::Field)).then(|| {
        let (message, unseen) = messages();
        TypeCheck { at, locked: shape, by_name: unseen_names, same_words, message, unseen }
    })
}

//! In: fields that appeared or vanished without an option that says so. Out: a finding with the options to write.
//!
//! Never knows which field became which. Where several answers are possible it gives all of them, those that keep the data first.

use super::super::cells::{Role, Stored};
use super::super::data::{Action, Cell, Default};
use super::found::{Found, Part, Target, in_step, lines};
use crate::structure;

impl Found<'_> {
    /// Reports pairs of a vanished and a new field with the same type: most likely the field was renamed.
    pub(super) fn renamed(&mut self, added: &mut Vec<usize>, gone: &mut Vec<&str>) {
        let pairs: Vec<(usize, &str)> = added
            .iter()
            .filter_map(|at| {
                let new = self.now.cells.get(*at)?;
                let same = |key: &&&str| self.frozen.get(**key).is_some_and(|old| old.cell.ty == new.ty);
                let mut old = gone.iter().filter(same);
                let twins =
                    added.iter().filter_map(|at| self.now.cells.get(*at)).filter(|other| other.ty == new.ty);
                // With two fields of one type it is unknown which became which.
                let only = old.next().filter(|_| old.next().is_none() && twins.count() == 1)?;
                Some((*at, *only))
            })
            .collect();
        for (at, key) in pairs {
            let Some(new) = self.now.cells.get(at) else { continue };
            let (attribute, kept) = self.keeps(key);
            let message = format!(
                "field `{key}` disappeared and `{}` of the same type appeared: to keep its data add `#[session({attribute})]`{kept}; if it is another field, add `since = {}` to it",
                new.name,
                self.next()
            );
            self.at(Target::Cell(at, Part::Name), message);
            added.retain(|other| *other != at);
            gone.retain(|other| *other != key);
        }
    }

    /// Reports each remaining field on its own, if the version was raised.
    pub(super) fn each(&mut self, added: &[usize], gone: &[&str]) {
        let (released, next) = (self.lock.released, self.next());
        for at in added {
            let Some(name) = self.now.cells.get(*at).map(|stored| &stored.name) else { continue };
            // If a field vanished too, this one may be what became of it.
            let new = if gone.is_empty() { "" } else { "if it is new, " };
            let message = format!(
                "version {released} was released without `{name}`; {new}add it with `since = {next}`"
            );
            self.at(Target::Cell(*at, Part::Since), message);
        }
        for key in gone {
            let Some(ty) = self.frozen.get(key).map(|old| &old.cell.ty) else { continue };
            let removed = format!("`#[session(removed(key = \"{key}\", from = {ty}, since = {next}))]`");
            let ways = self.keeping(key, added, gone);
            let message = if ways.is_empty() {
                format!("`{key}` was in version {released}; reserve its wire key with {removed}")
            } else {
                format!(
                    "`{key}` was in version {released}. What keeps its values: {}. Only if they are no longer wanted, reserve its wire \
                     key with {removed}, which gives them up",
                    ways.join("; ")
                )
            };
            self.at(Target::State, message);
        }
    }

    /// Fields that no released version has and that nothing was converted into.
    fn newcomers(&self, added: &[usize]) -> Vec<&Stored> {
        let is_new = |(at, stored): &(usize, &Stored)| {
            stored.role == Role::Field
                && stored.action == Action::Added
                && !self.frozen.contains_key(stored.key.as_str())
                && (added.contains(at) || stored.since.is_some_and(|since| since > self.lock.released))
        };
        self.now.cells.iter().enumerate().filter(is_new).map(|(_, stored)| stored).collect()
    }

    /// What may have become of a vanished field, and the options to write in each case.
    fn keeping(&self, key: &str, added: &[usize], gone: &[&str]) -> Vec<String> {
        let Some(old) = self.frozen.get(key).map(|old| old.cell) else { return Vec::new() };
        let (ty, next, (attribute, kept)) = (&old.ty, self.next(), self.keeps(key));
        let new = self.newcomers(added);
        let alike: Vec<String> =
            new.iter().filter(|new| new.ty == *ty).map(|new| format!("`{}`", new.name)).collect();
        let mut ways = Vec::new();
        if !alike.is_empty() {
            let names = alike.join(" or ");
            ways.push(format!(
                "if it was renamed, `#[session({attribute})]` on {names}, without `since`{kept}"
            ));
        }
        // The principal is never converted.
        let to: Vec<&Stored> = new.into_iter().filter(|new| !new.marks.principal).collect();
        let from: Vec<(&str, &Cell)> = gone
            .iter()
            .filter_map(|key| Some((*key, self.frozen.get(key)?.cell)))
            .filter(|(_, old)| !old.marks.principal)
            .collect();
        match (from.as_slice(), to.as_slice()) {
            _ if old.marks.principal => {}
            (_, []) => {}
            ([_], [new]) if new.ty == *ty => {}
            ([_], [new]) => ways.push(format!(
                "if `{}` holds the same in another type, `#[session({attribute}, changed(since = {next}, from = {ty}, up = .., down = \
                 ..))]` on that, without `since`{kept}",
                new.name
            )),
            _ => {
                let from: Vec<String> = from.iter().map(|(key, old)| read_by_step(key, old)).collect();
                let to: Vec<String> = to.iter().map(|new| in_step(&new.key)).collect();
                ways.push(format!(
                    "if it was split or joined, `#[session(step(since = {next}, from({}), to({}), up = .., down = ..))]` on the struct",
                    from.join(", "),
                    to.join(", ")
                ));
            }
        }
        ways
    }

    /// The advice for a wire key that no released version has: most likely it is the name of a field.
    pub(super) fn meant(&self, stored: &Stored, gone: &mut Vec<&str>) -> String {
        if stored.role == Role::Before {
            return self.meant_before(stored, gone);
        }
        let name = &stored.key;
        let namesake = self.now.cells.iter().find(|field| field.role == Role::Field && field.name == *name);
        if let Some(field) = namesake {
            return format!(
                ": the wire key of field `{name}` is `{}`; write that, or remove it here",
                field.key
            );
        }
        let alike = |key: &&str| self.frozen.get(key).is_some_and(|old| old.cell.ty == stored.ty);
        let mut keys = gone.iter().copied().filter(alike);
        match (keys.next(), keys.next()) {
            (Some(key), None) => {
                // The vanished field needs no message of its own then.
                gone.retain(|other| *other != key);
                format!("; did you mean `{key}`? A field that is gone is named by its wire key")
            }
            _ => "; remove it here".to_owned(),
        }
    }

    /// The same for a field with `changed`: most likely it was also renamed.
    fn meant_before(&self, stored: &Stored, gone: &mut Vec<&str>) -> String {
        let alike = |key: &&str| self.frozen.get(key).is_some_and(|old| old.cell.ty == stored.ty);
        let mut keys = gone.iter().copied().filter(alike);
        let (Some(key), None) = (keys.next(), keys.next()) else {
            let next = self.next();
            return format!(
                "; if the field is new, say `since = {next}` instead of `changed`; if it had another name, add that as `key = \"..\"`"
            );
        };
        // The vanished field needs no message of its own then.
        gone.retain(|other| *other != key);
        let (attribute, kept) = self.keeps(key);
        format!(
            "; field `{key}` of type `{}` disappeared: to keep its data add `{attribute}` to this one{kept}",
            stored.ty
        )
    }

    /// Fields whose type is spelled differently than in the lock, each with the old spelling.
    fn respelled(&self) -> impl Iterator<Item = (&Stored, &str)> {
        let old = |stored: &Stored| {
            let old = self.frozen.get(stored.key.as_str()).filter(|old| !self.returns(stored, old));
            old.map(|old| old.cell.ty.as_str())
        };
        let fields = self.now.cells.iter().filter(|stored| stored.role == Role::Field);
        fields
            .filter_map(move |stored| Some((stored, old(stored)?)))
            .filter(|(stored, was)| !structure::alike(&stored.ty, was))
    }

    pub(super) fn is_any_respelled(&self) -> bool {
        self.respelled().next().is_some()
    }

    /// Reports everything in one message, if no attribute says that anything changes.
    pub(super) fn list(&mut self, added: &[usize], gone: &[&str]) {
        let mut changes = Vec::new();
        let (released, next) = (self.lock.released, self.next());
        for stored in added.iter().filter_map(|at| self.now.cells.get(*at)) {
            let new = if gone.is_empty() { "" } else { " if it is new" };
            changes.push((format!("+ `{}: {}`", stored.name, stored.ty), format!("`since = {next}`{new}")));
        }
        for (key, ty) in gone.iter().filter_map(|key| Some((key, &self.frozen.get(key)?.cell.ty))) {
            let removed = format!("`removed(key = \"{key}\", from = {ty}, since = {next})` on the struct");
            let ways = self.keeping(key, added, gone);
            let says = if ways.is_empty() {
                removed
            } else {
                format!("{}; to give its values up, {removed}", ways.join(", or "))
            };
            changes.push((format!("- `{key}: {ty}`"), says));
        }
        for (stored, was) in self.respelled() {
            let says = format!("`changed(since = {next}, from = {was}, up = .., down = ..)`");
            changes.push((format!("~ `{}: {was}` → `{}`", stored.name, stored.ty), says));
        }
        let message = if self.is_bumped() {
            // Two spellings may be the same type, and then nothing changed.
            let alike = if added.is_empty() && gone.is_empty() {
                format!("\nIf both types are stored alike, write `version = {released}`")
            } else {
                String::new()
            };
            format!(
                "version {next} does not say what changed since version {released}, the released one:{}{alike}",
                lines(&changes)
            )
        } else {
            self.bump(&changes)
        };
        self.lists_changes = true;
        self.at(Target::Version, message);
    }
}

/// A cell as the `from(..)` of a step names it, with its default unless that is the default of its type.
fn read_by_step(key: &str, old: &Cell) -> String {
    let default = match &old.default {
        Some(Default::Expr(expr)) => format!(" = {expr}"),
        Some(Default::OfType) | None => String::new(),
    };
    format!("{}: {}{default}", in_step(key), old.ty)
}

//! In: fields that came and fields that went, with no word about it. Out: what to write for each.
//!
//! Never knows which field became which: what may be a rename gets both answers, the one that keeps data first.

use super::super::cells::{Role, Stored};
use super::super::text::Action;
use super::{Found, Part, Place, UPDATE};

impl Found<'_> {
    /// One field went and one of the same type came: most likely it was renamed.
    pub(super) fn renamed(&mut self, added: &mut Vec<usize>, gone: &mut Vec<&str>) {
        let pairs: Vec<(usize, &str)> = added
            .iter()
            .filter_map(|at| {
                let new = self.now.cells.get(*at)?;
                let same = |key: &&&str| self.frozen.get(**key).is_some_and(|old| old.cell.ty == new.ty);
                let mut old = gone.iter().filter(same);
                let twins =
                    added.iter().filter_map(|at| self.now.cells.get(*at)).filter(|other| other.ty == new.ty);
                // Of two of a kind nobody knows which is which.
                let only = old.next().filter(|_| old.next().is_none() && twins.count() == 1)?;
                Some((*at, *only))
            })
            .collect();
        for (at, key) in pairs {
            let Some(new) = self.now.cells.get(at) else { continue };
            let (attribute, kept) = self.keeps(key);
            let message = format!(
                "field `{key}` disappeared and `{}` of the same type appeared: to keep its data add `#[session({attribute})]`{kept}",
                new.name
            );
            self.at(Place::Cell(at, Part::Name), message);
            added.retain(|other| *other != at);
            gone.retain(|other| *other != key);
        }
    }

    /// What came and what went, where the version says that something may.
    pub(super) fn each(&mut self, added: &[usize], gone: &[&str]) {
        let (released, next) = (self.lock.released, self.next());
        for at in added {
            let Some(name) = self.now.cells.get(*at).map(|stored| &stored.name) else { continue };
            let message =
                format!("version {released} was released without `{name}`; add it with `since = {next}`");
            self.at(Place::Cell(*at, Part::Since), message);
        }
        for key in gone {
            let Some(ty) = self.frozen.get(key).map(|old| &old.cell.ty) else { continue };
            let removed = format!("`#[session(removed(key = \"{key}\", ty = {ty}, since = {next}))]`");
            let (attribute, kept) = self.keeps(key);
            let message = match self.new_names(ty) {
                None => format!("`{key}` was in version {released}; keep its key free with {removed}"),
                Some(names) => format!(
                    "`{key}` was in version {released}: if it was renamed, `#[session({attribute})]` on {names}, without \
                     `since`{kept}, keeps its data; if it is gone, keep its key free with {removed}"
                ),
            };
            self.at(Place::State, message);
        }
    }

    /// The fields that no released version has, of this type: one of them may be a field of before under a new name.
    fn new_names(&self, ty: &str) -> Option<String> {
        let is_new = |stored: &&Stored| {
            stored.role == Role::Field
                && stored.action == Action::Added
                && stored.ty == ty
                && !self.frozen.contains_key(stored.key.as_str())
        };
        let names: Vec<String> =
            self.now.cells.iter().filter(is_new).map(|stored| format!("`{}`", stored.name)).collect();
        (!names.is_empty()).then(|| names.join(" or "))
    }

    /// What to do about a key that nothing was stored under: most likely it is the name of a field.
    pub(super) fn meant(&self, stored: &Stored, gone: &mut Vec<&str>) -> String {
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
                // It has its message with this.
                gone.retain(|other| *other != key);
                format!("; did you mean `{key}`? A field that is gone is named by its wire key")
            }
            _ => "; remove it here".to_owned(),
        }
    }

    /// A field whose type is spelled differently, and how it was: `None` where nothing says that it is another.
    fn respelled(&self) -> impl Iterator<Item = (&Stored, &str)> {
        let old = |stored: &Stored| self.frozen.get(stored.key.as_str()).map(|old| old.cell.ty.as_str());
        let fields = self.now.cells.iter().filter(|stored| stored.role == Role::Field);
        fields
            .filter_map(move |stored| Some((stored, old(stored)?)))
            .filter(|(stored, was)| stored.ty != *was)
    }

    pub(super) fn is_any_respelled(&self) -> bool {
        self.respelled().next().is_some()
    }

    /// All of it at once, where no attribute says that anything changes.
    pub(super) fn list(&mut self, added: &[usize], gone: &[&str]) {
        let (mut changes, mut fixes) = (Vec::new(), Vec::new());
        let (released, next) = (self.lock.released, self.next());
        for stored in added.iter().filter_map(|at| self.now.cells.get(*at)) {
            changes.push(format!("+ field `{}: {}`", stored.name, stored.ty));
            fixes.push(format!("`since = {next}` on `{}`", stored.name));
        }
        for (key, ty) in gone.iter().filter_map(|key| Some((key, &self.frozen.get(key)?.cell.ty))) {
            changes.push(format!("- field `{key}: {ty}`"));
            let removed = format!("`removed(key = \"{key}\", ty = {ty}, since = {next})`");
            let (attribute, kept) = self.keeps(key);
            fixes.push(match self.new_names(ty) {
                None => removed,
                Some(names) => {
                    format!(
                        "`{attribute}` on {names} if `{key}` was renamed, without `since`{kept}, otherwise {removed}"
                    )
                }
            });
        }
        for (stored, was) in self.respelled() {
            changes.push(format!("~ `{}: {was}` → `{}`", stored.name, stored.ty));
            fixes.push(format!(
                "`changed(since = {next}, from = {was}, up = .., down = ..)` on `{}`",
                stored.name
            ));
        }
        let (changes, fixes) = (changes.join("; "), fixes.join(", "));
        let message = if self.is_bumped() {
            // Two spellings may be one type, and then there is no change to name.
            let alike = if added.is_empty() && gone.is_empty() {
                format!(". If both types are stored alike, write `version = {released}`")
            } else {
                String::new()
            };
            format!(
                "version {next} does not say what changes. Changed since released version {released}: {changes}. Say {fixes}, then \
                 run `{UPDATE}`{alike}"
            )
        } else {
            self.bump(&changes, &fixes)
        };
        self.lists_changes = true;
        self.at(Place::Version, message);
    }
}

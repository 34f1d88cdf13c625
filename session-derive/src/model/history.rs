//! In: `changed(..)` and `step(..)` as written. Out: the cells that older versions stored, and the conversions between them.
//!
//! Never reports a mistake: a step that makes no sense is left out here, and `check` says why.

use syn::{ExprPath, Type};

use super::field::{Default, Field, cell_since, version_of};
use super::spelling::Spelling;
use crate::attr::found::{Given, Slot};
use crate::attr::history::Changed;
use crate::attr::{self, Written, WrittenField};

/// How the fields came to be stored as they are.
pub(crate) struct History<'a> {
    pub(crate) cells: Vec<Cell<'a>>,
    /// In the order of their versions.
    pub(crate) conversions: Vec<Conversion<'a>>,
    /// The cells that conversions connect, as indices into `cells`. Fields come last in each group.
    pub(crate) groups: Vec<Vec<usize>>,
}

/// A wire key, and the type of its values.
pub(crate) struct Cell<'a> {
    pub(crate) key: String,
    /// `None` if the source no longer says, as `oldest_record` allows.
    pub(crate) ty: Option<&'a Type>,
    /// The value that the field had until it was first set.
    pub(crate) default: Default<'a>,
    /// Whether `from(..)` of a step spells the default out.
    pub(crate) default_given: bool,
    /// The index of the field in the struct, unless this is an older form.
    pub(crate) field_at: Option<usize>,
}

/// One `changed` or one `step`: how older cells become newer ones.
pub(crate) struct Conversion<'a> {
    pub(crate) since: u16,
    /// Whether this is a `changed`.
    pub(crate) of_a_field: bool,
    /// Indices into `cells`.
    pub(crate) from: Vec<usize>,
    pub(crate) to: Vec<usize>,
    /// `None` if the source no longer says. Older conversions of the same field are then forgotten too.
    pub(crate) up: Option<&'a ExprPath>,
    pub(crate) down: Option<&'a ExprPath>,
    pub(crate) merge: Option<&'a ExprPath>,
}

impl Conversion<'_> {
    /// Keeps only the wire keys.
    fn forget(&mut self) {
        (self.up, self.down, self.merge) = (None, None, None);
    }
}

pub(super) fn decide<'a>(written: &'a Written<'a>, fields: &[Field<'a>]) -> History<'a> {
    let mut history = History { cells: Vec::new(), conversions: Vec::new(), groups: Vec::new() };
    for (at, field) in fields.iter().enumerate() {
        let changes = written.fields.get(at).into_iter().flat_map(WrittenField::conversions);
        history.field(at, field, changes);
    }
    let old = written.steps.iter().flat_map(|step| step.value.from.iter().flat_map(|from| &from.value));
    for from in old {
        if history.find(&from.key.text).is_none() {
            let spelling = from.ty.as_ref().map_or(Spelling::Other, Spelling::of);
            let default = Default::of(from.default.as_ref(), spelling);
            let default_given = from.default.is_some();
            let key = from.key.text.clone();
            history.cells.push(Cell { key, ty: from.ty.as_ref(), default, default_given, field_at: None });
        }
    }
    for step in &written.steps {
        history.step(&step.value);
    }
    history.conversions.sort_by_key(|step| step.since);
    history.group();
    history
}

impl<'a> History<'a> {
    /// The group of the field at index `at`, if it was ever stored in another form.
    pub(crate) fn group_of(&self, at: usize) -> Option<usize> {
        let is_in = |group: &&Vec<usize>| {
            group.iter().any(|cell| self.cell(*cell).is_some_and(|c| c.field_at == Some(at)))
        };
        self.groups.iter().position(|group| is_in(&group))
    }

    pub(crate) fn cell(&self, at: usize) -> Option<&Cell<'a>> {
        self.cells.get(at)
    }

    fn find(&self, key: &str) -> Option<usize> {
        self.cells.iter().position(|cell| cell.key == key)
    }

    /// Adds the forms of the field at index `at`, the oldest first.
    fn field(&mut self, at: usize, field: &Field<'a>, changes: impl Iterator<Item = &'a Given<Changed>>) {
        let mut key = field.key.text.clone();
        let first = self.conversions.len();
        for Given { value: change, .. } in changes {
            let Some(since) = version_of(&change.since) else { continue };
            let next = cell_since(&field.key.text, Some(since));
            let from = change.from.as_ref().map(|from| &from.value);
            let up = from.and(change.up.as_ref()).map(|up| &up.value);
            if up.is_none() {
                // An older form cannot reach the field through a conversion that is unknown.
                let before = self.conversions.get_mut(first..).unwrap_or_default();
                before.iter_mut().for_each(Conversion::forget);
            }
            let default = from.map_or(Default::None, |from| Default::of(None, Spelling::of(from)));
            self.cells.push(Cell { key, ty: from, default, default_given: false, field_at: None });
            self.conversions.push(Conversion {
                since,
                of_a_field: true,
                from: vec![self.cells.len() - 1],
                // The next cell to be pushed: the following form, or the field itself.
                to: vec![self.cells.len()],
                up,
                down: change.down.as_ref().map(|down| &down.value),
                merge: change.merge.as_ref().map(|merge| &merge.value),
            });
            key = next;
        }
        let default = field.default;
        self.cells.push(Cell { key, ty: Some(field.ty), default, default_given: false, field_at: Some(at) });
    }

    fn step(&mut self, step: &'a attr::history::Step) {
        let Some(since) = version_of(&step.since) else { return };
        let find = |keys: Vec<&str>| keys.into_iter().map(|key| self.find(key)).collect::<Option<Vec<_>>>();
        let from = step.from.iter().flat_map(|from| &from.value).map(|from| from.key.text.as_str());
        let to = step.to.iter().flat_map(|to| &to.value).map(|to| to.text.as_str());
        let (Some(from), Some(to)) = (find(from.collect()), find(to.collect())) else { return };
        let path = |path: &'a Slot<ExprPath>| path.as_ref().map(|path| &path.value);
        let (up, down, merge) = (path(&step.up), path(&step.down), path(&step.merge));
        let is_known = |at: &usize| self.cell(*at).is_some_and(|cell| cell.ty.is_some());
        let is_complete = up.is_some() && from.iter().chain(&to).all(is_known);
        let mut conversion = Conversion { since, of_a_field: false, from, to, up, down, merge };
        if !is_complete {
            conversion.forget();
        }
        self.conversions.push(conversion);
    }

    /// Collects the cells that are connected by conversions, directly or through others.
    ///
    /// The fields of a group are stored together, because a conversion reads all of its cells at once. Each conversion joins every
    /// group that it touches, so the result does not depend on the order of conversions.
    fn group(&mut self) {
        for step in &self.conversions {
            let of_step: Vec<usize> = step.from.iter().chain(&step.to).copied().collect();
            let (mut group, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.groups)
                .into_iter()
                .partition(|group| group.iter().any(|at| of_step.contains(at)));
            group.push(of_step);
            let mut group = group.concat();
            group.sort_by_key(|at| (self.cells.get(*at).is_some_and(|cell| cell.field_at.is_some()), *at));
            group.dedup();
            self.groups = others;
            self.groups.push(group);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::errors::Errors;
    use crate::{attr, model};

    /// A change that comes before one without `from` cannot convert anything.
    #[test]
    fn a_change_that_is_forgotten_ends_those_before_it() {
        for (changes, known) in [
            ("changed(since = 2, from = u8, up = a), changed(since = 3, from = u16, up = b)", [true, true]),
            ("changed(since = 2), changed(since = 3, from = u16, up = b)", [false, true]),
            ("changed(since = 2, from = u8, up = a), changed(since = 3)", [false, false]),
        ] {
            let text =
                format!("#[session(version = 3)] struct Shop {{ #[session(default, {changes})] size: u32 }}");
            let item = syn::parse_str(&text).unwrap();
            let errors = Errors::new();
            let written = attr::read(&errors, &item);
            let history = model::decide(&written).history;
            let is_known: Vec<bool> = history.conversions.iter().map(|step| step.up.is_some()).collect();
            assert_eq!(is_known, known, "{changes}");
            let keys: Vec<&str> = history.cells.iter().map(|cell| cell.key.as_str()).collect();
            assert_eq!((keys, history.groups.len()), (vec!["size", "size@2", "size@3"], 1), "{changes}");
            errors.finish().unwrap();
        }
    }
}

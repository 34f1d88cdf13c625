//! In: the forms that a field went through by its changes of type. Out: fields that lost their changes, or have them under another
//! wire key.
//!
//! Never looks at shapes: the wire key of a form tells which change made it.

use super::super::cells::{Frozen, Role, Stored, base};
use super::super::data::Action;
use super::found::{Found, Part, Target};

impl<'a> Found<'a> {
    /// The cell that a released version made from this one by a `changed`.
    pub(super) fn became(&self, key: &str) -> Option<(&'a str, &Frozen<'a>)> {
        let is_made = |(_, later): &(&&'a str, &Frozen<'a>)| matches!(&later.cell.action, Action::Changed(from) if from == key);
        self.frozen.iter().find(is_made).map(|(key, later)| (*key, later))
    }

    /// Whether the field that this cell belonged to still exists in the released version.
    pub(super) fn lives_on(&self, key: &str) -> bool {
        let (mut key, mut left) = (key, self.frozen.len());
        while let Some((later, form)) = self.became(key).filter(|_| left > 0) {
            if form.until.is_none() {
                return true;
            }
            (key, left) = (later, left - 1);
        }
        false
    }

    /// The message for a field that has the wire key of an older form but not the change that followed it.
    ///
    /// The lock may begin after the older form, so the wire key itself may be unknown to it; only the change that came out of it
    /// is. If the field still exists, its `changed` was taken away; otherwise a new field reuses a wire key that is not free.
    pub(super) fn lost_change(&self, stored: &Stored) -> Option<String> {
        if !matches!(stored.role, Role::Field | Role::Before) || self.frozen.contains_key(stored.key.as_str())
        {
            return None;
        }
        let (_, later) = self.became(&stored.key)?;
        let (name, key, since) = (&stored.name, &stored.key, later.since);
        if stored.until == Some(since) {
            return None;
        }
        Some(if self.lives_on(key) {
            format!(
                "version {since} is released and cannot change: there `{name}` became `{}`; keep its `changed(since = {since})`",
                later.cell.ty
            )
        } else {
            format!(
                "wire key \"{key}\" was given up in version {since}; sessions may still hold its old values, so pick a new key with \
                 `#[session(key = \"..\")]`"
            )
        })
    }

    /// Whether this cell was read by a step that the attributes no longer mention. A field written by that step has the message.
    pub(super) fn lost_step(&self, key: &str) -> bool {
        self.now.cells.iter().filter(|stored| stored.action == Action::Added).any(|stored| {
            self.frozen.get(stored.key.as_str()).is_some_and(|made| {
                matches!(&made.cell.action, Action::Step(from, _) if from.iter().any(|from| from == key))
                    && !self.now.may_forget(stored, made)
            })
        })
    }

    /// Reports fields with the same changes, or the same place in a step, as a vanished field: most likely they were renamed. Returns
    /// the old and the new wire key of each, without versions.
    ///
    /// A field is taken for a vanished one only if exactly one fits: it still existed in the released version, has the same type, and
    /// its wire key ends in the same version.
    pub(super) fn renamed_with_changes(&mut self) -> Vec<(&'a str, &'a str)> {
        let now = self.now;
        let listed = |key: &str| now.cells.iter().any(|stored| base(&stored.key) == key);
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for (at, stored) in now.cells.iter().enumerate() {
            let step = match &stored.action {
                Action::Added => continue,
                Action::Changed(_) => None,
                step @ Action::Step(..) => Some(step),
            };
            let new = base(&stored.key);
            let is_told = |old: &str| pairs.iter().any(|(was, is)| *was == old || *is == new);
            if self.frozen.keys().any(|key| base(key) == new) {
                continue;
            }
            let is_it = |(key, old): &(&&'a str, &Frozen<'a>)| {
                key.strip_prefix(base(key)) == stored.key.strip_prefix(new)
                    && step.map_or(matches!(old.cell.action, Action::Changed(_)), |step| {
                        old.cell.action == *step
                    })
                    && old.until.is_none()
                    && old.cell.ty == stored.ty
                    && !listed(base(key))
                    && !is_told(base(key))
            };
            let mut old = self.frozen.iter().filter(is_it).map(|(key, _)| base(key));
            // With two candidates it is unknown which one it was.
            let Some(key) = old.next().filter(|_| old.next().is_none()) else { continue };
            let (same, and) = match step {
                None => ("with the same change", String::new()),
                Some(_) => {
                    ("in its place in the step", format!(", and keep `{key}` in the `to` of the step"))
                }
            };
            let message = format!(
                "field `{key}` disappeared and `{}` {same} appeared: to keep its data add `#[session(key = \"{key}\")]`{and}",
                stored.name
            );
            self.at(Target::Cell(at, Part::Name), message);
            pairs.push((key, new));
        }
        pairs
    }

    /// The options that keep the data of a cell on a field with another name: `key = ".."`, and the changes to keep.
    pub(super) fn keeps(&self, key: &str) -> (String, String) {
        let first = base(key);
        let attribute = format!("key = \"{first}\"");
        let mut changes: Vec<u16> = self
            .frozen
            .iter()
            .filter(|(key, old)| base(key) == first && matches!(old.cell.action, Action::Changed(_)))
            .map(|(_, old)| old.since)
            .collect();
        changes.sort_unstable();
        let changes: Vec<String> = changes
            .into_iter()
            .map(|since| {
                let rest = if since <= self.now.oldest_record { "" } else { ", .." };
                format!("`changed(since = {since}{rest})`")
            })
            .collect();
        let kept =
            if changes.is_empty() { String::new() } else { format!(", and keep {}", changes.join(", ")) };
        (attribute, kept)
    }
}

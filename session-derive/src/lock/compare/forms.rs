//! In: the forms that a field had, by its changes of type. Out: a field that lost its changes, or has them under another key.
//!
//! Never looks at a type's shape: what a form is called tells which change made it.

use super::super::cells::{Frozen, Role, Stored, base};
use super::super::data::Action;
use super::found::{Found, Part, Target};

impl<'a> Found<'a> {
    /// What a released version made out of this cell by `changed`.
    pub(super) fn became(&self, key: &str) -> Option<(&'a str, &Frozen<'a>)> {
        let is_made = |(_, later): &(&&'a str, &Frozen<'a>)| matches!(&later.cell.action, Action::Changed(from) if from == key);
        self.frozen.iter().find(is_made).map(|(key, later)| (*key, later))
    }

    /// Whether the field whose cell this was is still there.
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

    /// A field without a change that was released, or one that comes under a key of before; the lock may begin after that key.
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
                "wire key \"{key}\" was left in version {since}; sessions may still hold its old values, so pick a new key with \
                 `#[session(key = \"..\")]`"
            )
        })
    }

    /// Whether a step read this cell, and a field that it made says nothing of it: that has a message of its own.
    pub(super) fn lost_step(&self, key: &str) -> bool {
        self.now.cells.iter().filter(|stored| stored.action == Action::Added).any(|stored| {
            self.frozen.get(stored.key.as_str()).is_some_and(|made| {
                matches!(&made.cell.action, Action::Step(from, _) if from.iter().any(|from| from == key))
                    && !self.now.may_forget(stored, made)
            })
        })
    }

    /// Fields that have the changes of one that disappeared, or its place in a step: most likely they were renamed. The keys of
    /// before, and of now.
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
            // Of two of a kind nobody knows which it was.
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

    /// What keeps the data of a cell, on a field of another name: `key = ".."`, and the changes that it had.
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

//! In: the cells of the attributes and those of released versions. Out: a finding for each cell that only one side has.
//!
//! Never judges a cell that is on both sides; `known` does.

use std::collections::BTreeSet;

use super::super::cells::{Frozen, Role, Stored, base};
use super::super::data::Action;
use super::found::{Found, Part, Target};
use super::known::live_step_makes;

impl Found<'_> {
    /// Compares every cell of the attributes with the released ones, and the other way round.
    ///
    /// The order matters, because each cell should get one message, the most helpful one:
    ///
    /// 1. A field that has the changes of a vanished one was renamed. Neither takes part in what follows.
    /// 2. A field that lost a released `changed` is reported as such; without the change its wire key would look unknown.
    /// 3. Other cells of the attributes are `known`, new in the draft, `added` without a version, or `unknown`.
    /// 4. Released cells that the attributes no longer name are `gone`, unless the lock allows it: the cell is the newer form of a
    ///    named one, it ended and no record holds it, or the step that read it has its own message.
    /// 5. An `unknown` cell may be a vanished one under its field's name, and takes that out of `gone`.
    /// 6. What remains in `added` and `gone` may be pairs with the same type: renamed fields.
    /// 7. If the version was raised, new fields begin in it, unless one vanished: then each is reported. If it was not raised, one
    ///    message lists every change.
    pub(super) fn cells(&mut self) {
        let now = self.now;
        let (mut added, mut gone, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        let listed: BTreeSet<&str> = now.cells.iter().map(|stored| stored.key.as_str()).collect();
        let renamed = self.renamed_with_changes();
        for (at, stored) in now.cells.iter().enumerate() {
            if renamed.iter().any(|(_, new)| base(&stored.key) == *new) {
                continue;
            }
            if let Some(message) = self.lost_change(stored) {
                self.at(Target::Cell(at, Part::Name), message);
                continue;
            }
            match self.frozen.get(stored.key.as_str()) {
                None if stored.since.unwrap_or(1) > self.lock.released => {}
                None if self.lock.released == 0 => {}
                None if stored.role == Role::Field && stored.action == Action::Added => added.push(at),
                // The older form is named and is judged instead.
                None if matches!(&stored.action, Action::Changed(from) if listed.contains(from.as_str())) => {
                }
                None => unknown.push((at, stored)),
                Some(_) => self.known(at, stored),
            }
        }
        let origins = now.cells.iter().filter_map(|stored| match &stored.action {
            Action::Changed(from) => Some(from.as_str()),
            Action::Added | Action::Step(..) => None,
        });
        let told: BTreeSet<&str> = listed.iter().copied().chain(origins).collect();
        let is_renamed = |key: &str| renamed.iter().any(|(old, _)| base(key) == *old);
        let missing: Vec<&str> =
            self.frozen.keys().copied().filter(|key| !told.contains(key) && !is_renamed(key)).collect();
        // A `removed` or a `step` that ends an older form says nothing about the newer one.
        let ended = |key: &str| {
            let is_it = |stored: &&Stored| stored.key == key;
            now.cells
                .iter()
                .find(is_it)
                .is_some_and(|stored| matches!(stored.role, Role::Removed | Role::Split))
        };

        for key in missing {
            let Some(old @ Frozen { until, cell, .. }) = self.frozen.get(key) else { continue };
            let is_form_of_a_field =
                matches!(&cell.action, Action::Changed(from) if told.contains(from.as_str()) && !ended(from));
            match until {
                None if is_form_of_a_field => {}
                None if self.is_made_now(old) => {
                    let message = live_step_makes(key, old.since);
                    self.at(Target::State, message);
                }
                None => gone.push(key),
                Some(until) if now.oldest_record >= *until => {}
                Some(_) if self.lost_step(key) => {}
                Some(until) => {
                    let message = format!(
                        "version {until} is released and cannot change: what it says about `{key}` must stay, such as \
                         `#[session(removed(key = \"{key}\", from = {}, since = {until}))]`, as long as records of version {} \
                         may be stored",
                        cell.ty,
                        until - 1
                    );
                    self.at(Target::State, message);
                }
            }
        }
        for (at, stored) in unknown {
            self.unknown(at, stored, &mut gone);
        }
        self.renamed(&mut added, &mut gone);
        let listed = self.silent && self.is_bumped() && self.is_any_respelled();
        // A new field beside all others is new in this version, and need not say so.
        let is_unsaid = |at: &usize| now.cells.get(*at).is_some_and(|stored| stored.since.is_none());
        if self.is_bumped() && gone.is_empty() && !listed && !added.is_empty() && added.iter().all(is_unsaid)
        {
            self.verdict.adds_fields = true;
            return;
        }
        if self.is_bumped() && !self.silent {
            self.each(&added, &gone);
        } else if listed || !added.is_empty() || !gone.is_empty() {
            self.list(&added, &gone);
        }
    }

    /// Reports a cell of the attributes that the lock should have and does not.
    fn unknown(&mut self, at: usize, stored: &Stored, gone: &mut Vec<&str>) {
        let (released, name) = (self.lock.released, &stored.name);
        let (part, message) = match (&stored.role, stored.since) {
            (Role::Field | Role::Before, Some(since)) if stored.action != Action::Added => (
                Part::Since,
                format!(
                    "version {since} is released and cannot change: there `{name}` is not {}",
                    stored.action.describe()
                ),
            ),
            _ => {
                let meant = self.meant(stored, gone);
                (Part::Key, format!("`{name}` is in no version up to {released}, the released one{meant}"))
            }
        };
        self.at(Target::Cell(at, part), message);
    }
}

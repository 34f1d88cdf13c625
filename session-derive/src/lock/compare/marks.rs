//! In: fields that both the attributes and the lock have. Out: findings about `principal` and `reset_on_sign_in` where they changed.
//!
//! Never looks at `flash`, `lenient` and `secret`, which may change with any deploy: the first two say how this binary reads what is
//! stored, and a sealed value says so itself.

use super::super::cells::{Frozen, Role, Stored};
use super::super::data::{Action, Cell};
use super::found::{Found, Part, Target};

impl<'a> Found<'a> {
    /// Reports a principal that changed: a field is the principal from its first version to its last, or never.
    ///
    /// The stored text of the principal identifies the user whose sessions these are, so neither another field nor a converted value can
    /// take its place. If the mark moved from one field to another, only the field that lost it is reported.
    pub(super) fn principal(&mut self) {
        let now = self.now;
        let fields = || now.cells.iter().enumerate().filter(|(_, stored)| stored.role == Role::Field);
        let (mut taken_off, mut put_on) = (None, None);
        for (at, stored) in fields() {
            if let Some(old) = self.frozen.get(stored.key.as_str()) {
                match (old.cell.marks.principal, stored.marks.principal) {
                    (true, false) => taken_off = Some((at, self.taken_off(stored, old))),
                    (false, true) => put_on = Some((at, self.put_on(stored, old))),
                    _ => {}
                }
                continue;
            }
            // A new cell that is converted from the principal would end it, too.
            let principal = |key: &&String| {
                self.frozen
                    .get(key.as_str())
                    .is_some_and(|old| old.until.is_none() && old.cell.marks.principal)
            };
            if let Some(key) = stored.action.origins().iter().find(principal) {
                taken_off = Some((at, self.converted(stored, key)));
            }
        }
        // If the mark moved, the field that lost it has the message.
        if let Some((at, message)) = taken_off.or(put_on) {
            self.at(Target::Cell(at, Part::Name), message);
        }
    }

    fn taken_off(&self, stored: &Stored, old: &Frozen<'_>) -> String {
        let (Stored { name, key, .. }, ty, next) = (stored, &old.cell.ty, self.next());
        let heir = self.now.cells.iter().find(|other| other.marks.principal);
        let (what, otherwise) = match heir {
            Some(heir) => (
                format!("hand that over to `{}`", heir.name),
                "To have all users sign in again, give a new field `principal` and say",
            ),
            None => ("give that up while the field stays".to_owned(), "To give up signing in, say"),
        };
        format!(
            "`{name}` has been the principal since version {}; its stored text identifies the user, so it cannot {what}. Put \
             `principal` back on `{name}`, and add another field for another value. {otherwise} `removed(key = \"{key}\", from = {ty}, \
             since = {next})`",
            old.since
        )
    }

    fn converted(&self, stored: &Stored, key: &str) -> String {
        let ty = self.frozen.get(key).map(|old| old.cell.ty.as_str()).unwrap_or_default();
        let word = if matches!(stored.action, Action::Changed(_)) { "changed" } else { "step" };
        format!(
            "`{key}` is the principal; its stored text identifies the user, so no `{word}` can convert it. Keep `principal` on a field with \
             wire key \"{key}\" and without `{word}`, and add another field for another value. To have all users sign in again, \
             say `removed(key = \"{key}\", from = {ty}, since = {})`",
            self.next()
        )
    }

    fn put_on(&self, stored: &Stored, old: &Frozen<'_>) -> String {
        format!(
            "`{}` has been stored since version {} without being the principal; sessions that hold a value would become signed in by \
             themselves. Remove `principal` here, and add another field with `principal, since = {}`",
            stored.name,
            old.since,
            self.next()
        )
    }

    /// Reports a `reset_on_sign_in` that changed, compared with the field or, if that is new, with the cells it is converted from.
    pub(super) fn resets(&mut self) {
        let now = self.now;
        for stored in now.cells.iter().filter(|stored| stored.role == Role::Field) {
            let name = &stored.name;
            let message = match (self.did_reset(stored), stored.marks.reset_on_sign_in) {
                (Some(true), false) => format!(
                    "`{name}` was reset on sign-in; without `reset_on_sign_in`, its value outlives a sign-in, even that of another \
                     user{}",
                    self.or_release("put it back")
                ),
                (Some(false), true) => format!(
                    "`{name}` was kept on sign-in; with `reset_on_sign_in`, sessions lose its value when a user signs in{}",
                    self.or_release("remove it")
                ),
                _ => continue,
            };
            self.verdict.told.push(message);
        }
    }

    fn did_reset(&self, stored: &'a Stored) -> Option<bool> {
        let resets = |key: &String| self.newest(key).map(|cell| cell.marks.reset_on_sign_in);
        resets(&stored.key).or_else(|| stored.action.origins().iter().filter_map(resets).max())
    }

    /// The cell as the newest released version with it has it.
    pub(super) fn newest(&self, key: &str) -> Option<&'a Cell> {
        self.lock.versions.range(..=self.lock.released).rev().find_map(|(_, view)| view.get(key))
    }
}

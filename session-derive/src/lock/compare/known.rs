//! In: a cell that both the attributes and released versions have. Out: a finding if they disagree on how it began or ended.
//!
//! Never looks at types; `contents` does.

use super::super::cells::{Frozen, Role, Stored};
use super::super::data::Action;
use super::found::{Found, Part, Target, in_step};

impl<'a> Found<'a> {
    /// Whether a step writes this cell that a stored record may still need.
    pub(super) fn is_made_now(&self, old: &Frozen<'_>) -> bool {
        matches!(old.cell.action, Action::Step(..))
            && old.until.is_none()
            && old.since > self.now.oldest_record
    }

    /// The part of a step that must stay once no record needs its functions.
    fn keys_are_enough(&self, old: &Frozen<'_>) -> String {
        let Action::Step(from, _) = &old.cell.action else { return String::new() };
        let since = old.since;
        if since > self.now.oldest_record {
            return String::new();
        }
        let mut to: Vec<(usize, &str)> = self
            .frozen
            .iter()
            .filter_map(|(key, other)| match &other.cell.action {
                Action::Step(of, place) if of == from && other.since == since => Some((*place, *key)),
                _ => None,
            })
            .collect();
        to.sort_unstable();
        format!(
            ", of which the wire keys are enough: `step(since = {since}, from({}), to({}))`; a session that still needs it is then \
             an error, and not empty",
            from.iter().map(|key| in_step(key)).collect::<Vec<_>>().join(", "),
            to.into_iter().map(|(_, key)| in_step(key)).collect::<Vec<_>>().join(", ")
        )
    }

    /// Whether a field that was removed comes back under its wire key, which is safe with the type that it had: sessions that still hold
    /// its values show them again, and older binaries have carried them along. Not if its values live on elsewhere, and not for the
    /// principal, which decides who is signed in.
    pub(super) fn returns(&self, stored: &Stored, old: &Frozen<'_>) -> bool {
        let key = &stored.key;
        let is_plain = |action: &Action| *action == Action::Added;
        let was_read =
            |other: &Frozen<'_>| matches!(&other.cell.action, Action::Step(from, _) if from.contains(key));
        self.is_bumped()
            && stored.role == Role::Field
            && (stored.until.is_none() && old.until.is_some())
            && (is_plain(&stored.action) && is_plain(&old.cell.action))
            && !(stored.marks.principal || old.cell.marks.principal)
            && self.became(key).is_none()
            && !self.frozen.values().any(was_read)
    }

    /// Reports a cell if the attributes contradict the released versions.
    ///
    /// One message is enough. The end of the cell comes first: a cell that ended differently is not the one that was released, and
    /// what the attributes say about its beginning means little. Next is a form between two others if the attributes forgot how
    /// it began. The beginning itself comes last.
    pub(super) fn known(&mut self, at: usize, stored: &'a Stored) {
        let Some(old) = self.frozen.get(stored.key.as_str()) else { return };
        let problem = self
            .other_end(stored, old)
            .or_else(|| self.lost_middle(stored, old))
            .or_else(|| self.other_beginning(stored, old));
        if let Some((part, message)) = problem {
            self.at(Target::Cell(at, part), message);
        } else if self.returns(stored, old) {
            self.verdict.adds_fields = true;
        }
    }

    /// The message for a cell that ends in another version than it did, or does not end although it did.
    fn other_end(&self, stored: &Stored, old: &Frozen<'_>) -> Option<(Part, String)> {
        let (name, key, released, next) = (&stored.name, &stored.key, self.lock.released, self.next());
        let back = format!(", or bring the field back as it was with `version = {next}`");
        match (old.until, stored.until) {
            (Some(_), None) if self.returns(stored, old) => None,
            (Some(until), None) => {
                let became = self.became(key).filter(|_| self.lives_on(key) && stored.role == Role::Field);
                Some(match became {
                    Some((_, later)) => (
                        Part::Name,
                        format!(
                            "version {until} is released and cannot change: there `{name}` became `{}`; keep its `changed(since = \
                             {until}{})`",
                            later.cell.ty,
                            if until <= self.now.oldest_record { "" } else { ", .." }
                        ),
                    ),
                    None => (
                        Part::Key,
                        format!(
                            "wire key \"{key}\" was removed in version {until}; sessions may still hold its old values, so pick a \
                             new key with `#[session(key = \"..\")]`{}",
                            if self.is_bumped() { "" } else { &back }
                        ),
                    ),
                })
            }
            (Some(until), Some(says)) if until != says => Some((
                Part::Until,
                format!(
                    "version {until} is released and cannot change: `{key}` ends there, not in version {says}; say `since = {until}`"
                ),
            )),
            (None, Some(says)) if says <= released && stored.role == Role::Before => Some((
                Part::Until,
                format!(
                    "version {says} is released and cannot change: `changed(since = {says}, ..)` was added to `{name}`; say \
                     `since = {next}`"
                ),
            )),
            (None, Some(says)) if says <= released => Some((
                Part::Until,
                format!(
                    "version {says} is released and cannot change: `{key}` is still in version {released}; say `since = {next}`"
                ),
            )),
            _ => None,
        }
    }

    /// The message for a cell that a step reads and that was itself converted, if the attributes no longer say from what. Records from
    /// before it can only be converted through it.
    fn lost_middle(&self, stored: &Stored, old: &Frozen<'_>) -> Option<(Part, String)> {
        let Frozen { since, cell, .. } = old;
        let is_lost = stored.role == Role::Split
            && cell.action != Action::Added
            && stored.action == Action::Added
            && *since > self.now.oldest_record;
        let step = match &cell.action {
            _ if !is_lost => return None,
            Action::Changed(from) => format!(
                "say `step(since = {since}, from({}: ..), to({}), up = ..)`",
                in_step(from),
                in_step(&stored.key)
            ),
            Action::Added | Action::Step(..) => "keep that step".to_owned(),
        };
        let message = format!(
            "version {since} is released and cannot change: there `{}` was {}, and older sessions are still converted that way, so {step}",
            stored.name,
            cell.action.describe()
        );
        Some((Part::Key, message))
    }

    /// The message for a cell that begins in another version or in another way than it did.
    fn other_beginning(&self, stored: &Stored, old: &Frozen<'_>) -> Option<(Part, String)> {
        let Frozen { since, cell, .. } = old;
        let name = &stored.name;
        // Of a cell that is gone, the attributes may not say how it began. Of a field they do, except for the version, which the lock knows.
        let is_told = stored.since.is_some() || matches!(stored.role, Role::Field | Role::Before);
        match stored.since {
            Some(_) if self.returns(stored, old) => {
                let message = format!(
                    "`{name}` was stored up to version {}, and sessions may still hold those values; if the field comes back, leave out \
                     `since`; if it is a new one, give it another wire key with `#[session(key = \"..\")]`",
                    old.seen
                );
                Some((Part::Since, message))
            }
            Some(says) if says != *since => {
                let released = self.lock.released;
                let put_back = match since {
                    1 => "remove it".to_owned(),
                    _ => format!("it began in version {since}, so put `since = {since}` back"),
                };
                let message = format!(
                    "version {released} is released and cannot change: `since = {says}` was added to `{name}`; {put_back}"
                );
                Some((Part::Since, message))
            }
            _ if is_told && cell.action != stored.action => match moved(&cell.action, &stored.action) {
                Some((was, is)) => (*since > self.now.oldest_record).then(|| {
                    let message = format!(
                        "version {since} is released and cannot change: there `{name}` was in place {was} of the step's `to`, here \
                         it is in place {is}; put that back"
                    );
                    (Part::Name, message)
                }),
                None => Some((
                    Part::Name,
                    format!(
                        "version {since} is released and cannot change: there `{name}` was {}, here it is {}; put that back{}",
                        cell.action.describe(),
                        stored.action.describe(),
                        self.keys_are_enough(old),
                    ),
                )),
            },
            _ if stored.role == Role::Removed && self.is_made_now(old) => {
                Some((Part::Name, live_step_makes(&stored.key, *since)))
            }
            _ => None,
        }
    }
}

/// The message for a field that was removed while a step still writes it. A step writes all of its fields or none.
pub(crate) fn live_step_makes(key: &str, since: u16) -> String {
    format!(
        "`{key}` is written by the step of version {since}, which writes all of its fields or none; put the field back, and remove it once \
         no session older than version {since} is stored (`oldest_record = {since}`) and the step is down to its wire keys"
    )
}

/// The old and the new place of a cell in the `to` of its step, if the steps differ in nothing else.
fn moved(was: &Action, is: &Action) -> Option<(usize, usize)> {
    let (Action::Step(was_from, was), Action::Step(from, is)) = (was, is) else { return None };
    (was_from == from && was != is).then_some((*was, *is))
}

//! In: a cell that both the attributes and released versions have. Out: a finding if they disagree on how it began or ended.
//!
//! Never looks at types; `contents` does.

use super::super::cells::{Frozen, Role, Stored};
use super::super::data::Action;
use super::found::{Found, Part, Target};

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
            ", of which the keys are enough: `step(since = {since}, from({}), to({}))`; a session that still needs it is then an \
             error, and not empty",
            from.iter().map(|key| as_written(key)).collect::<Vec<_>>().join(", "),
            to.into_iter().map(|(_, key)| as_written(key)).collect::<Vec<_>>().join(", ")
        )
    }

    /// A cell that is in both.
    pub(super) fn known(&mut self, at: usize, stored: &'a Stored) {
        let Some(old) = self.frozen.get(stored.key.as_str()) else { return };
        let Frozen { since, until, cell, .. } = old;
        let (name, key) = (&stored.name, &stored.key);
        let target = |part| Target::Cell(at, part);
        let became = self.became(key).filter(|_| self.lives_on(key));
        let problem = match (*until, stored.until) {
            (Some(until), None) => Some(match became {
                Some((_, later)) if stored.role == Role::Field => (
                    target(Part::Name),
                    format!(
                        "version {until} is released and cannot change: there `{name}` became `{}`; keep its `changed(since = \
                         {until}{})`",
                        later.cell.ty,
                        if until <= self.now.oldest_record { "" } else { ", .." }
                    ),
                ),
                _ => (
                    target(Part::Key),
                    format!(
                        "wire key \"{key}\" was removed in version {until}; sessions may still hold its old values, so pick a \
                         new key with `#[session(key = \"..\")]`"
                    ),
                ),
            }),
            (Some(until), Some(says)) if until != says => Some((
                target(Part::Until),
                format!(
                    "version {until} is released and cannot change: `{key}` went in it, not in version {says}; say `since = {until}`"
                ),
            )),
            (None, Some(says)) if says <= self.lock.released && stored.role == Role::Before => Some((
                target(Part::Until),
                format!(
                    "version {says} is released and cannot change: `changed(since = {says}, ..)` was added to `{name}`; say \
                     `since = {}`",
                    self.next()
                ),
            )),
            (None, Some(says)) if says <= self.lock.released => Some((
                target(Part::Until),
                format!(
                    "version {says} is released and cannot change: `{key}` is still in version {}; say `since = {}`",
                    self.lock.released,
                    self.next()
                ),
            )),
            // A middle form: what made it is the only way for sessions of before.
            _ if stored.role == Role::Split
                && cell.action != Action::Added
                && stored.action == Action::Added
                && *since > self.now.oldest_record =>
            {
                let step = match &cell.action {
                    Action::Changed(from) => format!(
                        "say `step(since = {since}, from({}: ..), to({}), up = ..)`",
                        as_written(from),
                        as_written(key)
                    ),
                    _ => "keep that step".to_owned(),
                };
                Some((
                    target(Part::Key),
                    format!(
                        "version {since} is released and cannot change: there `{name}` was {}, and sessions of before still come that \
                         way, so {step}",
                        cell.action.describe()
                    ),
                ))
            }
            _ => match stored.since {
                Some(says) if says != *since => Some((
                    target(Part::Since),
                    if says == 1 {
                        format!(
                            "version {since} is released and cannot change: `since = {since}` was taken from `{name}`; put it \
                             back"
                        )
                    } else {
                        let released = self.lock.released;
                        let put_back = match since {
                            1 => "remove it".to_owned(),
                            _ => format!("it began in version {since}, so put `since = {since}` back"),
                        };
                        format!(
                            "version {released} is released and cannot change: `since = {says}` was added to `{name}`; {put_back}"
                        )
                    },
                )),
                Some(_) if let Some((was, is)) = moved(&cell.action, &stored.action) => (*since > self.now.oldest_record).then(|| (
                    target(Part::Name),
                    format!(
                        "version {since} is released and cannot change: there `{name}` was in place {was} of the step's `to`, here \
                         it is in place {is}; put that back"
                    ),
                )),
                Some(_) if cell.action != stored.action => Some((
                    target(Part::Name),
                    format!(
                        "version {since} is released and cannot change: there `{name}` was {}, here it is {}; put that back{}",
                        cell.action.describe(),
                        stored.action.describe(),
                        self.keys_are_enough(old),
                    ),
                )),
                _ if stored.role == Role::Removed && self.is_made_now(old) => {
                    Some((target(Part::Name), live_step_makes(key, *since)))
                }
                _ => None,
            },
        };
        if let Some((target, message)) = problem {
            self.at(target, message);
        }
    }
}

/// The message for a field that was removed while a step still writes it. A step writes all of its fields or none.
pub(crate) fn live_step_makes(key: &str, since: u16) -> String {
    format!(
        "`{key}` is made by the step of version {since}, and a step makes all of its fields or none: put the field back, and remove it \
         once no session older than version {since} is stored (`oldest_record = {since}`) and the step is down to its keys"
    )
}

/// A wire key as `from` and `to` take it.
fn as_written(key: &str) -> String {
    if syn::parse_str::<syn::Ident>(key).is_ok() { key.to_owned() } else { format!("{key:?}") }
}

/// The old and the new place of a cell in the `to` of its step, if the steps differ in nothing else.
fn moved(was: &Action, is: &Action) -> Option<(usize, usize)> {
    let (Action::Step(was_from, was), Action::Step(from, is)) = (was, is) else { return None };
    (was_from == from && was != is).then_some((*was, *is))
}

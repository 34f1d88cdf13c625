//! In: a cell of the attributes that released versions have too. Out: what the attributes say of it and those versions do not.
//!
//! Never looks at types: those are for `contents`.

use super::super::cells::{Frozen, Role, Stored};
use super::super::text::Action;
use super::{Found, Part, Place};

impl<'a> Found<'a> {
    /// A cell that is in both.
    pub(super) fn known(&mut self, at: usize, stored: &'a Stored) {
        let Some(old) = self.frozen.get(stored.key.as_str()) else { return };
        let Frozen { since, until, cell, .. } = old;
        let (name, key) = (&stored.name, &stored.key);
        let place = |part| Place::Cell(at, part);
        let became = self.became(key).filter(|_| self.lives_on(key));
        let problem = match (*until, stored.until) {
            (Some(until), None) => Some(match became {
                Some((_, later)) if stored.role == Role::Field => (
                    place(Part::Name),
                    format!(
                        "version {until} is released and cannot change: there `{name}` became `{}`; keep its `changed(since = \
                         {until}{})`",
                        later.cell.ty,
                        if until <= self.now.oldest_record { "" } else { ", .." }
                    ),
                ),
                _ => (
                    place(Part::Key),
                    format!(
                        "wire key \"{key}\" was removed in version {until}; sessions may still hold its old values, so pick a \
                         new key with `#[session(key = \"..\")]`"
                    ),
                ),
            }),
            (Some(until), Some(says)) if until != says => Some((
                place(Part::Until),
                format!(
                    "version {until} is released and cannot change: `{key}` went in it, not in version {says}; say `since = {until}`"
                ),
            )),
            (None, Some(says)) if says <= self.lock.released && stored.role == Role::Before => Some((
                place(Part::Until),
                format!(
                    "version {says} is released and cannot change: `changed(since = {says}, ..)` was added to `{name}`; say \
                     `since = {}`",
                    self.next()
                ),
            )),
            (None, Some(says)) if says <= self.lock.released => Some((
                place(Part::Until),
                format!(
                    "version {says} is released and cannot change: `{key}` is still in version {}; say `since = {}`",
                    self.lock.released,
                    self.next()
                ),
            )),
            _ => match stored.since {
                Some(says) if says != *since => Some((
                    place(Part::Since),
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
                Some(_) if let Some((was, is)) = moved(&cell.action, &stored.action) => Some((
                    place(Part::Name),
                    format!(
                        "version {since} is released and cannot change: there `{name}` was in place {was} of the step's `to`, here \
                         it is in place {is}; put that back"
                    ),
                )),
                Some(_) if cell.action != stored.action && !self.now.may_forget(stored, old) => Some((
                    place(Part::Name),
                    format!(
                        "version {since} is released and cannot change: there `{name}` was {}, here it is {}; put that back",
                        cell.action.describe(),
                        stored.action.describe()
                    ),
                )),
                _ => None,
            },
        };
        if let Some((place, message)) = problem {
            self.at(place, message);
        }
    }
}

/// The places in `to` of a cell, then and now, if the steps differ in nothing else.
fn moved(was: &Action, is: &Action) -> Option<(usize, usize)> {
    let (Action::Step(was_from, was), Action::Step(from, is)) = (was, is) else { return None };
    (was_from == from && was != is).then_some((*was, *is))
}

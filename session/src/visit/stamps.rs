//! When what handles see may have changed.
//!
//! In: what each operation affects. Out: a stamp of each section, which is another one after a change. Never: what the change was.

use std::cell::{Cell, RefCell};

use crate::{commit::operation::Affects, schema::describe::Schema};

/// When what handles see may have changed, in a count of such changes.
#[derive(Default)]
pub(super) struct Stamps {
    now: Cell<u64>,
    /// The last change of everything.
    everything: Cell<u64>,
    /// The last change of each section that was changed.
    sections: RefCell<Vec<(&'static Schema, u64)>>,
}

impl Stamps {
    /// When this section may have changed last.
    pub(super) fn of(&self, schema: &'static Schema) -> u64 {
        let sections = self.sections.borrow();
        let section = sections.iter().find(|(known, _)| std::ptr::eq(*known, schema));
        section.map_or(0, |(_, stamp)| *stamp).max(self.everything.get())
    }

    pub(super) fn change(&self, affects: Affects) {
        let now = self.now.get() + 1;
        self.now.set(now);
        match affects {
            Affects::Nothing => {}
            Affects::Everything => self.everything.set(now),
            Affects::Section(schema) => {
                let mut sections = self.sections.borrow_mut();
                match sections.iter_mut().find(|(known, _)| std::ptr::eq(*known, schema)) {
                    Some((_, stamp)) => *stamp = now,
                    None => sections.push((schema, now)),
                }
            }
        }
    }
}

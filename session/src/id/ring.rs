//! One thing for each key of an application.
//!
//! In: the keys, and what to make of each. Out: a [`Ring`] that has at least one. Never: what the things are.

/// One for the active key, and one for each that is accepted.
#[derive(Clone)]
pub(super) struct Ring<T> {
    pub(super) active: T,
    pub(super) accepted: Vec<T>,
}

impl<T> Ring<T> {
    /// That of the active key first.
    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.active).chain(&self.accepted)
    }

    pub(super) fn map<U>(&self, make: impl Fn(&T) -> U) -> Ring<U> {
        Ring { active: make(&self.active), accepted: self.accepted.iter().map(make).collect() }
    }
}

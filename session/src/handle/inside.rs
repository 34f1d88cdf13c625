//! What a generated handle holds.
//!
//! In: a tracked value. Out: the same, for generated code alone. Never: a method, so that `shop.0.set(..)` is none.

use std::fmt;

use super::state::{SessionState, Tracked};

/// A tracked value without methods.
pub struct Inside<T>(Tracked<T>);

impl<T: SessionState> Inside<T> {
    /// Hides the methods of `tracked`.
    #[must_use]
    pub fn hide(tracked: Tracked<T>) -> Self {
        Self(tracked)
    }

    /// The tracked value.
    #[must_use]
    pub fn show(inside: &Self) -> &Tracked<T> {
        &inside.0
    }

    /// The tracked value, to change it.
    pub fn show_mut(inside: &mut Self) -> &mut Tracked<T> {
        &mut inside.0
    }
}

impl<T: SessionState> fmt::Debug for Inside<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

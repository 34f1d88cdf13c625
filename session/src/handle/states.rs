//! The states that a handle has shown, kept as long as references to them may be alive.
//!
//! In: a newer state, when the handle has only been read since. Out: the newest. Never: drops a state while the handle is borrowed.

use std::cell::{Cell, OnceCell};

/// How many states one handle keeps, so that a stream which only reads does not grow without bound. A handle that is changed, or
/// reloaded, once in a while never comes near it.
const AT_MOST: usize = 100;

/// One state or several. Those that were added stay where they are until the next exclusive borrow.
pub(super) struct States<S> {
    first: S,
    /// Room for all of those after the first, made when there is a second.
    newer: OnceCell<Box<[OnceCell<Box<S>>]>>,
    /// How many of them there are.
    added: Cell<usize>,
}

impl<S> States<S> {
    pub(super) const fn new(first: S) -> Self {
        Self { first, newer: OnceCell::new(), added: Cell::new(0) }
    }

    pub(super) fn newest(&self) -> &S {
        let newest = self.added.get().checked_sub(1).and_then(|at| self.newer.get()?.get(at)?.get());
        newest.map_or(&self.first, |state| state)
    }

    /// Whether no state can be added before the next exclusive borrow.
    pub(super) fn is_full(&self) -> bool {
        self.added.get() >= AT_MOST - 1
    }

    /// Adds a state, unless there are as many as there may be.
    pub(super) fn add(&self, state: S) {
        let newer =
            self.newer.get_or_init(|| std::iter::repeat_with(OnceCell::new).take(AT_MOST - 1).collect());
        let at = self.added.get();
        if newer.get(at).is_some_and(|free| free.set(Box::new(state)).is_ok()) {
            self.added.set(at + 1);
        }
    }

    /// The newest state. Nobody holds a reference, so older ones are dropped.
    pub(super) fn only(&mut self) -> &mut S {
        let added = self.newer.take().into_iter().flatten().filter_map(OnceCell::into_inner);
        if let Some(newest) = added.last() {
            self.first = *newest;
        }
        self.added.set(0);
        &mut self.first
    }
}

//! What the author of a store implements.
//!
//! In: nothing. Out: [`Harness`] and [`Damage`]. Never has a default that lets a rule pass without checking anything.

use std::{
    future::{Future, ready},
    time::Duration,
};

use crate::{id::public::Selector, store::contract::SessionStore};

/// Makes stores for the suite, and does to them what only their author can do.
///
/// Four methods are required. Each of the others lets the suite check more; [`check_all`](super::check_all) returns the names of the rules
/// that it could not check.
pub trait Harness: Sync {
    /// The store under test.
    type Store: SessionStore;

    /// Runs `future` to its end on this thread. The suite calls this from many threads at once, none of which is inside a runtime.
    ///
    /// The runtime must have timers, which `SessionStore::health` uses unless a store has its own.
    ///
    /// If the connections of the store belong to a runtime, use the same runtime for every call, such as
    /// `tokio::runtime::Runtime::block_on` of a multi-threaded runtime.
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T;

    /// An empty store that no other test writes to.
    fn store(&self) -> impl Future<Output = Self::Store>;

    /// Lets time pass: moves the clock of a store that has an injected one, and waits otherwise.
    fn pass(&self, store: &Self::Store, by: Duration) -> impl Future<Output = ()>;

    /// Whether only [`pass`](Self::pass) moves the time; `false` for the clock of a server. With a clock that stands still, the suite checks
    /// expiry to the millisecond and lets long lives pass; with a running clock, it watches short lives end.
    fn stands_still(&self) -> bool {
        true
    }

    /// Moves the store's clock back; returns whether it can.
    fn step_back(&self, store: &Self::Store, by: Duration) -> impl Future<Output = bool> {
        let _ = (store, by);
        ready(false)
    }

    /// Another handle to the records of `store`, as a second process would have. Overlapping writers then use both.
    fn sibling(&self, store: &Self::Store) -> impl Future<Output = Option<Self::Store>> {
        let _ = store;
        ready(None)
    }

    /// Damages a stored record without using the store; returns whether it can.
    fn damage(&self, store: &Self::Store, selector: &Selector, damage: Damage) -> impl Future<Output = bool> {
        let _ = (store, selector, damage);
        ready(false)
    }

    /// Adds to a stored record, without using the store, what a later release might add: a key of
    /// [`Meta::to_text`](crate::record::Meta::to_text), a column of the store's own. Returns what [`raw`](Self::raw) now holds and did not
    /// hold before, or `None` if nothing can be added. It is of use together with `raw` alone.
    fn add_later(&self, store: &Self::Store, selector: &Selector) -> impl Future<Output = Option<Vec<u8>>> {
        let _ = (store, selector);
        ready(None)
    }

    /// Everything that the engine holds for `selector`, in any form, to check what was written and what was not.
    fn raw(&self, store: &Self::Store, selector: &Selector) -> impl Future<Output = Option<Vec<u8>>> {
        let _ = (store, selector);
        ready(None)
    }

    /// Arranges that the next write is executed and its reply is lost; returns whether it can.
    fn cut_reply(&self, store: &Self::Store) -> impl Future<Output = bool> {
        let _ = store;
        ready(false)
    }
}

/// Ways to damage a stored record. A harness returns `false` for those that its engine does not allow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Damage {
    /// Meta is other text.
    Meta,
    /// Meta is cut off, as by a torn write.
    TruncatedMeta,
    /// Meta is not UTF-8.
    MetaNotText,
    /// Meta is missing, and the cells are not.
    NoMeta,
    /// One cell is other text.
    Cell,
    /// One cell is not UTF-8.
    CellNotText,
    /// The engine holds another type, such as a number or a list.
    WrongType,
    /// Meta says that a later release wrote the record.
    NewerLayout,
}

impl Damage {
    pub(super) const ALL: [Self; 8] = [
        Self::Meta,
        Self::TruncatedMeta,
        Self::MetaNotText,
        Self::NoMeta,
        Self::Cell,
        Self::CellNotText,
        Self::WrongType,
        Self::NewerLayout,
    ];

    /// The bytes to write in place of meta or of a cell, for damage of that kind.
    #[must_use]
    pub const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Meta => b"PK\x03\x04 not a session",
            Self::TruncatedMeta => b"{\"format\":1,\"verifier\":\"AAAAAAAAAAAAAAA",
            Self::MetaNotText | Self::CellNotText => b"\xff\xfe{\"format\":1}",
            Self::NoMeta | Self::WrongType => b"",
            Self::Cell => b"seven 7",
            Self::NewerLayout => b"{\"format\":60000,\"all\":[\"is\",\"new\"]}",
        }
    }
}

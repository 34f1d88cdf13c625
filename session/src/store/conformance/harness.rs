//! What the suite asks of a store's author.
//!
//! In: nothing. Out: [`Harness`], [`Damage`]. Never: a default that would make a rule pass without looking.

use std::{
    future::{Future, ready},
    time::Duration,
};

use crate::{id::public::Selector, store::contract::SessionStore};

/// Makes stores for the suite, and does to them what only their author knows how to do.
///
/// Four methods are needed. Each of the others lets the suite look at more; what it could not look at,
/// [`check_all`](super::check_all) returns by name.
pub trait Harness: Sync {
    /// The store under test.
    type Store: SessionStore;

    /// Runs `future` to its end on this thread. Called from many threads at once, none of which is inside a runtime.
    ///
    /// A store whose connections belong to a runtime needs the same one behind every call: `tokio::runtime::Runtime::block_on`
    /// of a multi-threaded runtime does.
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T;

    /// A store without records, that no other test writes to.
    fn store(&self) -> impl Future<Output = Self::Store>;

    /// Moves the store's clock forwards. For a store with an injected clock this moves the clock; for others it waits.
    fn pass(&self, store: &Self::Store, by: Duration) -> impl Future<Output = ()>;

    /// Whether time moves only by [`pass`](Self::pass); `false` for a server's own clock. With a clock that stands still, ends
    /// are checked to the millisecond and long lives can be passed; with a running one, the suite watches short lives end.
    fn stands_still(&self) -> bool {
        true
    }

    /// Moves the store's clock back; says whether it could.
    fn step_back(&self, store: &Self::Store, by: Duration) -> impl Future<Output = bool> {
        let _ = (store, by);
        ready(false)
    }

    /// Another handle to the records of `store`, as a second process would have; overlapping writers then use both.
    fn sibling(&self, store: &Self::Store) -> impl Future<Output = Option<Self::Store>> {
        let _ = store;
        ready(None)
    }

    /// Replaces a part of a stored record by garbage, behind the store's back; says whether it could.
    fn damage(&self, store: &Self::Store, selector: &Selector, damage: Damage) -> impl Future<Output = bool> {
        let _ = (store, selector, damage);
        ready(false)
    }

    /// Everything that the engine holds for `key`, in a form of your choice, to see that nothing was written.
    fn raw(&self, store: &Self::Store, selector: &Selector) -> impl Future<Output = Option<Vec<u8>>> {
        let _ = (store, selector);
        ready(None)
    }

    /// Arranges that the next write reaches the engine and is done there, and its reply is lost; says whether it could.
    fn cut_reply(&self, store: &Self::Store) -> impl Future<Output = bool> {
        let _ = store;
        ready(false)
    }
}

/// Ways to damage a stored record. A harness answers `false` for those that its engine cannot hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Damage {
    /// Meta is text of something else.
    Meta,
    /// Meta ends in the middle, as after a torn write.
    TruncatedMeta,
    /// Meta is not UTF-8.
    MetaNotText,
    /// Meta is missing; the cells are still there.
    NoMeta,
    /// One cell is text of something else.
    Cell,
    /// One cell is not UTF-8.
    CellNotText,
    /// The engine holds another kind of thing than text: a number, a list.
    WrongType,
    /// Meta says that a later release wrote it.
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

    /// Bytes that do it, where the damage is bytes in the place of meta or of a cell.
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

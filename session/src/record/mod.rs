//! What a store holds for one session, as plain data.

// Read in this order:
//
// * `time`: the store's clock, and how long a session lives by it.
// * `text`: text that is cheap to clone.
// * `nulls`: why a value has `null` in its text.
// * `json`: the text of one value.
// * `cell`: one stored field.
// * `meta`: all of a record but its cells.
// * `change`: what goes to the store.
// * `apply`: a record, and what a change makes of it; the store contract.
// * `stored`: a record of the cells that a store returned.
// * `packed`: a record in few bytes, for a cookie.
//
// Never: I/O, a clock of its own, a decision about what to save.

pub(crate) mod time;
mod text;
pub(crate) mod nulls;
pub(crate) mod json;
pub(crate) mod cell;
pub(crate) mod meta;
#[doc(hidden)] // shown as `actix_typed_session::change`
pub mod change;
pub(crate) mod apply;
#[cfg_attr(
    not(all(feature = "mysql", feature = "postgres", feature = "redis", feature = "sqlite")),
    allow(dead_code)
)] // each engine uses some of it
pub(crate) mod stored;
pub(crate) mod packed;
#[cfg(test)]
mod fuzzed;

pub use self::{
    apply::{Outcome, Record},
    cell::{Cell, WireKey},
    json::Json,
    meta::{FORMAT, Meta, NotAPrincipal, Principal, Unreadable},
    time::{Limits, Timestamp},
};

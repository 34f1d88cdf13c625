//! What a request did, and what comes of it.
//!
//! Read in this order:
//!
//! * `arrival`: what the request met, and what its operations stand on.
//! * `operation`: one call of a setter, a closure or a life-cycle method.
//! * `fold`: what a list of operations comes to.
//! * `step`: what a commit is asked, what it asks for, how it ends.
//! * `build`: the change or the new record for the store.
//! * `machine`: the decisions, one store answer after another.
//! * `table` and `model` test it: row by row, and against a serial specification.
//!
//! Pure: never I/O, actix, a clock of its own.

pub(crate) mod arrival;
pub(crate) mod operation;
pub(crate) mod fold;
pub(crate) mod step;
pub(crate) mod build;
pub(crate) mod machine;
#[cfg(test)]
mod table;
#[cfg(test)]
mod model;

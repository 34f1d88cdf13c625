//! What a request did, and what comes of it.
//!
//! Read in this order:
//!
//! * `arrival`: what the request met, when that is superseded, when a touch is due, what operations stand on.
//! * `operation`: one call of a setter, a closure or a life-cycle method.
//! * `fold`: what a list of operations comes to.
//! * `exchange`: what a commit is given, what it asks the shell to do, how it ends.
//! * `build`: makes the change, or the new record, for the store.
//! * `machine`: the commit; decides, one store answer after another.
//! * `failures`: what failed in one request, and whether its handler knows.
//! * `ledger`: everything that one request knows and did, before, between and after its commits.
//! * `table` and `model` test it, row by row and against a serial specification.
//!
//! Pure: never I/O, actix, a clock of its own.

pub(crate) mod arrival;
pub(crate) mod operation;
pub(crate) mod fold;
pub(crate) mod exchange;
pub(crate) mod build;
pub(crate) mod machine;
mod failures;
pub(crate) mod ledger;
#[cfg(test)]
mod table;
#[cfg(test)]
mod model;

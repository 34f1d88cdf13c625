//! The body of a generated `session_lock` test.
//!
//! Read in this order:
//!
//! * `shape`: the shape of a type, a number that is equal for types that are stored alike.
//! * `task`: the task that the derive hands to the test.
//! * `golden`: golden records, which released versions wrote and later ones must read.
//! * `trial`: runs every conversion once before a release.
//! * `files`: collects what the test writes and prints.
//! * `keep`: the test itself.
//!
//! Never: runs in an application.

pub(crate) mod shape;
pub(crate) mod task;
mod golden;
mod trial;
mod files;
pub(crate) mod keep;

//! The body of a generated `session_lock` test.
//!
//! Read in this order:
//!
//! * `task`: the task that the derive hands to the test.
//! * `alike`: compares values, some parts of which may have no order.
//! * `golden`: golden records, which released versions wrote and later ones must read.
//! * `trial`: runs every conversion once before a release.
//! * `files`: collects what the test writes and prints.
//! * `keep`: the test itself.
//!
//! Never: runs in an application.

pub(crate) mod task;
mod alike;
mod golden;
mod trial;
mod files;
pub(crate) mod keep;

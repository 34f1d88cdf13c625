//! The body of a generated `session_lock` test.
//!
//! Read in this order:
//!
//! * `task`: what the derive hands to the test, and what the environment asks of it.
//! * `text`: the text of a lock file.
//! * `alike`: compares values, some parts of which may have no order.
//! * `grown`: compares values of a type inside of which fields were added.
//! * `golden`: golden records, which released versions wrote and later ones must read.
//! * `trial`: runs every conversion once before a release.
//! * `files`: collects what the test writes and prints.
//! * `keep`: the test itself.
//!
//! Never: runs in an application.

pub(crate) mod task;
mod text;
mod alike;
mod grown;
mod golden;
mod trial;
mod files;
pub(crate) mod keep;

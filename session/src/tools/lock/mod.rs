//! What a generated `session_lock` test does.
//!
//! Read in this order:
//!
//! * `shape`: a number for how a type is stored.
//! * `task`: what the derive asks for.
//! * `golden`: records of released versions, and what they read as.
//! * `trial`: every conversion, run once before a release.
//! * `files`: what the test writes and says.
//! * `keep`: the test.
//!
//! Never: a part of an application that runs.

pub(crate) mod shape;
pub(crate) mod task;
pub(crate) mod golden;
mod trial;
mod files;
pub(crate) mod keep;

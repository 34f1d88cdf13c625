//! The types that handlers hold.
//!
//! Read in this order:
//!
//! * `session`: the session as a whole: renew, purge, save.
//! * `devices`: all sessions of the user who is signed in.
//! * `into_field`: the argument of a setter for an `Option`.
//! * `state`: a user's struct as an extractor, and the tracked value behind its getters and setters.
//!
//! Never: a decision about what to save, HTTP.

pub(crate) mod session;
pub(crate) mod devices;
pub(crate) mod into_field;
pub(crate) mod state;

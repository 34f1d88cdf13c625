//! The types that handlers hold.
//!
//! Read in this order:
//!
//! * `session`: the session as a whole: renew, purge, save.
//! * `devices`: all sessions of the user who is signed in.
//! * `into_field`: the argument of a setter for an `Option`.
//! * `states`: the states that a handle has shown, kept as long as references to them may be alive.
//! * `state`: a user's struct as a session state.
//! * `values`: a state from its stored texts, and the text of a field.
//! * `closure`: a closure that a handler passed, kept to run again.
//! * `tracked`: what generated getters and setters call.
//! * `inside`: the same value without methods, as generated handles hold it.
//! * `principal`: who is signed in, and the error that nobody is.
//!
//! Never: a decision about what to save, HTTP.

pub(crate) mod session;
pub(crate) mod devices;
pub(crate) mod into_field;
mod states;
pub(crate) mod state;
pub(crate) mod values;
mod closure;
mod tracked;
pub(crate) mod inside;
pub(crate) mod principal;

//! The sessions and the handlers that are measured, in process and over HTTP.

pub(crate) mod mixed;
pub(crate) mod states;
pub(crate) mod ours;
pub(crate) mod store;
pub(crate) mod theirs;

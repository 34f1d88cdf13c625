//! The handlers for actix-session, from session-bench.

#[path = "../../../src/requests/mixed.rs"]
pub(crate) mod mixed;
#[path = "../../../src/requests/theirs.rs"]
pub(crate) mod theirs;

//! Tools that run outside of requests.
//!
//! * `walk`: goes through all sessions of a store, a page at a time.
//! * `tally`: counts them, without knowing a schema.
//! * `census`: counts what a store holds of a schema, before a deploy.
//! * `lock`: the body of a generated `session_lock` test.
//!
//! Never: runs in a request of a visitor.

pub(crate) mod walk;
pub(crate) mod tally;
pub(crate) mod census;
pub(crate) mod lock;

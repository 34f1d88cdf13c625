//! Tools that run outside of requests.
//!
//! * `census`: counts what a store holds of a schema, before a deploy.
//! * `lock`: the body of a generated `session_lock` test.
//!
//! Never: runs in a request.

pub(crate) mod census;
pub(crate) mod lock;

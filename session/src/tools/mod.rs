//! What runs beside requests.
//!
//! * `census`: what a deploy will find in a store.
//! * `lock`: what a generated `session_lock` test does.
//!
//! Never: a part of a request.

pub(crate) mod census;
pub(crate) mod lock;

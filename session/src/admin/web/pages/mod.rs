//! What each page shows.
//!
//! In: what a store holds, and counts of events. Out: HTML. Never: a stored value; wire keys and sizes say enough for support, and values may be
//! private.

pub(super) mod answers;
pub(super) mod events;
pub(super) mod schemas;
pub(super) mod sessions;

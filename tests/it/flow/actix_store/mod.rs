//! Sessions in a store of actix-session: what holds as with every store, and what such a store cannot promise.
//!
//! `shelf` is such a store, which tests hold and break, and `kit` an application over it. `kept` has what holds, `failing` and `tampered`
//! what becomes of errors and of what somebody has changed in the store, `limits` what cannot be promised, and `real` the stores of
//! actix-session themselves.

mod failing;
mod kept;
mod kit;
mod limits;
mod real;
mod shelf;
mod tampered;

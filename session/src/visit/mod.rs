//! One request's session: the shell around `commit`.
//!
//! Read in this order:
//!
//! * `unconfirmed`: sessions whose end the store did not confirm.
//! * `turns`: commits of one session take turns.
//! * `touches`: requests that overlap touch their session once.
//! * `ongoing`: what workers have begun and a server that stops waits for.
//! * `shared`: what all requests of an application share.
//! * `lookup`: what the store has for a cookie.
//! * `run_to_end`: work that has begun goes on, whoever waits for it.
//! * `visit`: the request's session, as its handles use it.
//! * `load`, `save`: its way from the store and back.
//!
//! It carries; it decides nothing. Never: HTTP, a rule.

pub(crate) mod unconfirmed;
pub(crate) mod turns;
pub(crate) mod touches;
mod ongoing;
pub(crate) mod shared;
pub(crate) mod lookup;
pub(crate) mod run_to_end;
#[allow(clippy::module_inception)] // named by the type that the folder is about
pub(crate) mod visit;
mod load;
mod save;

//! One request's session: the shell around `commit`.
//!
//! Read in this order:
//!
//! * `unconfirmed`: sessions whose end the store did not confirm.
//! * `turns`: commits of one session take turns.
//! * `touches`: requests that overlap touch their session once.
//! * `ongoing`: what workers have begun and a server that stops waits for.
//! * `sealed_cookie`: what an application without a store chooses.
//! * `carried`: the records that a request's cookies carry.
//! * `pointer`, `pointed`: what they say where records are, in a store of another library; those records.
//! * `known`: the schemas in use.
//! * `secrets`: seals and opens secret fields.
//! * `shared`: what all requests of an application share.
//! * `common`: work for which several wait.
//! * `records`: those of the store, or those that the cookies carry or point to.
//! * `lookup`: what the store has for a cookie.
//! * `run_to_end`: work that has begun goes on, whoever waits for it.
//! * `stamps`: when what handles see may have changed.
//! * `visit`: the request's session, as its handles use it.
//! * `load`, `save`: its way from the store and back.
//!
//! It carries; it decides nothing. Never: HTTP, a rule.

pub(crate) mod unconfirmed;
pub(crate) mod turns;
pub(crate) mod touches;
mod ongoing;
pub(crate) mod sealed_cookie;
pub(crate) mod carried;
pub(crate) mod pointer;
mod pointed;
mod known;
mod secrets;
pub(crate) mod shared;
pub(crate) mod common;
pub(crate) mod records;
pub(crate) mod lookup;
pub(crate) mod run_to_end;
mod stamps;
#[allow(clippy::module_inception)] // named by the type that the folder is about
pub(crate) mod visit;
pub(crate) mod load;
mod save;

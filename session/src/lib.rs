//! Typed sessions for actix-web.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod app;
pub mod change;
mod commit;
mod config;
mod cookie;
mod error;
mod evolve;
mod extract;
mod finish;
pub mod id;
mod keys;
mod middleware;
mod patch;
pub mod record;
mod schema;
mod session;
mod state;
pub mod store;
mod visit;

pub use actix_typed_session_derive::SessionState;

pub use self::{
    config::{ConfigError, SessionMiddlewareBuilder},
    cookie::{CookieError, SameSite},
    error::{Error, ErrorKind},
    extract::{ExtractSession, SessionExt},
    keys::{Key, KeyError},
    middleware::{SessionMiddleware, SessionService},
    schema::{Field, IntoField, Schema, SessionState, TypedSession},
    session::Session,
};

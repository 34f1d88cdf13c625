//! Typed sessions for actix-web.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod change;
mod cookie;
pub mod id;
mod keys;
pub mod record;
pub mod store;

pub use self::{
    cookie::{CookieError, SameSite},
    keys::{Key, KeyError},
};

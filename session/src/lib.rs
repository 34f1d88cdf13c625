//! Typed sessions for actix-web.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod change;
pub mod id;
mod keys;
pub mod record;
pub mod store;

pub use self::keys::{Key, KeyError};

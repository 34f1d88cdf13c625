//! Lets the lock files of `actix-typed-session` see inside the types of a crate that does not depend on actix-web.
//!
//! A state may have fields of types from another crate, such as one for the domain. For the lock file of the state to notice when such a type
//! is stored differently, it derives [`SessionValue`] with the path of this crate:
//!
//! ```
//! use actix_typed_session_value::SessionValue;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, SessionValue)]
//! #[session(crate = actix_typed_session_value)]
//! pub struct Line {
//!     sku: u32,
//!     quantity: u32,
//! }
//! ```
//!
//! `actix-typed-session` has the same trait and the same derive; a crate that depends on it does not need this one.
//!
//! # Features
//!
//! `bytes`, `chrono`, `rust_decimal`, `time`, `url`, `uuid`: shapes for types of these crates.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod shape;
mod foreign;

#[doc(inline)]
pub use actix_typed_session_derive::SessionValue;

pub use self::shape::SessionShape;

#[doc(hidden)]
pub mod __private {
    //! What generated code names. No promise is made about it: use the derive.

    pub mod shape {
        //! What generated code asks of types.

        pub use crate::shape::{Opaque, Probe, assert_kept, by_words, known_or, of, text};
    }
}

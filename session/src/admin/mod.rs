//! What a support team does with sessions.
//!
//! A log line names a session by its public id, and a store finds the sessions of a user by their principal. Everything works on any
//! store, also on the [`AnyStore`](crate::store::AnyStore) of [`store::open`](crate::store::open):
//!
//! | To | call |
//! |---|---|
//! | get the principal of a user | `TypedSession::<Shop>::principal_of(7)`, or parse `shop.user=7` as a [`Principal`](crate::record::Principal) |
//! | list the sessions of a user | [`sessions_page`](crate::store::PrincipalIndex::sessions_page), whose entries have a [`public_id`](crate::store::Listed::public_id) and times that display themselves |
//! | find the session that a log line names | parse the text as a [`PublicId`](crate::id::PublicId), and [`load`](crate::store::SessionStore::load) it with `&id.into()` |
//! | read a record as a state | [`Loaded::state`](crate::store::Loaded::state) |
//! | end one session | [`delete`](crate::store::SessionStore::delete) |
//! | end all sessions of a user | [`delete_all`](crate::store::PrincipalIndex::delete_all) |
//! | go through all sessions | [`Walk`] |
//! | count sessions, users, and versions of schemas | [`Tally`]; [`census()`](crate::census()) for what a binary can read |
//! | ask whether the store answers | [`health`](crate::store::SessionStore::health) |
//! | remove expired records now | [`Sweep`](crate::store::Sweep) |
//!
//! ```
//! use actix_typed_session::{
//!     SessionState, TypedSession,
//!     id::PublicId,
//!     store::{AnyStore, PrincipalIndex, SessionStore},
//! };
//!
//! #[derive(SessionState)]
//! #[session(name = "shop", version = 1)]
//! struct Shop {
//!     #[session(principal)]
//!     user: Option<u64>,
//! }
//!
//! async fn support(store: &AnyStore, user: u64, line: &str) -> Result<(), Box<dyn std::error::Error>> {
//!     let principal = TypedSession::<Shop>::principal_of(user)?;
//!     for session in store.sessions_page(&principal, None, 50).await?.sessions {
//!         println!("{} was last seen {}", session.public_id(), session.meta.touched);
//!     }
//!     let id: PublicId = line.parse()?; // from a line of the log
//!     store.delete(&id.into(), None).await?;
//!     Ok(())
//! }
//! # let _ = support;
//! ```
//!
//! The same as web pages is `scope` (feature `admin`), and as a program for the command line the package `session-admin`.

#[cfg(feature = "admin")]
mod web;

pub use crate::tools::{
    tally::{SchemaTally, Tally},
    walk::{StoredSession, Walk},
};

#[cfg(feature = "admin")]
pub use self::web::{AdminScope, EventsPerMinute, scope};

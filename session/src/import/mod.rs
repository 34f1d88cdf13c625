//! Moves the sessions of actix-session here, so that nobody is signed out when an application changes to this crate.
//!
//! [`ActixSession`] says where the old sessions are and what they come to; give it to
//! [`SessionMiddlewareBuilder::import`](crate::SessionMiddlewareBuilder::import). [Coming from actix-session] shows a whole application.
//!
//! [Coming from actix-session]: https://github.com/actix-typed-session/actix-typed-session/blob/main/docs/from-actix-session.md

// Read in this order:
//
// * `text`: the two forms in which actix-session stores a session.
// * `old_session`: what an old session holds.
// * `old_store`: where old sessions are, if not in their cookies.
// * `old_cookie`: opens the cookie of actix-session.
// * `conversion`: what an old session comes to here.
// * `settings`: what an application says of its old sessions.
// * `moving`: moves one session, with a request of its own.
//
// Never: writes a session in a form of actix-session.

mod text;
mod old_session;
mod old_store;
mod old_cookie;
mod conversion;
pub(crate) mod settings;
pub(crate) mod moving;

pub use self::{
    conversion::ConversionError,
    old_session::{NotThatValue, OldSession},
    old_store::{OldRecord, OldStore},
    settings::{ActixSession, ImportError},
};

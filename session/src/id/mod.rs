//! The id of a session: a selector that finds the record, and a verifier that proves the right to open it.

// Read in this order:
//
// * `public`: the parts that identify a session but cannot open it.
// * `random`: the source of random bytes.
// * `key`: one secret key.
// * `ring`, `keys`: the keys of an application, and how they change.
// * `tags`: what tags cookies.
// * `session_id`: selector and verifier together, as the cookie carries them.
// * `moved`: the ids of sessions that were begun elsewhere.
// * `seal`: what seals a whole session into a cookie.
// * `csrf_token`: a token that proves to know the id, for the pages of the session.
//
// Never: uses actix or does I/O.

pub(crate) mod public;
pub(crate) mod random;
pub(crate) mod key;
mod ring;
pub(crate) mod keys;
pub(crate) mod tags;
pub(crate) mod session_id;
#[cfg(feature = "actix-session-import")]
pub(crate) mod moved;
pub(crate) mod seal;
pub(crate) mod csrf_token;

pub use self::{
    key::KeyId,
    public::{NotAPublicId, PublicId, Selector, VerifierHash},
};

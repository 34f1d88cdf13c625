//! The id of a session: a selector that finds the record, and a verifier that proves the right to it.
//!
//! Read in this order:
//!
//! * `public`: what names a session and opens nothing.
//! * `random`: where new ids come from.
//! * `keys`: the secrets that tag cookies.
//! * `session_id`: selector and verifier together, as the cookie carries them.
//!
//! Never: actix, I/O.

pub(crate) mod public;
pub(crate) mod random;
pub(crate) mod keys;
pub(crate) mod session_id;

pub use self::public::{NotAPublicId, PublicId, Selector, VerifierHash};

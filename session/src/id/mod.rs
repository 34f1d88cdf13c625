//! The id of a session: a selector that finds the record, and a verifier that proves the right to open it.
//!
//! Read in this order:
//!
//! * `public`: the parts that identify a session but cannot open it.
//! * `random`: the source of random bytes.
//! * `keys`: the secret keys that tag cookies.
//! * `session_id`: selector and verifier together, as the cookie carries them.
//! * `csrf_token`: a token that proves to know the id, for the pages of the session.
//!
//! Never: uses actix or does I/O.

pub(crate) mod public;
pub(crate) mod random;
pub(crate) mod keys;
pub(crate) mod session_id;
pub(crate) mod csrf_token;

pub use self::public::{NotAPublicId, PublicId, Selector, VerifierHash};

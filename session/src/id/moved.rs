//! The ids of sessions that were begun elsewhere.
//!
//! In: the keys, and a secret that opened the session there. Out: the id that opens it here. Never: randomness.

use std::fmt;

use super::{
    key::Key,
    keys::Keys,
    ring::Ring,
    session_id::{ID_BYTES, SessionId},
};

/// Makes the id of a session that moves here from the secret that opened it elsewhere.
///
/// The same session always gets the same id, so requests that move it at once come to one session, and a response that is lost locks nobody
/// out. Whoever knows the secret learns nothing of the id without a key of the application.
#[derive(Clone)]
pub(crate) struct MovedIds {
    keys: Ring<Key>,
    /// The name that the ids are for. No cookie has the `;` in its name that this ends with.
    name: String,
}

impl MovedIds {
    /// The ids that are carried in the cookie called `name`: two middlewares over one store have sessions of their own.
    pub(crate) fn new(name: &str, keys: &Keys) -> Self {
        Self { keys: keys.ring.clone(), name: format!("{name};") }
    }

    /// The id that the active key makes of `secret`, and those of instances whose active key is another one.
    pub(crate) fn of(&self, secret: &[u8]) -> Vec<SessionId> {
        let purpose = b"actix-typed-session 1 moved session ".as_slice();
        let id = |key: &Key| {
            SessionId::from_bytes(&key.derive::<ID_BYTES>(&[purpose, self.name.as_bytes(), secret]))
        };
        self.keys.all().map(id).collect()
    }
}

impl fmt::Debug for MovedIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MovedIds(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on fails

    use super::*;

    fn key(byte: u8) -> Key {
        Key::try_from([&[byte][..], b"0123456789abcdef0123456789abcdef"].concat().as_slice()).unwrap()
    }

    #[test]
    fn a_session_has_one_id_for_each_key_and_name() {
        let (old, new) =
            (MovedIds::new("sid", &key(1).into()), MovedIds::new("sid", &Keys::new(key(2), [key(1)])));
        assert_eq!(old.of(b"secret"), old.of(b"secret"));
        assert_eq!(old.of(b"secret").first(), new.of(b"secret").get(1));
        assert_ne!(old.of(b"secret"), old.of(b"secreT"));
        assert_ne!(old.of(b"secret").first(), new.of(b"secret").first());
        assert_ne!(old.of(b"secret"), MovedIds::new("si", &key(1).into()).of(b"dsecret"));
    }
}

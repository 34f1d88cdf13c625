//! The keys for one purpose each: the active key tags, and the key that a tag names verifies it.
//!
//! In: [`Keys`]. Out: tags over the parts of a cookie, the verifier after a sign-in. Never: compares tags in a time that depends on their
//! content, or tries more keys than a cookie names.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{
    key::{Key, KeyId},
    keys::Keys,
    ring::Ring,
};

#[cfg(test)]
mod tests;

pub(crate) const TAG_BYTES: usize = 16;

pub(crate) type Tag = [u8; TAG_BYTES];

/// The keys that tag for one purpose under one name. The active one tags, and every one verifies.
#[derive(Clone)]
pub(crate) struct KeyRing(Ring<Named>);

#[derive(Clone)]
struct Named {
    id: KeyId,
    mac: Hmac<Sha256>,
}

impl KeyRing {
    /// The keys for the cookie called `name`. They depend on the name, so a tag need not cover it.
    pub(crate) fn new(name: &str, keys: &Keys) -> Self {
        Self::tagging(b"actix-typed-session 1 cookie tag ", name, keys)
    }

    /// The keys for the tokens of pages whose session lives in the cookie called `name`.
    pub(crate) fn for_csrf(name: &str, keys: &Keys) -> Self {
        Self::tagging(b"actix-typed-session 1 csrf token ", name, keys)
    }

    fn tagging(purpose: &[u8], name: &str, keys: &Keys) -> Self {
        let named = |key: &Key| Named { id: key.id(), mac: derived(key, &[purpose, name.as_bytes()]) };
        Self(keys.ring.map(named))
    }

    /// The id of the key that tags.
    pub(crate) const fn id(&self) -> KeyId {
        self.0.active.id
    }

    /// The tag of `parts`, each of a fixed length: HMAC-SHA-256, truncated to 128 bits (RFC 2104 section 5).
    pub(crate) fn tag(&self, parts: &[&[u8]]) -> Tag {
        let full = fed(&self.0.active.mac, parts).finalize().into_bytes();
        let mut tag = Tag::default();
        tag.iter_mut().zip(full).for_each(|(to, from)| *to = from);
        tag
    }

    /// Whether the key called `id` made `tag`, in constant time. An id that no key has costs nothing.
    pub(crate) fn verify(&self, id: &str, parts: &[&[u8]], tag: &Tag) -> bool {
        // Two keys share an id by chance alone, and then both count.
        self.0.all().filter(|key| key.id.is(id)).any(|key| key.verifies(parts, tag))
    }

    /// Whether one of the keys made `tag`, in constant time for each key.
    pub(crate) fn verify_any(&self, parts: &[&[u8]], tag: &Tag) -> bool {
        self.0.all().any(|key| key.verifies(parts, tag))
    }
}

impl Named {
    fn verifies(&self, parts: &[&[u8]], tag: &Tag) -> bool {
        fed(&self.mac, parts).verify_truncated_left(tag).is_ok()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({} keys)", self.0.all().count())
    }
}

/// The MAC of `key`, fed with the parts.
fn fed(key: &Hmac<Sha256>, parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = key.clone();
    for part in parts {
        mac.update(part);
    }
    mac
}

/// Makes the verifier of a signed-in session from the verifier before it.
///
/// The same sign-in always makes the same verifier, so two requests of one browser that sign the same user in at once come to one
/// session and one cookie, in whichever order they commit and are answered. Whoever knows the verifier before the sign-in learns
/// nothing: the function is a MAC under a key of the application.
#[derive(Clone)]
pub(crate) struct Succession(Ring<Hmac<Sha256>>);

impl Succession {
    pub(crate) fn new(keys: &Keys) -> Self {
        let purpose = b"actix-typed-session 1 verifier after sign-in".as_slice();
        Self(keys.ring.map(|key| derived(key, &[purpose])))
    }

    /// The verifier after `user` signed in to the session that `parts`, each of a fixed length, identify.
    pub(super) fn verifier(&self, user: &str, parts: &[&[u8]]) -> [u8; 32] {
        verifier(&self.0.active, user, parts)
    }

    /// The same, and what an instance makes of it whose active key is another one, as while keys are changed.
    pub(super) fn verifiers(&self, user: &str, parts: &[&[u8]]) -> Vec<[u8; 32]> {
        self.0.all().map(|key| verifier(key, user, parts)).collect()
    }
}

fn verifier(key: &Hmac<Sha256>, user: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = fed(key, parts);
    mac.update(user.as_bytes());
    mac.finalize().into_bytes().into()
}

impl fmt::Debug for Succession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Succession(..)")
    }
}

/// The MAC for one purpose of `key`.
#[allow(clippy::expect_used)] // it cannot fail
fn derived(key: &Key, purpose: &[&[u8]]) -> Hmac<Sha256> {
    let derived = key.derive::<32>(purpose);
    Hmac::new_from_slice(&*derived).expect("HMAC takes keys of any length")
}

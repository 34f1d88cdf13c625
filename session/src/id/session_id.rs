//! The id of a session: a selector that finds the record, and a verifier that proves the right to open it.
//!
//! In: random bytes, or the value of a cookie. Out: a `SessionId` and its parts. Never: uses actix or does I/O.
//!
//! The value of the cookie is `1.key.selector.verifier.tag` in base64url; `key` is the id of the key that made the tag. The tag is checked
//! before the record is looked up, so a forged cookie costs no store call. The record holds only the SHA-256 of the verifier, so a copy of the store opens no session.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{
    key::ID_CHARS,
    public::{PublicId, SELECTOR_BYTES, Selector, VerifierHash, decode},
    random::{NoRandomness, Randomness},
    tags::{KeyRing, Succession, TAG_BYTES, Tag},
};

#[cfg(test)]
mod tests;

const VERIFIER_BYTES: usize = 32;

pub(crate) const ID_BYTES: usize = SELECTOR_BYTES + VERIFIER_BYTES;

const SELECTOR_CHARS: usize = 22;

const VERIFIER_CHARS: usize = 43;

const TAG_CHARS: usize = 22;

const VERSION: &str = "1";

/// The length of a cookie's value in characters. A value of another length is rejected without a closer look.
pub(crate) const COOKIE_CHARS: usize =
    VERSION.len() + ID_CHARS + SELECTOR_CHARS + VERIFIER_CHARS + TAG_CHARS + 4;

/// The id that a cookie carries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionId {
    pub(crate) selector: Selector,
    verifier: [u8; VERIFIER_BYTES],
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({}, ..)", PublicId(self.selector))
    }
}

impl SessionId {
    /// Makes a new id with a new selector and a new verifier.
    pub(crate) fn mint(random: Randomness) -> Result<Self, NoRandomness> {
        // One call for both, because each is a system call.
        let mut bytes = [0; ID_BYTES];
        random.fill(&mut bytes)?;
        Ok(Self::from_bytes(&bytes))
    }

    /// The selector and the verifier, as [`from_bytes`](Self::from_bytes) reads them. They open the session.
    pub(crate) fn to_bytes(self) -> [u8; ID_BYTES] {
        let mut bytes = [0; ID_BYTES];
        let (selector, verifier) = bytes.split_at_mut(SELECTOR_BYTES);
        selector.copy_from_slice(&self.selector.0);
        verifier.copy_from_slice(&self.verifier);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; ID_BYTES]) -> Self {
        let (mut selector, mut verifier) = ([0; SELECTOR_BYTES], [0; VERIFIER_BYTES]);
        let (first, rest) = bytes.split_at(SELECTOR_BYTES);
        selector.copy_from_slice(first);
        verifier.copy_from_slice(rest);
        Self { selector: Selector(selector), verifier }
    }

    /// Renews the id: the same selector with a new verifier.
    pub(crate) fn with_new_verifier(mut self, random: Randomness) -> Result<Self, NoRandomness> {
        random.fill(&mut self.verifier)?;
        Ok(self)
    }

    /// The same record under the verifier that a sign-in of `user` gives it.
    pub(crate) fn after_sign_in(self, user: &str, succession: &Succession) -> Self {
        let verifier = succession.verifier(user, &[&self.selector.0, &self.verifier]);
        Self { verifier, ..self }
    }

    /// The same, and the ids that an instance gives it whose active key is another one.
    pub(crate) fn successors(
        self,
        user: &str,
        succession: &Succession,
    ) -> impl Iterator<Item = Self> + use<> {
        let verifiers = succession.verifiers(user, &[&self.selector.0, &self.verifier]);
        verifiers.into_iter().map(move |verifier| Self { verifier, ..self })
    }

    /// What identifies it, each part of a fixed length. The verifier is a secret.
    pub(super) const fn parts(&self) -> [&[u8]; 2] {
        [&self.selector.0, &self.verifier]
    }

    pub(crate) fn verifier_hash(&self) -> VerifierHash {
        VerifierHash(Sha256::digest(self.verifier).into())
    }

    /// The value of the cookie whose name `keys` are for.
    pub(crate) fn to_cookie(self, keys: &KeyRing) -> String {
        let tag = keys.tag(&[VERSION.as_bytes(), &self.selector.0, &self.verifier]);
        let mut text = String::with_capacity(COOKIE_CHARS);
        text.push_str(VERSION);
        text.push('.');
        text.push_str(keys.id().as_str());
        for part in [&self.selector.0[..], &self.verifier, &tag] {
            text.push('.');
            URL_SAFE_NO_PAD.encode_string(part, &mut text);
        }
        text
    }

    /// Reads the id from the value of a cookie; `None` unless the one of `keys` that it names tagged it.
    pub(crate) fn from_cookie(value: &[u8], keys: &KeyRing) -> Option<Self> {
        if value.len() != COOKIE_CHARS {
            return None;
        }
        let mut parts = std::str::from_utf8(value).ok()?.split('.');
        let version = parts.next().filter(|version| *version == VERSION)?;
        let key = parts.next()?;
        let selector = Selector(decode(parts.next()?)?);
        let verifier: [u8; VERIFIER_BYTES] = decode(parts.next()?)?;
        let tag: Tag = decode(parts.next()?)?;
        let authentic = keys.verify(key, &[version.as_bytes(), &selector.0, &verifier], &tag);
        (authentic && parts.next().is_none()).then_some(Self { selector, verifier })
    }
}

const _: () = assert!(TAG_BYTES == 16 && VERIFIER_BYTES <= 48);

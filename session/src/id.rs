//! The id of a session: a selector that finds the record, and a verifier that proves the right to it.
//!
//! In: randomness, or the text of a cookie. Out: `SessionId` and its parts. Never: actix, I/O.
//!
//! The cookie is `1.selector.verifier.tag` in base64url. The tag is checked before anything is looked up, so a forged cookie
//! costs no store call; the record holds only the verifier's SHA-256, so a copy of the store opens nothing.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{TryRng, rngs::SysRng};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::keys::{KeyRing, TAG_BYTES, Tag};

#[cfg(test)]
mod tests;

const SELECTOR_BYTES: usize = 16;
const VERIFIER_BYTES: usize = 32;
const SELECTOR_CHARS: usize = 22;
const VERIFIER_CHARS: usize = 43;
const TAG_CHARS: usize = 22;
const VERSION: &str = "1";

/// Length of a cookie's value: anything else is not ours, and is not looked at further.
pub(crate) const COOKIE_CHARS: usize = VERSION.len() + SELECTOR_CHARS + VERIFIER_CHARS + TAG_CHARS + 3;

/// The selector: under which a store finds the record, for as long as the record lives.
///
/// It opens nothing by itself; `Debug` and logs show it as the session's public id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey([u8; SELECTOR_BYTES]);

impl RecordKey {
    /// A key of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SELECTOR_BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SELECTOR_BYTES] {
        &self.0
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordKey({})", PublicId(*self))
    }
}

/// What lists and logs call a session by: 22 characters of base64url. It opens nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicId(RecordKey);

impl PublicId {
    pub(crate) const fn of(key: RecordKey) -> Self {
        Self(key)
    }

    pub(crate) const fn key(self) -> RecordKey {
        self.0
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0.0))
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicId({self})")
    }
}

impl FromStr for PublicId {
    type Err = NotAPublicId;

    fn from_str(text: &str) -> Result<Self, NotAPublicId> {
        decode(text).map(|bytes| Self(RecordKey(bytes))).ok_or(NotAPublicId)
    }
}

/// The text is not 22 characters of base64url.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a session's public id")]
pub struct NotAPublicId;

/// SHA-256 of a verifier: what a record holds of it. Compared in constant time.
#[derive(Clone, Copy)]
pub struct VerifierHash([u8; 32]);

impl VerifierHash {
    /// A hash of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl VerifierHash {
    pub(crate) fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        decode(text).map(Self)
    }
}

impl PartialEq for VerifierHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for VerifierHash {}

impl fmt::Debug for VerifierHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifierHash(..)")
    }
}

impl Serialize for VerifierHash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for VerifierHash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        Self::from_text(&text).ok_or_else(|| de::Error::custom("not a verifier hash"))
    }
}

/// What the cookie carries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionId {
    pub(crate) key: RecordKey,
    verifier: [u8; VERIFIER_BYTES],
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({}, ..)", PublicId(self.key))
    }
}

impl SessionId {
    /// A new id: a new selector and a new verifier.
    pub(crate) fn mint(random: Randomness) -> Result<Self, NoRandomness> {
        let mut selector = [0; SELECTOR_BYTES];
        random.fill(&mut selector)?;
        Self { key: RecordKey(selector), verifier: [0; VERIFIER_BYTES] }.with_new_verifier(random)
    }

    /// The same record under a new verifier.
    pub(crate) fn with_new_verifier(mut self, random: Randomness) -> Result<Self, NoRandomness> {
        random.fill(&mut self.verifier)?;
        Ok(self)
    }

    pub(crate) fn verifier_hash(&self) -> VerifierHash {
        VerifierHash(Sha256::digest(self.verifier).into())
    }

    /// The value of the cookie called `name`.
    pub(crate) fn to_cookie(self, name: &str, keys: &KeyRing) -> String {
        let tag = keys.tag(name, &[VERSION.as_bytes(), &self.key.0, &self.verifier]);
        let mut text = String::with_capacity(COOKIE_CHARS);
        text.push_str(VERSION);
        for part in [&self.key.0[..], &self.verifier, &tag] {
            text.push('.');
            URL_SAFE_NO_PAD.encode_string(part, &mut text);
        }
        text
    }

    /// The id in the value of a cookie called `name`, if one of our keys made it.
    pub(crate) fn from_cookie(name: &str, value: &[u8], keys: &KeyRing) -> Option<Self> {
        if value.len() != COOKIE_CHARS {
            return None;
        }
        let mut parts = std::str::from_utf8(value).ok()?.split('.');
        let version = parts.next().filter(|version| *version == VERSION)?;
        let key = RecordKey(decode(parts.next()?)?);
        let verifier: [u8; VERIFIER_BYTES] = decode(parts.next()?)?;
        let tag: Tag = decode(parts.next()?)?;
        let authentic = keys.verify(name, &[version.as_bytes(), &key.0, &verifier], &tag);
        (authentic && parts.next().is_none()).then_some(Self { key, verifier })
    }
}

/// Exactly `N` bytes of canonical base64url.
fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    // decode_slice wants room for an estimate, which may be larger than N.
    let mut room = [0; 48];
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut room).ok()?;
    room.get(..length)?.try_into().ok()
}

const _: () = assert!(TAG_BYTES == 16 && VERIFIER_BYTES <= 48);

/// Where new ids come from: the operating system, or what a test chose.
#[derive(Clone, Copy)]
pub(crate) enum Randomness {
    System,
    #[cfg_attr(not(any(test, feature = "testing")), allow(dead_code))]
    Chosen(fn(&mut [u8])),
}

/// The operating system gave no randomness. No id is better than one that can be guessed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub(crate) struct NoRandomness;

impl Randomness {
    pub(crate) fn fill(self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        match self {
            Self::System => SysRng.try_fill_bytes(bytes).map_err(|_| NoRandomness),
            Self::Chosen(fill) => {
                fill(bytes);
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Randomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Chosen(_) => "Chosen",
        })
    }
}

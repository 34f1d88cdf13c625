//! The parts of an id that identify a session but cannot open it: its selector, its public id, the hash of its verifier.
//!
//! In: bytes, or the text of a public id. Out: [`Selector`], [`PublicId`], [`VerifierHash`]. Never: holds a verifier.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use subtle::ConstantTimeEq;

pub(super) const SELECTOR_BYTES: usize = 16;

/// The 16 random bytes by which a store finds a record. They stay the same for the life of the record.
///
/// A selector cannot open a session without its verifier. `Debug` and logs show it as the session's [`PublicId`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Selector(pub(super) [u8; SELECTOR_BYTES]);

impl Selector {
    /// Makes a selector from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SELECTOR_BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the selector.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SELECTOR_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Selector({})", PublicId(*self))
    }
}

/// The name of a session in lists and logs: its selector, as 22 characters of base64url. It cannot open the session.
///
/// ```
/// use actix_typed_session::id::PublicId;
///
/// let id: PublicId = "AAECAwQFBgcICQoLDA0ODw".parse()?; // as `Display` wrote it, for example into a form
/// assert_eq!(id.to_string(), "AAECAwQFBgcICQoLDA0ODw");
/// # Ok::<(), actix_typed_session::id::NotAPublicId>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicId(pub(super) Selector);

impl PublicId {
    pub(crate) const fn of(selector: Selector) -> Self {
        Self(selector)
    }

    pub(crate) const fn selector(self) -> Selector {
        self.0
    }
}

impl From<Selector> for PublicId {
    fn from(selector: Selector) -> Self {
        Self(selector)
    }
}

impl From<PublicId> for Selector {
    fn from(id: PublicId) -> Self {
        id.0
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
        decode(text).map(|bytes| Self(Selector(bytes))).ok_or(NotAPublicId)
    }
}

/// As its text, so that it can be part of a path or a form: `web::Path<PublicId>`.
impl Serialize for PublicId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// The error of parsing a [`PublicId`] from a text that is not 22 characters of base64url.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a session's public id; it has 22 characters of base64url")]
pub struct NotAPublicId;

/// The SHA-256 of a verifier, which is all that a record holds of it. `==` takes constant time.
#[derive(Clone, Copy)]
pub struct VerifierHash(pub(super) [u8; 32]);

impl VerifierHash {
    /// Makes a hash from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

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

/// Decodes canonical base64url; `None` unless it is exactly `N` bytes.
pub(super) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    // `decode_slice` needs a buffer for its estimate of the length, which may be larger than N.
    let mut room = [0; 48];
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut room).ok()?;
    room.get(..length)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_id_in_a_path_is_its_text() -> Result<(), serde_json::Error> {
        let id = PublicId(Selector([7; SELECTOR_BYTES]));
        let text = serde_json::to_string(&id)?;
        assert_eq!(text, format!("\"{id}\""));
        assert_eq!(serde_json::from_str::<PublicId>(&text)?, id);
        assert!(serde_json::from_str::<PublicId>("\"AAECAwQFBgcICQoLDA0OD\"").is_err());
        Ok(())
    }
}

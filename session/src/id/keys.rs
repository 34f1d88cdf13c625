//! The secret keys: one signs, all verify.
//!
//! In: [`Key`]s. Out: tags over what a cookie carries. Never: a key used for two purposes, a comparison that takes longer for
//! a better guess.

use std::{fmt, str::FromStr};

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::random::{NoRandomness, Randomness};

#[cfg(test)]
mod tests;

pub(crate) const TAG_BYTES: usize = 16;

pub(crate) type Tag = [u8; TAG_BYTES];

/// The fewest bytes of a key: as many as the hash that uses it has (RFC 2104 section 3).
const MIN_BYTES: usize = 32;

/// A secret from which the keys for each purpose are derived (HKDF-SHA-256, RFC 5869).
///
/// All instances of an application need the same one. Make it once and keep it outside of the source:
///
/// ```
/// use actix_typed_session::Key;
///
/// // openssl rand -base64 32
/// # let text = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=";
/// let key: Key = text.parse()?; // in an application: std::env::var("SESSION_KEY")?.parse()?
/// # let _ = key;
/// # Ok::<(), actix_typed_session::KeyError>(())
/// ```
#[derive(Clone)]
pub struct Key(Vec<u8>);

/// Why something cannot be a [`Key`].
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Too few bytes.
    #[error(
        "a session key needs at least {MIN_BYTES} random bytes, and this one has {0}; make one with `openssl rand -base64 32`"
    )]
    TooShort(usize),
    /// One byte, repeated.
    #[error(
        "a session key needs random bytes, and this one repeats a single byte; make one with `openssl rand -base64 32`"
    )]
    NotRandom,
    /// Not base64.
    #[error("a session key in text form is base64; make one with `openssl rand -base64 32`")]
    NotBase64,
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness for a session key")]
    NoRandomness,
}

/// The message: `main` prints this form of what it returns.
impl fmt::Debug for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Key {
    /// A new key. Sessions end when the process does, unless you keep it; for tests and for a first try.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`] if the operating system gives none.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = vec![0; MIN_BYTES];
        Randomness::System.fill(&mut bytes).map_err(|NoRandomness| KeyError::NoRandomness)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<&[u8]> for Key {
    type Error = KeyError;

    /// A key of these bytes, at least 32.
    fn try_from(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() < MIN_BYTES {
            return Err(KeyError::TooShort(bytes.len()));
        }
        if bytes.iter().all(|byte| Some(byte) == bytes.first()) {
            return Err(KeyError::NotRandom);
        }
        Ok(Self(bytes.to_vec()))
    }
}

impl FromStr for Key {
    type Err = KeyError;

    /// A key from base64, of either alphabet, with or without padding; `openssl` breaks long ones into lines.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let alphabet = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
        let bytes = GeneralPurpose::new(&alphabet, config)
            .decode(text.split_ascii_whitespace().collect::<String>())
            .map_err(|_| KeyError::NotBase64)?;
        Self::try_from(bytes.as_slice())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The keys that tag cookies: the first tags, every one verifies.
#[derive(Clone)]
pub(crate) struct KeyRing {
    first: Hmac<Sha256>,
    retired: Vec<Hmac<Sha256>>,
}

impl KeyRing {
    pub(crate) fn new(first: &Key, retired: &[Key]) -> Self {
        Self { first: tagging(first), retired: retired.iter().map(tagging).collect() }
    }

    /// HMAC-SHA-256, cut to 128 bits (RFC 2104 section 5).
    pub(crate) fn tag(&self, name: &str, parts: &[&[u8]]) -> Tag {
        let full = fed(&self.first, name, parts).finalize().into_bytes();
        let mut tag = Tag::default();
        tag.iter_mut().zip(full).for_each(|(to, from)| *to = from);
        tag
    }

    pub(crate) fn verify(&self, name: &str, parts: &[&[u8]], tag: &Tag) -> bool {
        std::iter::once(&self.first)
            .chain(&self.retired)
            .any(|key| fed(key, name, parts).verify_truncated_left(tag).is_ok())
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({} keys)", 1 + self.retired.len())
    }
}

fn fed(key: &Hmac<Sha256>, name: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = key.clone();
    // Every part but the name has a fixed length; the name's length keeps it apart from them.
    mac.update(&(name.len() as u64).to_be_bytes());
    mac.update(name.as_bytes());
    for part in parts {
        mac.update(part);
    }
    mac
}

#[allow(clippy::expect_used)] // both lengths are right by construction: 32 bytes of output, HMAC takes any length of key
fn tagging(key: &Key) -> Hmac<Sha256> {
    let mut derived = [0; 32];
    Hkdf::<Sha256>::new(None, &key.0)
        .expand(b"actix-typed-session 1 cookie tag", &mut derived)
        .expect("HKDF-SHA-256 gives up to 8160 bytes");
    Hmac::new_from_slice(&derived).expect("HMAC takes keys of any length")
}

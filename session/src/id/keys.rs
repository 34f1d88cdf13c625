//! Secret keys: the first key of the ring tags new cookies, and every key of the ring verifies.
//!
//! In: [`Key`]s. Out: tags over the parts of a cookie. Never: uses a key for two purposes, or compares tags in a time that depends on
//! their content.

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

/// The minimum length of a key in bytes: the length of the hash's output (RFC 2104 section 3).
const MIN_BYTES: usize = 32;

/// A secret from which the keys for each purpose are derived (HKDF-SHA-256, RFC 5869).
///
/// All instances of an application need the same key. Generate it once, and keep it out of the source:
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

/// The reason why a [`Key`] cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key has fewer than 32 bytes; holds the number it has.
    #[error(
        "a session key needs at least {MIN_BYTES} random bytes, and this one has {0}; make one with `openssl rand -base64 32`"
    )]
    TooShort(usize),
    /// The key is a single byte, repeated.
    #[error(
        "a session key needs random bytes, and this one repeats a single byte; make one with `openssl rand -base64 32`"
    )]
    NotRandom,
    /// The text is not base64.
    #[error("the text of a session key is not base64; make one with `openssl rand -base64 32`")]
    NotBase64,
    /// The operating system could not provide random bytes.
    #[error("the operating system could not provide random bytes for a session key")]
    NoRandomness,
}

/// Writes the message, because `main` prints the `Debug` form of the error that it returns.
impl fmt::Debug for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Key {
    /// Generates a new random key, for tests and first experiments.
    ///
    /// The key is lost when the process ends, and the cookies that it tagged are no longer valid then.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`] if the operating system cannot provide random bytes.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = vec![0; MIN_BYTES];
        Randomness::System.fill(&mut bytes).map_err(|NoRandomness| KeyError::NoRandomness)?;
        Ok(Self(bytes))
    }
}

#[cfg(feature = "testing")]
impl Key {
    /// A key that protects nothing, where no cookie is made.
    pub(crate) fn known_to_all() -> Self {
        Self(b"a key that everybody knows of us".to_vec())
    }
}

impl TryFrom<&[u8]> for Key {
    type Error = KeyError;

    /// Makes a key from at least 32 random bytes.
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

    /// Reads a key from base64, in either alphabet, with or without padding. White space is ignored, as `openssl` breaks long keys
    /// into lines.
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

/// The keys that tag for one purpose under one name. The first one tags, and every one verifies.
#[derive(Clone)]
pub(crate) struct KeyRing {
    first: Hmac<Sha256>,
    retired: Vec<Hmac<Sha256>>,
}

impl KeyRing {
    /// The keys for the cookie called `name`. They depend on the name, so a tag need not cover it.
    pub(crate) fn new(name: &str, first: &Key, retired: &[Key]) -> Self {
        Self::tagging(b"actix-typed-session 1 cookie tag ", name, first, retired)
    }

    /// The keys for the tokens of pages whose session lives in the cookie called `name`.
    pub(crate) fn for_csrf(name: &str, first: &Key, retired: &[Key]) -> Self {
        Self::tagging(b"actix-typed-session 1 csrf token ", name, first, retired)
    }

    fn tagging(purpose: &[u8], name: &str, first: &Key, retired: &[Key]) -> Self {
        let tagging = |key: &Key| derived(key, &[purpose, name.as_bytes()]);
        Self { first: tagging(first), retired: retired.iter().map(tagging).collect() }
    }

    /// The tag of `parts`, each of a fixed length: HMAC-SHA-256, truncated to 128 bits (RFC 2104 section 5).
    pub(crate) fn tag(&self, parts: &[&[u8]]) -> Tag {
        let full = fed(&self.first, parts).finalize().into_bytes();
        let mut tag = Tag::default();
        tag.iter_mut().zip(full).for_each(|(to, from)| *to = from);
        tag
    }

    /// Whether one of the keys made `tag`, in constant time for each key.
    pub(crate) fn verify(&self, parts: &[&[u8]], tag: &Tag) -> bool {
        std::iter::once(&self.first)
            .chain(&self.retired)
            .any(|key| fed(key, parts).verify_truncated_left(tag).is_ok())
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({} keys)", 1 + self.retired.len())
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
pub(crate) struct Succession(Hmac<Sha256>);

impl Succession {
    pub(crate) fn new(key: &Key) -> Self {
        Self(derived(key, &[b"actix-typed-session 1 verifier after sign-in"]))
    }

    /// The verifier after `user` signed in to the session that `parts`, each of a fixed length, identify.
    pub(super) fn verifier(&self, user: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = fed(&self.0, parts);
        mac.update(user.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Succession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Succession(..)")
    }
}

/// The key for one purpose, derived from `key`.
#[allow(clippy::expect_used)] // neither call can fail: HKDF is asked for 32 bytes, and HMAC takes keys of any length
fn derived(key: &Key, purpose: &[&[u8]]) -> Hmac<Sha256> {
    let mut derived = [0; 32];
    Hkdf::<Sha256>::new(None, &key.0)
        .expand_multi_info(purpose, &mut derived)
        .expect("HKDF-SHA-256 can expand to 32 bytes");
    Hmac::new_from_slice(&derived).expect("HMAC takes keys of any length")
}

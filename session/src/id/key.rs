//! One secret key: what is accepted as one, its id, and the keys that are derived from it.
//!
//! In: random bytes, or their text. Out: a [`Key`]. Never: shows a key, or uses one for two purposes.

use std::{fmt, path::PathBuf, str::FromStr};

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD},
};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{
    public::decode,
    random::{NoRandomness, Randomness},
};

#[cfg(test)]
mod tests;

/// The minimum length of a key in bytes: the length of the hash's output (RFC 2104 section 3).
const MIN_BYTES: usize = 32;

/// The maximum length of a key among [`Keys`](crate::Keys) in bytes: the block length of the hash (RFC 2104 section 3).
const MAX_BYTES: usize = 64;

/// After how many characters `openssl` breaks a long text. What is left of a key of the maximum length is too short to be a key.
const LINE_CHARS: usize = 64;

const ID_BYTES: usize = 3;

/// The length of a [`KeyId`].
pub(super) const ID_CHARS: usize = 4;

/// A secret from which the keys for each purpose are derived (HKDF-SHA-256, RFC 5869). It is wiped from memory when it is dropped.
///
/// All instances of an application need the same key. Generate it once, keep it out of the source, and give it to
/// [`SessionMiddleware::new`](crate::SessionMiddleware::new) with [`Keys::from_env`](crate::Keys::from_env), or by itself:
///
/// ```
/// use actix_typed_session::Key;
///
/// // openssl rand -base64 32
/// # let text = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=";
/// let key: Key = text.parse()?;
/// # let _ = key;
/// # Ok::<(), actix_typed_session::KeyError>(())
/// ```
#[derive(Clone)]
pub struct Key(Zeroizing<Box<[u8]>>);

/// The public name of a [`Key`]: 24 bits that are derived from it, as 4 characters of base64url. Cookies carry it, so that one key is
/// tried and not each; it tells nothing about the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; ID_CHARS]);

/// The reason why a [`Key`] or [`Keys`](crate::Keys) cannot be made.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
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
    /// The text of one key may be that of several.
    #[error(
        "the text of a session key has more than {MAX_BYTES} bytes, or white space inside; separate keys by commas"
    )]
    PerhapsSeveral,
    /// The text after `revoked:` is not the id of a key.
    #[error("`revoked:` is followed by the id of a key, which has 4 characters; `Key::id` tells it")]
    NotAnId,
    /// A revoked key is in use; holds its id.
    #[error("the session key {0} is revoked; take it out of the keys, or take back that it is revoked")]
    Revoked(KeyId),
    /// The environment variable of this name is not set, or is not text.
    #[error(
        "the environment variable {0} is not set to a session key; make one with `openssl rand -base64 32`"
    )]
    NotSet(String),
    /// A file cannot be read.
    #[error("the file {} with the session key cannot be read: {reason}", path.display())]
    NotRead {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// What an environment variable or a file holds cannot be used.
    #[error("{place}: {error}")]
    In {
        /// The name of the variable, or the path of the file.
        place: String,
        /// Why not.
        error: Box<Self>,
    },
    /// The operating system could not provide random bytes.
    #[error("the operating system could not provide random bytes for a session key")]
    NoRandomness,
}

crate::message::debug_is_the_message!(KeyError);

#[cfg(feature = "testing")]
impl Key {
    /// A key that protects nothing, where no cookie is made.
    pub(crate) fn known_to_all() -> Self {
        Self(Zeroizing::new(Box::new(*b"a key that everybody knows of us")))
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
        let mut bytes = Zeroizing::new([0; MIN_BYTES]);
        Randomness::System.fill(&mut *bytes).map_err(|NoRandomness| KeyError::NoRandomness)?;
        Ok(Self(Zeroizing::new(Box::from(bytes.as_slice()))))
    }

    /// Reads one of several keys. Lines that may be keys of their own are refused: together they would be another key.
    pub(super) fn from_part(text: &str) -> Result<Self, KeyError> {
        if text.split_ascii_whitespace().rev().skip(1).any(|line| line.len() < LINE_CHARS) {
            return Err(KeyError::PerhapsSeveral);
        }
        let key: Self = text.parse()?;
        if key.0.len() > MAX_BYTES { Err(KeyError::PerhapsSeveral) } else { Ok(key) }
    }

    /// The key's public name, by which a revoked key is named.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let bytes = self.derive::<ID_BYTES>(&[b"actix-typed-session 1 key id"]);
        let mut text = [0; ID_CHARS];
        // It fits.
        let _ = URL_SAFE_NO_PAD.encode_slice(*bytes, &mut text);
        KeyId(text)
    }

    /// The bytes for one purpose.
    #[allow(clippy::expect_used)] // no purpose asks for more than a few bytes
    pub(super) fn derive<const N: usize>(&self, purpose: &[&[u8]]) -> Zeroizing<[u8; N]> {
        let mut derived = Zeroizing::new([0; N]);
        Hkdf::<Sha256>::new(None, &self.0)
            .expand_multi_info(purpose, &mut *derived)
            .expect("HKDF-SHA-256 can expand to 8160 bytes");
        derived
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
        Ok(Self(Zeroizing::new(Box::from(bytes))))
    }
}

impl FromStr for Key {
    type Err = KeyError;

    /// Reads a key from base64, in either alphabet, with or without padding. White space is ignored, as `openssl` breaks long keys
    /// into lines.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let alphabet = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
        let mut without_space = Zeroizing::new(String::with_capacity(text.len()));
        without_space.extend(text.split_ascii_whitespace());
        let bytes = GeneralPurpose::new(&alphabet, config)
            .decode(without_space.as_bytes())
            .map_err(|_| KeyError::NotBase64)?;
        Self::try_from(Zeroizing::new(bytes).as_slice())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl KeyId {
    /// The four characters.
    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Whether `text` is this id, as a cookie names it.
    pub(super) fn is(self, text: &str) -> bool {
        self.0 == text.as_bytes()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let is_id = decode::<ID_BYTES>(text).is_some();
        text.as_bytes().try_into().ok().filter(|_| is_id).map(Self).ok_or(KeyError::NotAnId)
    }
}

const _: () = assert!(ID_BYTES * 4 == ID_CHARS * 3);

//! Seals a session into the text of a cookie, and opens it again.
//!
//! In: keys, bytes. Out: text that only those keys open, and that nobody can change. Never: an older form, or one without a seal.
//!
//! The text is `1.key.sealed`; `key` is the id of the key, and `sealed` is base64url of a random nonce, the ciphertext and its tag
//! (XChaCha20-Poly1305, draft-irtf-cfrg-xchacha). What the text belongs to is authenticated along with it, so it opens nowhere else.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};

use super::{
    key::{ID_CHARS, Key, KeyId},
    keys::Keys,
    random::{NoRandomness, Randomness},
    ring::Ring,
};

#[cfg(test)]
mod tests;

const VERSION: &str = "1";

/// Random nonces of 192 bits do not repeat, however many cookies one key seals.
const NONCE_BYTES: usize = 24;

const TAG_BYTES: usize = 16;

/// How long the text is that [`Sealer::seal`] makes of so many bytes.
pub(crate) const fn sealed_chars(bytes: usize) -> usize {
    VERSION.len() + ID_CHARS + 2 + ((NONCE_BYTES + bytes + TAG_BYTES) * 4).div_ceil(3)
}

/// The keys that seal the sessions of one application in the cookie of one name.
#[derive(Clone)]
pub(crate) struct Sealer(Ring<Sealing>);

#[derive(Clone)]
struct Sealing {
    id: KeyId,
    cipher: XChaCha20Poly1305,
    /// What is authenticated along with each text.
    belongs: Vec<u8>,
}

impl Sealer {
    /// Seals for the cookie, or the header, called `name` of `application`.
    pub(crate) fn new(name: &str, application: &str, keys: &Keys) -> Self {
        let sealing = |key: &Key| Sealing {
            id: key.id(),
            cipher: cipher(key),
            belongs: belongs(name, application, key.id()),
        };
        Self(keys.ring.map(sealing))
    }

    pub(crate) fn seal(&self, plain: &[u8], random: Randomness) -> Result<String, NoRandomness> {
        let Sealing { id, cipher, belongs } = &self.0.active;
        let mut nonce = [0; NONCE_BYTES];
        random.fill(&mut nonce)?;
        // It fails for texts of gigabytes alone.
        let sealed = cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: belongs })
            .map_err(|_| NoRandomness)?;
        let mut text = format!("{VERSION}.{id}.");
        URL_SAFE_NO_PAD.encode_string([&nonce[..], &sealed].concat(), &mut text);
        Ok(text)
    }

    /// What `text` seals; `None` unless the key that it names sealed it for the same application and name. The id of a key that is not in
    /// the ring costs nothing.
    pub(crate) fn open(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut parts = std::str::from_utf8(text).ok()?.splitn(3, '.');
        parts.next().filter(|version| *version == VERSION)?;
        let id: KeyId = parts.next()?.parse().ok()?;
        let sealed = parts.next()?;
        self.0.all().filter(|key| key.id == id).find_map(|key| key.open(sealed))
    }
}

impl Sealing {
    fn open(&self, sealed: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        self.cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &self.belongs }).ok()
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({} keys)", self.0.all().count())
    }
}

#[allow(clippy::expect_used)] // it cannot fail
fn cipher(key: &Key) -> XChaCha20Poly1305 {
    let derived = key.derive::<32>(&[b"actix-typed-session 1 sealed session"]);
    XChaCha20Poly1305::new_from_slice(&*derived).expect("the key has 32 bytes")
}

/// Format version, purpose, name, application and key, each with its length, so that no two lists of them have the same bytes.
fn belongs(name: &str, application: &str, key: KeyId) -> Vec<u8> {
    let parts =
        [VERSION.as_bytes(), b"sealed session", name.as_bytes(), application.as_bytes(), key.as_bytes()];
    parts.iter().flat_map(|part| [&part.len().to_le_bytes()[..], part].concat()).collect()
}

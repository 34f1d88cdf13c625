//! Seals a session into the text of a cookie, or a value into that of a cell, and opens it again.
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
    public::Selector,
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

/// The keys that seal the sessions of one application in the cookie of one name, or what belongs to that cookie.
#[derive(Clone)]
pub(crate) struct Sealer(Ring<Sealing>);

/// What a [`Sealer`] seals. A text that was sealed as one of them passes for no other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum As {
    /// A session in its cookie.
    Session,
    /// A cookie that says where a session is stored.
    Pointer,
    /// The session that it points to.
    Stored,
}

impl As {
    const fn name(self) -> &'static str {
        match self {
            Self::Session => "sealed session",
            Self::Pointer => "pointer to a session",
            Self::Stored => "stored session",
        }
    }
}

#[derive(Clone)]
struct Sealing {
    id: KeyId,
    cipher: XChaCha20Poly1305,
    /// What is authenticated along with each text: format version, purpose, what it is for, and key.
    belongs: Vec<u8>,
}

impl Sealer {
    /// Seals for the cookie, or the header, called `name` of `application`.
    pub(crate) fn new(what: As, name: &str, application: &str, keys: &Keys) -> Self {
        let belongs = [what.name().as_bytes(), name.as_bytes(), application.as_bytes()];
        let purpose = format!("actix-typed-session 1 {}", what.name());
        Self(keys.ring.map(|key| Sealing::new(key, purpose.as_bytes(), &belongs)))
    }

    pub(crate) fn seal(&self, plain: &[u8], random: Randomness) -> Result<String, NoRandomness> {
        self.0.active.seal(plain, &[], random)
    }

    /// What `text` seals; `None` unless the key that it names sealed it for the same application and name. The id of a key that is not in
    /// the ring costs nothing.
    pub(crate) fn open(&self, text: &[u8]) -> Option<Vec<u8>> {
        open(&self.0, std::str::from_utf8(text).ok()?, &[])
    }

    /// Whether `text` names a key that is not in the ring.
    pub(crate) fn lacks_key_of(&self, text: &str) -> bool {
        key_of(text).is_some_and(|id| self.0.all().all(|key| key.id != id))
    }
}

/// The keys that seal single values in the store. Each value belongs to one cell of one record.
#[derive(Clone)]
pub(crate) struct CellSealer(Ring<Sealing>);

impl CellSealer {
    pub(crate) fn new(keys: &Keys) -> Self {
        let purpose = b"actix-typed-session 1 secret field";
        Self(keys.ring.map(|key| Sealing::new(key, purpose, &[b"secret field"])))
    }

    pub(crate) fn seal(
        &self,
        value: &str,
        selector: &Selector,
        wire_key: &str,
        random: Randomness,
    ) -> Result<String, NoRandomness> {
        self.0.active.seal(value.as_bytes(), &[selector.as_bytes(), wire_key.as_bytes()], random)
    }

    /// What `text` seals; `None` unless one of the keys sealed it for this cell.
    pub(crate) fn open(&self, text: &str, selector: &Selector, wire_key: &str) -> Option<String> {
        let value = open(&self.0, text, &[selector.as_bytes(), wire_key.as_bytes()])?;
        String::from_utf8(value).ok()
    }
}

/// The id of the key that a text names; `None` if it is not a text that this release seals.
pub(crate) fn key_of(text: &str) -> Option<KeyId> {
    let mut parts = text.split('.');
    parts.next().filter(|version| *version == VERSION)?;
    parts.next()?.parse().ok()
}

/// What one of the keys sealed as `text` for what it belongs to.
fn open(keys: &Ring<Sealing>, text: &str, belongs: &[&[u8]]) -> Option<Vec<u8>> {
    let mut parts = text.splitn(3, '.');
    parts.next().filter(|version| *version == VERSION)?;
    let (id, sealed) = (parts.next()?, parts.next()?);
    keys.all().filter(|key| key.id.is(id)).find_map(|key| key.open(sealed, belongs))
}

impl Sealing {
    #[allow(clippy::expect_used)] // it cannot fail
    fn new(key: &Key, purpose: &[u8], belongs: &[&[u8]]) -> Self {
        let (id, derived) = (key.id(), key.derive::<32>(&[purpose]));
        let cipher = XChaCha20Poly1305::new_from_slice(&*derived).expect("the key has 32 bytes");
        let belongs = with_lengths(&[&[VERSION.as_bytes()], belongs, &[id.as_str().as_bytes()]].concat());
        Self { id, cipher, belongs }
    }

    fn seal(&self, plain: &[u8], belongs: &[&[u8]], random: Randomness) -> Result<String, NoRandomness> {
        let mut nonce = [0; NONCE_BYTES];
        random.fill(&mut nonce)?;
        let aad = [&*self.belongs, &with_lengths(belongs)].concat();
        let payload = Payload { msg: plain, aad: &aad };
        // It fails for texts of gigabytes alone.
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| NoRandomness)?;
        let mut text = format!("{VERSION}.{}.", self.id);
        URL_SAFE_NO_PAD.encode_string([&nonce[..], &sealed].concat(), &mut text);
        Ok(text)
    }

    fn open(&self, sealed: &str, belongs: &[&[u8]]) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let aad = [&*self.belongs, &with_lengths(belongs)].concat();
        self.cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &aad }).ok()
    }
}

/// Each part after its length, so that no two lists of parts have the same bytes.
fn with_lengths(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| [&part.len().to_le_bytes()[..], part].concat()).collect()
}

impl fmt::Debug for CellSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CellSealer({} keys)", self.0.all().count())
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({} keys)", self.0.all().count())
    }
}

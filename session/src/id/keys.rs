//! The keys of an application, and how they change without signing anybody out.
//!
//! In: [`Key`]s, a text, an environment variable, a file. Out: [`Keys`]. Never: shows a key.

use std::{env, fmt, fs, path::Path, str::FromStr};

use zeroize::Zeroizing;

use super::{
    key::{Key, KeyError, KeyId},
    ring::Ring,
};

#[cfg(test)]
mod tests;

/// The keys of an application: the active one, with which cookies are made, others whose cookies still count, and the ids of those that
/// are revoked.
///
/// Usually there is one. Generate it with `openssl rand -base64 32`, and give it to all instances:
///
/// ```no_run
/// use actix_typed_session::{Keys, SessionMiddleware, store::MemoryStore};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = SessionMiddleware::new(MemoryStore::with_max_bytes(256 << 20), Keys::from_env("SESSION_KEY")?);
/// # let _ = sessions;
/// # Ok(())
/// # }
/// ```
///
/// # Changing the key
///
/// The text of several keys is separated by commas, and the first one is active. To change the key of a fleet, deploy these values of the
/// variable one after the other, each to all instances before the next:
///
/// 1. `OLD,NEW`: every instance learns to read what the new key makes. Nothing else changes.
/// 2. `NEW,OLD`: new cookies are made with the new key. Instances that still have the first value read them.
/// 3. `NEW`, when the old key has no session left: after the longest absolute timeout that any session may have
///    ([`absolute_timeout`](crate::SessionMiddlewareBuilder::absolute_timeout),
///    [`anonymous_timeouts`](crate::SessionMiddlewareBuilder::anonymous_timeouts), [`set_lifetime`](crate::Session::set_lifetime)),
///    counted from when the last instance had step 2. If there are `secret` fields, [`Census::sealed`](crate::Census::sealed) tells whether
///    the old key still opens one. To keep it from coming back with an old configuration, write `NEW,revoked:ID` with its [`Key::id`].
///
/// A key that somebody has stolen is replaced at once: `NEW,revoked:ID`. That signs everybody out. The values of `secret` fields in a stolen
/// copy of the store can be read: revoke those tokens where they were issued.
///
/// A cookie is checked with the key that it names, so a longer list does not make a forged one cost more.
#[derive(Clone)]
pub struct Keys {
    pub(super) ring: Ring<Key>,
    revoked: Vec<KeyId>,
}

impl Keys {
    /// `active` makes cookies, and those of the keys in `accepted` count too.
    #[must_use]
    pub fn new(active: Key, accepted: impl IntoIterator<Item = Key>) -> Self {
        let ring = Ring { active, accepted: accepted.into_iter().collect() };
        Self { ring, revoked: Vec::new() }
    }

    /// The same keys, of which none may be one of `ids`: keys that must not come back, as with an old configuration.
    ///
    /// # Errors
    /// [`KeyError::Revoked`] if one of them is.
    pub fn revoke(mut self, ids: impl IntoIterator<Item = KeyId>) -> Result<Self, KeyError> {
        self.revoked.extend(ids);
        let in_use = self.ring.all().map(Key::id).find(|id| self.revoked.contains(id));
        in_use.map_or(Ok(self), |id| Err(KeyError::Revoked(id)))
    }

    /// Reads the keys from the text of the environment variable `name`.
    ///
    /// # Errors
    /// When it is not set, or is not the text of keys; the error says which variable, and never what is in it.
    pub fn from_env(name: &str) -> Result<Self, KeyError> {
        let text = env::var(name).map_err(|_| KeyError::NotSet(name.to_owned()))?;
        Self::of(&Zeroizing::new(text), name)
    }

    /// Reads the keys from a file of text, such as a mounted secret.
    ///
    /// # Errors
    /// When it cannot be read, or is not the text of keys; the error says which file, and never what is in it.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path)
            .map_err(|error| KeyError::NotRead { path: path.to_owned(), reason: error.to_string() })?;
        Self::of(&Zeroizing::new(text), &path.display().to_string())
    }

    fn of(text: &str, place: &str) -> Result<Self, KeyError> {
        text.parse().map_err(|error| KeyError::In { place: place.to_owned(), error: Box::new(error) })
    }
}

impl From<Key> for Keys {
    fn from(key: Key) -> Self {
        Self::new(key, [])
    }
}

impl FromStr for Keys {
    type Err = KeyError;

    /// Reads keys from their base64, separated by commas. The first one is active; `revoked:ID` names one that is revoked.
    ///
    /// Each has 32 to 64 bytes. White space inside of one is refused, but for the line break of a long one, after 64 characters at least:
    /// keys that stand on a line each would count as one other key.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (mut keys, mut revoked) = (Vec::new(), Vec::new());
        for part in text.split(',').map(str::trim) {
            match part.strip_prefix("revoked:") {
                Some(id) => revoked.push(id.parse()?),
                None => keys.push(Key::from_part(part)?),
            }
        }
        let mut keys = keys.into_iter();
        let active = keys.next().ok_or(KeyError::TooShort(0))?;
        Self::new(active, keys).revoke(revoked)
    }
}

/// Shows the ids of the keys.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ring { active, accepted } = self.ring.map(Key::id);
        f.debug_struct("Keys")
            .field("active", &active)
            .field("accepted", &accepted)
            .field("revoked", &self.revoked)
            .finish()
    }
}

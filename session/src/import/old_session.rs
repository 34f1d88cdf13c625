//! What an old session holds.
//!
//! In: its text. Out: its values, by the keys that the application gave them. Never: shows a value in `Debug` or in an error.

use std::{any::type_name, collections::BTreeMap, fmt, time::Duration};

use serde::de::DeserializeOwned;

use super::text::{self, NotASession};
use crate::record::json::Json;

/// A session of actix-session: values by key.
pub struct OldSession {
    values: BTreeMap<String, Json>,
    expires_in: Option<Duration>,
}

/// The value of an old session is not of the type that was asked for.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the value of `{key}` in the old session is not a `{ty}`")]
pub struct NotThatValue {
    key: String,
    ty: &'static str,
}

impl OldSession {
    pub(super) fn read(text: &str, expires_in: Option<Duration>) -> Result<Self, NotASession> {
        Ok(Self { values: text::read(text)?, expires_in })
    }

    /// The value that the application inserted as `key`; `None` if there is none.
    ///
    /// # Errors
    /// When the value is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, NotThatValue> {
        let Some(json) = self.values.get(key) else { return Ok(None) };
        let value = serde_json::from_str(json.as_str());
        value.map(Some).map_err(|_| NotThatValue { key: key.to_owned(), ty: type_name::<T>() })
    }

    /// The user whom `Identity::login` of actix-identity signed in; `None` if nobody is signed in. With an `id_key` of your own, call
    /// [`get::<String>`](Self::get).
    ///
    /// The deadlines of actix-identity were checked by its middleware. If you have set one, compare `actix_identity.logged_in_at` or
    /// `actix_identity.last_visited_at`, in seconds since the Unix epoch, with it.
    ///
    /// # Errors
    /// When the value is not a text.
    pub fn identity(&self) -> Result<Option<String>, NotThatValue> {
        self.get("actix_identity.user_id")
    }

    /// The keys that have a value, in alphabetical order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// How long the session would have lived without a change; `None` if nothing limits it, as in a cookie.
    #[must_use]
    pub const fn expires_in(&self) -> Option<Duration> {
        self.expires_in
    }

    pub(super) fn json(&self, key: &str) -> Option<&Json> {
        self.values.get(key).filter(|json| !json.is_null())
    }
}

impl fmt::Debug for OldSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OldSession").field("keys", &self.values.keys()).finish_non_exhaustive()
    }
}

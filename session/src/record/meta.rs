//! All of a record but its cells.
//!
//! In: what a store kept. Out: [`Meta`], [`Principal`]. Never: a value of a user's field.

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{
    json::Json,
    time::{Limits, Timestamp, millis},
};
use crate::id::public::VerifierHash;

/// The layout that this release writes. A record of a higher number is an error, never an empty session.
pub const FORMAT: u16 = 1;

/// Who is signed in: the wire key of the principal field and its JSON text, as one text.
///
/// Two sessions belong to the same user exactly when their principals are equal. `Debug` is redacted.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal(Arc<str>);

impl Principal {
    /// The principal that the field `key` names with `value`.
    #[must_use]
    pub fn new(key: &str, value: &Json) -> Self {
        Self(format!("{key}={}", value.as_str()).into())
    }

    /// A principal as a store kept it.
    #[must_use]
    pub fn from_store(text: &str) -> Self {
        Self(text.into())
    }

    /// The text a store indexes: `shop.user=42`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The wire key of the field that says who is signed in.
    #[must_use]
    pub fn wire_key(&self) -> &str {
        self.0.split_once('=').map_or("", |(key, _)| key)
    }
}

/// As people write it: the wire key, `=`, and the value, `shop.user=7` or `shop.user=ada`. What is not JSON is a text, and a text that looks
/// like a number, or like `true`, `false` or `null`, stands in quotes: `shop.user="7"`. Space around the two parts does not count.
///
/// ```
/// use actix_typed_session::record::Principal;
///
/// let ada: Principal = "shop.user=ada".parse()?;
/// assert_eq!(ada.as_str(), r#"shop.user="ada""#); // as stores keep it
/// # Ok::<(), actix_typed_session::record::NotAPrincipal>(())
/// ```
impl FromStr for Principal {
    type Err = NotAPrincipal;

    fn from_str(text: &str) -> Result<Self, NotAPrincipal> {
        let (key, value) = text.split_once('=').ok_or(NotAPrincipal)?;
        let (key, value) = (key.trim(), value.trim());
        if !key.contains('.') || value.is_empty() {
            return Err(NotAPrincipal);
        }
        // A text is written as stores have it, with no other escapes; a number of any size stays as it is.
        let value = match serde_json::from_str::<IgnoredAny>(value) {
            Ok(_) if !value.starts_with('"') => value.to_owned(),
            Ok(_) => serde_json::from_str::<serde_json::Value>(value).map_err(|_| NotAPrincipal)?.to_string(),
            Err(_) => serde_json::Value::from(value).to_string(),
        };
        Ok(Self(format!("{key}={value}").into()))
    }
}

/// The error of parsing a [`Principal`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a user; write the wire key of the principal field and the value, for example shop.user=7")]
pub struct NotAPrincipal;

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Principal({}=..)", self.wire_key())
    }
}

/// All of a record but its cells.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Meta {
    /// The layout's number, [`FORMAT`].
    pub format: u16,
    /// SHA-256 of the verifier that opens this record.
    pub verifier: VerifierHash,
    /// Raised by one with every new verifier.
    pub generation: u64,
    /// Raised by one with every applied change.
    pub revision: u64,
    /// When the session began.
    pub created: Timestamp,
    /// When the browser was last seen, to within a tenth of the idle timeout.
    pub touched: Timestamp,
    /// When the verifier was last replaced.
    pub renewed: Timestamp,
    /// When who is signed in was last proven.
    pub authenticated: Option<Timestamp>,
    /// The revision at which somebody signed in; a `reset_on_sign_in` field written before it reads as its default.
    pub signed_in: u64,
    /// How long it lives.
    pub limits: Limits,
    /// Whether the cookie outlives the browser ("remember me").
    pub persistent: bool,
    /// Who is signed in.
    pub principal: Option<Principal>,
    /// What a list of sessions shows, such as the user agent.
    pub label: Option<Arc<str>>,
    /// What a later release of this library added to the layout; carried along unread.
    pub(super) unknown: serde_json::Map<String, serde_json::Value>,
}

impl Meta {
    /// Since when the user is signed in: the order in which sessions are listed, and in which a maximum ends them.
    pub(crate) fn since(&self) -> Timestamp {
        self.authenticated.unwrap_or(self.created)
    }

    /// The end of the session. `now >= expires()` is dead.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        let idle = self.touched.saturating_add(self.limits.idle);
        let absolute = self.since().saturating_add(self.limits.absolute);
        idle.min(absolute)
    }

    /// One line of JSON, the form in which a store keeps it.
    ///
    /// # Errors
    /// None in practice; serialising a number or a string does not fail.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Layout::of(self))
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    ///
    /// # Errors
    /// [`Unreadable::Newer`] for a layout of a later release, [`Unreadable::Garbage`] for anything else.
    pub fn from_text(text: &str) -> Result<Self, Unreadable> {
        #[derive(Deserialize)]
        struct Number {
            format: u16,
        }
        let number: Number = serde_json::from_str(text).map_err(|_| Unreadable::Garbage)?;
        if number.format > FORMAT {
            return Err(Unreadable::Newer(number.format));
        }
        let layout: Layout<'_> = serde_json::from_str(text).map_err(|_| Unreadable::Garbage)?;
        layout.meta().ok_or(Unreadable::Garbage)
    }
}

/// [`Meta`] as JSON. It is apart from `Meta`, so that nobody outside of this file depends on how it is stored.
#[derive(Serialize, Deserialize)]
struct Layout<'a> {
    format: u16,
    #[serde(borrow)]
    verifier: Cow<'a, str>,
    generation: u64,
    revision: u64,
    created: u64,
    touched: u64,
    renewed: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authenticated: Option<u64>,
    #[serde(default)]
    signed_in: u64,
    limits: Millis,
    #[serde(default)]
    persistent: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    principal: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<Arc<str>>,
    #[serde(flatten)]
    unknown: serde_json::Map<String, serde_json::Value>,
}

/// [`Limits`] as JSON, in milliseconds.
#[derive(Serialize, Deserialize)]
struct Millis {
    idle: u64,
    absolute: u64,
}

impl Layout<'_> {
    fn of(meta: &Meta) -> Self {
        Self {
            format: meta.format,
            verifier: meta.verifier.to_text().into(),
            generation: meta.generation,
            revision: meta.revision,
            created: meta.created.as_millis(),
            touched: meta.touched.as_millis(),
            renewed: meta.renewed.as_millis(),
            authenticated: meta.authenticated.map(Timestamp::as_millis),
            signed_in: meta.signed_in,
            limits: Millis { idle: millis(meta.limits.idle), absolute: millis(meta.limits.absolute) },
            persistent: meta.persistent,
            principal: meta.principal.as_ref().map(|principal| principal.0.clone()),
            label: meta.label.clone(),
            unknown: meta.unknown.clone(),
        }
    }

    /// `None` if the verifier is not one.
    fn meta(self) -> Option<Meta> {
        Some(Meta {
            format: self.format,
            verifier: VerifierHash::from_text(&self.verifier)?,
            generation: self.generation,
            revision: self.revision,
            created: Timestamp::from_millis(self.created),
            touched: Timestamp::from_millis(self.touched),
            renewed: Timestamp::from_millis(self.renewed),
            authenticated: self.authenticated.map(Timestamp::from_millis),
            signed_in: self.signed_in,
            limits: Limits::new(
                Duration::from_millis(self.limits.idle),
                Duration::from_millis(self.limits.absolute),
            ),
            persistent: self.persistent,
            principal: self.principal.map(Principal),
            label: self.label,
            unknown: self.unknown,
        })
    }
}

/// Why what a store returned is not a record. It is never taken for an empty session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// Damaged, or written by something else.
    #[error("the stored session is damaged")]
    Garbage,
    /// Written by a later release of this library.
    #[error("the stored session has layout {0}, and this release reads layouts up to {FORMAT}")]
    Newer(u16),
}

//! One stored field.
//!
//! In: a name, a revision, a JSON text. Out: [`WireKey`], [`Cell`]. Never: what the value means.

use std::{borrow::Borrow, fmt, ops::Range, sync::Arc};

use super::{json::Json, text::Text, time::Timestamp};

/// The name of a cell, `shop.cart`: schema name, dot, field key.
#[derive(Clone)]
pub struct WireKey(KeyText);

#[derive(Clone)]
enum KeyText {
    Static(&'static str),
    Shared(Text),
}

impl WireKey {
    /// A key whose text is part of the program; costs nothing.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(KeyText::Static(text))
    }

    /// The key in the bytes `range` of a record's text.
    pub(super) fn from_part(text: &Arc<str>, range: Range<usize>) -> Option<Self> {
        Text::part(text, range).map(|text| Self(KeyText::Shared(text)))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            KeyText::Static(text) => text,
            KeyText::Shared(text) => text.as_str(),
        }
    }
}

impl From<&str> for WireKey {
    fn from(text: &str) -> Self {
        Self(KeyText::Shared(text.into()))
    }
}

impl From<String> for WireKey {
    fn from(text: String) -> Self {
        Self(KeyText::Shared(text.into()))
    }
}

impl Borrow<str> for WireKey {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for WireKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for WireKey {}

impl PartialOrd for WireKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for WireKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl std::hash::Hash for WireKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for WireKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for WireKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One stored field.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Cell {
    /// The record's revision at the change that wrote this cell. Guards compare it, also when the cell has expired.
    pub revision: u64,
    /// From here on the cell reads as absent.
    pub expires: Option<Timestamp>,
    /// The value.
    pub json: Json,
}

impl Cell {
    /// A cell as a store kept it.
    #[must_use]
    pub const fn new(revision: u64, expires: Option<Timestamp>, json: Json) -> Self {
        Self { revision, expires, json }
    }

    /// `<revision>[@<expiry>] <json>`, the form in which every store keeps a cell.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self.expires {
            None => format!("{} {}", self.revision, self.json.as_str()),
            Some(at) => format!("{}@{} {}", self.revision, at.as_millis(), self.json.as_str()),
        }
    }

    /// Reads what [`to_text`](Self::to_text) wrote; `None` if it is anything else. The JSON is not looked at.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let head = Head::of(text)?;
        Some(Self::new(head.revision, head.expires, Json::from_store(text.get(head.json..)?)))
    }

    /// The same for the bytes `range` of a record's text.
    pub(super) fn from_part(text: &Arc<str>, range: Range<usize>) -> Option<Self> {
        let head = Head::of(text.get(range.clone())?)?;
        let json = Text::part(text, range.start + head.json..range.end)?;
        Some(Self::new(head.revision, head.expires, Json::of_text(json)))
    }

    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| now >= at)
    }
}

/// What a cell's text begins with.
struct Head {
    revision: u64,
    expires: Option<Timestamp>,
    /// Where the JSON begins.
    json: usize,
}

impl Head {
    fn of(text: &str) -> Option<Self> {
        let mut at = 0;
        let mut number = || {
            let digits = text.as_bytes().get(at..)?;
            let mut number = 0_u64;
            for (read, byte) in digits.iter().enumerate() {
                if !byte.is_ascii_digit() {
                    at += read + 1;
                    return (read > 0).then_some((number, *byte));
                }
                number = number.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
            }
            None
        };
        let (revision, end) = number()?;
        let (expires, end) = match end {
            b'@' => number().map(|(at, end)| (Some(Timestamp::from_millis(at)), end))?,
            _ => (None, end),
        };
        (end == b' ').then_some(Self { revision, expires, json: at })
    }
}

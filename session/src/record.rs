//! What a store holds for one session.
//!
//! In: the parts a store kept, or a [`NewRecord`]. Out: a [`Record`], and [`Record::apply`], the pure function that *is* the
//! store contract. Never: I/O, a clock of its own, a decision about what to save.

use std::{
    any::{Any, TypeId},
    borrow::Borrow,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{
    change::{CellWrite, Change, NewRecord},
    id::VerifierHash,
};

/// The layout that this release writes. A record of a higher number is an error, never an empty session.
pub const FORMAT: u16 = 1;

/// An instant of the *store's* clock: milliseconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The instant `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This instant moved on by `by`, at most to the end of time.
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis(by)))
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl From<SystemTime> for Timestamp {
    /// Times before the Unix epoch count as the epoch.
    fn from(time: SystemTime) -> Self {
        Self(millis(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

mod as_millis {
    use super::{Duration, millis};
    use serde::{Deserialize, Deserializer, Serializer};

    #[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
    pub(super) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(millis(*value))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

/// How long a session lives, in whole milliseconds.
///
/// It ends at `min(touched + idle, (authenticated, else created) + absolute)`.
/// Sources: OWASP ASVS 5.0 7.3.1 (inactivity), 7.3.2 (absolute lifetime).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Longest silence of the browser.
    #[serde(with = "as_millis")]
    pub idle: Duration,
    /// Longest life since sign-in, or since the session began while nobody is signed in.
    #[serde(with = "as_millis")]
    pub absolute: Duration,
}

impl Limits {
    /// As a store keeps them; a record says the same before it was stored and after.
    fn in_whole_millis(self) -> Self {
        let whole = |duration| Duration::from_millis(millis(duration));
        Self { idle: whole(self.idle), absolute: whole(self.absolute) }
    }
}

/// The name of a cell, `shop.cart`: schema name, dot, field key.
#[derive(Clone)]
pub struct WireKey(KeyText);

#[derive(Clone)]
enum KeyText {
    Static(&'static str),
    Shared(Arc<str>),
}

impl WireKey {
    /// A key whose text is part of the program; costs nothing.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(KeyText::Static(text))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            KeyText::Static(text) => text,
            KeyText::Shared(text) => text,
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

/// The JSON text of one value, kept byte for byte. `Debug` shows its length only: values are the visitor's secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Json(Arc<str>);

impl Json {
    /// Encodes `value`.
    ///
    /// # Errors
    /// When the value's `Serialize` fails, or a map has keys that are not strings.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(|text| Self(text.into()))
    }

    /// Takes text that claims to be one JSON value, after checking that it is.
    ///
    /// # Errors
    /// When `text` is not exactly one JSON value.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<&RawValue>(text).map(|raw| Self(raw.get().into()))
    }

    /// Takes text as a store returned it; whoever decodes it finds out whether it is JSON.
    #[must_use]
    pub fn from_store(text: &str) -> Self {
        Self(text.into())
    }

    /// `null`, the text of a cleared field.
    #[must_use]
    pub fn null() -> Self {
        Self("null".into())
    }

    /// Whether this is `null`: the field was cleared.
    #[must_use]
    pub fn is_null(&self) -> bool {
        &*self.0 == "null"
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// [`encode`](Self::encode) for the value of a field. Text that needs no escapes is copied.
    pub(crate) fn of_field<T: Serialize + 'static>(value: &T) -> Result<Self, serde_json::Error> {
        match (value as &dyn Any).downcast_ref::<String>() {
            Some(text) if is_plain(text) => Ok(Self(["\"", text, "\""].concat().into())),
            _ => Self::encode(value),
        }
    }

    pub(crate) fn decode<T: DeserializeOwned + 'static>(&self) -> Result<T, serde_json::Error> {
        self.plain_text().map_or_else(|| serde_json::from_str(&self.0), Ok)
    }

    /// The value, if it is text that is written without escapes and `T` is `String`; most cells of most sessions are.
    fn plain_text<T: 'static>(&self) -> Option<T> {
        if TypeId::of::<T>() != TypeId::of::<String>() {
            return None;
        }
        let text = self.0.strip_prefix('"')?.strip_suffix('"').filter(|text| is_plain(text))?;
        let mut same_type = Some(text.to_owned());
        (&mut same_type as &mut dyn Any).downcast_mut::<Option<T>>()?.take()
    }
}

/// Whether `text` stands in JSON as it is. Looks at every byte, without branches, because that is how it can look at many at once.
fn is_plain(text: &str) -> bool {
    let special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    !text.bytes().fold(false, |found, byte| found | special(byte))
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.0.len())
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
        let (head, json) = text.split_once(' ')?;
        let (revision, expires) = match head.split_once('@') {
            None => (head, None),
            Some((revision, at)) => (revision, Some(Timestamp::from_millis(at.parse().ok()?))),
        };
        Some(Self { revision: revision.parse().ok()?, expires, json: Json::from_store(json) })
    }

    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| now >= at)
    }
}

/// Who is signed in: the wire key of the principal field and its JSON text, as one text.
///
/// Two sessions belong to the same user exactly when their principals are equal. `Debug` is redacted.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
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

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Principal({}=..)", self.wire_key())
    }
}

/// All of a record but its cells.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Meta {
    /// The layout's number, [`FORMAT`].
    pub format: u16,
    /// SHA-256 of the verifier that opens this record.
    pub verifier: VerifierHash,
    /// The one before, still accepted for a while after a periodic renewal; never after a change of privilege.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_verifier: Option<VerifierHash>,
    /// Raised by one with every new verifier.
    pub generation: u64,
    /// Raised by one with every applied change.
    pub revision: u64,
    /// When the session began.
    pub created: Timestamp,
    /// When the browser was last seen, to within the touch interval.
    pub touched: Timestamp,
    /// When the verifier was last replaced.
    pub renewed: Timestamp,
    /// When who is signed in was last proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticated: Option<Timestamp>,
    /// The revision at which somebody signed in; a `reset_on_sign_in` field written before it reads as its default.
    #[serde(default)]
    pub signed_in: u64,
    /// How long it lives.
    pub limits: Limits,
    /// Whether the cookie outlives the browser ("remember me").
    #[serde(default)]
    pub persistent: bool,
    /// Who is signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// What a list of sessions shows, such as the user agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Arc<str>>,
    /// What a later release of this library added to the layout; carried along unread.
    #[serde(flatten)]
    unknown: serde_json::Map<String, serde_json::Value>,
}

impl Meta {
    /// The end of the session. `now >= expires()` is dead.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        let idle = self.touched.saturating_add(self.limits.idle);
        let absolute = self.authenticated.unwrap_or(self.created).saturating_add(self.limits.absolute);
        idle.min(absolute)
    }

    /// One line of JSON, the form in which a store keeps it.
    ///
    /// # Errors
    /// None in practice; serialising a number or a string does not fail.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    ///
    /// # Errors
    /// [`Unreadable::Newer`] for a layout of a later release, [`Unreadable::Garbage`] for anything else.
    pub fn from_text(text: &str) -> Result<Self, Unreadable> {
        #[derive(Deserialize)]
        struct Layout {
            format: u16,
        }
        let layout: Layout = serde_json::from_str(text).map_err(|_| Unreadable::Garbage)?;
        if layout.format > FORMAT {
            return Err(Unreadable::Newer(layout.format));
        }
        serde_json::from_str(text).map_err(|_| Unreadable::Garbage)
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

/// A session as a store holds it: meta and cells.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    meta: Meta,
    /// Sorted by wire key, each key once.
    cells: Vec<(WireKey, Cell)>,
}

/// What [`Record::apply`] says.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// The change holds; this is the record from now on.
    Done(Box<Record>),
    /// A guard or the expected generation does not hold; nothing changed.
    Conflict,
    /// The record has expired, or the change leaves it no time to live; delete it.
    Gone,
}

impl Record {
    /// The record that `new` describes, begun `now`. Generation, revision and every cell's revision are 1.
    #[must_use]
    pub fn create(new: &NewRecord, now: Timestamp) -> Self {
        let mut record = Self {
            meta: Meta {
                format: FORMAT,
                verifier: new.verifier,
                previous_verifier: None,
                generation: 1,
                revision: 1,
                created: now,
                touched: now,
                renewed: now,
                authenticated: new.authenticated.then_some(now),
                signed_in: u64::from(new.principal.is_some()),
                limits: new.limits.in_whole_millis(),
                persistent: new.persistent,
                principal: new.principal.clone(),
                label: new.label.clone(),
                unknown: serde_json::Map::new(),
            },
            cells: Vec::with_capacity(new.cells.len()),
        };
        record.write(&new.cells, now);
        record
    }

    /// A record from the parts that a store kept. Later cells of one key replace earlier ones.
    #[must_use]
    pub fn from_parts(meta: Meta, mut cells: Vec<(WireKey, Cell)>) -> Self {
        if !cells.is_sorted_by(|(a, _), (b, _)| a < b) {
            cells.reverse();
            cells.sort_by(|(a, _), (b, _)| a.cmp(b));
            cells.dedup_by(|(a, _), (b, _)| a == b);
        }
        Self { meta, cells }
    }

    /// All but the cells.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Every cell, in the order of the wire keys; of this binary's schemas or not, expired or not.
    #[must_use]
    pub fn cells(&self) -> &[(WireKey, Cell)] {
        &self.cells
    }

    /// The cell `key`, expired or not.
    #[must_use]
    pub fn cell(&self, key: &str) -> Option<&Cell> {
        let at = self.cells.binary_search_by(|(k, _)| k.as_str().cmp(key)).ok()?;
        self.cells.get(at).map(|(_, cell)| cell)
    }

    /// The cell `key`, unless it has expired.
    #[must_use]
    pub fn live_cell(&self, key: &str, now: Timestamp) -> Option<&Cell> {
        self.cell(key).filter(|cell| !cell.is_expired(now))
    }

    /// The revision of `key`, `None` if absent: what a guard compares.
    #[must_use]
    pub fn revision_of(&self, key: &str) -> Option<u64> {
        self.cell(key).map(|cell| cell.revision)
    }

    /// Whether the session has ended.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.meta.expires()
    }

    /// Bytes of keys and values, what the limit on a record's size counts.
    #[must_use]
    pub fn size(&self) -> usize {
        self.cells.iter().map(|(key, cell)| key.as_str().len() + cell.json.as_str().len()).sum()
    }

    /// The store contract: what `change` makes of this record at `now`.
    ///
    /// Every store's `update` is this function, run as one atomic step on the record of that moment.
    #[must_use]
    pub fn apply(&self, change: &Change, now: Timestamp) -> Outcome {
        if self.is_expired(now) {
            return Outcome::Gone;
        }
        if !self.allows(change) {
            return Outcome::Conflict;
        }
        let mut next = self.clone();
        next.meta.revision = next.meta.revision.saturating_add(1);
        if !change.delete.is_empty() {
            next.cells.retain(|(key, _)| !change.delete.contains(key));
        }
        next.write(&change.write, now);
        next.alter(change, now);
        if next.is_expired(now) { Outcome::Gone } else { Outcome::Done(Box::new(next)) }
    }

    /// Whether the generation and the guards of `change` hold.
    pub(crate) fn allows(&self, change: &Change) -> bool {
        let generation_holds = change.expected_generation.is_none_or(|g| g == self.meta.generation);
        let guards_hold =
            change.guards.iter().all(|guard| self.revision_of(guard.key.as_str()) == guard.revision);
        generation_holds && guards_hold
    }

    fn write(&mut self, writes: &[CellWrite], now: Timestamp) {
        for write in writes {
            let expires = write.ttl.map(|ttl| now.saturating_add(ttl));
            let cell = Cell { revision: self.meta.revision, expires, json: write.json.clone() };
            match self.cells.binary_search_by(|(key, _)| key.cmp(&write.key)) {
                Ok(at) => {
                    if let Some((_, old)) = self.cells.get_mut(at) {
                        *old = cell;
                    }
                }
                Err(at) => self.cells.insert(at, (write.key.clone(), cell)),
            }
        }
    }

    fn alter(&mut self, change: &Change, now: Timestamp) {
        let meta = &mut self.meta;
        if let Some(renewal) = &change.renewal {
            meta.previous_verifier = renewal.keep_previous.then_some(meta.verifier);
            meta.verifier = renewal.verifier;
            meta.generation = meta.generation.saturating_add(1);
            meta.renewed = now;
        }
        if let Some(principal) = &change.principal {
            if meta.principal.is_none() && principal.is_some() {
                meta.signed_in = meta.revision;
            }
            meta.principal.clone_from(principal);
        }
        if change.authenticated {
            meta.authenticated = Some(now);
        }
        if let Some(limits) = change.limits {
            meta.limits = limits.in_whole_millis();
        }
        if let Some(persistent) = change.persistent {
            meta.persistent = persistent;
        }
        if let Some(label) = &change.label {
            meta.label.clone_from(label);
        }
        if change.touch {
            // A clock that steps back must not shorten a life.
            meta.touched = meta.touched.max(now);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on fails

    use super::*;

    /// Text that is copied instead of parsed must make no difference.
    #[test]
    fn plain_text_is_what_serde_json_says() {
        let characters = (0..=0x17f).filter_map(char::from_u32).chain(['\u{2028}', '\u{fffd}', '\u{1f36a}']);
        for character in characters {
            for length in 0..40 {
                let text = format!("{}{character}{}", "a".repeat(length), "b".repeat(40 - length));
                let json = serde_json::to_string(&text).unwrap();
                assert_eq!(Json::of_field(&text).unwrap().as_str(), json);
                assert_eq!(Json::from_store(&json).decode::<String>().unwrap(), text);
                // Unescaped, as no encoder writes it.
                let raw = format!("\"{text}\"");
                let (ours, theirs) =
                    (Json::from_store(&raw).decode::<String>(), serde_json::from_str::<String>(&raw));
                assert_eq!(ours.ok(), theirs.ok(), "{raw:?}");
            }
        }
        for odd in
            ["", "\"", "\"\"", "\"a", "a\"", " \"a\"", "\"a\" ", "\"a\"b\"", "\"a\",\"b\"", "null", "1"]
        {
            let (ours, theirs) =
                (Json::from_store(odd).decode::<String>(), serde_json::from_str::<String>(odd));
            assert_eq!(ours.ok(), theirs.ok(), "{odd:?}");
        }
    }
}

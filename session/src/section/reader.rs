//! Reads a section, whichever version wrote it, as the user's types.
//!
//! In: a view of the record, perhaps with a request's patch over it. Out: fields for [`SessionState::decode_section`], or why one
//! cannot be read. Never: I/O, a write.
//!
//! [`SessionState::decode_section`]: crate::SessionState::decode_section

use std::{borrow::Cow, cmp::Ordering, fmt};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    patch::{Patch, Place, Seen},
    view::View,
};
use crate::{
    error::Error,
    events::{Events, event::Event},
    record::{
        apply::Record,
        cell::{Cell, WireKey},
        json::Json,
        nulls::Nulls,
    },
    schema::{
        describe::{Field, Schema},
        group::{Group, Slot},
        values::Failed,
    },
};

/// Reads the fields of one section, in the order of the schema. Generated code calls it once per field.
pub struct SectionReader<'a> {
    view: View<'a>,
    patch: Option<&'a Patch>,
    schema: &'static Schema,
    /// The index of the field that is read next.
    at: usize,
    /// The stored cells that are still ahead. Both they and the fields are sorted by wire key, so one walk finds them all.
    stored: &'a [(WireKey, Cell)],
    /// Groups that were read already: their fields need not stand together.
    groups: Vec<(&'static Group, Vec<Slot>)>,
    /// The texts that were read so far, if they are kept.
    texts: Option<Texts>,
    mode: Mode<'a>,
    /// Why the section cannot be read: the first field that could not.
    failed: Option<CellError>,
}

/// The text of one field, as [`Texts`] has it, or why none can be made.
type Text<'a> = Result<Option<Cow<'a, Json>>, CellError>;

/// The texts that a section was read from, in the order of the schema; `None`: nothing was stored.
pub(crate) type Texts = Vec<Option<Json>>;

/// What happens when a field cannot be read.
enum Mode<'a> {
    /// Reading fails, or goes on with the default where the field is `lenient`. Nothing is told: the same section is read again
    /// and again in one request.
    Quiet,
    /// The same, and it is told.
    Told(&'a Events),
    /// Reading goes on with the default, and the problem is kept.
    Collected(Vec<CellError>),
}

impl fmt::Debug for SectionReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SectionReader").field("schema", &self.schema.name()).finish_non_exhaustive()
    }
}

impl<'a> Seen<'a> {
    pub(crate) fn reader(self, schema: &'static Schema) -> SectionReader<'a> {
        SectionReader { patch: Some(self.patch), ..self.view.reader(schema) }
    }
}

impl<'a> View<'a> {
    pub(crate) fn reader(self, schema: &'static Schema) -> SectionReader<'a> {
        let stored = self.record.map_or(&[][..], Record::cells);
        let from = stored
            .partition_point(|(key, _)| schema.field(0).is_some_and(|first| key.as_str() < first.wire_key()));
        SectionReader {
            view: self,
            patch: None,
            schema,
            at: 0,
            stored: stored.get(from..).unwrap_or_default(),
            groups: Vec::new(),
            texts: None,
            mode: Mode::Quiet,
            failed: None,
        }
    }
}

impl<'a> SectionReader<'a> {
    /// Tells of what cannot be read.
    pub(crate) fn told(self, events: &'a Events) -> Self {
        Self { mode: Mode::Told(events), ..self }
    }

    /// Fails if this binary is too old to read the section.
    pub(crate) fn check_gate(&self) -> Result<(), Error> {
        self.view.check_gate(self.schema).map_err(|too_new| {
            if let Mode::Told(events) = &self.mode {
                events.tell(too_new.event(self.schema));
            }
            too_new.error(self.schema)
        })
    }

    /// Reads the whole section with `read`; fields that cannot be read are defaults, and are returned as problems.
    pub(crate) fn collected<T>(
        self,
        read: impl FnOnce(&mut Self) -> Result<T, CellError>,
    ) -> (Option<T>, Vec<CellError>) {
        let mut reader = Self { mode: Mode::Collected(Vec::new()), ..self };
        let state = read(&mut reader).ok();
        let Mode::Collected(problems) = reader.mode else { return (state, Vec::new()) };
        (state, problems)
    }

    /// The next field of the schema; `default()` if nothing is stored or the field was cleared. Whether it could be read at all is
    /// for [`finish`](Self::finish) to say: a `?` after each field would drop all fields before it once more.
    #[inline]
    pub fn read<V: DeserializeOwned + 'static>(&mut self, default: impl FnOnce() -> V) -> V {
        self.next_value().unwrap_or_else(default)
    }

    /// The next field of the schema, or `None` if it reads as its default.
    fn next_value<V: DeserializeOwned + 'static>(&mut self) -> Option<V> {
        let (field, text) = self.next()?;
        if let Some(texts) = &mut self.texts {
            texts.push(text.as_ref().ok().and_then(|text| text.as_deref().cloned()));
        }
        match text.and_then(|text| Self::decoded(field, text.as_deref())) {
            Ok(value) => value,
            Err(error) => {
                self.unreadable(field, error);
                None
            }
        }
    }

    /// The section, if all of its fields could be read.
    ///
    /// # Errors
    /// When a stored text did not fit, and its field is not `lenient`, or is sealed by a key that is not known.
    pub fn finish<T>(&mut self, section: T) -> Result<T, CellError> {
        self.failed.map_or(Ok(section), Err)
    }

    /// Keeps the texts that are read.
    pub(crate) fn keeping_texts(self) -> Self {
        Self { texts: Some(Vec::with_capacity(self.schema.fields().len())), ..self }
    }

    /// The texts that were read.
    pub(crate) fn into_texts(self) -> Texts {
        self.texts.unwrap_or_default()
    }

    /// Whether the section would be read from these very texts.
    pub(crate) fn has_texts(mut self, texts: &[Option<Json>]) -> bool {
        let complete = texts.len() == self.schema.fields().len();
        let same = |text: &Option<Json>| matches!(self.next(), Some((_, Ok(now))) if now.as_deref() == text.as_ref());
        complete && texts.iter().all(same)
    }

    /// The next field of the schema, and the text that it is read from.
    fn next(&mut self) -> Option<(&'static Field, Text<'a>)> {
        // The rest of a section that cannot be read does not matter.
        if self.failed.is_some() {
            return None;
        }
        let place = Place { schema: self.schema, at: self.at };
        let field = self.schema.field(place.at)?;
        self.at += 1;
        if let Some(json) = self.patch.and_then(|patch| patch.value(place)) {
            return Some((field, Ok(Some(Cow::Borrowed(json)))));
        }
        let text = match place.group() {
            None => Ok(self.stored(field).map(Cow::Borrowed)),
            Some(group) => match self.in_group(group, place.at) {
                Ok(json) => Ok(json.map(Cow::Owned)),
                Err(Failed::Conversion) => Err(CellError::NotConverted { field: field.wire_key() }),
                Err(Failed::Sealed) => Err(CellError::Sealed { field: field.wire_key() }),
                Err(Failed::Forgotten(since)) => Err(CellError::Forgotten { field: field.wire_key(), since }),
            },
        };
        Some((field, text))
    }

    /// `None`: nothing is stored, or the field was cleared. serde's own message may quote the value, so the error has its place only.
    fn decoded<V: DeserializeOwned + 'static>(
        field: &Field,
        json: Option<&Json>,
    ) -> Result<Option<V>, CellError> {
        let Some(json) = json else { return Ok(None) };
        match json.decode() {
            Ok(value) => Ok(Some(value)),
            Err(_) if json.is_null() => Ok(None),
            Err(_) if json.sealed().is_some() => Err(CellError::Sealed { field: field.wire_key() }),
            Err(error) => Err(CellError::OfAnotherType { field: field.wire_key(), column: error.column() }),
        }
    }

    fn stored(&mut self, field: &Field) -> Option<&'a Json> {
        while let [(key, cell), rest @ ..] = self.stored {
            match key.as_str().cmp(field.wire_key()) {
                Ordering::Less => self.stored = rest,
                Ordering::Greater => return None,
                Ordering::Equal => {
                    self.stored = rest;
                    let record = self.view.record?;
                    return self.view.shows(record, field.fades(), cell).then_some(&cell.json);
                }
            }
        }
        None
    }

    fn in_group(&mut self, group: &'static Group, at: usize) -> Result<Option<Json>, Failed> {
        if !self.groups.iter().any(|(known, _)| std::ptr::eq(*known, group)) {
            self.groups.push((group, self.view.slots(self.schema, group)));
        }
        let slots = self.groups.iter().find(|(known, _)| std::ptr::eq(*known, group));
        slots.and_then(|(_, slots)| group.slot(slots, at)).map_or(Ok(None), |slot| slot.value.clone())
    }

    /// The field reads as its default, and unless that will do, the section fails.
    #[cold]
    fn unreadable(&mut self, field: &Field, error: CellError) {
        // A key that is missing is a matter of configuration. The next write would replace what it opens.
        let is_lenient = field.is_lenient() && !matches!(error, CellError::Sealed { .. });
        match &mut self.mode {
            Mode::Collected(problems) => return problems.push(error),
            Mode::Told(events) => {
                events.tell(Event::UnreadableField { field: error.wire_key(), is_lenient, error: &error });
            }
            Mode::Quiet => {}
        }
        if !is_lenient {
            self.failed = Some(error);
        }
    }
}

/// Why a stored cell cannot be read as its field. The cell stays as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CellError {
    /// Its text is not a value of the field's type.
    #[error("the stored session field `{field}` does not fit its type (at column {column})")]
    OfAnotherType {
        /// The wire key.
        field: &'static str,
        /// Where in the text, counted from 1.
        column: usize,
    },
    /// It is sealed, and none of the application's keys opens it.
    #[error(
        "the stored session field `{field}` is sealed by a key that is not among the `Keys`, or was moved there from another session or field"
    )]
    Sealed {
        /// The wire key.
        field: &'static str,
    },
    /// An older version stored it, and its `up` or `merge` failed.
    #[error("the stored session field `{field}` could not be converted from its older form")]
    NotConverted {
        /// The wire key.
        field: &'static str,
    },
    /// A version older than `oldest_record` stored it, and the source no longer has the conversion.
    #[error(
        "the stored session field `{field}` is there only in a form of before version {since}, which the source can no longer read: \
         put its `up` back, with an `oldest_record` below {since}"
    )]
    Forgotten {
        /// The wire key.
        field: &'static str,
        /// The version that gave the field a new form.
        since: u16,
    },
}

impl CellError {
    /// The wire key.
    pub(crate) const fn wire_key(&self) -> &'static str {
        match self {
            Self::OfAnotherType { field, .. }
            | Self::Sealed { field }
            | Self::NotConverted { field }
            | Self::Forgotten { field, .. } => field,
        }
    }
}

/// A value that a session can store: what the derive asks of every field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored in a session",
    label = "cannot be written as JSON and read back",
    note = "if it derives `SessionState`: a state cannot be a field of another state; replace that derive by \
            `#[derive(Default, serde::Serialize, serde::Deserialize)]`, remove the `#[session(..)]` above the struct, and write \
            `#[serde(default)]` for each `#[session(default)]` on its fields",
    note = "if it is another type of yours: derive those of `serde::Serialize` and `serde::Deserialize` that it does not have yet",
    note = "if it is of another crate: turn on that crate's feature `serde`; if it has none, or the type is of `std`, store another type, \
            such as `SystemTime` for `Instant`"
)]
pub trait FieldValue {
    /// Reads the next field of the section.
    fn read(cells: &mut SectionReader<'_>, default: impl FnOnce() -> Self) -> Self
    where
        Self: Sized;

    /// Decodes a cell.
    ///
    /// # Errors
    /// When the text does not fit.
    fn decode(json: &Json) -> Result<Self, serde_json::Error>
    where
        Self: Sized;

    /// The same value, its type forgotten.
    fn erased(&self) -> &dyn FieldValue
    where
        Self: Sized;

    /// Encodes it as a cell.
    ///
    /// # Errors
    /// When its `Serialize` fails.
    fn encode(&self) -> Result<Json, serde_json::Error>;

    /// Whether it reads back from `json`, which it was encoded as; `null` is left to the caller.
    fn reads_back(&self, json: &Json) -> bool;

    /// Why there is `null` in `json`, which it was encoded as.
    #[doc(hidden)]
    fn nulls_in(&self, json: &Json) -> Nulls;
}

// Without this the compiler names serde's traits, one error each.
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> FieldValue for T {
    #[inline]
    fn read(cells: &mut SectionReader<'_>, default: impl FnOnce() -> Self) -> Self {
        cells.read(default)
    }

    fn decode(json: &Json) -> Result<Self, serde_json::Error> {
        json.decode()
    }

    #[inline]
    fn erased(&self) -> &dyn FieldValue {
        self
    }

    fn encode(&self) -> Result<Json, serde_json::Error> {
        Json::of_field(self)
    }

    fn reads_back(&self, json: &Json) -> bool {
        json.reads_as(self)
    }

    fn nulls_in(&self, json: &Json) -> Nulls {
        json.nulls_of(self)
    }
}

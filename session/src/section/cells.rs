//! Reads a section that any version may have written.
//!
//! In: a [`View`] of the record with this request's patch over it. Out: cells for [`SessionState::decode_section`], or why the
//! section cannot be read; what a commit may store of what it read. Never: I/O, a write.
//!
//! [`SessionState::decode_section`]: crate::SessionState::decode_section

use serde::{Serialize, de::DeserializeOwned};

use super::view::View;
use crate::{
    record::{
        apply::Record,
        cell::{Cell, WireKey},
        json::Json,
    },
    schema::{
        describe::{Field, Schema},
        group::{Group, Slot},
        values::Failed,
    },
};

/// The cells of one section, in the order of the schema. Generated code reads them one by one.
#[derive(Debug)]
pub struct Cells<'a> {
    view: View<'a>,
    schema: &'static Schema,
    next: usize,
    /// Stored cells not yet passed; both sides are sorted, so one walk finds all.
    stored: &'a [(WireKey, Cell)],
    /// Groups that were read already: their fields stand apart.
    groups: Vec<(&'static Group, Vec<Slot>)>,
    /// What cannot be read, where all of it is asked for; else the first ends the reading.
    pub(crate) found: Option<Vec<CellError>>,
    /// Whether somebody is told of what cannot be read: once, and not with every look at it.
    tells: bool,
}

impl<'a> Cells<'a> {
    /// The next field of the schema; `default()` where nothing is stored or the field was cleared.
    ///
    /// # Errors
    /// When the stored text does not fit `V` and the field is not `lenient`.
    #[inline]
    pub fn read<V: DeserializeOwned + 'static>(
        &mut self,
        default: impl FnOnce() -> V,
    ) -> Result<V, CellError> {
        let at = self.next;
        let Some(field) = self.schema.field(at) else { return Ok(default()) };
        self.next += 1;
        let decoded = match self.view.patch.value(self.schema, at) {
            Some(json) => Self::decoded(field, Some(json)),
            None => match self.schema.group_of(field) {
                None => Self::decoded(field, self.stored(field)),
                Some(group) => match self.in_group(group, at) {
                    Ok(json) => Self::decoded(field, json.as_ref()),
                    Err(Failed::Conversion) => Err(CellError::NotConverted { field: field.wire_key() }),
                    Err(Failed::Forgotten(since)) => {
                        Err(CellError::Forgotten { field: field.wire_key(), since })
                    }
                },
            },
        };
        match decoded {
            Ok(value) => Ok(value.unwrap_or_else(default)),
            Err(error) => self.unreadable(field, error).map(|()| default()),
        }
    }

    pub(crate) fn telling(mut self, tells: bool) -> Self {
        self.tells = tells;
        self
    }

    /// `None`: nothing is stored, or the field was cleared. serde's own message may quote the value, so only its place is told.
    fn decoded<V: DeserializeOwned + 'static>(
        field: &Field,
        json: Option<&Json>,
    ) -> Result<Option<V>, CellError> {
        let Some(json) = json else { return Ok(None) };
        match json.decode() {
            Ok(value) => Ok(Some(value)),
            Err(_) if json.is_null() => Ok(None),
            Err(error) => Err(CellError::OfAnotherType { field: field.wire_key(), column: error.column() }),
        }
    }

    fn stored(&mut self, field: &Field) -> Option<&'a Json> {
        while let [(key, cell), rest @ ..] = self.stored {
            match key.as_str().cmp(field.wire_key()) {
                std::cmp::Ordering::Less => self.stored = rest,
                std::cmp::Ordering::Greater => return None,
                std::cmp::Ordering::Equal => {
                    self.stored = rest;
                    let record = self.view.record?;
                    return self.view.shows(record, field.resets(), cell).then_some(&cell.json);
                }
            }
        }
        None
    }

    fn in_group(&mut self, group: &'static Group, field: usize) -> Result<Option<Json>, Failed> {
        if !self.groups.iter().any(|(known, _)| std::ptr::eq(*known, group)) {
            self.groups.push((group, self.view.slots(self.schema, group)));
        }
        let slots = self.groups.iter().find(|(known, _)| std::ptr::eq(*known, group));
        slots.and_then(|(_, slots)| group.slot(slots, field)).map_or(Ok(None), |slot| slot.value.clone())
    }

    /// Whether reading goes on, with the field's default.
    #[cold]
    fn unreadable(&mut self, field: &Field, error: CellError) -> Result<(), CellError> {
        if let Some(found) = &mut self.found {
            found.push(error);
            return Ok(());
        }
        match (field.is_lenient(), self.tells) {
            (true, true) => {
                tracing::warn!(event = "cell_unreadable", field = error.wire_key(), %error, "a session field reads as its default");
            }
            (false, true) => {
                tracing::error!(event = "cell_unreadable", field = error.wire_key(), %error, "a session field cannot be read");
            }
            (_, false) => {}
        }
        if field.is_lenient() { Ok(()) } else { Err(error) }
    }
}

/// A stored cell cannot be read as its field. It stays as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CellError {
    /// Its text is no value of the field's type.
    #[error("the stored session field `{field}` does not fit its type (at column {column})")]
    OfAnotherType {
        /// The wire key.
        field: &'static str,
        /// Where in the text.
        column: usize,
    },
    /// It was stored by an older version, and its `up` or `merge` failed.
    #[error("the stored session field `{field}` could not be converted from its older form")]
    NotConverted {
        /// The wire key.
        field: &'static str,
    },
    /// It was stored by a version older than `oldest_record`, and the source no longer says how to read that.
    #[error(
        "the stored session field `{field}` is there only in a form of before version {since}, which the source can no longer read: \
         put its `up` back, with an `oldest_record` below {since}"
    )]
    Forgotten {
        /// The wire key.
        field: &'static str,
        /// The version that gave it a new form.
        since: u16,
    },
}

impl CellError {
    /// The wire key.
    pub(crate) const fn wire_key(&self) -> &'static str {
        match self {
            Self::OfAnotherType { field, .. }
            | Self::NotConverted { field }
            | Self::Forgotten { field, .. } => field,
        }
    }
}

/// A value that a session can store: what the derive asks of every field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored in a session",
    label = "`serde::Serialize` or `serde::Deserialize` is missing",
    note = "derive both for every type of yours in it: `#[derive(serde::Serialize, serde::Deserialize)]`"
)]
pub trait FieldValue: Sized {
    /// Reads the next field of the section.
    ///
    /// # Errors
    /// When the stored text does not fit.
    fn read(cells: &mut Cells<'_>, default: impl FnOnce() -> Self) -> Result<Self, CellError>;

    /// Decodes a cell.
    ///
    /// # Errors
    /// When the text does not fit.
    fn decode(json: &Json) -> Result<Self, serde_json::Error>;

    /// Encodes it as a cell.
    ///
    /// # Errors
    /// When its `Serialize` fails.
    fn encode(&self) -> Result<Json, serde_json::Error>;
}

// Without this the compiler names serde's traits, one error each.
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> FieldValue for T {
    #[inline]
    fn read(cells: &mut Cells<'_>, default: impl FnOnce() -> Self) -> Result<Self, CellError> {
        cells.read(default)
    }

    fn decode(json: &Json) -> Result<Self, serde_json::Error> {
        json.decode()
    }

    #[inline]
    fn encode(&self) -> Result<Json, serde_json::Error> {
        Json::of_field(self)
    }
}

impl<'a> View<'a> {
    pub(crate) fn cells(self, schema: &'static Schema) -> Cells<'a> {
        let stored = self.record.map_or(&[][..], Record::cells);
        let from = stored
            .partition_point(|(key, _)| schema.field(0).is_some_and(|first| key.as_str() < first.wire_key()));
        Cells {
            view: self,
            schema,
            next: 0,
            stored: stored.get(from..).unwrap_or_default(),
            groups: Vec::new(),
            found: None,
            tells: false,
        }
    }
}

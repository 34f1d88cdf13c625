//! Reads a section that any version may have written.
//!
//! In: a [`View`] of the record with this request's patch over it. Out: cells for [`SessionState::decode_section`], or why the
//! section cannot be read; what a commit may store of what it read. Never: I/O, a write.
//!
//! [`SessionState::decode_section`]: crate::SessionState::decode_section

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    convert::Failed,
    error::{Error, ErrorKind},
    history::{Group, Slot},
    patch::Patch,
    record::{
        apply::Record,
        cell::{Cell, WireKey},
        json::Json,
        time::Timestamp,
    },
    schema::{Field, Schema, SessionState},
};

/// The session as the handlers of one request see it: the record, what the request did since, nothing of a session it left.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) record: Option<&'a Record>,
    pub(crate) now: Timestamp,
    /// Somebody signed in during this request, so what resets on sign-in is gone.
    pub(crate) signed_in: bool,
    pub(crate) patch: &'a Patch,
}

impl<'a> View<'a> {
    /// Whether `field` has a stored value that can be read now, and no older form of it is newer.
    pub(crate) fn stores(&self, schema: &'static Schema, field: usize) -> bool {
        let Some(described) = schema.field(field) else { return false };
        match schema.group_of(described) {
            None => self.cell(described.wire_key(), described.resets()).is_some(),
            Some(group) => {
                let slots = self.slots(schema, group);
                let slot = group.slot(&slots, field);
                slot.is_some_and(|slot| slot.carried.is_none() && matches!(slot.value, Ok(Some(_))))
            }
        }
    }

    /// The stored cell `key`, if it can be read now.
    pub(crate) fn cell(&self, key: &str, resets: bool) -> Option<&'a Cell> {
        let record = self.record?;
        record.cell(key).filter(|cell| self.shows(record, resets, cell))
    }

    /// Whether a stored cell can be read now: neither expired nor from before the sign-in that resets it.
    fn shows(&self, record: &Record, resets: bool, cell: &Cell) -> bool {
        let reset = resets && (self.signed_in || cell.revision < record.meta().signed_in);
        !reset && !cell.is_expired(self.now)
    }

    /// What the cells of a group say. Its fields reset together, so that no older form shows what was reset.
    pub(crate) fn slots(&self, schema: &Schema, group: &Group) -> Vec<Slot> {
        let resets = group.fields().filter_map(|field| schema.field(field)).any(Field::resets);
        group.read(|key| self.cell(key, resets))
    }

    /// Whether this binary may read the section: the gate's number is at most its version.
    pub(crate) fn gate(&self, schema: &Schema) -> Result<(), TooNew> {
        match self.gate_number(schema) {
            Some(Gate::At(needed)) if needed > u64::from(schema.version()) => Err(TooNew { needed }),
            Some(Gate::Unreadable) => Err(TooNew { needed: u64::MAX }),
            _ => Ok(()),
        }
    }

    /// Whether a write of the section must raise the gate.
    pub(crate) fn gate_rises(&self, schema: &Schema) -> bool {
        !matches!(self.gate_number(schema), Some(Gate::At(at)) if at >= u64::from(schema.oldest_reader()))
    }

    fn gate_number(&self, schema: &Schema) -> Option<Gate> {
        let cell = self.record?.cell(schema.gate())?;
        Some(cell.json.as_str().parse().map_or(Gate::Unreadable, Gate::At))
    }

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

enum Gate {
    At(u64),
    Unreadable,
}

/// The section was written by a release that this binary cannot follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TooNew {
    pub(crate) needed: u64,
}

impl TooNew {
    pub(crate) fn error(self, schema: &Schema) -> Error {
        tracing::warn!(
            event = "schema_too_new",
            schema = schema.name(),
            version = schema.version(),
            needed = self.needed,
            "a session needs a later version of its schema"
        );
        Error::new(ErrorKind::SchemaTooNew).because(format!(
            "the section `{}` of the session needs version {} of its schema, and this binary has version {}; it is left as it is",
            schema.name(),
            self.needed,
            schema.version()
        ))
    }
}

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
    found: Option<Vec<CellError>>,
    /// Whether somebody is told of what cannot be read: once, and not with every look at it.
    tells: bool,
}

impl std::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").finish_non_exhaustive()
    }
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

    /// The whole section, and everything in it that cannot be read, which reads as its default.
    pub(crate) fn read_all<T: SessionState>(mut self) -> (Option<T>, Vec<CellError>) {
        self.found = Some(Vec::new());
        let state = T::decode_section(&mut self).ok();
        (state, self.found.unwrap_or_default())
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

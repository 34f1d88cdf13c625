//! Reads a section that any version may have written.
//!
//! In: a [`View`] of the record with this request's patch over it. Out: cells for [`SessionState::decode_section`], or why the
//! section cannot be read. Never: I/O, a write.
//!
//! [`SessionState::decode_section`]: crate::SessionState::decode_section

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error, ErrorKind,
    patch::Patch,
    record::{Cell, Json, Record, Timestamp, WireKey},
    schema::{Field, Schema},
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
    /// The stored cell of `field`, if it can be read now.
    pub(crate) fn stored(&self, field: &Field) -> Option<&'a Cell> {
        let record = self.record?;
        record.cell(field.key()).filter(|cell| self.shows(record, field, cell))
    }

    /// Whether a stored cell can be read now: neither expired nor from before the sign-in that resets it.
    fn shows(&self, record: &Record, field: &Field, cell: &Cell) -> bool {
        let reset = field.resets() && (self.signed_in || cell.revision < record.meta().signed_in);
        !reset && !cell.is_expired(self.now)
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
            .partition_point(|(key, _)| schema.field(0).is_some_and(|first| key.as_str() < first.key()));
        Cells { view: self, schema, next: 0, stored: stored.get(from..).unwrap_or_default() }
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
        let Some(field) = self.schema.field(self.next) else { return Ok(default()) };
        let json = match self.view.patch.value(self.schema, self.next) {
            Some(json) => Some(json),
            None => self.stored(field),
        };
        self.next += 1;
        match json {
            None => Ok(default()),
            Some(json) => match json.decode() {
                Ok(value) => Ok(value),
                Err(_) if json.is_null() => Ok(default()),
                Err(error) => Self::unreadable(field, &error).map_or_else(|| Ok(default()), Err),
            },
        }
    }

    fn stored(&mut self, field: &Field) -> Option<&'a Json> {
        while let [(key, cell), rest @ ..] = self.stored {
            match key.as_str().cmp(field.key()) {
                std::cmp::Ordering::Less => self.stored = rest,
                std::cmp::Ordering::Greater => return None,
                std::cmp::Ordering::Equal => {
                    self.stored = rest;
                    let record = self.view.record?;
                    return self.view.shows(record, field, cell).then_some(&cell.json);
                }
            }
        }
        None
    }

    /// serde's own message may quote the value, so only its place is told.
    #[cold]
    fn unreadable(field: &Field, error: &serde_json::Error) -> Option<CellError> {
        let error = CellError { field: field.key(), column: error.column() };
        if field.is_lenient() {
            tracing::warn!(
                field = field.key(),
                "a stored session field does not fit its type; it reads as its default"
            );
            return None;
        }
        Some(error)
    }
}

/// A stored cell does not fit its field. It stays as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the stored session field `{field}` does not fit its type (at column {column})")]
pub struct CellError {
    field: &'static str,
    column: usize,
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

    #[inline]
    fn encode(&self) -> Result<Json, serde_json::Error> {
        Json::of_field(self)
    }
}

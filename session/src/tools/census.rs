//! Counts what a store holds of one schema, for the time before a deploy and before an older form leaves the source.
//!
//! In: a store, and how many sessions to read at most. Out: a [`Census`]. Never: writes to the store, or puts a stored value into the
//! report.

use std::{collections::BTreeMap, fmt};

use super::walk::{StoredSession, Walk, at_once};
use crate::{
    handle::state::SessionState,
    id::{key::KeyId, public::PublicId, seal::key_of},
    record::apply::Record,
    schema::{
        describe::{Fades, Removed, Schema},
        group::Unwritable,
    },
    section::view::View,
    store::{
        contract::{Loaded, SessionStore},
        error::{StoreError, StoreErrorKind},
    },
};

/// The most problems kept individually. Further problems are only counted.
const MOST_PROBLEMS: usize = 100;

/// Reads at most `most` sessions of `store` as this binary would read and write them, and writes nothing.
///
/// A census has two uses. Run by the *new* binary before a deploy, it is a dry run: every `up`, `merge` and `down` runs on the stored
/// data, and [`problems`](Census::problems) lists each one that fails. Run later, it counts which forms are still stored, so that
/// [`safe_to_raise_oldest_record`](Census::safe_to_raise_oldest_record) can tell which of them may leave the source.
///
/// Pass `u64::MAX` to read every session. Records are read one at a time, to keep the load on the store low. The conversions of the
/// schema run once or more for each session, so they must not have side effects.
///
/// ```
/// use actix_typed_session::{SessionState, census, store::MemoryStore};
///
/// #[derive(SessionState)]
/// #[session(name = "shop", version = 2)]
/// struct Shop {
///     #[session(default, changed(since = 2, from = u8, up = u32::from, down = small))]
///     hits: u32,
/// }
///
/// fn small(hits: u32) -> Result<u8, std::num::TryFromIntError> {
///     hits.try_into()
/// }
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryStore::with_max_bytes(256 << 20);
/// let census = census::<Shop>(&store, u64::MAX).await?;
/// assert!(census.problems.is_empty(), "{census}");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The store's error if it cannot be reached, or if it cannot list its records
/// ([`Unsupported`](StoreErrorKind::Unsupported)). A session that cannot be read is counted in the census and is not an error.
pub async fn census<T: SessionState>(store: &impl SessionStore, most: u64) -> Result<Census, StoreError> {
    let (mut census, mut walk) = (Census::of(T::schema()), Walk::of(store));
    while let Some(page) = walk.next(at_once(most - census.sessions)).await? {
        for StoredSession { public_id, found } in page {
            if census.sessions >= most {
                return Ok(census);
            }
            match found {
                Ok(loaded) => census.add::<T>(public_id, &loaded),
                Err(StoreErrorKind::TooNew) => census.of_later_releases += 1,
                Err(_) => census.damaged += 1,
            }
        }
    }
    census.complete = true;
    Ok(census)
}

/// The result of [`census()`]. `Display` writes a report for people, which contains no stored value.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Census {
    /// The name of the schema.
    pub schema: &'static str,
    /// The version of the schema in this binary.
    pub version: u16,
    /// The number of live sessions that were read, with or without fields of this schema. Damaged sessions are not included.
    pub sessions: u64,
    /// Whether every session in the store was visited.
    pub complete: bool,
    /// Sessions whose record is damaged. No binary can read them; they stay until they expire.
    pub damaged: u64,
    /// Sessions that a later release of this library wrote and this release cannot read.
    pub of_later_releases: u64,
    /// Sessions with a section of this schema.
    pub sections: u64,
    /// Sections by the oldest version of the schema that can read them whole; `None` if the section does not record it.
    pub readable_from: BTreeMap<Option<u16>, u64>,
    /// Sections that this binary is too old to read. It answers requests for them with 503.
    pub too_new: u64,
    /// Stored cells by their wire keys.
    pub cells: BTreeMap<String, CellCount>,
    /// Sections that still need a change, by the version of the change (its `since`). A section needs it if a value is stored only in
    /// its older form or was last edited there, or if it still has the cell of a field that the version removed.
    pub needs: BTreeMap<u16, u64>,
    /// Values that are sealed (`#[session(secret)]`), of this schema and all others, by the id of the key that opens them
    /// ([`Key::id`](crate::Key::id)); `None` if this release does not know the form. A key that is not among them is needed by no stored
    /// value. A census has no keys, so it counts the values and does not try them out.
    pub sealed: BTreeMap<Option<KeyId>, u64>,
    /// Values that this binary cannot read, or cannot write for the oldest binary that may run. Only the first hundred are listed.
    pub problems: Vec<Problem>,
    /// The number of problems, including those that are not listed.
    pub problem_count: u64,
    oldest_reader: u16,
}

/// One wire key in a [`Census`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CellCount {
    /// What the wire key is in this binary's schema.
    pub form: Form,
    /// The number of sections that have this cell.
    pub count: u64,
    /// The total size of these cells in bytes, wire keys and values together.
    pub bytes: u64,
}

/// What a stored wire key is in a binary's schema.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Form {
    /// The present form of a field.
    Field,
    /// An older form of a field, written as long as an older binary may run.
    Older,
    /// A field that the schema lists as `removed`.
    Removed,
    /// Not in the schema: written by a later version, or by an earlier one whose fields have left the source.
    Unknown,
}

/// A stored value that this binary could not handle.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Problem {
    /// The public id of the session. It cannot be used to open the session.
    pub session: PublicId,
    /// A message that names the wire key and what is wrong with its value.
    pub what: String,
}

impl Census {
    const fn of(schema: &Schema) -> Self {
        Self {
            schema: schema.name(),
            version: schema.version(),
            sessions: 0,
            complete: false,
            damaged: 0,
            of_later_releases: 0,
            sections: 0,
            readable_from: BTreeMap::new(),
            too_new: 0,
            cells: BTreeMap::new(),
            needs: BTreeMap::new(),
            sealed: BTreeMap::new(),
            problems: Vec::new(),
            problem_count: 0,
            oldest_reader: schema.oldest_reader(),
        }
    }

    /// The highest `oldest_record` at which every stored session stays readable; never more than `oldest_reader`.
    ///
    /// The answer holds once no binary older than `oldest_reader` runs, because an older binary may still store an older form. It is
    /// `None` if the answer is unknown: sessions were left out or could not be read, or there were none at all, which suggests the
    /// wrong store. While a Redis Cluster moves slots, a census may miss a session.
    #[must_use]
    pub fn safe_to_raise_oldest_record(&self) -> Option<u16> {
        if !self.complete || self.sessions == 0 || self.of_later_releases > 0 {
            return None;
        }
        let first = self.needs.keys().next().map_or(self.oldest_reader, |first| first.saturating_sub(1));
        Some(first.clamp(1, self.oldest_reader))
    }

    /// The bytes stored in older forms, in addition to the present ones, for older binaries.
    #[must_use]
    pub fn bytes_in_older_forms(&self) -> u64 {
        self.cells.values().filter(|cell| cell.form == Form::Older).map(|cell| cell.bytes).sum()
    }

    fn problem(&mut self, session: PublicId, what: String) {
        self.problem_count += 1;
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(Problem { session, what });
        }
    }

    fn add<T: SessionState>(&mut self, session: PublicId, loaded: &Loaded) {
        self.sessions += 1;
        let (schema, record) = (T::schema(), &*loaded.record);
        self.count_sealed(record);
        if !self.count_cells(schema, record) {
            return;
        }
        self.sections += 1;
        let view = View::of(record, loaded.now);
        let gate = record.cell(schema.gate());
        *self.readable_from.entry(gate.and_then(|gate| gate.json.as_str().parse().ok())).or_default() += 1;
        self.count_needs(schema, view);
        if view.check_gate(schema).is_err() {
            self.too_new += 1;
        } else {
            let in_the_clear = without_sealed(record);
            self.try_out::<T>(session, View::of(&in_the_clear, loaded.now));
        }
    }

    fn count_sealed(&mut self, record: &Record) {
        for sealed in record.cells().iter().filter_map(|(_, cell)| cell.json.sealed()) {
            *self.sealed.entry(key_of(sealed)).or_default() += 1;
        }
    }

    /// Counts the record's cells of this schema, and returns whether there are any.
    fn count_cells(&mut self, schema: &'static Schema, record: &Record) -> bool {
        let of_schema = |key: &str| key.strip_prefix(schema.name()).is_some_and(|key| key.starts_with('.'));
        let mut any = record.cell(schema.gate()).is_some();
        for (key, cell) in record.cells().iter().filter(|(key, _)| of_schema(key.as_str())) {
            any = true;
            let count = self.cells.entry(key.as_str().to_owned()).or_insert_with(|| CellCount {
                form: Form::of(schema, key.as_str()),
                count: 0,
                bytes: 0,
            });
            count.count += 1;
            count.bytes += u64::try_from(key.as_str().len() + cell.json.as_str().len()).unwrap_or(u64::MAX);
        }
        any
    }

    fn count_needs(&mut self, schema: &'static Schema, view: View<'_>) {
        let mut needed: Vec<u16> = Vec::new();
        for group in schema.groups() {
            needed.extend(group.needs(&view.slots(schema, group)));
        }
        let removed = schema
            .removed()
            .iter()
            .filter(|removed| view.cell(removed.wire_key(), Fades::default()).is_some());
        needed.extend(removed.map(Removed::since));
        needed.sort_unstable();
        needed.dedup();
        for since in needed {
            *self.needs.entry(since).or_default() += 1;
        }
    }

    /// Reads the section and encodes every field as a write would, without storing anything.
    fn try_out<T: SessionState>(&mut self, session: PublicId, view: View<'_>) {
        let schema = T::schema();
        let (state, unreadable) = view.reader(schema).collected(T::decode_section);
        for error in &unreadable {
            self.problem(session, error.to_string());
        }
        let Some(state) = state else { return };
        let failed = |key: &str| unreadable.iter().any(|error| error.wire_key() == key);
        for group in schema.groups() {
            let fields: Vec<_> = group.fields().filter_map(|at| schema.field(at)).collect();
            if fields.iter().any(|field| failed(field.wire_key())) {
                continue;
            }
            // A field without a stored value has its default, which a save would not write either.
            let slots = view.slots(schema, group);
            let stored = |field| matches!(group.slot(&slots, field)?.value, Ok(Some(_))).then_some(field);
            let set = |field| state.field(stored(field)?).encode().ok();
            let written = group.write(slots.clone(), set);
            if let Err(Unwritable::NotConverted) = written {
                let keys: Vec<_> = fields.iter().map(|field| field.wire_key()).collect();
                let keys = keys.join("`, `");
                self.problem(
                    session,
                    format!("`{keys}` could not be converted by `down` for older binaries"),
                );
            }
        }
    }
}

fn without_sealed(record: &Record) -> Record {
    let in_the_clear = record.cells().iter().filter(|(_, cell)| cell.json.sealed().is_none());
    Record::from_parts(record.meta().clone(), in_the_clear.cloned().collect())
}

/// The word in the singular or the plural, as `count` requires.
fn plural(count: u64, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

impl Form {
    fn of(schema: &'static Schema, key: &str) -> Self {
        if schema.fields().iter().any(|field| field.wire_key() == key) {
            Self::Field
        } else if schema.groups().iter().any(|group| group.keys().any(|known| known == key)) {
            Self::Older
        } else if schema.removed().iter().any(|removed| removed.wire_key() == key) {
            Self::Removed
        } else {
            Self::Unknown
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Field => "field",
            Self::Older => "older form",
            Self::Removed => "removed",
            Self::Unknown => "unknown",
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {}: {}", self.session, self.what)
    }
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { schema, version, sessions, sections, .. } = self;
        writeln!(f, "schema `{schema}`, version {version}")?;
        let all = if self.complete { "all of them" } else { "not all" };
        writeln!(
            f,
            "  {sessions} {}, {all}; {sections} of them with this schema",
            plural(*sessions, "session")
        )?;
        for (count, what) in [
            (self.damaged, "damaged"),
            (self.of_later_releases, "written by a later release of actix-typed-session"),
            (self.too_new, "too new for this binary"),
        ] {
            if count > 0 {
                writeln!(f, "  {count} {what}")?;
            }
        }
        for (key, count) in &self.sealed {
            let values = plural(*count, "value");
            match key {
                Some(key) => writeln!(f, "  {count} {values} sealed by the key {key}, not tried out")?,
                None => writeln!(f, "  {count} {values} sealed in a form that this release does not know")?,
            }
        }
        for (version, count) in &self.readable_from {
            match version {
                Some(version) => writeln!(f, "  {count} can be read by version {version} and later")?,
                None if *count == 1 => writeln!(f, "  1 does not say which version can read it")?,
                None => writeln!(f, "  {count} do not say which version can read them")?,
            }
        }
        for (key, CellCount { form, count, bytes }) in &self.cells {
            let (cells, of) = (plural(*count, "cell"), plural(*bytes, "byte"));
            writeln!(f, "  {key:<24} {form:<10} {count:>9} {cells:<5} {bytes:>12} {of}")?;
        }
        let bytes = self.bytes_in_older_forms();
        writeln!(f, "  {bytes} {} in older forms", plural(bytes, "byte"))?;
        for (since, count) in &self.needs {
            let need = if *count == 1 { "needs" } else { "need" };
            writeln!(f, "  {count} still {need} the conversions of version {since}")?;
        }
        match self.safe_to_raise_oldest_record() {
            Some(version) => {
                let reader = self.oldest_reader;
                writeln!(
                    f,
                    "  safe: `oldest_record = {version}`, once no binary older than version {reader} runs"
                )?;
            }
            None if self.sessions == 0 => writeln!(f, "  no sessions: is it the right store?")?,
            None => writeln!(f, "  safe: unknown, because not every session was read")?,
        }
        write!(f, "  {} {}", self.problem_count, plural(self.problem_count, "problem"))?;
        for problem in &self.problems {
            write!(f, "\n    {problem}")?;
        }
        if self.problem_count > MOST_PROBLEMS.try_into().unwrap_or(u64::MAX) {
            write!(f, "\n    ..")?;
        }
        Ok(())
    }
}

//! What a store holds of one schema: before a deploy, and before an old form leaves the source.
//!
//! In: a store, and how many sessions to look at. Out: a [`Census`]. Never: a write, a value in the report.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use crate::{
    handle::state::SessionState,
    id::public::PublicId,
    record::apply::Record,
    schema::{
        describe::{Removed, Schema},
        group::Unwritable,
    },
    section::view::View,
    store::{
        contract::{LoadOptions, Loaded, SessionStore},
        error::{StoreError, StoreErrorKind},
    },
};

/// Keys asked for at a time.
const PAGE: u32 = 500;

/// Problems that are kept one by one; of the others there is the number.
const MOST_PROBLEMS: usize = 100;

/// Looks at the sessions of `store` as this binary would read and write them, at most at `most` of them. Writes nothing.
///
/// It is two things. Run by the *new* binary before a deploy, it is the dry run: every `up`, `merge` and `down` runs on what is
/// stored, and [`problems`](Census::problems) says where one fails. Run later, it counts which forms are still stored, so that
/// [`safe_to_raise_oldest_record`](Census::safe_to_raise_oldest_record) can say which may leave the source.
///
/// One record is read at a time, so that visitors do not notice; `u64::MAX` looks at all. Functions of the user's must not have
/// effects of their own.
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
/// # let store = MemoryStore::bounded(100_000);
/// let census = census::<Shop>(&store, u64::MAX).await?;
/// assert!(census.problems.is_empty(), "{census}");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When the store cannot be reached, or is of a kind that does not know its keys
/// ([`Unsupported`](StoreErrorKind::Unsupported)). A session that cannot be read is no error; it is counted.
pub async fn census<T: SessionState>(store: &impl SessionStore, most: u64) -> Result<Census, StoreError> {
    let mut census = Census::of(T::schema());
    let (mut seen, mut from) = (HashSet::new(), None);
    loop {
        let page = store.scan(from.as_ref(), PAGE).await?;
        for key in page.selectors {
            if census.sessions >= most {
                return Ok(census);
            }
            // A store may give a key twice.
            if !seen.insert(key) {
                continue;
            }
            match store.load(&key, &LoadOptions::default()).await {
                Ok(None) => {}
                Ok(Some(loaded)) => census.add::<T>(PublicId::of(key), &loaded),
                Err(error) => match error.kind() {
                    StoreErrorKind::Unreadable => census.damaged += 1,
                    StoreErrorKind::TooNew => census.of_later_releases += 1,
                    _ => return Err(error),
                },
            }
        }
        from = page.next;
        if from.is_none() {
            census.complete = true;
            return Ok(census);
        }
    }
}

/// What [`census()`] found. `Display` is a report for people; it holds no value of a session.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Census {
    /// The name of the schema.
    pub schema: &'static str,
    /// The version of this binary.
    pub version: u16,
    /// Live sessions that were looked at, whether they hold anything of this schema or not; not the damaged ones.
    pub sessions: u64,
    /// Whether these were all.
    pub complete: bool,
    /// Sessions that the store could not read. No binary can; they end with their time.
    pub damaged: u64,
    /// Sessions that a later release of this library wrote, and this one cannot read.
    pub of_later_releases: u64,
    /// Sessions that hold something of this schema.
    pub sections: u64,
    /// Sections by the oldest version of the schema that can read them whole; `None`: they do not say.
    pub readable_from: BTreeMap<Option<u16>, u64>,
    /// Sections that this binary is too old to read; requests for them are answered with 503.
    pub too_new: u64,
    /// Stored cells by their wire keys.
    pub cells: BTreeMap<String, CellCount>,
    /// By the version of a change (`since`), sections that need it: a value is stored only in its older form, or was edited there
    /// last; or the cell of a field that the version removed is still there.
    pub needs: BTreeMap<u16, u64>,
    /// What this binary cannot read, or could not write for the oldest live one; of more than a hundred, the first.
    pub problems: Vec<Problem>,
    /// How many problems there are.
    pub problem_count: u64,
    oldest_reader: u16,
}

/// One wire key in a [`Census`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CellCount {
    /// What it is to this binary.
    pub form: Form,
    /// In how many sections it is stored.
    pub count: u64,
    /// The bytes of wire keys and values together.
    pub bytes: u64,
}

/// What a wire key is to a binary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Form {
    /// A field.
    Field,
    /// An older form of a field, which it writes as long as an older binary may run.
    Older,
    /// A field that it has no more.
    Removed,
    /// Not known; of a later version, or of one that has left the source.
    Unknown,
}

/// A stored value that this binary could not handle.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Problem {
    /// Whose; it opens nothing.
    pub session: PublicId,
    /// What is wrong; names the wire key.
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
            problems: Vec::new(),
            problem_count: 0,
            oldest_reader: schema.oldest_reader(),
        }
    }

    /// The highest `oldest_record` with which nothing that is stored is lost; `None` if that is not known: not every session was
    /// looked at or could be, or there was none at all, as in the wrong store.
    ///
    /// At most `oldest_reader`, and it holds once no binary older than that runs: such a one may write what was not there a
    /// moment ago. While slots of a Redis Cluster move, a session may be missed.
    #[must_use]
    pub fn safe_to_raise_oldest_record(&self) -> Option<u16> {
        if !self.complete || self.sessions == 0 || self.of_later_releases > 0 {
            return None;
        }
        let first = self.needs.keys().next().map_or(self.oldest_reader, |first| first.saturating_sub(1));
        Some(first.clamp(1, self.oldest_reader))
    }

    /// Bytes that are stored a second time, in an older form, for binaries that need it.
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
            self.try_out::<T>(session, view);
        }
    }

    /// Whether there are any of this schema.
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
        let removed =
            schema.removed().iter().filter(|removed| view.cell(removed.wire_key(), false).is_some());
        needed.extend(removed.map(Removed::since));
        needed.sort_unstable();
        needed.dedup();
        for since in needed {
            *self.needs.entry(since).or_default() += 1;
        }
    }

    /// Reads the section, and writes every field to nowhere.
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
            // A default that nobody stored is not written by this binary either.
            let slots = view.slots(schema, group);
            let stored = |field| matches!(group.slot(&slots, field)?.value, Ok(Some(_))).then_some(field);
            let set = |field| state.encode_field(stored(field)?).ok();
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

/// The word, with an `s` unless there is one of it.
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
            writeln!(f, "  {count} {need} what the source says of the changes in version {since}")?;
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
            None => writeln!(f, "  safe: not known, because not every session was looked at")?,
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

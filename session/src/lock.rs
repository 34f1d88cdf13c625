//! What a generated `session_lock` test does: it reads all golden records, and writes the lock file if it was asked to.
//!
//! In: a [`Lock`], written by the derive. Out: files under `session-schemas`, in a test that `SESSION_LOCK` asked to write; or what
//! is wrong. Never: a part of an application that runs.

use std::{
    any::type_name,
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use files::Files;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    evolve::View,
    id::public::VerifierHash,
    patch::Patch,
    record::{
        apply::Record,
        change::{CellWrite, NewRecord},
        json::Json,
        time::{Limits, Timestamp},
    },
    schema::{Field, Schema, SessionState},
    shape,
};

mod files;

mod trial;

/// What the derive knows of a schema's lock file.
#[derive(Debug)]
pub struct Lock {
    /// The folder of lock files.
    pub directory: &'static str,
    /// What to do.
    pub task: Task,
    /// Whether the present version is not released.
    pub is_draft: bool,
    /// Records of versions before this one are not read any more.
    pub oldest_record: u16,
    /// The new text of the file, cut where a number belongs: first the hash of the text, then the shapes. Empty for [`Task::Read`].
    pub text: &'static [&'static str],
    /// What the compiler found.
    pub shapes: &'static [Option<u64>],
    /// The released versions whose golden records must be there.
    pub records: &'static [u16],
    /// Types in the schema, and whether to say that the compiler cannot see into them; for [`Task::Read`], that it can since the
    /// release.
    pub tell: &'static [(&'static str, bool)],
    /// The folder of the package.
    pub package: &'static str,
    /// The source file of the schema, from the package or from a folder above it.
    pub source: &'static str,
}

/// What `SESSION_LOCK` asked for when the test was compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// Read the golden records.
    Read,
    /// `update`: write the lock file.
    Update,
    /// `release`: that, with the present version frozen, and its golden record.
    Release,
}

/// Why the test fails. `Debug` is for people: it is what the test harness prints.
pub struct Failure(String);

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

type Cells = BTreeMap<String, Box<RawValue>>;

/// A record as a version wrote it, and what it reads as now.
#[derive(Serialize, Deserialize)]
struct Golden {
    schema: String,
    version: u16,
    /// By wire key.
    cells: Cells,
    /// By the version that was released last: what it read of this, defaults aside.
    reads: BTreeMap<u16, BTreeMap<String, serde_json::Value>>,
}

/// Does what `lock.task` says for the schema of `T`. `sample` is what the golden record holds, else the defaults.
///
/// # Errors
/// When a file cannot be read or written, a golden record is missing or no longer reads as it did, or a conversion fails on `sample`.
/// Then nothing is written.
pub fn keep<T: SessionState>(lock: &Lock, sample: Option<fn() -> T>) -> Result<(), Failure> {
    let schema = T::schema();
    alone::<T>(lock)?;
    let folder = Path::new(lock.directory).join("fixtures");
    let lock_file = Path::new(lock.directory).join(format!("{}.lock", schema.name()));
    let path_of = |version: u16| folder.join(format!("{}.v{version}.json", schema.name()));
    let mut files = Files::of(lock);
    let mut records = BTreeMap::new();
    for path in fixtures(&folder, schema.name())? {
        let shown = lock.shown(&path);
        let text =
            fs::read_to_string(&path).map_err(|error| Failure(format!("cannot read {shown}: {error}")))?;
        let golden: Golden = serde_json::from_str(&text)
            .map_err(|error| Failure(format!("{shown} is no golden record: {error}")))?;
        if golden.schema == schema.name() && golden.version < lock.oldest_record {
            // What tells how to read it may have left the source.
            files.say(&format!("{shown}: not read, because of `oldest_record = {}`", lock.oldest_record));
        } else if golden.schema == schema.name() && golden.version <= schema.version() {
            if !lock.records.contains(&golden.version) && !knows(&lock_file, golden.version) {
                return Err(Failure(format!(
                    "{shown} says that version {} was released, and the lock file does not know: restore the lock file from version \
                     control; only if that version never was, delete the record",
                    golden.version
                )));
            }
            records.insert(path, golden);
        }
    }
    if lock.task == Task::Release {
        let state = match sample {
            Some(sample) => sample(),
            None => read(&BTreeMap::new())?,
        };
        trial::run(&state)?;
        let version = schema.version();
        // What a released version wrote does not change any more.
        if let Entry::Vacant(record) = records.entry(path_of(version)) {
            if sample.is_none() {
                files.say(&format!(
                    "schema `{0}`: no `sample`: the record that is kept of version {version} holds only defaults, so later \
                     versions are tested with nothing else; name a function in `#[session(sample = full_{0})]`",
                    schema.name()
                ));
            }
            let (schema, cells) = (schema.name().to_owned(), encode(&state)?);
            record.insert(Golden { schema, version, cells, reads: BTreeMap::new() });
        }
    }
    for version in lock.records.iter().filter(|version| **version >= lock.oldest_record) {
        let path = path_of(*version);
        if !records.contains_key(&path) {
            return Err(Failure(missing(*version, schema.version(), &lock.shown(&path))));
        }
    }
    for (path, mut golden) in records {
        check::<T>(&mut golden, lock.task)
            .map_err(|Failure(why)| Failure(format!("{}: {why}", lock.shown(&path))))?;
        if lock.task == Task::Release {
            let text = serde_json::to_string_pretty(&golden).map_err(|error| Failure(error.to_string()))?;
            files.write(path, format!("{text}\n"));
        }
    }
    if lock.task != Task::Read {
        files.write(lock_file, sealed(lock.text, lock.shapes));
    }
    if lock.task == Task::Update && lock.is_draft {
        files.remind(format!(
            "schema `{}`: version {} is a draft: before it is deployed, run `SESSION_LOCK=release cargo test session_lock`",
            schema.name(),
            schema.version()
        ));
    }
    let tell: BTreeSet<_> = lock.tell.iter().filter(|(_, tell)| *tell).collect();
    for (name, _) in tell {
        let what = if lock.task == Task::Read {
            format!(
                "the lock can see inside `{name}` now; run `SESSION_LOCK=update cargo test session_lock`, and changes there are noticed"
            )
        } else {
            format!(
                "changes inside `{name}` are not seen; derive `SessionValue` for it, if it is yours, and run this again"
            )
        };
        files.say(&format!("schema `{}`: {what}", schema.name()));
    }
    files.done()
}

/// Whether another test of this run has released that version: the schema may be in a library and in its program.
fn knows(lock_file: &Path, version: u16) -> bool {
    let line = format!("version {version} record");
    fs::read_to_string(lock_file).is_ok_and(|text| text.lines().any(|found| found == line))
}

/// One lock file, one state. The derive sees one at a time; the tests of a program run together.
fn alone<T: SessionState>(lock: &Lock) -> Result<(), Failure> {
    static OWNERS: Mutex<BTreeMap<(&str, &str), &str>> = Mutex::new(BTreeMap::new());
    let (name, state) = (T::schema().name(), type_name::<T>());
    let mut owners = OWNERS.lock().unwrap_or_else(PoisonError::into_inner);
    match *owners.entry((lock.directory, name)).or_insert(state) {
        owner if owner == state => Ok(()),
        other => Err(Failure(format!(
            "`{other}` and `{state}` both use the session schema name \"{name}\" and its lock file; give one of them another `name`"
        ))),
    }
}

fn missing(version: u16, now: u16, shown: &str) -> String {
    let at = if version == now { "" } else { " in the source of that version" };
    format!(
        "{shown} is missing; it is a record of version {version}, to be read by every later one: restore it from version control, \
         or run `SESSION_LOCK=release cargo test session_lock`{at}"
    )
}

/// Reads one golden record: untouched cells say what they said, and all say what they said to the version that was released last.
fn check<T: SessionState>(golden: &mut Golden, task: Task) -> Result<(), Failure> {
    let schema = T::schema();
    let record = of_cells(&golden.cells);
    let values = encode(&read::<T>(&golden.cells)?)?;
    let values: BTreeMap<String, serde_json::Value> =
        values.into_iter().map(|(key, json)| Ok((key, value(&json)?))).collect::<Result<_, Failure>>()?;
    for (key, json) in &golden.cells {
        if let Some(now) = values.get(key)
            && *now != value(json)?
        {
            return Err(Failure(format!("`{key}` holds {json} and reads as {now}")));
        }
    }
    for (version, reads) in golden.reads.range(..=schema.version()) {
        for (key, read) in reads {
            if let Some(now) = values.get(key).filter(|now| *now != read) {
                return Err(Failure(format!(
                    "`{key}` read as {read} when version {version} was released, and does not now: it is {now}. If what was read \
                     then was a mistake, write what is right into this file"
                )));
            }
        }
    }
    if task == Task::Release {
        // The versions before it have been read from the same cells; what they made of them is history.
        let patch = Patch::default();
        let stored = schema.fields().iter().filter(|field| holds(view(&record, &patch), schema, field));
        let stored = stored.filter_map(|field| values.get_key_value(field.wire_key()));
        let reads = stored.map(|(key, value)| (key.clone(), value.clone())).collect();
        golden.reads = BTreeMap::from([(schema.version(), reads)]);
    }
    Ok(())
}

/// Whether a field reads as something that is stored. Defaults may change: the lock sees to that.
fn holds(view: View<'_>, schema: &'static Schema, field: &Field) -> bool {
    let json = match schema.group_of(field) {
        None => view.cell(field.wire_key(), false).map(|cell| cell.json.clone()),
        Some(group) => {
            let slots = view.slots(schema, group);
            let mut cells = group.with(slots);
            cells.find_map(|(key, _, slot)| if key == field.wire_key() { slot.value.ok()? } else { None })
        }
    };
    json.is_some_and(|json| !json.is_null())
}

fn value(json: &RawValue) -> Result<serde_json::Value, Failure> {
    serde_json::from_str(json.get()).map_err(|error| Failure(error.to_string()))
}

/// What `T` reads from a record with these cells.
fn read<T: SessionState>(cells: &Cells) -> Result<T, Failure> {
    let (record, patch) = (of_cells(cells), Patch::default());
    T::decode_section(&mut view(&record, &patch).cells(T::schema()))
        .map_err(|error| Failure(error.to_string()))
}

fn of_cells(cells: &Cells) -> Record {
    record(cells.iter().map(|(key, json)| (key.as_str(), Json::from_store(json.get()))))
}

/// A record with these cells.
fn record<'a>(cells: impl Iterator<Item = (&'a str, Json)>) -> Record {
    let limits = Limits { idle: Duration::from_mins(1), absolute: Duration::from_mins(1) };
    let mut new = NewRecord::new(VerifierHash::from_bytes([0; 32]), limits);
    new.cells = cells.map(|(key, json)| CellWrite::new(key.into(), json)).collect();
    Record::create(&new, Timestamp::from_millis(0))
}

fn view<'a>(record: &'a Record, patch: &'a Patch) -> View<'a> {
    View { record: Some(record), now: Timestamp::from_millis(0), signed_in: false, patch }
}

/// The cells that hold `state`, by wire key.
fn encode<T: SessionState>(state: &T) -> Result<Cells, Failure> {
    let fields = T::schema().fields().iter().enumerate();
    let cells = fields.map(|(at, field)| {
        let json = state.encode_field(at)?;
        Ok((field.wire_key().to_owned(), RawValue::from_string(json.as_str().to_owned())?))
    });
    cells.collect::<Result<_, serde_json::Error>>().map_err(|error| Failure(error.to_string()))
}

fn fixtures(folder: &Path, schema: &str) -> Result<Vec<PathBuf>, Failure> {
    let files = match fs::read_dir(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure(format!("cannot read {}: {error}", folder.display()))),
    };
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.strip_prefix(schema).and_then(|rest| rest.strip_prefix(".v")?.strip_suffix(".json")).is_some()
    };
    Ok(files.filter_map(Result::ok).map(|entry| entry.path()).filter(is_ours).collect())
}

/// The text with its numbers put in.
fn sealed(text: &[&str], shapes: &[Option<u64>]) -> String {
    let [above, first, rest @ ..] = text else { return text.concat() };
    let mut below = (*first).to_owned();
    for (shape, after) in shapes.iter().zip(rest) {
        below += &shape.map_or_else(|| "opaque".to_owned(), |shape| format!("{shape:016x}"));
        below += after;
    }
    let lines = above.lines().chain(below.lines());
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("head "));
    let counted: String = lines.flat_map(|line| [line, "\n"]).collect();
    format!("{above}{:016x}{below}", shape::text(&counted))
}

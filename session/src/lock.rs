//! What a generated `session_lock` test does: it reads all golden records, and writes the lock file if it was asked to.
//!
//! In: a [`Lock`], written by the derive. Out: files under `session-schemas`, in a test that `SESSION_LOCK` asked to write; or what
//! is wrong. Never: a part of an application that runs.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    change::{CellWrite, NewRecord},
    evolve::View,
    id::VerifierHash,
    patch::Patch,
    record::{Json, Limits, Record, Timestamp},
    schema::SessionState,
    shape,
};

/// What the derive knows of a schema's lock file.
#[derive(Debug)]
pub struct Lock {
    /// The folder of lock files.
    pub directory: &'static str,
    /// What to do.
    pub task: Task,
    /// Records of versions before this one are not read any more.
    pub oldest_record: u16,
    /// The new text of the file, cut where a number belongs: first the hash of the text, then the shapes. Empty for [`Task::Read`].
    pub text: &'static [&'static str],
    /// What the compiler found.
    pub shapes: &'static [Option<u64>],
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

impl Failure {
    fn io(what: &str, path: &Path, error: &io::Error) -> Self {
        Self(format!("cannot {what} {}: {error}", path.display()))
    }
}

/// A record as a version wrote it, and what it reads as now.
#[derive(Serialize, Deserialize)]
struct Golden {
    schema: String,
    version: u16,
    /// By wire key.
    cells: BTreeMap<String, Box<RawValue>>,
    /// By the version that was released last: what each of its cells held when it read the record.
    reads: BTreeMap<u16, BTreeMap<String, serde_json::Value>>,
}

/// Does what `lock.task` says for the schema of `T`. `sample` is what the golden record holds, else the defaults.
///
/// # Errors
/// When a file cannot be read or written, or a golden record no longer reads as it did.
pub fn keep<T: SessionState>(lock: &Lock, sample: Option<fn() -> T>) -> Result<(), Failure> {
    let schema = T::schema();
    let records = Path::new(lock.directory).join("fixtures");
    if lock.task != Task::Read {
        let path = Path::new(lock.directory).join(format!("{}.lock", schema.name()));
        let created = !path.exists();
        write(&path, &sealed(lock.text, lock.shapes))?;
        if created {
            touch(lock);
        }
    }
    if lock.task == Task::Release {
        let path = records.join(format!("{}.v{}.json", schema.name(), schema.version()));
        // What a released version wrote does not change any more.
        if !path.exists() {
            let cells = match sample {
                Some(sample) => encode(&sample())?,
                None => encode(&read::<T>(&BTreeMap::new())?)?,
            };
            let golden = Golden {
                schema: schema.name().to_owned(),
                version: schema.version(),
                cells,
                reads: BTreeMap::new(),
            };
            save(&path, &golden)?;
        }
    }
    for path in fixtures(&records, schema.name())? {
        let text = fs::read_to_string(&path).map_err(|error| Failure::io("read", &path, &error))?;
        let mut golden: Golden = serde_json::from_str(&text)
            .map_err(|error| Failure(format!("{} is no golden record: {error}", path.display())))?;
        if golden.schema == schema.name() && golden.version < lock.oldest_record {
            // What tells how to read it may have left the source.
            say(&format!(
                "{}: not read, because of `oldest_record = {}`",
                path.display(),
                lock.oldest_record
            ));
        } else if golden.schema == schema.name() && golden.version <= schema.version() {
            check::<T>(&mut golden, lock.task)
                .map_err(|Failure(why)| Failure(format!("{}: {why}", path.display())))?;
            if lock.task == Task::Release {
                save(&path, &golden)?;
            }
        }
    }
    Ok(())
}

/// Reads one golden record: untouched cells say what they said, and all say what they said to this version at its release.
fn check<T: SessionState>(golden: &mut Golden, task: Task) -> Result<(), Failure> {
    let version = T::schema().version();
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
    if task == Task::Release {
        // The versions before it have been read from the same cells; what they made of them is history.
        golden.reads = BTreeMap::from([(version, values)]);
    } else if let Some(reads) = golden.reads.get(&version) {
        let changed = reads.iter().find(|(key, read)| values.get(*key).is_some_and(|now| now != *read));
        if let Some((key, read)) = changed {
            return Err(Failure(format!(
                "`{key}` read as {read} when version {version} was released, and does not now"
            )));
        }
    }
    Ok(())
}

/// To people, past the harness, which keeps what a passing test prints.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn value(json: &RawValue) -> Result<serde_json::Value, Failure> {
    serde_json::from_str(json.get()).map_err(|error| Failure(error.to_string()))
}

/// What `T` reads from a record with these cells.
fn read<T: SessionState>(cells: &BTreeMap<String, Box<RawValue>>) -> Result<T, Failure> {
    let limits = Limits { idle: Duration::from_mins(1), absolute: Duration::from_mins(1) };
    let mut new = NewRecord::new(VerifierHash::from_bytes([0; 32]), limits);
    let write = |key: &str, json: &RawValue| CellWrite::new(key.into(), Json::from_store(json.get()));
    new.cells = cells.iter().map(|(key, json)| write(key, json)).collect();
    let now = Timestamp::from_millis(0);
    let record = Record::create(&new, now);
    let view = View { record: Some(&record), now, signed_in: false, patch: &Patch::default() };
    T::decode_section(&mut view.cells(T::schema())).map_err(|error| Failure(error.to_string()))
}

/// The cells that hold `state`, by wire key.
fn encode<T: SessionState>(state: &T) -> Result<BTreeMap<String, Box<RawValue>>, Failure> {
    let fields = T::schema().fields().iter().enumerate();
    let cells = fields.map(|(at, field)| {
        let json = state.encode_field(at)?;
        Ok((field.key().to_owned(), RawValue::from_string(json.as_str().to_owned())?))
    });
    cells.collect::<Result<_, serde_json::Error>>().map_err(|error| Failure(error.to_string()))
}

fn fixtures(folder: &Path, schema: &str) -> Result<Vec<PathBuf>, Failure> {
    let files = match fs::read_dir(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure::io("read", folder, &error)),
    };
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.strip_prefix(schema).and_then(|rest| rest.strip_prefix(".v")?.strip_suffix(".json")).is_some()
    };
    Ok(files.filter_map(Result::ok).map(|entry| entry.path()).filter(is_ours).collect())
}

fn save(path: &Path, golden: &Golden) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(golden).map_err(|error| Failure(error.to_string()))?;
    write(path, &format!("{text}\n"))
}

/// Writes what is not there yet: cargo rebuilds what reads a file that was written.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if fs::read_to_string(path).is_ok_and(|now| now == text) {
        return Ok(());
    }
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder.and_then(|()| fs::write(path, text)).map_err(|error| Failure::io("write", path, &error))
}

/// Cargo cannot watch a file that was not there, so the schema's source is made to look edited. If that fails, the next edit of
/// it does the same.
fn touch(lock: &Lock) {
    let source = Path::new(lock.package)
        .ancestors()
        .map(|folder| folder.join(lock.source))
        .find(|path| path.is_file());
    let file = source.and_then(|path| fs::File::options().append(true).open(path).ok());
    if let Some(file) = file {
        let _ = file.set_modified(SystemTime::now());
    }
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

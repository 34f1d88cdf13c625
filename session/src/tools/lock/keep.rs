//! The body of a generated `session_lock` test: reads all golden records, and writes the lock file when asked to.
//!
//! In: a [`Lock`], written by the derive. Out: files under `session-schemas` if `SESSION_LOCK` asked for them, or the reason why the
//! test fails. Never: runs in an application; writes anything after a failure.

use std::{
    any::type_name,
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use actix_typed_session_value::__private::shape;

use super::{
    files::Files,
    golden::{Golden, check, encode, fixtures, missing, read},
    task::{Failure, Lock, Shape, Task},
    trial,
};
use crate::{handle::state::SessionState, schema::describe::Schema};

/// Does what `lock.task` asks for the schema of `T`.
///
/// `sample` returns the state that a new golden record holds; without it the record holds the defaults.
///
/// # Errors
/// If a file cannot be read or written, a golden record is missing or reads differently than before, or a conversion fails on the
/// sample. Nothing is written then, unless the failure is that of a write.
pub fn keep<T: SessionState>(lock: &Lock, sample: Option<fn() -> T>) -> Result<(), Failure> {
    claim_lock_file::<T>(lock)?;
    let mut keeping = Keeping::of(lock, T::schema());
    keeping.read_records()?;
    if lock.task == Task::Release {
        keeping.release(sample)?;
    }
    keeping.check::<T>()?;
    keeping.write()?;
    keeping.tell();
    keeping.files.done()
}

/// One run of the test.
struct Keeping<'a> {
    lock: &'a Lock,
    schema: &'static Schema,
    lock_file: PathBuf,
    /// The golden records by path: those on disk that this version reads, and the one that this run adds.
    records: BTreeMap<PathBuf, Golden>,
    files: Files<'a>,
}

impl<'a> Keeping<'a> {
    fn of(lock: &'a Lock, schema: &'static Schema) -> Self {
        let lock_file = Path::new(lock.directory).join(format!("{}.lock", schema.name()));
        Self { lock, schema, lock_file, records: BTreeMap::new(), files: Files::of(lock) }
    }

    fn record_folder(&self) -> PathBuf {
        Path::new(self.lock.directory).join("fixtures")
    }

    fn record_path(&self, version: u16) -> PathBuf {
        self.record_folder().join(format!("{}.v{version}.json", self.schema.name()))
    }

    /// Reads the golden records that this version must still be able to read.
    fn read_records(&mut self) -> Result<(), Failure> {
        for path in fixtures(&self.record_folder(), self.schema.name())? {
            let shown = self.lock.shown(&path);
            let text = fs::read_to_string(&path)
                .map_err(|error| Failure(format!("cannot read {shown}: {error}")))?;
            let golden: Golden = serde_json::from_str(&text)
                .map_err(|error| Failure(format!("{shown} is not a golden record: {error}")))?;
            // The file name may match that of another schema's record, and only a later version can read a record of its own.
            if golden.schema != self.schema.name() || golden.version > self.schema.version() {
                continue;
            }
            if golden.version < self.lock.oldest_record {
                // The conversions that it needs may have left the source.
                let oldest = self.lock.oldest_record;
                self.files.say(&format!("{shown}: not read, because of `oldest_record = {oldest}`"));
                continue;
            }
            if !self.lock.records.contains(&golden.version)
                && !was_just_released(&self.lock_file, golden.version)
            {
                return Err(Failure(format!(
                    "{shown} says that version {} was released, and the lock file does not know; restore the lock file from version \
                     control or, only if that version was never released, delete the record",
                    golden.version
                )));
            }
            self.records.insert(path, golden);
        }
        Ok(())
    }

    /// Tries every conversion on the sample, and adds a golden record of it unless the version already has one.
    fn release<T: SessionState>(&mut self, sample: Option<fn() -> T>) -> Result<(), Failure> {
        let state = match sample {
            Some(sample) => sample(),
            None => read(&BTreeMap::new())?,
        };
        trial::run(&state)?;
        let (name, version) = (self.schema.name(), self.schema.version());
        let path = self.record_path(version);
        // The record of a released version never changes.
        let Entry::Vacant(record) = self.records.entry(path) else { return Ok(()) };
        if sample.is_none() {
            self.files.say(&format!(
                "schema `{name}`: no `sample`: the record that is kept of version {version} holds only defaults, so later \
                 versions are tested with nothing else; name a function in `#[session(sample = full_{name})]`"
            ));
        }
        let (schema, cells) = (name.to_owned(), encode(&state)?);
        record.insert(Golden { schema, version, cells, reads: BTreeMap::new() });
        Ok(())
    }

    /// Checks that no golden record is missing, and that each of them reads as it did before.
    fn check<T: SessionState>(&mut self) -> Result<(), Failure> {
        for version in self.lock.records.iter().filter(|version| **version >= self.lock.oldest_record) {
            let path = self.record_path(*version);
            if !self.records.contains_key(&path) {
                return Err(Failure(missing(*version, self.schema.version(), &self.lock.shown(&path))));
            }
        }
        for (path, golden) in &mut self.records {
            let shown = self.lock.shown(path);
            let vary = check::<T>(golden, self.lock.task)
                .map_err(|Failure(why)| Failure(format!("{shown}: {why}")))?;
            for key in vary {
                self.files.say(&format!(
                    "{shown}: `{key}` reads as another value each time, so it is not compared; an `up` should make its value from the old \
                     one alone"
                ));
            }
        }
        Ok(())
    }

    /// Hands over the texts to write: a release writes the golden records, an update or a release the lock file.
    fn write(&mut self) -> Result<(), Failure> {
        if self.lock.task == Task::Release {
            for (path, golden) in std::mem::take(&mut self.records) {
                let text =
                    serde_json::to_string_pretty(&golden).map_err(|error| Failure(error.to_string()))?;
                self.files.write(path, format!("{text}\n"));
            }
        }
        if self.lock.task != Task::Read {
            self.files.write(self.lock_file.clone(), sealed(self.lock.text, self.lock.shapes));
        }
        Ok(())
    }

    /// Tells what is left to do: release a draft, and derive `SessionValue` for types whose contents the lock file cannot see.
    fn tell(&mut self) {
        let (name, version) = (self.schema.name(), self.schema.version());
        if self.lock.task == Task::Update && self.lock.is_draft {
            self.files.remind(format!(
                "schema `{name}`: version {version} is a draft: before it is deployed, run `SESSION_LOCK=release cargo test session_lock`"
            ));
        }
        let types: BTreeSet<_> = self.lock.tell.iter().filter(|(_, tell)| *tell).collect();
        for (ty, _) in types {
            let what = if self.lock.task == Task::Read {
                format!(
                    "the lock can see inside `{ty}` now; run `SESSION_LOCK=update cargo test session_lock` to have changes there noticed"
                )
            } else {
                format!(
                    "changes inside `{ty}` are not seen; derive `SessionValue` for it if it is your own type, and run this again"
                )
            };
            self.files.say(&format!("schema `{name}`: {what}"));
        }
    }
}

/// Whether the lock file on disk lists that version as released.
///
/// A schema may be compiled into a library and into its program. If the test of one has just released the version, the other was
/// compiled before that, so only the file knows.
fn was_just_released(lock_file: &Path, version: u16) -> bool {
    let line = format!("version {version} record");
    fs::read_to_string(lock_file).is_ok_and(|text| text.lines().any(|found| found == line))
}

/// Fails if another state of this program uses the same lock file.
///
/// The derive sees one state at a time and cannot notice it, but the tests of a program run in one process.
fn claim_lock_file<T: SessionState>(lock: &Lock) -> Result<(), Failure> {
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

/// The text of the lock file with the shapes filled in, and with the hash of its lines in `head`.
fn sealed(text: &[&str], shapes: &[Shape]) -> String {
    let [above, first, rest @ ..] = text else { return text.concat() };
    let mut below = (*first).to_owned();
    for (shape, after) in shapes.iter().zip(rest) {
        below += &shape.to_string();
        below += after;
    }
    let lines = above.lines().chain(below.lines());
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("head "));
    let hashed: String = lines.flat_map(|line| [line, "\n"]).collect();
    format!("{above}{:016x}{below}", shape::text(&hashed))
}

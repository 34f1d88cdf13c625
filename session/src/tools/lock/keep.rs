//! What a generated `session_lock` test does: it reads all golden records, and writes the lock file if it was asked to.
//!
//! In: a [`Lock`], written by the derive. Out: files under `session-schemas`, in a test that `SESSION_LOCK` asked to write; or what
//! is wrong. Never: a part of an application that runs.

use std::{
    any::type_name,
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

use super::{
    files::Files,
    golden::{Golden, check, encode, fixtures, missing, read},
    shape,
    task::{Failure, Lock, Task},
};
use crate::handle::state::SessionState;

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
        super::trial::run(&state)?;
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

//! The body of a generated `session_lock` test: reads all golden records, keeps the draft in the lock file, and releases it on request.
//!
//! In: a [`Lock`], written by the derive. Out: files under `session-schemas`, or the reason why the test fails. Never: runs in an
//! application; writes anything after a failure.

use std::{
    any::type_name,
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::{
    files::Files,
    golden::{Cells, Golden, check, encode, fixtures, missing, read},
    task::{Failure, Lock, Task},
    text::{Text, frozen, released},
    trial,
};
use crate::{
    handle::state::SessionState,
    schema::describe::{Field, Schema},
};

/// Keeps the lock file of the schema of `T`, and its golden records.
///
/// `sample` returns the state that a new golden record holds; without it the record holds the defaults.
///
/// # Errors
/// If a file cannot be read or written, a golden record is missing or reads differently than before, a conversion fails on the sample, or
/// the lock file says something else and may not be written. Nothing is written then, unless the failure is that of a write.
pub fn keep<T: SessionState>(lock: &Lock, sample: Option<fn() -> T>) -> Result<(), Failure> {
    claim_lock_file::<T>(lock)?;
    let mut keeping = Keeping::of(lock, T::schema(), Task::asked()?);
    keeping.read_records()?;
    if keeping.task == Task::Release {
        keeping.release(sample)?;
    }
    keeping.check::<T>()?;
    keeping.lock_file(sample)?;
    keeping.files.done()
}

/// One run of the test.
struct Keeping<'a> {
    lock: &'a Lock,
    schema: &'static Schema,
    task: Task,
    lock_file: PathBuf,
    /// The golden records by path: those on disk that this version reads, and the one that this run adds.
    records: BTreeMap<PathBuf, Golden>,
    files: Files<'a>,
}

impl<'a> Keeping<'a> {
    fn of(lock: &'a Lock, schema: &'static Schema, task: Task) -> Self {
        let lock_file = Path::new(lock.directory).join(format!("{}.lock", schema.name()));
        Self { lock, schema, task, lock_file, records: BTreeMap::new(), files: Files::of(lock) }
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
        let (schema, cells) = (name.to_owned(), encode(&state)?);
        record.insert(Golden { schema, version, cells, reads: BTreeMap::new() });
        Ok(())
    }

    /// Checks that no golden record is missing, and that each of them reads as it did before.
    fn check<T: SessionState>(&mut self) -> Result<(), Failure> {
        for version in self.lock.records.iter().filter(|version| **version >= self.lock.oldest_record) {
            let path = self.record_path(*version);
            if !self.records.contains_key(&path) {
                return Err(Failure(missing(
                    *version,
                    self.schema.version(),
                    &self.lock.shown(&path),
                    &self.lock.release(),
                )));
            }
        }
        for (path, golden) in &mut self.records {
            let shown = self.lock.shown(path);
            let vary = check::<T>(golden, self.lock, self.task == Task::Release)
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

    /// Hands over what to write, and tells what a release does not cover.
    fn lock_file<T: SessionState>(&mut self, sample: Option<fn() -> T>) -> Result<(), Failure> {
        let version = self.schema.version();
        let mut text = Text::of(self.lock.text, self.lock.shapes);
        if self.task == Task::Release {
            text = text.released(version);
        }
        let now = fs::read_to_string(&self.lock_file).ok();
        if !now.as_ref().is_some_and(|now| text.is(now)) {
            let now = now.unwrap_or_default();
            self.may_write(&now, &text)?;
            self.tell(sample, &text.differs_from(&now, version))?;
            let is_seen =
                self.task == Task::Release || frozen(&now) != frozen(self.lock.found.unwrap_or_default());
            self.files.write_lock_file(self.lock_file.clone(), text.into_string(), is_seen);
        }
        if self.task == Task::Release {
            for (path, golden) in std::mem::take(&mut self.records) {
                let text =
                    serde_json::to_string_pretty(&golden).map_err(|error| Failure(error.to_string()))?;
                self.files.write(path, format!("{text}\n"));
            }
        }
        Ok(())
    }

    /// Fails if the lock file, which says something else, must not be written by this run.
    fn may_write(&self, now: &str, text: &Text) -> Result<(), Failure> {
        let (name, version, shown) =
            (self.schema.name(), self.schema.version(), self.lock.shown(&self.lock_file));
        if released(now) > 0 && frozen(now) != frozen(self.lock.found.unwrap_or_default()) {
            self.lock.touch_source();
            return Err(Failure(format!(
                "{shown} is not as it was when this test was compiled; run it again"
            )));
        }
        if !self.lock.is_draft && !self.lock.told.is_empty() && self.task != Task::Release {
            return Err(Failure(format!(
                "schema `{name}` changed in version {version}, which is released: {}",
                self.lock.told.join("; ")
            )));
        }
        if self.task == Task::Check {
            let differs = text.differs_from(now, version);
            let differs =
                if differs.is_empty() { String::new() } else { format!(": {}", differs.join(", ")) };
            let what = if now.is_empty() { "does not exist" } else { "is not up to date" };
            return Err(Failure(format!(
                "{shown} {what}{differs}; run `cargo test -p {} session_lock` where `CI` is not set, and commit the file. To do without, \
                 write `lock = off`",
                self.lock.name
            )));
        }
        Ok(())
    }

    /// Tells what changed, what a release does not cover, and what is left to do.
    fn tell<T: SessionState>(
        &mut self,
        sample: Option<fn() -> T>,
        differs: &[String],
    ) -> Result<(), Failure> {
        let (name, version) = (self.schema.name(), self.schema.version());
        if self.task != Task::Release && !differs.is_empty() {
            self.files.say(&format!("schema `{name}`, version {version}: {}", differs.join(", ")));
        }
        for told in self.lock.told {
            self.files.say(&format!("schema `{name}`: {told}"));
        }
        if self.lock.is_draft
            && let Some(left_out) = left_out(sample)?
        {
            self.files.say(&format!("schema `{name}`: {left_out}"));
        }
        for (key, since) in self.lock.compatible {
            let holds = |golden: &Golden| {
                golden.version < *since && golden.cells.get(*key).is_some_and(|json| json.get() != "null")
            };
            if *since == version && self.lock.is_draft && !self.records.values().any(holds) {
                self.files.say(&format!(
                    "schema `{name}`: no golden record of an earlier version holds `{key}`, so nothing shows that version {since} is \
                     `compatible` with what they stored"
                ));
            }
        }
        let opaque: BTreeSet<_> = self.lock.opaque.iter().filter(|(_, tell)| *tell).collect();
        for (ty, _) in opaque {
            self.files.say(&format!(
                "schema `{name}`: changes inside `{ty}` are not seen; derive `SessionValue` for it if it is your own type, and run this \
                 again"
            ));
        }
        let (release, shown) = (self.lock.release(), self.lock.shown(&self.lock_file));
        match self.task {
            Task::Release if self.lock.is_draft => self.files.remind(format!(
                "schema `{name}`: version {version} is released: commit it and deploy. Until it is deployed, it can be taken back: restore \
                 {shown} from version control, and delete {}",
                self.lock.shown(&self.record_path(version))
            )),
            Task::Draft if self.lock.is_draft => self.files.remind(format!(
                "schema `{name}`: version {version} is a draft: before it is deployed, run `{release}`"
            )),
            _ => {}
        }
        Ok(())
    }
}

/// What the golden record of a release does not cover.
fn left_out<T: SessionState>(sample: Option<fn() -> T>) -> Result<Option<String>, Failure> {
    let schema = T::schema();
    let (name, version) = (schema.name(), schema.version());
    let Some(sample) = sample else {
        return Ok(Some(format!(
            "no `sample`: the record that a release keeps of version {version} holds only defaults, so later versions are tested with \
             nothing else; name a function in `#[session(sample = full_{name})]`"
        )));
    };
    let (full, unset) = (encode(&sample())?, encode(&read::<T>(&BTreeMap::new())?)?);
    let text = |cells: &Cells, field: &Field| cells.get(field.wire_key()).map(|json| json.get().to_owned());
    let bare = schema.fields().iter().filter(|field| text(&full, field) == text(&unset, field));
    let bare: Vec<_> = bare.map(|field| format!("`{}`", field.name())).collect();
    Ok((!bare.is_empty()).then(|| {
        format!(
            "the `sample` leaves {} at the default, so the record that a release keeps of version {version} does not cover it",
            bare.join(", ")
        )
    }))
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

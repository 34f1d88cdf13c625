//! Golden records: cells that a released version wrote, and that every later version must read.
//!
//! In: cells by wire key. Out: the state that they decode to, or an error that says what reads differently. Never: writes a file.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::task::{Failure, Task};
use crate::{
    handle::state::SessionState,
    id::public::VerifierHash,
    record::{
        apply::Record,
        change::{CellWrite, NewRecord},
        json::Json,
        time::{Limits, Timestamp},
    },
    schema::describe::{Field, Schema},
    section::view::View,
};

type Cells = BTreeMap<String, Box<RawValue>>;

/// A record as one version wrote it, and the values that were last read from it.
#[derive(Serialize, Deserialize)]
pub(super) struct Golden {
    pub(super) schema: String,
    pub(super) version: u16,
    /// The stored cells by wire key.
    pub(super) cells: Cells,
    /// For the version that was released last: the values that it read from these cells, by wire key, without defaults.
    pub(super) reads: BTreeMap<u16, BTreeMap<String, serde_json::Value>>,
}

/// The message for a golden record that does not exist; `now` is the present version.
pub(super) fn missing(version: u16, now: u16, shown: &str) -> String {
    let at = if version == now { "" } else { " in the source of that version" };
    format!(
        "{shown} is missing; it is a record of version {version}, which every later version must read: restore it from version \
         control, or run `SESSION_LOCK=release cargo test session_lock`{at}"
    )
}

/// Checks that a golden record still reads as it did, and on a release replaces the values that were read.
///
/// A cell that is still a field must read as it is stored. Every value must be what the version released last read.
pub(super) fn check<T: SessionState>(golden: &mut Golden, task: Task) -> Result<(), Failure> {
    let schema = T::schema();
    let record = of_cells(&golden.cells);
    let values = encode(&read::<T>(&golden.cells)?)?;
    let values: BTreeMap<String, serde_json::Value> =
        values.into_iter().map(|(key, json)| Ok((key, value(&json)?))).collect::<Result<_, Failure>>()?;
    for (key, json) in &golden.cells {
        if let Some(now) = values.get(key)
            && *now != value(json)?
        {
            return Err(Failure(format!("`{key}` is stored as {json}, but reads as {now}")));
        }
    }
    for (version, reads) in golden.reads.range(..=schema.version()) {
        for (key, read) in reads {
            if let Some(now) = values.get(key).filter(|now| *now != read) {
                return Err(Failure(format!(
                    "`{key}` read as {read} when version {version} was released, and does not now: it is {now}. If the old reading \
                     was a mistake, put the right value into this file"
                )));
            }
        }
    }
    if task == Task::Release {
        // Only the newest reading is kept: earlier versions read the same cells and were compared at their own release.
        let stored = schema.fields().iter().filter(|field| holds(view(&record), schema, field));
        let stored = stored.filter_map(|field| values.get_key_value(field.wire_key()));
        let reads = stored.map(|(key, value)| (key.clone(), value.clone())).collect();
        golden.reads = BTreeMap::from([(schema.version(), reads)]);
    }
    Ok(())
}

/// Whether a field reads a stored value rather than its default. A default may change; the lock file records it.
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

/// Decodes `T` from a record with these cells.
pub(super) fn read<T: SessionState>(cells: &Cells) -> Result<T, Failure> {
    let record = of_cells(cells);
    T::decode_section(&mut view(&record).reader(T::schema())).map_err(|error| Failure(error.to_string()))
}

fn of_cells(cells: &Cells) -> Record {
    record(cells.iter().map(|(key, json)| (key.as_str(), Json::from_store(json.get()))))
}

/// A record with these cells and placeholders for everything else.
pub(super) fn record<'a>(cells: impl Iterator<Item = (&'a str, Json)>) -> Record {
    let limits = Limits { idle: Duration::from_mins(1), absolute: Duration::from_mins(1) };
    let mut new = NewRecord::new(VerifierHash::from_bytes([0; 32]), limits);
    new.cells = cells.map(|(key, json)| CellWrite::new(key.into(), json)).collect();
    Record::create(&new, Timestamp::from_millis(0))
}

pub(super) fn view(record: &Record) -> View<'_> {
    View::of(record, Timestamp::from_millis(0))
}

/// Encodes every field of `state`, by wire key.
pub(super) fn encode<T: SessionState>(state: &T) -> Result<Cells, Failure> {
    let fields = T::schema().fields().iter().enumerate();
    let cells = fields.map(|(at, field)| {
        let json = state.field(at).encode()?;
        Ok((field.wire_key().to_owned(), RawValue::from_string(json.as_str().to_owned())?))
    });
    cells.collect::<Result<_, serde_json::Error>>().map_err(|error| Failure(error.to_string()))
}

/// The paths of the golden records of a schema, in no particular order. A folder that does not exist has none.
pub(super) fn fixtures(folder: &Path, schema: &str) -> Result<Vec<PathBuf>, Failure> {
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

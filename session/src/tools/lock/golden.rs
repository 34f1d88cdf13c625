//! Golden records: what a released version wrote, and what it reads as since.
//!
//! In: cells by wire key. Out: what a state makes of them, or how it differs. Never: a file that is written.

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

/// A record as a version wrote it, and what it reads as now.
#[derive(Serialize, Deserialize)]
pub(crate) struct Golden {
    pub(crate) schema: String,
    pub(crate) version: u16,
    /// By wire key.
    pub(super) cells: Cells,
    /// By the version that was released last: what it read of this, defaults aside.
    pub(super) reads: BTreeMap<u16, BTreeMap<String, serde_json::Value>>,
}

pub(crate) fn missing(version: u16, now: u16, shown: &str) -> String {
    let at = if version == now { "" } else { " in the source of that version" };
    format!(
        "{shown} is missing; it is a record of version {version}, to be read by every later one: restore it from version control, \
         or run `SESSION_LOCK=release cargo test session_lock`{at}"
    )
}

/// Reads one golden record: untouched cells say what they said, and all say what they said to the version that was released last.
pub(crate) fn check<T: SessionState>(golden: &mut Golden, task: Task) -> Result<(), Failure> {
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
        let stored = schema.fields().iter().filter(|field| holds(view(&record), schema, field));
        let stored = stored.filter_map(|field| values.get_key_value(field.wire_key()));
        let reads = stored.map(|(key, value)| (key.clone(), value.clone())).collect();
        golden.reads = BTreeMap::from([(schema.version(), reads)]);
    }
    Ok(())
}

/// Whether a field reads as something that is stored. Defaults may change: the lock sees to that.
pub(crate) fn holds(view: View<'_>, schema: &'static Schema, field: &Field) -> bool {
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
pub(crate) fn read<T: SessionState>(cells: &Cells) -> Result<T, Failure> {
    let record = of_cells(cells);
    T::decode_section(&mut view(&record).reader(T::schema())).map_err(|error| Failure(error.to_string()))
}

fn of_cells(cells: &Cells) -> Record {
    record(cells.iter().map(|(key, json)| (key.as_str(), Json::from_store(json.get()))))
}

/// A record with these cells.
pub(crate) fn record<'a>(cells: impl Iterator<Item = (&'a str, Json)>) -> Record {
    let limits = Limits { idle: Duration::from_mins(1), absolute: Duration::from_mins(1) };
    let mut new = NewRecord::new(VerifierHash::from_bytes([0; 32]), limits);
    new.cells = cells.map(|(key, json)| CellWrite::new(key.into(), json)).collect();
    Record::create(&new, Timestamp::from_millis(0))
}

pub(crate) fn view(record: &Record) -> View<'_> {
    View::of(record, Timestamp::from_millis(0))
}

/// The cells that hold `state`, by wire key.
pub(crate) fn encode<T: SessionState>(state: &T) -> Result<Cells, Failure> {
    let fields = T::schema().fields().iter().enumerate();
    let cells = fields.map(|(at, field)| {
        let json = state.encode_field(at)?;
        Ok((field.wire_key().to_owned(), RawValue::from_string(json.as_str().to_owned())?))
    });
    cells.collect::<Result<_, serde_json::Error>>().map_err(|error| Failure(error.to_string()))
}

pub(crate) fn fixtures(folder: &Path, schema: &str) -> Result<Vec<PathBuf>, Failure> {
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

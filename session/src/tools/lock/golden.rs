//! Golden records: cells that a released version wrote, and that every later version must read.
//!
//! In: cells by wire key. Out: the state that they decode to, or an error that says what reads differently. Never: writes a file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    alike::alike,
    grown::{covers, with_an_unknown_field},
    task::{Failure, Lock},
};
use crate::{
    handle::state::SessionState,
    id::public::VerifierHash,
    record::{
        apply::Record,
        change::{CellWrite, NewRecord},
        json::Json,
        time::{Limits, Timestamp},
    },
    schema::describe::{Fades, Field, Schema},
    section::view::View,
};

pub(super) type Cells = BTreeMap<String, Box<RawValue>>;

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
pub(super) fn missing(version: u16, now: u16, shown: &str, release: &str) -> String {
    let at = if version == now { "" } else { " in the source of that version" };
    format!(
        "{shown} is missing; it is a record of version {version}, which every later version must read: restore it from version \
         control, or run `{release}`{at}"
    )
}

/// How often a record is read to find out whether it always reads as the same values.
const READINGS: usize = 8;

/// Checks that a golden record still reads as it did, and on a release replaces the values that were read. Returns the wire keys that
/// read as another value each time; those cannot be compared.
///
/// A cell that is still a field must read as it is stored. Every value must be what the version released last read.
pub(super) fn check<T: SessionState>(
    golden: &mut Golden,
    lock: &Lock,
    is_release: bool,
) -> Result<Vec<String>, Failure> {
    let schema = T::schema();
    let record = of_cells(&golden.cells);
    let mut values = values(&read::<T>(&golden.cells)?)?;
    let mut vary = BTreeSet::new();
    for _ in 1..READINGS {
        let others = self::values(&read::<T>(&golden.cells)?)?;
        vary.extend(
            others
                .into_iter()
                .filter(|(key, other)| {
                    values.get(key).is_some_and(|value| !alike(value, other, |value| again::<T>(key, value)))
                })
                .map(|(key, _)| key),
        );
    }
    values.retain(|key, _| !vary.contains(key));
    for (key, json) in &golden.cells {
        let (Some(now), stored) = (values.get(key), value(json)?) else { continue };
        if lock.grew(key, golden.version) {
            still_fits::<T>(key, &stored, now)?;
        } else if !alike(&stored, now, |value| again::<T>(key, value)) {
            let only_more = if covers(now, &stored) {
                format!(
                    "; if fields were added inside of it, say `changed(since = .., compatible)` on `{key}`"
                )
            } else {
                String::new()
            };
            return Err(Failure(format!("`{key}` is stored as {json}, but reads as {now}{only_more}")));
        }
    }
    for (version, reads) in golden.reads.range(..=schema.version()) {
        for (key, read) in reads {
            let differs = |now: &&serde_json::Value| {
                if lock.grew(key, *version) {
                    !covers(now, read)
                } else {
                    !alike(read, now, |value| again::<T>(key, value))
                }
            };
            if let Some(now) = values.get(key).filter(differs) {
                return Err(Failure(format!(
                    "`{key}` read as {read} when version {version} was released, and does not now: it is {now}. If the old reading \
                     was a mistake, put the right value into this file. If `up` depends on anything but the old value, such as the time, \
                     take `{key}` out of this file: it cannot be compared"
                )));
            }
        }
    }
    if is_release {
        let before: BTreeMap<_, _> = std::mem::take(&mut golden.reads)
            .into_iter()
            .flat_map(|(version, reads)| reads.into_iter().map(move |(key, read)| (key, (version, read))))
            .filter(|(key, (version, _))| !lock.grew(key, *version))
            .map(|(key, (_, read))| (key, read))
            .collect();
        // Only the newest reading is kept: earlier versions read the same cells and were compared at their own release.
        let stored = schema.fields().iter().filter(|field| holds(view(&record), schema, field));
        let stored = stored.filter_map(|field| values.get_key_value(field.wire_key()));
        // What was compared is the same, perhaps in another order, which would only make another file.
        let reads =
            stored.map(|(key, value)| (key.clone(), before.get(key).unwrap_or(value).clone())).collect();
        golden.reads = BTreeMap::from([(schema.version(), reads)]);
    }
    Ok(vary.into_iter().collect())
}

/// Fails unless `now`, which was read from `stored`, is the same value with more fields, and a binary that does not know those would still
/// read it.
fn still_fits<T: SessionState>(
    key: &str,
    stored: &serde_json::Value,
    now: &serde_json::Value,
) -> Result<(), Failure> {
    if !covers(now, stored) {
        return Err(Failure(format!(
            "`{key}` is stored as {stored}, but reads as {now}; that is more than added fields, so `compatible` is not enough: keep a copy of \
             the old type, and say `changed(since = .., from = .., up = .., down = ..)`"
        )));
    }
    let Some(later) = with_an_unknown_field(now, stored) else { return Ok(()) };
    let ignored = again::<T>(key, &later).is_some_and(|again| covers(now, &again) && covers(&again, now));
    if ignored {
        return Ok(());
    }
    Err(Failure(format!(
        "the type of `{key}` refuses a field that it does not know, so an older binary could not read what this one writes; remove \
         `#[serde(deny_unknown_fields)]` there and release that first, or say `changed(since = .., from = .., up = .., down = ..)`"
    )))
}

/// What `value` becomes when the field with this wire key reads it and writes it again.
fn again<T: SessionState>(key: &str, value: &serde_json::Value) -> Option<serde_json::Value> {
    let json = RawValue::from_string(value.to_string()).ok()?;
    let state = read::<T>(&Cells::from([(key.to_owned(), json)])).ok()?;
    values(&state).ok()?.remove(key)
}

/// Whether a field reads a stored value rather than its default. A default may change; the lock file records it.
fn holds(view: View<'_>, schema: &'static Schema, field: &Field) -> bool {
    let json = match schema.group_of(field) {
        None => view.cell(field.wire_key(), Fades::default()).map(|cell| cell.json.clone()),
        Some(group) => {
            let slots = view.slots(schema, group);
            let mut cells = group.with(slots);
            cells.find_map(|(key, _, slot)| if key == field.wire_key() { slot.value.ok()? } else { None })
        }
    };
    json.is_some_and(|json| !json.is_null())
}

/// The values of all fields, by wire key.
fn values<T: SessionState>(state: &T) -> Result<BTreeMap<String, serde_json::Value>, Failure> {
    encode(state)?.into_iter().map(|(key, json)| Ok((key, value(&json)?))).collect()
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
    let limits = Limits { idle: Duration::from_secs(60), absolute: Duration::from_secs(60) };
    let mut new = NewRecord::new(VerifierHash::from_bytes([0; 32]), limits);
    // As if it was set just now, for fields that expire.
    let ttl = Some(limits.absolute);
    new.cells = cells.map(|(key, json)| CellWrite { ttl, ..CellWrite::new(key.into(), json) }).collect();
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

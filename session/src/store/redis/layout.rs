//! A record as a hash.
//!
//! In: a change, or the reply of a script. Out: the arguments of a script, or a record. Never does I/O, and never panics on what a server
//! sends.
//!
//! Meta is in fields that begin with `@`, with numbers as decimal text. A cell is under its wire key, as [`Cell::to_text`] writes it.
//! Unknown fields that begin with `@` were written by a later release, and stay as they are (G5).
//!
//! | | | | |
//! |---|---|---|---|
//! | `@f` format | `@v` verifier | `@g` generation |
//! | `@r` revision | `@c` created | `@t` touched | `@n` renewed |
//! | `@a` authenticated | `@s` signed in | `@i` idle limit | `@m` absolute limit |
//! | `@k` persistent | `@p` principal | `@l` label | |

use std::{borrow::Cow, collections::HashMap, time::Duration};

use redis::Value;

use crate::{
    id::public::VerifierHash,
    record::{
        apply::Record,
        cell::{Cell, WireKey},
        change::{CellWrite, Change, NewRecord},
        meta::{FORMAT, Meta, Principal, Unreadable},
        time::{Limits, Timestamp},
    },
    store::{
        contract::Loaded,
        error::{StoreError, StoreErrorKind},
    },
};

/// No release writes a record this large.
const HUGE: usize = 16 * 1024 * 1024;

type Arguments<'a> = Vec<Cow<'a, str>>;

/// Whole milliseconds, at most 2^64 - 1, as every store keeps durations.
fn millis(duration: Duration) -> String {
    Timestamp::default().saturating_add(duration).as_millis().to_string()
}

fn limits(arguments: &mut Arguments<'_>, limits: Limits) {
    arguments.extend([millis(limits.idle).into(), millis(limits.absolute).into()]);
}

fn wire_key(key: &WireKey) -> Result<Cow<'_, str>, StoreError> {
    if key.as_str().starts_with('@') {
        return Err(StoreError::new(StoreErrorKind::Unavailable)
            .with_source("a wire key begins with `@`, which marks meta; rename the schema"));
    }
    Ok(key.as_str().into())
}

fn cells<'a>(arguments: &mut Arguments<'a>, writes: &'a [CellWrite]) -> Result<(), StoreError> {
    for write in writes {
        arguments.push(wire_key(&write.key)?);
        let ttl = write.ttl.map(millis).unwrap_or_default();
        arguments.push([&ttl, " ", write.json.as_str()].concat().into());
    }
    Ok(())
}

/// The arguments of the script CREATE.
pub(super) fn create(new: &NewRecord) -> Result<Arguments<'_>, StoreError> {
    let mut arguments = Vec::with_capacity(6 + 2 * new.cells.len());
    arguments.push(new.verifier.to_text().into());
    limits(&mut arguments, new.limits);
    let mut flags = String::new();
    let set = [
        (new.authenticated, 'a'),
        (new.persistent, 'k'),
        (new.principal.is_some(), 'p'),
        (new.label.is_some(), 'b'),
    ];
    flags.extend(set.iter().filter(|(set, _)| *set).map(|(_, flag)| flag));
    arguments.push(flags.into());
    arguments.extend(new.principal.as_ref().map(|principal| principal.as_str().into()));
    arguments.extend(new.label.as_deref().map(Into::into));
    cells(&mut arguments, &new.cells)?;
    Ok(arguments)
}

/// The arguments of the script UPDATE.
pub(super) fn update(change: &Change) -> Result<Arguments<'_>, StoreError> {
    let counts = change.guards.len() + change.delete.len() + change.write.len();
    let mut arguments: Arguments<'_> = Vec::with_capacity(8 + 2 * counts);
    let generation = change.expected_generation.map(|generation| generation.to_string()).unwrap_or_default();
    let (guards, deletes, writes) = (change.guards.len(), change.delete.len(), change.write.len());
    arguments.push(format!("{generation},{guards},{deletes},{writes},{}", flags(change)).into());
    for guard in &change.guards {
        arguments.push(wire_key(&guard.key)?);
        arguments.push(guard.revision.map(|revision| revision.to_string()).unwrap_or_default().into());
    }
    for key in &change.delete {
        arguments.push(wire_key(key)?);
    }
    cells(&mut arguments, &change.write)?;
    arguments.extend(change.renewal.as_ref().map(|renewal| renewal.verifier.to_text().into()));
    arguments.extend(change.principal.iter().flatten().map(|principal| principal.as_str().into()));
    if let Some(new) = change.limits {
        limits(&mut arguments, new);
    }
    arguments.extend(change.label.iter().flatten().map(|label| Cow::from(&**label)));
    Ok(arguments)
}

fn flags(change: &Change) -> String {
    let flags = [
        (change.renewal.is_some(), 'r'),
        (matches!(change.principal, Some(Some(_))), 'p'),
        (matches!(change.principal, Some(None)), 'P'),
        (change.authenticated, 'a'),
        (change.limits.is_some(), 'l'),
        (change.persistent == Some(true), 'e'),
        (change.persistent == Some(false), 'E'),
        (matches!(change.label, Some(Some(_))), 'b'),
        (matches!(change.label, Some(None)), 'B'),
        (change.touch, 't'),
    ];
    flags.iter().filter(|(set, _)| *set).map(|(_, flag)| flag).collect()
}

/// The text of a reply; `None` if it is something else.
pub(super) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// Reads the reply of `Call::load`: the time as a reply of its own, then all fields.
pub(super) fn timed(answer: &[Value]) -> Result<Option<Loaded>, StoreError> {
    let [Value::Array(time), fields] = answer else { return Err(Unreadable::Garbage.into()) };
    let [seconds, micros] = time.as_slice() else { return Err(Unreadable::Garbage.into()) };
    loaded(seconds, micros, fields)
}

/// Reads the other parts of a conflict: the time, then all fields.
pub(super) fn conflict(answer: &[Value]) -> Result<Option<Loaded>, StoreError> {
    let [seconds, micros, fields] = answer else { return Err(Unreadable::Garbage.into()) };
    loaded(seconds, micros, fields)
}

/// The record; `None` if there is none or it has expired.
fn loaded(seconds: &Value, micros: &Value, fields: &Value) -> Result<Option<Loaded>, StoreError> {
    let Value::Array(fields) = fields else { return Err(Unreadable::Garbage.into()) };
    let number = |value| text(value).and_then(|text| text.parse::<u64>().ok());
    let (Some(seconds), Some(micros)) = (number(seconds), number(micros)) else {
        return Err(Unreadable::Garbage.into());
    };
    let now = Timestamp::from_millis(seconds.saturating_mul(1000).saturating_add(micros / 1000));
    if fields.is_empty() {
        return Ok(None);
    }
    let record = record(fields)?;
    Ok(Some(record).filter(|record| !record.is_expired(now)).map(|record| Loaded::new(record, now)))
}

/// A record from fields and values in turn.
fn record(fields: &[Value]) -> Result<Record, Unreadable> {
    let (mut meta, mut cells, mut size) = (HashMap::with_capacity(16), Vec::new(), 0_usize);
    for pair in fields.chunks(2) {
        let [Value::BulkString(field), Value::BulkString(value)] = pair else {
            return Err(Unreadable::Garbage);
        };
        size = size.saturating_add(field.len()).saturating_add(value.len());
        if let [b'@', ..] = field.as_slice() {
            meta.insert(field.as_slice(), value.as_slice());
        } else {
            cells.push((field, value));
        }
    }
    if size > HUGE {
        return Err(Unreadable::Garbage);
    }
    // Meta comes first: its format says whether the cells can be understood.
    let meta = Fields(meta).meta()?;
    let cells = cells.into_iter().map(|(key, cell)| {
        let utf8 = |bytes| std::str::from_utf8(bytes).map_err(|_| Unreadable::Garbage);
        Ok((WireKey::from(utf8(key)?), Cell::from_text(utf8(cell)?).ok_or(Unreadable::Garbage)?))
    });
    Ok(Record::from_parts(meta, cells.collect::<Result<_, Unreadable>>()?))
}

struct Fields<'a>(HashMap<&'a [u8], &'a [u8]>);

impl Fields<'_> {
    fn text(&self, field: &[u8]) -> Result<Option<&str>, Unreadable> {
        self.0.get(field).map(|bytes| std::str::from_utf8(bytes)).transpose().map_err(|_| Unreadable::Garbage)
    }

    fn number(&self, field: &[u8]) -> Result<Option<u64>, Unreadable> {
        self.text(field)?.map(str::parse).transpose().map_err(|_| Unreadable::Garbage)
    }

    fn needed(&self, field: &[u8]) -> Result<u64, Unreadable> {
        self.number(field)?.ok_or(Unreadable::Garbage)
    }

    fn time(&self, field: &[u8]) -> Result<Timestamp, Unreadable> {
        self.needed(field).map(Timestamp::from_millis)
    }

    fn verifier(&self, field: &[u8]) -> Result<Option<VerifierHash>, Unreadable> {
        let text = self.text(field)?;
        text.map(|text| VerifierHash::from_text(text).ok_or(Unreadable::Garbage)).transpose()
    }

    fn meta(&self) -> Result<Meta, Unreadable> {
        let format = self.needed(b"@f")?;
        if format > u64::from(FORMAT) {
            return Err(Unreadable::Newer(u16::try_from(format).unwrap_or(u16::MAX)));
        }
        let millis = |field| self.needed(field).map(Duration::from_millis);
        let limits = Limits { idle: millis(b"@i")?, absolute: millis(b"@m")? };
        let verifier = self.verifier(b"@v")?.ok_or(Unreadable::Garbage)?;
        // A new record supplies what this layout does not store.
        let new = Record::create(&NewRecord::new(verifier, limits), self.time(b"@c")?);
        let mut meta = new.meta().clone();
        meta.generation = self.needed(b"@g")?;
        meta.revision = self.needed(b"@r")?;
        meta.touched = self.time(b"@t")?;
        meta.renewed = self.time(b"@n")?;
        meta.authenticated = self.number(b"@a")?.map(Timestamp::from_millis);
        meta.signed_in = self.needed(b"@s")?;
        meta.persistent = self.text(b"@k")? == Some("1");
        meta.principal = self.text(b"@p")?.map(Principal::from_store);
        meta.label = self.text(b"@l")?.map(Into::into);
        Ok(meta)
    }
}

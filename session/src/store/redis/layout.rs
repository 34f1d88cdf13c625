//! A record as a hash.
//!
//! In: a change, or the reply of a script. Out: the arguments of a script, or a record. Never does I/O, and never panics on what a server
//! sends.
//!
//! Meta is in fields that begin with `@`, as words with spaces between them and numbers as decimal text. A cell is under its wire key, as
//! [`Cell::to_text`](crate::record::Cell::to_text) writes it. What a later release adds, unknown fields that begin with `@` and further words at the end, stays as it
//! is (G5).
//!
//! | Field | Holds |
//! |---|---|
//! | `@h` | what every change needs: format, generation, revision, touched, idle limit, when the session is over however often it is seen |
//! | `@m` | all else: created, renewed, authenticated or `-`, signed in, absolute limit, persistent |
//! | `@v` | the verifier |
//! | `@p`, `@l` | the principal and the label, if there are any |
//!
//! Each is shorter than 64 bytes, so that Redis keeps a small session in one compact block.

use std::{borrow::Cow, time::Duration};

use super::resp::Reply;
use crate::{
    id::public::VerifierHash,
    record::{
        apply::Record,
        cell::WireKey,
        change::{CellWrite, Change, NewRecord},
        meta::{FORMAT, Meta, Principal, Unreadable},
        stored::StoredCells,
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

/// A cell as a script takes it.
fn cell(write: &CellWrite) -> String {
    let ttl = write.ttl.map(millis).unwrap_or_default();
    [&ttl, " ", write.json.as_str()].concat()
}

/// The arguments of the script CREATE.
pub(super) fn create(new: &NewRecord) -> Result<Arguments<'_>, StoreError> {
    let named = [("@p", new.principal.as_ref().map(Principal::as_str)), ("@l", new.label.as_deref())];
    let named = named.into_iter().filter_map(|(field, value)| Some([field.into(), value?.into()]));
    let mut fields: Vec<[Cow<'_, str>; 2]> = Vec::with_capacity(2 + new.cells.len());
    fields.extend(named);
    let mut timed = Vec::new();
    for write in &new.cells {
        let value = if write.ttl.is_none() {
            ["1 ", write.json.as_str()].concat()
        } else {
            timed.push(fields.len());
            cell(write)
        };
        fields.push([wire_key(&write.key)?, value.into()]);
    }
    let digit = |set| Cow::Borrowed(if set { "1" } else { "0" });
    let mut arguments: Arguments<'_> = Vec::with_capacity(7 + timed.len() + 2 * fields.len());
    arguments.push(new.verifier.to_text().into());
    limits(&mut arguments, new.limits);
    arguments.extend([new.authenticated, new.principal.is_some(), new.persistent].map(digit));
    arguments.push(timed.len().to_string().into());
    // Lua counts from 1, and the value comes after its field.
    let first = 8 + timed.len();
    arguments.extend(timed.iter().map(|at| (first + 2 * at + 1).to_string().into()));
    arguments.extend(fields.into_iter().flatten());
    Ok(arguments)
}

/// The arguments of the script UPDATE.
pub(super) fn update(change: &Change) -> Result<Arguments<'_>, StoreError> {
    let (guards, deletes, writes) = (change.guards.len(), change.delete.len(), change.write.len());
    let mut arguments: Arguments<'_> = Vec::with_capacity(8 + 2 * (guards + deletes + writes));
    let generation = change.expected_generation.map(|generation| generation.to_string());
    arguments.push(generation.unwrap_or_default().into());
    arguments.extend([guards, deletes, writes].map(|count| count.to_string().into()));
    arguments.push(flags(change).into());
    let guarded = change.guards.iter().map(|guard| &guard.key);
    for key in guarded.chain(&change.delete).chain(change.write.iter().map(|write| &write.key)) {
        arguments.push(wire_key(key)?);
    }
    let revisions = change.guards.iter().map(|guard| guard.revision);
    arguments.extend(revisions.map(|revision| revision.map(|n| n.to_string()).unwrap_or_default().into()));
    arguments.extend(change.write.iter().map(|write| cell(write).into()));
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
        (change.anew, 'n'),
        (change.touch, 't'),
    ];
    flags.iter().filter(|(set, _)| *set).map(|(_, flag)| flag).collect()
}

/// The text of a reply; `None` if it is something else.
pub(super) fn text(value: &Reply) -> Option<&str> {
    match value {
        Reply::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// Reads the reply of `Call::load`: the time as a reply of its own, then all fields.
pub(super) fn timed(answer: &[Reply]) -> Result<Option<Loaded>, StoreError> {
    let [Reply::Array(time), fields] = answer else { return Err(Unreadable::Garbage.into()) };
    let [seconds, micros] = time.as_slice() else { return Err(Unreadable::Garbage.into()) };
    loaded(seconds, micros, fields)
}

/// Reads the other parts of a conflict: the time, then all fields.
pub(super) fn conflict(answer: &[Reply]) -> Result<Option<Loaded>, StoreError> {
    let [seconds, micros, fields] = answer else { return Err(Unreadable::Garbage.into()) };
    loaded(seconds, micros, fields)
}

/// The record; `None` if there is none or it has expired.
fn loaded(seconds: &Reply, micros: &Reply, fields: &Reply) -> Result<Option<Loaded>, StoreError> {
    let Reply::Array(fields) = fields else { return Err(Unreadable::Garbage.into()) };
    let number = |value| text(value).ok_or(Unreadable::Garbage).and_then(number);
    let (seconds, micros) = (number(seconds)?, number(micros)?);
    let now = Timestamp::from_millis(seconds.saturating_mul(1000).saturating_add(micros / 1000));
    if fields.is_empty() {
        return Ok(None);
    }
    let record = record(fields)?;
    Ok(Some(record).filter(|record| !record.is_expired(now)).map(|record| Loaded::new(record, now)))
}

/// A record from fields and values in turn.
fn record(fields: &[Reply]) -> Result<Record, Unreadable> {
    let (mut meta, mut size) = (Fields::default(), 0_usize);
    let mut cells = StoredCells::with_capacity(fields.len() / 2);
    for pair in fields.chunks(2) {
        let [Reply::BulkString(field), Reply::BulkString(value)] = pair else {
            return Err(Unreadable::Garbage);
        };
        size = size.saturating_add(field.len()).saturating_add(value.len());
        match &**field {
            b"@h" => meta.hot = Some(value),
            b"@m" => meta.cold = Some(value),
            b"@v" => meta.verifier = Some(value),
            b"@p" => meta.principal = Some(value),
            b"@l" => meta.label = Some(value),
            [b'@', ..] => {}
            _ => cells.push(field, value),
        }
    }
    if size > HUGE {
        return Err(Unreadable::Garbage);
    }
    // Meta comes first: its format says whether the cells can be understood.
    cells.into_record(meta.read()?)
}

fn utf8(bytes: &[u8]) -> Result<&str, Unreadable> {
    std::str::from_utf8(bytes).map_err(|_| Unreadable::Garbage)
}

/// The fields of meta.
#[derive(Default)]
struct Fields<'a> {
    hot: Option<&'a [u8]>,
    cold: Option<&'a [u8]>,
    verifier: Option<&'a [u8]>,
    principal: Option<&'a [u8]>,
    label: Option<&'a [u8]>,
}

impl Fields<'_> {
    fn read(&self) -> Result<Meta, Unreadable> {
        let mut hot = Words(utf8(self.hot.ok_or(Unreadable::Garbage)?)?.split(' '));
        let format = hot.number()?;
        if format > u64::from(FORMAT) {
            return Err(Unreadable::Newer(u16::try_from(format).unwrap_or(u16::MAX)));
        }
        let (generation, revision, touched) = (hot.number()?, hot.number()?, hot.time()?);
        let idle = Duration::from_millis(hot.number()?);
        let mut cold = Words(utf8(self.cold.ok_or(Unreadable::Garbage)?)?.split(' '));
        let verifier = self.verifier.map(utf8).transpose()?.and_then(VerifierHash::from_text);
        let verifier = verifier.ok_or(Unreadable::Garbage)?;
        let (created, renewed) = (cold.time()?, cold.time()?);
        let authenticated = match cold.word()? {
            "-" => None,
            millis => Some(Timestamp::from_millis(number(millis)?)),
        };
        let signed_in = cold.number()?;
        let limits = Limits { idle, absolute: Duration::from_millis(cold.number()?) };
        // A new record supplies what this layout does not store.
        let mut meta = Record::create(&NewRecord::new(verifier, limits), created).meta().clone();
        meta.generation = generation;
        meta.revision = revision;
        meta.touched = touched;
        meta.renewed = renewed;
        meta.authenticated = authenticated;
        meta.signed_in = signed_in;
        meta.persistent = cold.word()? == "1";
        meta.principal = self.principal.map(utf8).transpose()?.map(Principal::from_store);
        meta.label = self.label.map(utf8).transpose()?.map(Into::into);
        Ok(meta)
    }
}

/// The words of a field of meta, one after the other.
struct Words<'a>(std::str::Split<'a, char>);

impl<'a> Words<'a> {
    fn word(&mut self) -> Result<&'a str, Unreadable> {
        self.0.next().ok_or(Unreadable::Garbage)
    }

    fn number(&mut self) -> Result<u64, Unreadable> {
        number(self.word()?)
    }

    fn time(&mut self) -> Result<Timestamp, Unreadable> {
        self.number().map(Timestamp::from_millis)
    }
}

fn number(text: &str) -> Result<u64, Unreadable> {
    text.parse().map_err(|_| Unreadable::Garbage)
}

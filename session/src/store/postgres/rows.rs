//! Values for statements, and records from rows.
//!
//! In: the arguments of the store contract, or rows. Out: values in the order of `statements`, or records. Never: I/O.

use std::{sync::Arc, time::Duration};

use sqlx::{
    Arguments as _, Encode, Postgres, Row as _, Type,
    postgres::{PgArguments, PgRow},
};

use super::failure::{Failure, refused};
use crate::{
    id::public::{Selector, VerifierHash},
    record::{
        apply::Record,
        change::{CellWrite, Change, MaxSessions, NewRecord, WhenFull},
        meta::{FORMAT, Meta, Principal, Unreadable},
        stored::record_of_object,
        time::{Limits, Timestamp},
    },
    store::{
        contract::{Loaded, Updated},
        error::StoreError,
        index::{Listed, Page},
    },
};

/// How many columns `statements::META` has.
const META_COLUMNS: usize = 14;

/// The values of a statement, in order. An error in one of them is kept until [`done`](Self::done).
pub(super) struct Values(Result<PgArguments, sqlx::Error>);

impl Values {
    pub(super) fn none() -> Self {
        Self(Ok(PgArguments::default()))
    }

    pub(super) fn of_selector(selector: &Selector) -> Self {
        Self::none().and(selector.as_bytes().to_vec())
    }

    pub(super) fn of_principal(principal: &Principal) -> Self {
        Self::none().and(text(principal))
    }

    pub(super) fn and<T>(self, value: T) -> Self
    where
        T: for<'q> Encode<'q, Postgres> + Type<Postgres>,
    {
        Self(self.0.and_then(|mut arguments| {
            arguments.add(value).map_err(sqlx::Error::Encode)?;
            Ok(arguments)
        }))
    }

    fn and_cells(self, cells: &[CellWrite]) -> Self {
        self.and(cells.iter().map(|cell| cell.key.as_str().to_owned()).collect::<Vec<_>>())
            .and(cells.iter().map(|cell| cell.ttl.map(millis)).collect::<Vec<_>>())
            .and(cells.iter().map(|cell| cell.json.as_str().to_owned()).collect::<Vec<_>>())
    }

    fn and_max(self, max: Option<MaxSessions>) -> Self {
        self.and(max.map(|max| i64::from(max.per_user.get())))
            .and(max.is_some_and(|max| max.when_full == WhenFull::RejectNew))
    }

    pub(super) fn done(self) -> Result<PgArguments, StoreError> {
        self.0.map_err(refused)
    }
}

pub(super) fn create(selector: &Selector, new: &NewRecord) -> Values {
    Values::of_selector(selector)
        .and(bytes(new.verifier))
        .and(new.principal.as_ref().map(text))
        .and(new.authenticated)
        .and(millis(new.limits.idle))
        .and(millis(new.limits.absolute))
        .and(new.persistent)
        .and(new.label.as_deref().map(|label| label.as_bytes().to_vec()))
        .and_cells(&new.cells)
        .and_max(new.max_sessions)
}

pub(super) fn update(selector: &Selector, change: &Change) -> Values {
    let principal = change.principal.as_ref();
    let label = change.label.as_ref();
    Values::of_selector(selector)
        .and(change.renewal.as_ref().map(|renewal| bytes(renewal.verifier)))
        .and(principal.and_then(Option::as_ref).map(text))
        .and(change.expected_generation.map(|generation| generation.to_string()))
        .and(change.guards.iter().map(|guard| guard.key.as_str().to_owned()).collect::<Vec<_>>())
        .and(change.guards.iter().map(|guard| guard.revision.map(|n| n.to_string())).collect::<Vec<_>>())
        .and(change.delete.iter().map(|key| key.as_str().to_owned()).collect::<Vec<_>>())
        .and_cells(&change.write)
        .and_max(change.max_sessions)
        .and(principal.is_some())
        .and(change.authenticated)
        .and(change.limits.map(|limits| millis(limits.idle)))
        .and(change.limits.map(|limits| millis(limits.absolute)))
        .and(change.persistent)
        .and(label.is_some())
        .and(label.and_then(Option::as_deref).map(|label| label.as_bytes().to_vec()))
        .and(change.touch)
        .and(change.anew)
}

fn bytes(verifier: VerifierHash) -> Vec<u8> {
    verifier.as_bytes().to_vec()
}

pub(super) fn text(principal: &Principal) -> String {
    principal.as_str().to_owned()
}

/// Milliseconds as text, because PostgreSQL's integers do not reach the end of `u64`.
fn millis(duration: Duration) -> String {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).to_string()
}

/// The answer of `LOAD`.
pub(super) fn loaded(rows: &[PgRow]) -> Result<Option<Loaded>, StoreError> {
    let Some(row) = rows.first() else { return Ok(None) };
    let now = time(row, 0)?;
    let record = record(row, 1)?;
    // Check the meta too, because the column `expires` may be damaged.
    Ok((!record.is_expired(now)).then(|| Loaded::new(record, now)))
}

/// Whether the answer of a sign-in says that it goes on with another statement.
pub(super) fn is_unfinished(rows: &[PgRow]) -> bool {
    rows.first().is_some_and(|row| row.try_get(0).is_ok_and(|verdict: &str| verdict == "again"))
}

/// The answer of `UPDATE`.
pub(super) fn updated(rows: &[PgRow]) -> Result<Updated, StoreError> {
    let Some(row) = rows.first() else { return Ok(Updated::Gone) };
    match row.try_get(0).map_err(refused)? {
        "done" => Ok(Updated::Done { revision: number(row, 1)? }),
        "gone" => Ok(Updated::Gone),
        "too many" => Ok(Updated::TooMany),
        "conflict" => Ok(Updated::Conflict(Loaded::new(record(row, 3)?, time(row, 2)?))),
        // Reading the record tells what exactly is wrong with it.
        _ => Err(record(row, 3).err().unwrap_or_else(|| Unreadable::Garbage.into())),
    }
}

/// The answer of `LIST`, without the sessions that cannot be read.
pub(super) fn listed(rows: &[PgRow]) -> Vec<Listed> {
    let one = |row| Some(Listed::new(selector(row)?, meta(row, 1).ok()?));
    let mut list: Vec<_> = rows.iter().filter_map(one).collect();
    Listed::sort_oldest_first(&mut list);
    list
}

/// The answer of `PAGE`, without the sessions that have ended or cannot be read.
pub(super) fn page(rows: &[PgRow], limit: u32) -> Page {
    let one = |row: &PgRow| {
        let live: bool = row.try_get(1).ok()?;
        Some(Listed::new(selector(row)?, meta(row, 2).ok()?)).filter(|_| live)
    };
    let sessions = rows.iter().filter_map(one).collect();
    Page::in_order(rows, usize::try_from(limit).unwrap_or(usize::MAX), selector, sessions)
}

/// The answer of `DELETE_SOME`.
pub(super) fn ended(rows: &[PgRow]) -> Result<(u64, Option<Selector>), StoreError> {
    let row = rows.first().ok_or(Unreadable::Garbage)?;
    let last: Option<&[u8]> = row.try_get(1).map_err(refused)?;
    let last = last.map(<[u8; 16]>::try_from).transpose().map_err(|_| Unreadable::Garbage)?;
    Ok((number(row, 0)?, last.map(Selector::from_bytes)))
}

/// The answer of `SCAN`.
pub(super) fn selectors(rows: &[PgRow]) -> Vec<Selector> {
    rows.iter().filter_map(selector).collect()
}

fn selector(row: &PgRow) -> Option<Selector> {
    let bytes: &[u8] = row.try_get(0).ok()?;
    Some(Selector::from_bytes(bytes.try_into().ok()?))
}

/// The only value of an answer with one row.
pub(super) fn only<'r, T>(rows: &'r [PgRow]) -> Result<T, Failure>
where
    T: sqlx::Decode<'r, Postgres> + Type<Postgres>,
{
    let row = rows.first().ok_or(Unreadable::Garbage).map_err(StoreError::from)?;
    Ok(row.try_get(0).map_err(refused)?)
}

fn record(row: &PgRow, first: usize) -> Result<Record, StoreError> {
    let meta = meta(row, first)?;
    let cells: Option<&str> = row.try_get(first + META_COLUMNS).map_err(refused)?;
    Ok(record_of_object(meta, cells.ok_or(Unreadable::Garbage)?)?)
}

fn meta(row: &PgRow, first: usize) -> Result<Meta, StoreError> {
    let column = |at: usize| first + at;
    let format: i32 = row.try_get(column(0)).map_err(refused)?;
    let format = u16::try_from(format).map_err(|_| Unreadable::Garbage)?;
    if format > FORMAT {
        return Err(Unreadable::Newer(format).into());
    }
    let verifier = hash(row, column(1))?.ok_or(Unreadable::Garbage)?;
    let limits = Limits { idle: duration(row, column(9))?, absolute: duration(row, column(10))? };
    let authenticated: Option<i64> = row.try_get(column(7)).map_err(refused)?;
    let principal: Option<&str> = row.try_get(column(12)).map_err(refused)?;
    let label: Option<&[u8]> = row.try_get(column(13)).map_err(refused)?;
    let label = label.map(std::str::from_utf8).transpose().map_err(|_| Unreadable::Garbage)?;

    // Start from a new record, then set what has changed since.
    let begun = Record::create(&NewRecord::new(verifier, limits), time(row, column(4))?);
    let mut meta = begun.meta().clone();
    meta.format = format;
    meta.generation = number(row, column(2))?;
    meta.revision = number(row, column(3))?;
    meta.touched = time(row, column(5))?;
    meta.renewed = time(row, column(6))?;
    meta.authenticated = authenticated.map(unsigned).transpose()?.map(Timestamp::from_millis);
    meta.signed_in = number(row, column(8))?;
    meta.persistent = row.try_get(column(11)).map_err(refused)?;
    meta.principal = principal.map(Principal::from_store);
    meta.label = label.map(Arc::from);
    Ok(meta)
}

fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| Unreadable::Garbage.into())
}

fn number(row: &PgRow, column: usize) -> Result<u64, StoreError> {
    unsigned(row.try_get(column).map_err(refused)?)
}

fn time(row: &PgRow, column: usize) -> Result<Timestamp, StoreError> {
    number(row, column).map(Timestamp::from_millis)
}

fn duration(row: &PgRow, column: usize) -> Result<Duration, StoreError> {
    let text: &str = row.try_get(column).map_err(refused)?;
    Ok(Duration::from_millis(text.parse().map_err(|_| Unreadable::Garbage)?))
}

fn hash(row: &PgRow, column: usize) -> Result<Option<VerifierHash>, StoreError> {
    let bytes: Option<&[u8]> = row.try_get(column).map_err(refused)?;
    let bytes = bytes.map(<[u8; 32]>::try_from).transpose().map_err(|_| Unreadable::Garbage)?;
    Ok(bytes.map(VerifierHash::from_bytes))
}

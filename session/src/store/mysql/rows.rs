//! Records from rows.
//!
//! In: the rows of `statements`. Out: records, lists, numbers. Never: I/O.

use sqlx::{Decode, MySql, Row as _, Type, mysql::MySqlRow};

use super::{
    failure::{Failure, refused},
    statements::digest,
};
use crate::{
    id::public::Selector,
    record::{
        apply::Record,
        meta::{Meta, Principal, Unreadable},
        stored::record_of_object,
        time::Timestamp,
    },
    store::{
        contract::Loaded,
        error::StoreError,
        index::{Listed, Page},
    },
};

/// The answer of `load`.
pub(super) fn loaded(rows: &[MySqlRow]) -> Result<Option<Loaded>, StoreError> {
    let Some(row) = rows.first() else { return Ok(None) };
    let now = Timestamp::from_millis(value(row, 0)?);
    let record = record(row, 1)?;
    // Check the meta too, because the column `expires` may be damaged.
    Ok((!record.is_expired(now)).then(|| Loaded::new(record, now)))
}

/// The record in the columns `meta` and `cells`, which begin at `first`.
pub(super) fn record(row: &MySqlRow, first: usize) -> Result<Record, StoreError> {
    let meta = Meta::from_text(value(row, first)?)?;
    Ok(record_of_object(meta, value(row, first + 1)?)?)
}

/// Whether the row, an answer of `hold`, belongs to `principal`.
pub(super) fn is_of(row: &MySqlRow, principal: &Principal) -> Result<bool, StoreError> {
    Ok(value::<Option<&[u8]>>(row, 2)? == Some(&digest(principal)))
}

/// The answer of `hold_some`: how many of the sessions but `except` are live, and the last one.
pub(super) fn held(rows: &[MySqlRow], except: Option<&Selector>) -> (u64, Option<Selector>) {
    let others = rows.iter().filter(|row| except.is_none() || selector(row).as_ref() != except);
    let live = others.filter(|row| value(row, 1).unwrap_or(false)).count();
    (u64::try_from(live).unwrap_or(u64::MAX), rows.last().and_then(selector))
}

/// The answer of `list`, without the sessions that cannot be read.
pub(super) fn listed(rows: &[MySqlRow]) -> Vec<Listed> {
    let mut list: Vec<_> = rows.iter().filter_map(one).collect();
    Listed::sort_oldest_first(&mut list);
    list
}

/// The answer of `page`, without the sessions that have ended or cannot be read.
pub(super) fn page(rows: &[MySqlRow], limit: u32) -> Page {
    let is_live = |row: &&MySqlRow| value(row, 2).unwrap_or(false);
    let sessions = rows.iter().filter(is_live).filter_map(one).collect();
    Page::in_order(rows, usize::try_from(limit).unwrap_or(usize::MAX), selector, sessions)
}

/// The answer of `scan`, of `surplus` and of `hold_dead`.
pub(super) fn selectors(rows: &[MySqlRow]) -> Vec<Selector> {
    rows.iter().filter_map(selector).collect()
}

fn one(row: &MySqlRow) -> Option<Listed> {
    Some(Listed::new(selector(row)?, Meta::from_text(value(row, 1).ok()?).ok()?))
}

fn selector(row: &MySqlRow) -> Option<Selector> {
    let bytes: &[u8] = value(row, 0).ok()?;
    Some(Selector::from_bytes(bytes.try_into().ok()?))
}

/// The only value of an answer with one row.
pub(super) fn only<'r, T: Decode<'r, MySql> + Type<MySql>>(rows: &'r [MySqlRow]) -> Result<T, Failure> {
    let row = rows.first().ok_or(Unreadable::Garbage).map_err(StoreError::from)?;
    Ok(value(row, 0)?)
}

fn value<'r, T: Decode<'r, MySql> + Type<MySql>>(row: &'r MySqlRow, column: usize) -> Result<T, StoreError> {
    row.try_get(column).map_err(refused)
}

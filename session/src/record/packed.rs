//! A record in few bytes, for a cookie that holds all of it.
//!
//! In: a [`Record`]. Out: bytes, and the record again. Never: a secret of the id; that the bytes are ours is known before they are read.
//!
//! Numbers and lengths are variable, times count from the beginning of the session, and all is compressed if that makes it shorter: JSON
//! and wire keys repeat themselves.

use std::time::Duration;

use miniz_oxide::{deflate::compress_to_vec, inflate::decompress_to_vec_with_limit};
use serde::{Deserialize, Serialize};

use super::{
    apply::Record,
    cell::{Cell, WireKey},
    json::Json,
    meta::{FORMAT, Meta, Principal, Unreadable},
    time::{Limits, Timestamp, millis},
};
use crate::id::public::VerifierHash;

#[cfg(test)]
mod tests;

/// The layout that this release writes.
const LAYOUT: u8 = 1;

const PLAIN: u8 = 0;
const DEFLATED: u8 = 1;

/// The best compression: a cookie is small, and it is sent with every request.
const LEVEL: u8 = 9;

/// What 4096 compressed bytes can grow to at most.
const UNPACKED_MAX: usize = 8 * 1024 * 1024;

/// The largest record, in bytes of keys and values, that is certain to be unpacked again.
pub(crate) const PACKED_RECORD_MAX: usize = UNPACKED_MAX / 2;

#[derive(Serialize, Deserialize)]
struct Packed<'a> {
    generation: u64,
    revision: u64,
    created: u64,
    touched: u64,
    renewed: u64,
    authenticated: Option<u64>,
    signed_in: u64,
    idle: u64,
    absolute: u64,
    persistent: bool,
    principal: Option<&'a str>,
    label: Option<&'a str>,
    /// Wire key, revision, expiry, JSON text.
    #[serde(borrow)]
    cells: Vec<(&'a str, u64, Option<u64>, &'a str)>,
}

/// The bytes of `record` but for the hash of its verifier.
pub(crate) fn pack(record: &Record) -> Vec<u8> {
    let meta = record.meta();
    let created = meta.created.as_millis();
    let since = |at: Timestamp| at.as_millis().saturating_sub(created);
    let packed = Packed {
        generation: meta.generation,
        revision: meta.revision,
        created,
        touched: since(meta.touched),
        renewed: since(meta.renewed),
        authenticated: meta.authenticated.map(since),
        signed_in: meta.signed_in,
        idle: millis(meta.limits.idle),
        absolute: millis(meta.limits.absolute),
        persistent: meta.persistent,
        principal: meta.principal.as_ref().map(Principal::as_str),
        label: meta.label.as_deref(),
        cells: record.cells().iter().map(packed_cell).collect(),
    };
    // Writing numbers and texts into memory does not fail.
    let plain = postcard::to_allocvec(&packed).unwrap_or_default();
    let deflated = compress_to_vec(&plain, LEVEL);
    if deflated.len() < plain.len() {
        [&[LAYOUT, DEFLATED], &*deflated].concat()
    } else {
        [&[LAYOUT, PLAIN], &*plain].concat()
    }
}

fn packed_cell((key, cell): &(WireKey, Cell)) -> (&str, u64, Option<u64>, &str) {
    (key.as_str(), cell.revision, cell.expires.map(Timestamp::as_millis), cell.json.as_str())
}

/// The record that [`pack`] wrote; `verifier` opens it.
pub(crate) fn unpack(bytes: &[u8], verifier: VerifierHash) -> Result<Record, Unreadable> {
    let (layout, how, rest) = match bytes {
        [layout, how, rest @ ..] => (*layout, *how, rest),
        _ => return Err(Unreadable::Garbage),
    };
    if layout > LAYOUT {
        return Err(Unreadable::Newer(layout.into()));
    }
    let inflated;
    let plain = match how {
        PLAIN => rest,
        DEFLATED => {
            inflated = decompress_to_vec_with_limit(rest, UNPACKED_MAX).map_err(|_| Unreadable::Garbage)?;
            &*inflated
        }
        _ => return Err(Unreadable::Garbage),
    };
    let packed: Packed<'_> = postcard::from_bytes(plain).map_err(|_| Unreadable::Garbage)?;
    let at = |since: u64| Timestamp::from_millis(packed.created.saturating_add(since));
    let meta = Meta {
        format: FORMAT,
        verifier,
        generation: packed.generation,
        revision: packed.revision,
        created: at(0),
        touched: at(packed.touched),
        renewed: at(packed.renewed),
        authenticated: packed.authenticated.map(at),
        signed_in: packed.signed_in,
        limits: Limits {
            idle: Duration::from_millis(packed.idle),
            absolute: Duration::from_millis(packed.absolute),
        },
        persistent: packed.persistent,
        principal: packed.principal.map(Principal::from_store),
        label: packed.label.map(Into::into),
        unknown: serde_json::Map::new(),
    };
    let cell = |(key, revision, expires, json): (&str, u64, Option<u64>, &str)| {
        let expires = expires.map(Timestamp::from_millis);
        (WireKey::from(key), Cell::new(revision, expires, Json::from_store(json)))
    };
    Ok(Record::from_parts(meta, packed.cells.into_iter().map(cell).collect()))
}

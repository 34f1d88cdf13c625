//! How much memory a record takes.
//!
//! In: a record. Out: about how many bytes it and what is kept about it take, the same for the same record. Never: an allocator's own account,
//! which nobody can ask for one record.

use crate::record::apply::Record;

/// A record without texts, with its place in a shard, and what an allocator adds.
const RECORD: usize = 640;

/// The places of a record in the index of principals.
const PLACES: usize = 96;

/// A cell without its texts, with what an allocator adds to them.
const CELL: usize = 112;

pub(super) fn bytes_of(record: &Record) -> usize {
    let meta = record.meta();
    let label = meta.label.as_ref().map_or(0, |label| label.len());
    // In the record, and in the index of principals.
    let principal = meta.principal.as_ref().map_or(0, |principal| PLACES + 2 * principal.as_str().len());
    RECORD + CELL * record.cells().len() + record.size() + label + principal
}

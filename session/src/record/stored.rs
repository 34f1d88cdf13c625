//! Cells as a store returns them.
//!
//! In: wire keys and the texts of cells, in any order. Out: a [`Record`] whose texts are parts of one allocation. Never: I/O.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    apply::Record,
    cell::{Cell, WireKey},
    meta::{Meta, Unreadable},
};

/// The cells of one record, as a store returns them: each is a wire key and what [`Cell::to_text`] wrote.
pub(crate) struct StoredCells<'a> {
    cells: Vec<(&'a [u8], &'a [u8])>,
    /// The bytes of all.
    size: usize,
}

impl<'a> StoredCells<'a> {
    pub(crate) fn with_capacity(cells: usize) -> Self {
        Self { cells: Vec::with_capacity(cells), size: 0 }
    }

    pub(crate) fn push(&mut self, wire_key: &'a [u8], cell: &'a [u8]) {
        self.size += wire_key.len() + cell.len();
        self.cells.push((wire_key, cell));
    }

    /// How many bytes all wire keys begin with in common, if they are of one schema.
    fn schema(&self) -> usize {
        let first = self.cells.first().map_or(&[][..], |(wire_key, _)| *wire_key);
        let schema = first.split_inclusive(|byte| *byte == b'.').next().unwrap_or_default();
        let is_theirs = self.cells.iter().all(|(wire_key, _)| wire_key.starts_with(schema));
        if is_theirs { schema.len() } else { 0 }
    }

    /// The record of these cells.
    pub(crate) fn into_record(mut self, meta: Meta) -> Result<Record, Unreadable> {
        // Sorted here, where a cell is two addresses, by numbers that decide nearly always.
        let schema = self.schema();
        self.cells.sort_by_cached_key(|(wire_key, _)| {
            (front(wire_key.get(schema..).unwrap_or_default()), *wire_key)
        });
        let unique = self.cells.windows(2).all(|pair| !matches!(pair, [(a, _), (b, _)] if a == b));
        let mut all = Vec::with_capacity(self.size);
        for (wire_key, cell) in &self.cells {
            all.extend_from_slice(wire_key);
            all.extend_from_slice(cell);
        }
        let all: Arc<str> = std::str::from_utf8(&all).map_err(|_| Unreadable::Garbage)?.into();
        let mut cells = Vec::with_capacity(self.cells.len());
        let mut start = 0;
        for (wire_key, cell) in self.cells {
            let (middle, end) = (start + wire_key.len(), start + wire_key.len() + cell.len());
            let wire_key = WireKey::from_part(&all, start..middle).ok_or(Unreadable::Garbage)?;
            cells.push((wire_key, Cell::from_part(&all, middle..end).ok_or(Unreadable::Garbage)?));
            start = end;
        }
        Ok(if unique { Record::from_sorted(meta, cells) } else { Record::from_parts(meta, cells) })
    }
}

/// The first bytes as a number, which compares as they do and faster.
fn front(text: &[u8]) -> u64 {
    let mut front = [0; 8];
    let length = text.len().min(front.len());
    if let (Some(front), Some(text)) = (front.get_mut(..length), text.get(..length)) {
        front.copy_from_slice(text);
    }
    u64::from_be_bytes(front)
}

/// The record of these cells as one JSON object, whose values are what [`Cell::to_text`] wrote.
pub(crate) fn record_of_object(meta: Meta, cells: &str) -> Result<Record, Unreadable> {
    let cells: BTreeMap<String, String> = serde_json::from_str(cells).map_err(|_| Unreadable::Garbage)?;
    let cell = |(key, cell): (String, String)| Some((WireKey::from(key), Cell::from_text(&cell)?));
    let cells = cells.into_iter().map(cell).collect::<Option<_>>().ok_or(Unreadable::Garbage)?;
    Ok(Record::from_parts(meta, cells))
}

/// What [`record_of_object`] reads.
pub(crate) fn cells_to_object(record: &Record) -> Result<String, serde_json::Error> {
    let cells = record.cells().iter();
    let texts: BTreeMap<_, _> = cells.map(|(key, cell)| (key.as_str(), cell.to_text())).collect();
    serde_json::to_string(&texts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on fails

    use std::time::Duration;

    use super::*;
    use crate::{
        id::public::VerifierHash,
        record::{
            change::NewRecord,
            json::Json,
            time::{Limits, Timestamp},
        },
    };

    fn record(cells: &[(&[u8], &[u8])]) -> Result<Record, Unreadable> {
        let limits = Limits { idle: Duration::from_secs(1), absolute: Duration::from_secs(1) };
        let new = NewRecord::new(VerifierHash::from_bytes([0; 32]), limits);
        let meta = Record::create(&new, Timestamp::default()).meta().clone();
        let mut stored = StoredCells::with_capacity(cells.len());
        for (wire_key, cell) in cells {
            stored.push(wire_key, cell);
        }
        stored.into_record(meta)
    }

    #[test]
    fn cells_come_in_any_order() {
        let (a, b, c) = (b"s.a", "s.ä".as_bytes(), b"s.c");
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let cells: [(&[u8], &[u8]); 3] =
                [(a, b"1 \"x\""), (b, "23@45 \"ü\"".as_bytes()), (c, b"18446744073709551615 null")];
            let record = record(&order.map(|at| *cells.get(at).unwrap())).unwrap();
            let json = |text| Json::from_store(text);
            assert_eq!(record.cell("s.a"), Some(&Cell::new(1, None, json("\"x\""))));
            assert_eq!(
                record.cell("s.ä"),
                Some(&Cell::new(23, Some(Timestamp::from_millis(45)), json("\"ü\"")))
            );
            assert_eq!(record.cell("s.c"), Some(&Cell::new(u64::MAX, None, json("null"))));
            let keys: Vec<_> = record.cells().iter().map(|(key, _)| key.as_str()).collect();
            assert_eq!(keys, ["s.a", "s.c", "s.ä"]);
        }
    }

    #[test]
    fn cells_are_in_the_order_of_their_keys() {
        let of_one: &[&str] = &[
            "shop.b",
            "shop.cart10",
            "shop.cart2",
            "shop.a",
            "shop.aaaaaaaab",
            "shop.aaaaaaaaa",
            "shop.",
            "shop.ab",
        ];
        let of_several: &[&str] = &["shop.zz", "$shop", "shop.b", "club.a", "shopper.a", "a", "", "shop.za"];
        for keys in [of_one, of_several] {
            let cells: Vec<(&[u8], &[u8])> = keys.iter().map(|key| (key.as_bytes(), &b"1 1"[..])).collect();
            let record = record(&cells).unwrap();
            let read: Vec<_> = record.cells().iter().map(|(key, _)| key.as_str()).collect();
            let mut sorted = keys.to_vec();
            sorted.sort_unstable();
            assert_eq!(read, sorted);
        }
    }

    #[test]
    fn the_last_of_several_cells_of_one_key_counts() {
        let record = record(&[(b"b", b"1 1"), (b"a", b"1 2"), (b"b", b"1 3"), (b"b", b"1 4")]).unwrap();
        assert_eq!(record.cells().len(), 2);
        assert_eq!(record.cell("b").unwrap().json.as_str(), "4");
    }

    /// Texts that are text only together are damaged, too.
    #[test]
    fn damaged_cells_are_refused() {
        let damaged: [(&[u8], &[u8]); 10] = [
            (b"a", b""),
            (b"a", b"1"),
            (b"a", b" 1"),
            (b"a", b"x 1"),
            (b"a", b"1@ 1"),
            (b"a", b"1@2@3 1"),
            (b"a", b"+1 1"),
            (b"a", b"18446744073709551616 1"),
            (b"a\xff", b"1 1"),
            (b"a", b"1 \xc3"),
        ];
        for cell in damaged {
            assert_eq!(record(&[cell, (b"b", b"1 1")]), Err(Unreadable::Garbage), "{cell:?}");
            let text = std::str::from_utf8(cell.1).unwrap_or_default();
            assert!(cell.0 == b"a\xff" || Cell::from_text(text).is_none(), "{cell:?}");
        }
        assert_eq!(record(&[(b"a", b"1 \xc3"), (b"\xa4", b"1 1")]), Err(Unreadable::Garbage));
    }
}

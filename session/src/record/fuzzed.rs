//! Records of any bytes, as SQLite and Redis return them (a row or a field for each cell), and as PostgreSQL and MySQL do (an object).
//!
//! An input is the text of meta and then the wire key and the text of each cell, all separated by NUL.

#![allow(clippy::unwrap_used)] // in a test this is how to fail

use std::collections::BTreeMap;

use super::{
    apply::Record,
    meta::{Meta, Unreadable},
    stored::{StoredCells, cells_to_object, record_of_object},
};
use crate::fuzz::fuzz;

/// What is read as a record is one: it is written as what it was read from, and both forms say the same.
/// OWASP ASVS 5.0 1.5.2; CVE-2020-9484.
#[test]
fn fuzz_records() {
    let words: [&[u8]; 12] = [
        b"\0",
        b"1 ",
        b"@",
        b"1@2 ",
        b"null",
        b"\"",
        b"shop.cart",
        b"\"format\":1",
        b"\"limits\":",
        b"18446744073709551615",
        b"{",
        b"\xc3\xa4",
    ];
    fuzz("record", &words, |input| {
        let mut parts = input.split(|byte| *byte == 0);
        let meta = parts.next().and_then(|meta| std::str::from_utf8(meta).ok());
        let Some(Ok(meta)) = meta.map(Meta::from_text) else { return };
        assert_eq!(Meta::from_text(&meta.to_text().unwrap()).as_ref(), Ok(&meta));
        let parts: Vec<&[u8]> = parts.collect();
        let cells: Vec<(&[u8], &[u8])> =
            parts.chunks_exact(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?))).collect();
        let mut stored = StoredCells::with_capacity(cells.len());
        for (key, cell) in &cells {
            stored.push(key, cell);
        }
        let of_rows = stored.into_record(meta.clone());
        if let Ok(record) = &of_rows {
            check(record, &meta);
        }
        let texts: Option<BTreeMap<&str, &str>> = cells
            .iter()
            .map(|(key, cell)| Some((std::str::from_utf8(key).ok()?, std::str::from_utf8(cell).ok()?)))
            .collect();
        // Of several cells with one key an object has one; as rows, each must be one.
        let Some(texts) = texts.filter(|texts| texts.len() == cells.len()) else { return };
        let of_object = record_of_object(meta, &serde_json::to_string(&texts).unwrap());
        assert_eq!(of_rows, of_object);
    });
}

fn check(record: &Record, meta: &Meta) {
    assert!(record.cells().is_sorted_by(|(a, _), (b, _)| a < b), "a key twice, or out of order");
    let again: Result<Record, Unreadable> = record_of_object(meta.clone(), &cells_to_object(record).unwrap());
    assert_eq!(again.as_ref(), Ok(record));
}

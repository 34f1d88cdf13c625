//! Tests of what comes back, and of bytes that are no record.

#![allow(clippy::unwrap_used)] // a test that cannot go on fails

use super::*;
use crate::{
    fuzz::fuzz,
    record::change::{CellWrite, NewRecord},
};

fn record(cells: &[(&str, &str)]) -> Record {
    let limits = Limits { idle: Duration::from_mins(30), absolute: Duration::from_hours(12) };
    let mut new = NewRecord::new(VerifierHash::from_bytes([7; 32]), limits);
    new.cells =
        cells.iter().map(|(key, json)| CellWrite::new(WireKey::from(*key), Json::from_store(json))).collect();
    if let Some(first) = new.cells.first_mut() {
        first.ttl = Some(Duration::from_secs(5));
    }
    new.principal = Some(Principal::from_store("shop.user=42"));
    new.authenticated = true;
    new.persistent = true;
    new.label = Some("Firefox".into());
    Record::create(&new, Timestamp::from_millis(1_800_000_000_000))
}

fn long() -> String {
    format!("\"{}\"", "tea ".repeat(500))
}

#[test]
fn a_record_comes_back_as_it_was() {
    for cells in [&[][..], &[("a.b", "1")], &[("shop.cart", &long()), ("shop.ä", "\"ü\""), ("x.y", "null")]]
    {
        let record = record(cells);
        assert_eq!(unpack(&pack(&record), record.meta().verifier), Ok(record));
    }
}

#[test]
fn what_repeats_itself_takes_little_room() {
    let (short, long) = (pack(&record(&[("a.b", "1")])), pack(&record(&[("a.b", &long())])));
    assert!(short.len() < 80, "{}", short.len());
    assert!(long.len() < short.len() + 50, "{}", long.len());
}

/// RUSTSEC-2017-0006.
#[test]
fn other_bytes_are_an_error_and_a_later_layout_says_so() {
    let packed = pack(&record(&[("shop.cart", &long()), ("shop.visits", "17")]));
    let plain = pack(&record(&[("a.b", "1")]));
    assert_eq!((packed.get(1), plain.get(1)), (Some(&DEFLATED), Some(&PLAIN)));
    let verifier = VerifierHash::from_bytes([7; 32]);
    for bytes in [&packed, &plain] {
        for length in 0..bytes.len() {
            assert_eq!(unpack(bytes.get(..length).unwrap(), verifier), Err(Unreadable::Garbage), "{length}");
        }
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            *other.get_mut(at).unwrap() ^= 0x55;
            drop(unpack(&other, verifier)); // never a panic
        }
    }
    let mut later = plain;
    *later.first_mut().unwrap() = LAYOUT + 1;
    assert_eq!(unpack(&later, verifier), Err(Unreadable::Newer(2)));
}

/// A cookie is ours before it is opened; a mistake of ours must not fill the memory all the same.
/// OWASP ASVS 5.0 1.5.2.
#[test]
fn what_grows_too_much_is_an_error() {
    let bomb = compress_to_vec(&vec![0; UNPACKED_MAX + 1], LEVEL);
    let bytes = [&[LAYOUT, DEFLATED], &*bomb].concat();
    assert_eq!(unpack(&bytes, VerifierHash::from_bytes([7; 32])), Err(Unreadable::Garbage));
}

/// Whatever is read as a record is one, which is written and read again as it is. Cookies are authentic before they are read, so this is
/// about other releases and not about strangers.
/// CVE-2017-1000053.
#[test]
fn fuzz_packed_records() {
    let words: [&[u8]; 6] =
        [b"\x01\x00", b"\x01\x01", b"\x80\x80\x80\x80\x80", b"\xff\xff\xff\xff\x7f", b"shop.cart", b"null"];
    fuzz("packed-record", &words, |input| {
        let verifier = VerifierHash::from_bytes([7; 32]);
        let Ok(record) = unpack(input, verifier) else { return };
        assert_eq!(unpack(&pack(&record), verifier), Ok(record));
    });
}

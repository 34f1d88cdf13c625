//! Tests of what a tag covers, and of which keys make and verify one.

#![allow(clippy::unwrap_used)] // a test that cannot go on fails

use super::*;

fn key(first: u8) -> Key {
    let bytes: Vec<u8> = (0..32).map(|n| first.wrapping_add(n)).collect();
    Key::try_from(bytes.as_slice()).unwrap()
}

fn ring(name: &str) -> KeyRing {
    KeyRing::new(name, &key(1).into())
}

/// The expected tag was computed by another implementation of RFC 5869 and RFC 2104. It is the same in all releases.
/// OWASP ASVS 5.0 11.2.3.
#[test]
fn a_tag_is_fixed() {
    let tag = ring("sid").tag(&[b"1", b"abc"]);
    assert_eq!(u128::from_be_bytes(tag), 0xc185_4c6b_c00b_2e86_8e99_f622_069a_2469);
}

/// OWASP ASVS 5.0 11.4.3.
#[test]
fn a_tag_covers_every_byte_and_the_name() {
    let tag = ring("sid").tag(&[b"1", b"abc"]);
    assert!(ring("sid").verify(key(1).id().as_str(), &[b"1", b"abc"], &tag));
    let others: [(&str, &[&[u8]]); 7] = [
        ("sie", &[b"1", b"abc"]),
        ("si", &[b"d1", b"abc"]),
        ("sid1", &[b"", b"abc"]),
        ("", &[b"sid1", b"abc"]),
        ("sid", &[b"2", b"abc"]),
        ("sid", &[b"1", b"abd"]),
        ("sid", &[b"1", b"abc", b"\0"]),
    ];
    for (name, parts) in others {
        assert!(!ring(name).verify(key(1).id().as_str(), parts, &tag), "{name} {parts:?}");
    }
    for bit in 0..TAG_BYTES * 8 {
        let mut wrong = tag;
        *wrong.get_mut(bit / 8).unwrap() ^= 1 << (bit % 8);
        assert!(!ring("sid").verify(key(1).id().as_str(), &[b"1", b"abc"], &wrong), "bit {bit}");
    }
    assert!(!ring("sid").verify(key(1).id().as_str(), &[b"1", b"abc"], &Tag::default()));
}

#[test]
fn the_active_key_tags_and_each_verifies_what_names_it() {
    let before = KeyRing::new("sid", &key(2).into());
    let after = KeyRing::new("sid", &Keys::new(key(1), [key(2)]));
    let parts: &[&[u8]] = &[b"1", b"abc"];
    assert!(after.verify(before.id().as_str(), parts, &before.tag(parts)));
    assert!(after.verify(after.id().as_str(), parts, &after.tag(parts)));
    assert!(!before.verify(after.id().as_str(), parts, &after.tag(parts)));
    assert_eq!((after.id(), after.tag(parts)), (key(1).id(), ring("sid").tag(parts)));
    // A tag counts only under the name of its key.
    assert!(!after.verify(after.id().as_str(), parts, &before.tag(parts)));
    assert!(!after.verify(before.id().as_str(), parts, &after.tag(parts)));
    assert!(after.verify_any(parts, &before.tag(parts)) && after.verify_any(parts, &after.tag(parts)));
    assert!(!before.verify_any(parts, &after.tag(parts)));
}

#[test]
fn debug_shows_no_key() {
    let ring = KeyRing::new("sid", &Keys::new(key(1), [key(2), key(3)]));
    assert_eq!(format!("{ring:?}"), "KeyRing(3 keys)");
    assert_eq!(format!("{:?}", Succession::new(&key(1).into())), "Succession(..)");
}

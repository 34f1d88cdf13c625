//! Tests of what is accepted as a key, and of what a tag covers.

#![allow(clippy::unwrap_used)] // a test that cannot go on fails

use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::*;

fn bytes(first: u8, length: u8) -> Vec<u8> {
    (0..length).map(|n| first.wrapping_add(n)).collect()
}

fn key(first: u8) -> Key {
    Key::try_from(bytes(first, 32).as_slice()).unwrap()
}

#[test]
fn a_key_has_32_bytes_or_more_that_are_not_all_the_same() {
    for length in 0..32 {
        assert_eq!(
            Key::try_from(bytes(1, length).as_slice()).unwrap_err(),
            KeyError::TooShort(length.into())
        );
    }
    for length in [32, 33, 64, 200] {
        assert_eq!(Key::try_from(bytes(1, length).as_slice()).unwrap().0, bytes(1, length));
    }
    for byte in [0, b'a', 255] {
        assert_eq!(Key::try_from([byte; 32].as_slice()).unwrap_err(), KeyError::NotRandom);
        assert_eq!(Key::try_from([byte; 64].as_slice()).unwrap_err(), KeyError::NotRandom);
    }
}

#[test]
fn a_key_is_read_from_either_alphabet_with_or_without_padding() {
    // The bytes from 0xf0 on contain `+` and `/` in one alphabet, `-` and `_` in the other.
    for secret in [bytes(1, 32), bytes(0xf0, 32), bytes(0xf0, 33), bytes(0xf0, 34)] {
        for text in [
            STANDARD.encode(&secret),
            STANDARD_NO_PAD.encode(&secret),
            URL_SAFE.encode(&secret),
            URL_SAFE_NO_PAD.encode(&secret),
            // With the white space that a file or a shell may add.
            format!(" {}\r\n", STANDARD.encode(&secret)),
        ] {
            assert_eq!(text.parse::<Key>().unwrap().0, secret, "{text}");
        }
    }
    let text = STANDARD.encode(bytes(0xf0, 32));
    assert!(text.contains('+') && text.contains('/'), "{text}");
}

#[test]
fn a_text_that_is_not_base64_is_rejected() {
    let text = STANDARD.encode(bytes(0xf0, 32));
    for wrong in [
        "correct horse battery staple, and then some more".to_owned(),
        "ä".repeat(32),
        format!("{text}="),
        format!("\"{text}\""),
        format!("{text}\0"),
        // Both alphabets in one text.
        text.replacen('+', "-", 1),
        // Bits set beyond the last byte.
        format!("{}B=", "q8".repeat(21)),
        text.replacen('8', " ", 1),
    ] {
        assert_eq!(wrong.parse::<Key>().unwrap_err(), KeyError::NotBase64, "{wrong}");
    }
    assert_eq!("".parse::<Key>().unwrap_err(), KeyError::TooShort(0));
    assert_eq!(STANDARD.encode(bytes(1, 31)).parse::<Key>().unwrap_err(), KeyError::TooShort(31));
    assert_eq!(STANDARD.encode([7; 32]).parse::<Key>().unwrap_err(), KeyError::NotRandom);
}

#[test]
fn every_error_says_how_to_make_a_key_and_none_shows_one() {
    for error in [KeyError::TooShort(3), KeyError::NotRandom, KeyError::NotBase64] {
        assert!(error.to_string().contains("`openssl rand -base64 32`"), "{error}");
    }
    let secret = "hunter2 is not a key";
    let error = secret.parse::<Key>().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[test]
fn generated_keys_differ() {
    let (one, two) = (Key::generate().unwrap(), Key::generate().unwrap());
    assert_eq!(one.0.len(), MIN_BYTES);
    assert_ne!(one.0, two.0);
    Key::try_from(one.0.as_slice()).unwrap();
}

#[test]
fn debug_shows_no_key() {
    let ring = KeyRing::new("sid", &key(1), &[key(2), key(3)]);
    assert_eq!(format!("{:?}", key(1)), "Key(..)");
    assert_eq!(format!("{:#?}", key(1)), "Key(..)");
    assert_eq!(format!("{ring:?}"), "KeyRing(3 keys)");
}

/// The expected tag was computed by another implementation of RFC 5869 and RFC 2104. It is the same in all releases.
#[test]
fn a_tag_is_fixed() {
    let tag = KeyRing::new("sid", &key(1), &[]).tag(&[b"1", b"abc"]);
    assert_eq!(u128::from_be_bytes(tag), 0xc185_4c6b_c00b_2e86_8e99_f622_069a_2469);
}

#[test]
fn a_tag_covers_every_byte_and_the_name() {
    let ring = |name| KeyRing::new(name, &key(1), &[]);
    let tag = ring("sid").tag(&[b"1", b"abc"]);
    assert!(ring("sid").verify(&[b"1", b"abc"], &tag));
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
        assert!(!ring(name).verify(parts, &tag), "{name} {parts:?}");
    }
    for bit in 0..TAG_BYTES * 8 {
        let mut wrong = tag;
        *wrong.get_mut(bit / 8).unwrap() ^= 1 << (bit % 8);
        assert!(!ring("sid").verify(&[b"1", b"abc"], &wrong), "bit {bit}");
    }
    assert!(!ring("sid").verify(&[b"1", b"abc"], &Tag::default()));
}

#[test]
fn the_first_key_tags_and_a_retired_one_still_verifies() {
    let before = KeyRing::new("sid", &key(2), &[]);
    let after = KeyRing::new("sid", &key(1), &[key(2)]);
    let parts: &[&[u8]] = &[b"1", b"abc"];
    assert!(after.verify(parts, &before.tag(parts)));
    assert!(after.verify(parts, &after.tag(parts)));
    assert!(!before.verify(parts, &after.tag(parts)));
    assert_eq!(after.tag(parts), KeyRing::new("sid", &key(1), &[]).tag(parts));
}

#[test]
fn a_key_may_be_broken_into_lines() {
    let long = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8BI0VniavN7wEjRWeJ\nq83vASNFZ4mrze8BI0VniQ==\n";
    assert_eq!(long.parse::<Key>().map(|key| key.0.len()), Ok(64));
}

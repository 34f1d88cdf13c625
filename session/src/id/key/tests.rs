//! Tests of what is accepted as a key.

#![allow(clippy::unwrap_used)] // a test that cannot go on fails

use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

use super::*;

fn bytes(first: u8, length: u8) -> Vec<u8> {
    (0..length).map(|n| first.wrapping_add(n)).collect()
}

fn key(first: u8) -> Key {
    Key::try_from(bytes(first, 32).as_slice()).unwrap()
}

/// OWASP ASVS 5.0 11.4.4.
#[test]
fn a_key_has_32_bytes_or_more_that_are_not_all_the_same() {
    for length in 0..32 {
        assert_eq!(
            Key::try_from(bytes(1, length).as_slice()).unwrap_err(),
            KeyError::TooShort(length.into())
        );
    }
    for length in [32, 33, 64, 200] {
        assert_eq!(**Key::try_from(bytes(1, length).as_slice()).unwrap().0, *bytes(1, length));
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
            assert_eq!(**text.parse::<Key>().unwrap().0, *secret, "{text}");
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
    for error in
        [KeyError::TooShort(3), KeyError::NotRandom, KeyError::NotBase64, KeyError::NotSet("K".into())]
    {
        assert!(error.to_string().contains("`openssl rand -base64 32`"), "{error}");
    }
    let secret = "hunter2 is not a key";
    let error = secret.parse::<Key>().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

/// OWASP ASVS 5.0 11.6.1.
#[test]
fn generated_keys_differ() {
    let (one, two) = (Key::generate().unwrap(), Key::generate().unwrap());
    assert_eq!(one.0.len(), MIN_BYTES);
    assert_ne!(one.0, two.0);
    Key::try_from(&**one.0).unwrap();
}

/// OWASP ASVS 5.0 16.2.5.
#[test]
fn debug_shows_no_key() {
    assert_eq!(format!("{:?}", key(1)), "Key(..)");
    assert_eq!(format!("{:#?}", key(1)), "Key(..)");
}

#[test]
fn a_key_may_be_broken_into_lines() {
    let long = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8BI0VniavN7wEjRWeJ\nq83vASNFZ4mrze8BI0VniQ==\n";
    assert_eq!(long.parse::<Key>().unwrap().0.len(), 64);
}

/// The expected id was computed by another implementation of RFC 5869. It is the same in all releases, because browsers hold it.
#[test]
fn the_id_of_a_key_is_fixed_and_is_read_back() {
    let id = key(1).id();
    assert_eq!(id.to_string(), "MkHn");
    assert_eq!("MkHn".parse(), Ok(id));
    assert_ne!(key(2).id(), id);
    for wrong in ["", "abc", "abcde", "ab+d", "ab d", "äbc"] {
        assert_eq!(wrong.parse::<KeyId>(), Err(KeyError::NotAnId), "{wrong}");
    }
}

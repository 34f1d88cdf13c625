//! Tests of what opens a sealed text, and of what does not.

#![allow(clippy::unwrap_used)] // a test that cannot go on fails

use std::collections::HashSet;

use super::*;

const NAME: &str = "__Host-sid";

fn key(first: u8) -> Key {
    let bytes: Vec<u8> = (0..32).map(|n| first.wrapping_add(n)).collect();
    Key::try_from(bytes.as_slice()).unwrap()
}

fn sealer() -> Sealer {
    Sealer::new(As::Session, NAME, "shop", &key(1).into())
}

fn sealed() -> String {
    sealer().seal(b"a cart and a user", Randomness::System).unwrap()
}

#[test]
fn what_is_sealed_is_opened_and_has_the_length_that_was_told() {
    for length in 0..100 {
        let plain = vec![length; length.into()];
        let text = sealer().seal(&plain, Randomness::System).unwrap();
        assert_eq!(sealer().open(text.as_bytes()), Some(plain));
        assert_eq!(text.len(), sealed_chars(length.into()));
    }
    assert_ne!(sealed(), sealed());
}

/// The expected text was computed by another implementation of HKDF and of XChaCha20-Poly1305.
/// OWASP ASVS 5.0 9.1.2, 11.3.4.
#[test]
fn the_text_is_fixed() {
    fn count(bytes: &mut [u8]) -> bool {
        (0..).zip(bytes).for_each(|(n, byte)| *byte = n);
        true
    }
    let text = sealer().seal(b"a cart", Randomness::Chosen(count)).unwrap();
    assert_eq!(text, "1.MkHn.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXuru055H3iScgaJpggc_Wli1LXEdTsA");
}

/// OWASP ASVS 5.0 9.1.1; CVE-2026-40372.
#[test]
fn every_flipped_bit_and_every_other_length_is_rejected() {
    let text = sealed();
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            *bytes.get_mut(at).unwrap() ^= 1 << bit;
            assert_eq!(sealer().open(&bytes), None, "bit {bit} of octet {at}");
        }
        assert_eq!(sealer().open(text.get(..at).unwrap().as_bytes()), None, "the first {at}");
        assert_eq!(sealer().open(text.get(at + 1..).unwrap().as_bytes()), None, "without the first {at}");
    }
    for more in ["A", "=", ".", " ", ".A"] {
        assert_eq!(sealer().open(format!("{text}{more}").as_bytes()), None);
        assert_eq!(sealer().open(format!("{more}{text}").as_bytes()), None);
    }
}

/// CVE-2026-40372.
#[test]
fn a_tag_of_zeros_is_rejected() {
    let text = sealed();
    let (before, sealed) = text.split_at(text.rfind('.').unwrap() + 1);
    let mut bytes = URL_SAFE_NO_PAD.decode(sealed).unwrap();
    let tag = bytes.len() - TAG_BYTES;
    bytes.get_mut(tag..).unwrap().fill(0);
    let zeros = before.to_owned() + &URL_SAFE_NO_PAD.encode(&bytes);
    assert_eq!((zeros.len(), sealer().open(zeros.as_bytes())), (text.len(), None));
    // Nor does one count that is not there.
    bytes.truncate(tag);
    assert_eq!(sealer().open((before.to_owned() + &URL_SAFE_NO_PAD.encode(&bytes)).as_bytes()), None);
}

/// OWASP ASVS 5.0 9.1.1; CVE-2026-39324.
#[test]
fn what_was_never_sealed_is_rejected() {
    for keys in [Keys::from(key(1)), Keys::new(key(1), [key(2)]), Keys::new(key(2), [key(1)])] {
        let sealer = Sealer::new(As::Session, NAME, "shop", &keys);
        for plain in [
            b"a cart and a user".to_vec(),
            [[0; NONCE_BYTES].as_slice(), b"a cart", &[0; TAG_BYTES]].concat(),
        ] {
            let text = URL_SAFE_NO_PAD.encode(plain);
            for form in [
                text.clone(),
                format!("1..{text}"),
                format!("1.{}.{text}", key(1).id()),
                format!("0.{}.{text}", key(1).id()),
            ] {
                assert_eq!(sealer.open(form.as_bytes()), None, "{form}");
            }
        }
    }
}

/// OWASP ASVS 5.0 11.3.4.
#[test]
fn no_nonce_is_used_twice() {
    const MANY: usize = 100_000;
    let sealer = sealer();
    let nonces: HashSet<String> = (0..MANY)
        .map(|_| {
            let text = sealer.seal(b"", Randomness::System).unwrap();
            text.get(text.rfind('.').unwrap() + 1..).unwrap().chars().take(NONCE_BYTES * 4 / 3).collect()
        })
        .collect();
    assert_eq!(nonces.len(), MANY);
}

/// OWASP ASVS 5.0 9.2.2.
#[test]
fn another_name_another_application_and_another_key_open_nothing() {
    let text = sealed();
    for (name, application, first) in [
        ("__Secure-sid", "shop", 1),
        (NAME, "shop2", 1),
        (NAME, "", 1),
        // Lengths are part of what is authenticated.
        ("__Host-si", "dshop", 1),
        ("__Host-sids", "hop", 1),
        (NAME, "shop", 2),
    ] {
        let other = Sealer::new(As::Session, name, application, &key(first).into());
        assert_eq!(other.open(text.as_bytes()), None, "{name} {application} {first}");
    }
}

/// OWASP ASVS 5.0 9.1.3; ASVS 4.0 3.5.3.
#[test]
fn the_active_key_seals_and_every_key_opens_what_names_it() {
    let old = sealed();
    let both = Sealer::new(As::Session, NAME, "shop", &Keys::new(key(2), [key(1)]));
    assert!(both.open(old.as_bytes()).is_some());
    let new = both.seal(b"", Randomness::System).unwrap();
    assert!(new.starts_with(&format!("1.{}.", key(2).id())) && sealer().open(new.as_bytes()).is_none());
    let renamed = old.replacen(&key(1).id().to_string(), &key(2).id().to_string(), 1);
    assert_eq!(both.open(renamed.as_bytes()), None);
}

#[test]
fn a_sealed_value_opens_in_its_own_cell_alone() {
    let (one, other) = (Selector::from_bytes([1; 16]), Selector::from_bytes([2; 16]));
    let cells = |first| CellSealer::new(&key(first).into());
    let text = cells(1).seal("\"token\"", &one, "shop.token", Randomness::System).unwrap();
    assert_eq!(cells(1).open(&text, &one, "shop.token").as_deref(), Some("\"token\""));
    for (first, selector, wire_key) in
        [(1, other, "shop.token"), (1, one, "shop.toke"), (1, one, "shop.token@2"), (2, one, "shop.token")]
    {
        assert_eq!(cells(first).open(&text, &selector, wire_key), None, "{first} {wire_key}");
    }
    // Nor does it pass for a session, or a session for it.
    assert_eq!(sealer().open(text.as_bytes()), None);
    assert_eq!(super::CellSealer::new(&key(1).into()).open(&sealed(), &one, "shop.token"), None);
}

/// OWASP ASVS 5.0 9.2.2.
#[test]
fn what_is_sealed_as_one_thing_passes_for_no_other() {
    let all = [As::Session, As::Pointer, As::Stored];
    let of = |what| Sealer::new(what, NAME, "shop", &key(1).into());
    for what in all {
        let text = of(what).seal(b"a cart", Randomness::System).unwrap();
        for other in all {
            assert_eq!(of(other).open(text.as_bytes()).is_some(), what == other, "{what:?} as {other:?}");
        }
    }
}

#[test]
fn a_text_of_a_key_that_has_left_the_ring_is_told_from_one_that_was_changed() {
    let text = sealed();
    let changed = text.replace('A', "B");
    let other = Sealer::new(As::Session, NAME, "shop", &key(2).into());
    assert!(other.lacks_key_of(&text));
    for known in [&text, &changed, "", "1.", "2.MkHn.AAAA", "{}"] {
        assert!(!sealer().lacks_key_of(known), "{known}");
    }
}

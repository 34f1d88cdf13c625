//! Tests of what opens a sealed text, and of what does not.

#![allow(clippy::unwrap_used)] // a test that cannot go on fails

use super::*;

const NAME: &str = "__Host-sid";

fn key(first: u8) -> Key {
    let bytes: Vec<u8> = (0..32).map(|n| first.wrapping_add(n)).collect();
    Key::try_from(bytes.as_slice()).unwrap()
}

fn sealer() -> Sealer {
    Sealer::new(NAME, "shop", &key(1).into())
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
#[test]
fn the_text_is_fixed() {
    fn count(bytes: &mut [u8]) {
        (0..).zip(bytes).for_each(|(n, byte)| *byte = n);
    }
    let text = sealer().seal(b"a cart", Randomness::Chosen(count)).unwrap();
    assert_eq!(text, "1.MkHn.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXuru055H3iScgaJpggc_Wli1LXEdTsA");
}

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
        let other = Sealer::new(name, application, &key(first).into());
        assert_eq!(other.open(text.as_bytes()), None, "{name} {application} {first}");
    }
}

#[test]
fn the_active_key_seals_and_every_key_opens_what_names_it() {
    let old = sealed();
    let both = Sealer::new(NAME, "shop", &Keys::new(key(2), [key(1)]));
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

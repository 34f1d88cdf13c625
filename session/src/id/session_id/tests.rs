//! Tests of minting ids, of writing and reading them as cookies, and of what `Debug` shows of them.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)] // a test that cannot go on fails

use std::collections::HashSet;

use super::*;
use crate::id::{key::Key, keys::Keys, public::*};

const NAME: &str = "__Host-sid";

fn key(first: u8) -> Key {
    let bytes: Vec<u8> = (0..32).map(|n| first.wrapping_add(n)).collect();
    Key::try_from(bytes.as_slice()).unwrap()
}

fn ring() -> KeyRing {
    KeyRing::new(NAME, &key(1).into())
}

fn mint() -> SessionId {
    SessionId::mint(Randomness::System).unwrap()
}

fn read(value: impl AsRef<[u8]>) -> Option<SessionId> {
    SessionId::from_cookie(value.as_ref(), &ring())
}

/// OWASP ASVS 5.0 11.2.3.
#[test]
fn the_text_of_an_id_is_fixed() {
    fn count(bytes: &mut [u8]) -> bool {
        (0..).zip(bytes).for_each(|(n, byte)| *byte = n);
        true
    }
    let id = SessionId::mint(Randomness::Chosen(count)).unwrap();
    let text = id.to_cookie(&ring());
    // Earlier releases wrote the cookies that browsers hold. If this text changes, every user is signed out.
    assert_eq!(
        text,
        "1.MkHn.AAECAwQFBgcICQoLDA0ODw.EBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8.iFLNsqhqRnpAXMaH-C3Awg"
    );
    assert_eq!(text.len(), COOKIE_CHARS);
    assert_eq!(read(&text), Some(id));
}

/// OWASP ASVS 5.0 11.4.3.
#[test]
fn every_flipped_bit_is_rejected() {
    let text = mint().to_cookie(&ring());
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            *bytes.get_mut(at).unwrap() ^= 1 << bit;
            assert_eq!(read(&bytes), None, "bit {bit} of octet {at}");
        }
    }
}

#[test]
fn every_other_character_is_rejected() {
    let text = mint().to_cookie(&ring());
    for at in 0..text.len() {
        for byte in 0..=255 {
            let mut bytes = text.clone().into_bytes();
            let old = std::mem::replace(bytes.get_mut(at).unwrap(), byte);
            assert_eq!(read(&bytes).is_some(), byte == old, "octet {at} as {byte}");
        }
    }
}

#[test]
fn every_other_length_is_rejected() {
    let text = mint().to_cookie(&ring());
    for length in 0..text.len() {
        assert_eq!(read(text.get(..length).unwrap()), None, "the first {length}");
        assert_eq!(read(text.get(text.len() - length..).unwrap()), None, "the last {length}");
        let hole = [text.get(..length).unwrap(), text.get(length + 1..).unwrap()].concat();
        assert_eq!(read(hole), None, "without {length}");
    }
    for more in ["A", "=", ".", " ", ".A"] {
        assert_eq!(read(format!("{text}{more}")), None);
        assert_eq!(read(format!("{more}{text}")), None);
    }
}

#[test]
fn dots_elsewhere_are_rejected_at_the_right_length() {
    let text = mint().to_cookie(&ring());
    let parts: Vec<_> = text.split('.').collect();
    for order in [[0, 2, 1, 3, 4], [1, 0, 2, 3, 4], [0, 1, 3, 2, 4], [0, 1, 4, 3, 2], [4, 3, 2, 1, 0]] {
        let moved = order.map(|n| *parts.get(n).unwrap()).join(".");
        assert_eq!(moved.len(), COOKIE_CHARS);
        assert_eq!(read(moved), None);
    }
    for (from, to) in [(1, 2), (6, 7), (29, 30), (73, 72)] {
        let mut bytes = text.clone().into_bytes();
        bytes.swap(from, to);
        assert_eq!(read(&bytes), None, "{from} and {to}");
    }
}

#[test]
fn a_second_spelling_of_the_same_bytes_is_rejected() {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let text = mint().to_cookie(&ring());
    // The last character of a part has unused bits: (its position, the number of unused bits).
    for (end, unused) in [(28, 4), (72, 2), (95, 4)] {
        let value = ALPHABET.find(char::from(*text.as_bytes().get(end).unwrap())).unwrap();
        assert_eq!(value % (1 << unused), 0);
        for other in 1..1 << unused {
            let mut bytes = text.clone().into_bytes();
            *bytes.get_mut(end).unwrap() = *ALPHABET.as_bytes().get(value + other).unwrap();
            assert_eq!(read(&bytes), None, "octet {end}, bits {other}");
        }
    }
}

/// CVE-2026-40372.
#[test]
fn a_tag_of_zeros_or_of_another_id_is_rejected() {
    let (one, two) = (mint().to_cookie(&ring()), mint().to_cookie(&ring()));
    let cut = COOKIE_CHARS - TAG_CHARS;
    assert_eq!(read(one.get(..cut).unwrap().to_owned() + &"A".repeat(TAG_CHARS)), None);
    assert_eq!(read(one.get(..cut).unwrap().to_owned() + two.get(cut..).unwrap()), None);
}

#[test]
fn the_tag_binds_the_name() {
    let id = mint();
    for name in ["__Secure-sid", "insecure-sid", "__Host-sid2", "__Host-si", "__host-sid", ""] {
        assert_eq!(read(id.to_cookie(&KeyRing::new(name, &key(1).into()))), None, "{name}");
    }
}

#[test]
fn the_active_key_tags_and_every_key_verifies() {
    let id = mint();
    let (new, old, other) = (key(1), key(2), key(3));
    let ring = |keys: Keys| KeyRing::new(NAME, &keys);
    let rotated = ring(Keys::new(new.clone(), [other.clone(), old.clone()]));
    let from = |value: &str, keys: &KeyRing| SessionId::from_cookie(value.as_bytes(), keys);

    let before = id.to_cookie(&ring(old.clone().into()));
    assert_eq!(from(&before, &rotated), Some(id));
    assert_eq!(from(&before, &ring(Keys::new(new.clone(), [other]))), None);

    let after = id.to_cookie(&rotated);
    assert_ne!(after, before);
    assert_eq!(after, id.to_cookie(&ring(new.clone().into())));
    assert_eq!(from(&after, &ring(old.clone().into())), None);
    assert_eq!(from(&after, &ring(Keys::new(old, [new]))), Some(id));
}

/// Otherwise a tag would count that no key of the ring has made under its name.
#[test]
fn the_id_of_another_key_of_the_ring_is_rejected() {
    let keys = KeyRing::new(NAME, &Keys::new(key(1), [key(2)]));
    let text = mint().to_cookie(&keys);
    let swapped = text.replacen(&key(1).id().to_string(), &key(2).id().to_string(), 1);
    assert_ne!(swapped, text);
    assert_eq!(SessionId::from_cookie(swapped.as_bytes(), &keys), None);
}

#[test]
fn a_new_verifier_keeps_the_selector() {
    let old = mint();
    let new = old.with_new_verifier(Randomness::System).unwrap();
    assert_eq!(old.selector, new.selector);
    assert_ne!(old, new);
    assert_ne!(old.verifier_hash(), new.verifier_hash());
}

/// OWASP ASVS 5.0 3.3.4.
#[test]
fn debug_shows_the_public_id_and_nothing_else() {
    let id = mint();
    let text = id.to_cookie(&ring());
    let [_, _, selector, verifier, tag] = text.split('.').collect::<Vec<_>>().try_into().unwrap();
    let hash = URL_SAFE_NO_PAD.encode(id.verifier_hash().as_bytes());
    let public = PublicId::of(id.selector);
    for (shown, expected) in [
        (format!("{id:?}"), format!("SessionId({selector}, ..)")),
        (format!("{:?}", id.selector), format!("Selector({selector})")),
        (format!("{public:?}"), format!("PublicId({selector})")),
        (format!("{public}"), selector.to_owned()),
        (format!("{:?}", id.verifier_hash()), "VerifierHash(..)".to_owned()),
        (format!("{:?}", Randomness::System), "System".to_owned()),
    ] {
        assert_eq!(shown, expected);
        for secret in [verifier, tag, &hash] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[test]
fn a_public_id_is_read_back_and_nothing_else_is() {
    let public = PublicId::of(mint().selector);
    let text = public.to_string();
    assert_eq!(text.parse(), Ok(public));
    for wrong in [
        String::new(),
        "x".into(),
        format!("{text}A"),
        format!(" {text}"),
        format!("{text}=="),
        "ä".repeat(11),
    ] {
        assert_eq!(wrong.parse::<PublicId>(), Err(NotAPublicId), "{wrong}");
    }
}

#[test]
fn a_verifier_hash_survives_a_store() {
    let hash = mint().verifier_hash();
    let text = hash.to_text();
    assert_eq!(VerifierHash::from_text(&text), Some(hash));
    for wrong in ["", "x", "null", &format!("A{text}"), &format!("{text}=")] {
        assert_eq!(VerifierHash::from_text(wrong), None, "{wrong}");
    }
}

/// OWASP ASVS 5.0 11.4.1.
#[test]
fn the_hash_is_sha_256_of_the_verifier() {
    fn zeros(bytes: &mut [u8]) -> bool {
        bytes.fill(0);
        true
    }
    let id = SessionId::mint(Randomness::Chosen(zeros)).unwrap();
    // head -c 32 /dev/zero | openssl dgst -sha256 -binary | basenc --base64url
    let expected = "Zmh6rfhivXdsj8GLjp-OIAiXFIVu4jOzkCpZHQ1fKSU";
    assert_eq!(URL_SAFE_NO_PAD.encode(id.verifier_hash().as_bytes()), expected);
}

/// How far the characters at one position are from uniform: chi-squared over the `symbols` that may stand there.
fn chi_squared(counts: &[u32; 256], symbols: &[u8], total: f64) -> f64 {
    let expected = total / f64::from(u32::try_from(symbols.len()).unwrap());
    symbols.iter().map(|symbol| (f64::from(counts[usize::from(*symbol)]) - expected).powi(2) / expected).sum()
}

/// A bound that chance alone exceeds less than once in 10^9 times.
fn bound(symbols: &[u8]) -> f64 {
    let free = f64::from(u32::try_from(symbols.len() - 1).unwrap());
    10.0f64.mul_add((2.0 * free).sqrt(), free + 20.0)
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What may stand at the end of a text of so many bytes: only some of its bits are used.
fn last_symbols(bytes: usize) -> Vec<u8> {
    let step = if bytes % 3 == 1 { 16 } else { 4 };
    ALPHABET.iter().copied().step_by(step).collect()
}

/// OWASP ASVS 5.0 7.2.3: a million ids, none twice, and each character at each position as often as any other.
/// OWASP ASVS 5.0 7.2.2, 11.5.1; ASVS 4.0 3.2.2; RUSTSEC-2024-0343.
#[test]
fn a_million_ids_are_all_different_and_uniform_at_every_position() {
    const MANY: usize = 1_000_000;
    let mut seen = HashSet::with_capacity(MANY);
    let mut counts = vec![[0_u32; 256]; SELECTOR_CHARS + VERIFIER_CHARS];
    for _ in 0..MANY {
        let id = mint();
        assert!(seen.insert((id.selector.0, id.verifier[..8].to_vec())), "an id twice");
        let text = URL_SAFE_NO_PAD.encode(id.selector.0) + &URL_SAFE_NO_PAD.encode(id.verifier);
        counts.iter_mut().zip(text.bytes()).for_each(|(counts, symbol)| counts[usize::from(symbol)] += 1);
    }
    let selectors: HashSet<_> = seen.iter().map(|(selector, _)| *selector).collect();
    assert_eq!(selectors.len(), MANY, "a selector twice");
    let total = f64::from(u32::try_from(MANY).unwrap());
    for (at, counts) in counts.iter().enumerate() {
        let symbols = match at + 1 {
            SELECTOR_CHARS => last_symbols(SELECTOR_BYTES),
            all if all == SELECTOR_CHARS + VERIFIER_CHARS => last_symbols(VERIFIER_BYTES),
            _ => ALPHABET.to_vec(),
        };
        let off = chi_squared(counts, &symbols, total);
        assert!(off < bound(&symbols), "position {at}: {off} > {}", bound(&symbols));
        assert!(
            symbols.iter().all(|symbol| counts[usize::from(*symbol)] > 0),
            "position {at}: a symbol is missing"
        );
    }
}

/// The bound is one that a generator with a small bias exceeds: one symbol in ten is another one.
#[test]
fn a_bias_at_one_position_is_noticed() {
    let mut counts = [0_u32; 256];
    for symbol in ALPHABET {
        counts[usize::from(*symbol)] = 15_625;
    }
    assert!(chi_squared(&counts, ALPHABET, 1_000_000.0) < bound(ALPHABET));
    counts[usize::from(b'A')] += 1_563;
    counts[usize::from(b'B')] -= 1_563;
    assert!(chi_squared(&counts, ALPHABET, 1_000_000.0) > bound(ALPHABET));
}

//! The token that a page of a session carries and another site's page cannot know.
//!
//! In: the id of a session, keys, a text that a browser sent. Out: a token, or whether the text is one. Never: a store; nothing of a
//! token is kept.
//!
//! The secret of a session is a MAC of its id under a key of the application. The id has another verifier after a sign-in or a renewal,
//! and then no token of before is valid (OWASP ASVS 5.0 3.5.1, 7.2.4). Each token is random bytes, and that secret with those bytes
//! mixed in by XOR, so no two are alike, and the length of compressed responses tells nothing about the secret (BREACH).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    public::decode,
    random::{NoRandomness, Randomness},
    session_id::SessionId,
    tags::{KeyRing, TAG_BYTES, Tag},
};

/// A new token for the session with this id: 43 characters of base64url.
pub(crate) fn csrf_token(id: &SessionId, keys: &KeyRing, random: Randomness) -> Result<String, NoRandomness> {
    let mut pad = Tag::default();
    random.fill(&mut pad)?;
    let masked = xor(pad, keys.tag(&id.parts()));
    Ok(URL_SAFE_NO_PAD.encode([pad, masked].concat()))
}

/// Whether `text` is a token of the session with this id, in constant time for each key.
pub(crate) fn is_csrf_token(text: &str, id: &SessionId, keys: &KeyRing) -> bool {
    let Some(bytes) = decode::<{ 2 * TAG_BYTES }>(text) else { return false };
    let (mut pad, mut masked) = (Tag::default(), Tag::default());
    let (first, rest) = bytes.split_at(TAG_BYTES);
    pad.copy_from_slice(first);
    masked.copy_from_slice(rest);
    keys.verify_any(&id.parts(), &xor(pad, masked))
}

fn xor(mut one: Tag, other: Tag) -> Tag {
    one.iter_mut().zip(other).for_each(|(to, from)| *to ^= from);
    one
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on fails

    use super::*;
    use crate::id::{key::Key, keys::Keys};

    fn ring(first: u8, retired: &[u8]) -> KeyRing {
        let key = |first: u8| Key::try_from([[first; 16], [7; 16]].concat().as_slice()).unwrap();
        KeyRing::for_csrf("sid", &Keys::new(key(first), retired.iter().map(|byte| key(*byte))))
    }

    fn token(id: &SessionId, keys: &KeyRing) -> String {
        csrf_token(id, keys, Randomness::System).unwrap()
    }

    #[test]
    fn tokens_differ_and_all_are_of_their_session_alone() {
        let (keys, id) = (ring(1, &[]), SessionId::mint(Randomness::System).unwrap());
        let (one, two) = (token(&id, &keys), token(&id, &keys));
        assert!(one != two && one.len() == 43, "{one} {two}");
        assert!(is_csrf_token(&one, &id, &keys) && is_csrf_token(&two, &id, &keys));
        let other = SessionId::mint(Randomness::System).unwrap();
        let renewed = id.with_new_verifier(Randomness::System).unwrap();
        assert!(!is_csrf_token(&one, &other, &keys) && !is_csrf_token(&one, &renewed, &keys));
        // What tags the cookie is another key.
        let cookie = id.to_cookie(&keys);
        assert!(
            !is_csrf_token(&cookie, &id, &keys)
                && !is_csrf_token(cookie.split('.').next_back().unwrap(), &id, &keys)
        );
    }

    #[test]
    fn a_token_with_any_other_bit_is_none() {
        let (keys, id) = (ring(1, &[]), SessionId::mint(Randomness::System).unwrap());
        let bytes: [u8; 32] = decode(&token(&id, &keys)).unwrap();
        for bit in 0..256 {
            let mut wrong = bytes;
            *wrong.get_mut(bit / 8).unwrap() ^= 1 << (bit % 8);
            assert!(!is_csrf_token(&URL_SAFE_NO_PAD.encode(wrong), &id, &keys), "bit {bit}");
        }
        for text in ["", "x", "ä", &"A".repeat(42), &"A".repeat(43), &"A".repeat(44)] {
            assert!(!is_csrf_token(text, &id, &keys), "{text}");
        }
    }

    #[test]
    fn a_token_outlives_a_change_of_keys() {
        let id = SessionId::mint(Randomness::System).unwrap();
        let (before, after) = (ring(1, &[]), ring(2, &[1]));
        assert!(is_csrf_token(&token(&id, &before), &id, &after));
        assert!(!is_csrf_token(&token(&id, &after), &id, &before));
    }
}

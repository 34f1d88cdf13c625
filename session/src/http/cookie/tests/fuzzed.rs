//! `Cookie` headers of any bytes: one line of input is one header.

use actix_web::http::header::{COOKIE, HeaderMap, HeaderValue};

use super::*;
use crate::fuzz::fuzz;

/// What is read is what our keys made, byte for byte in the header; nothing else is an id, and nothing takes long.
/// RUSTSEC-2017-0005.
#[test]
fn fuzz_cookie_headers() {
    let words: [&[u8]; 10] = [
        b"__Host-sid",
        b"=",
        b";",
        b"; ",
        b".",
        b"1.",
        b"\n",
        b"__Host-sid=",
        b"\xff",
        b"AAECAwQFBgcICQoLDA0ODw",
    ];
    let keys = ring();
    fuzz("cookie-header", &words, |input| {
        let mut headers = HeaderMap::new();
        for line in input.split(|byte| *byte == b'\n') {
            if let Ok(value) = HeaderValue::from_bytes(line) {
                headers.append(COOKIE, value);
            }
        }
        let reading = decide(candidates(&headers, NAME), &keys);
        assert!(reading.ids.len() <= IDS_MAX && reading.tampered <= 64);
        for (at, id) in reading.ids.iter().enumerate() {
            let text = id.to_cookie(&keys).into_bytes();
            assert!(input.windows(text.len()).any(|window| window == text), "an id that nobody sent");
            assert!(!reading.ids.iter().take(at).any(|other| other == id), "an id twice");
        }
    });
}

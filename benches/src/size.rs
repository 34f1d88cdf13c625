//! How large the measured sessions are, and the texts in them.
//!
//! The servers of the peers include this file, so that all sides store the same.
#![allow(dead_code)] // each program uses its part of it

use std::{cell::Cell, fmt, str::FromStr, sync::OnceLock};

/// A session of some fields, each of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Size {
    pub(crate) fields: usize,
    /// The length of the text in each field.
    pub(crate) bytes: usize,
}

/// The session of most cases.
pub(crate) const USUAL: Size = Size { fields: 20, bytes: 90 };

/// The most fields that one state has. Those of a larger session belong to other states, which the handler does not take.
pub(crate) const MOST_IN_STATE: usize = 20;

/// From 200 bytes to 60 KB: few fields and many, small ones and large ones.
pub(crate) const SIZES: [Size; 6] = [
    Size { fields: 5, bytes: 40 },
    USUAL,
    Size { fields: 100, bytes: 90 },
    Size { fields: 200, bytes: 90 },
    Size { fields: 1_000, bytes: 45 },
    Size { fields: 20, bytes: 3_000 },
];

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.fields, self.bytes)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (fields, bytes) = text.split_once('x')?;
            Some(Self { fields: fields.parse().ok()?, bytes: bytes.parse().ok()? })
        };
        parse().ok_or_else(|| format!("`{text}` is not a size; write for example {USUAL}"))
    }
}

thread_local! {
    static WRITES: Cell<u32> = const { Cell::new(0) };
}

/// A number that differs each time, so that every write changes something.
pub(crate) fn next() -> u32 {
    WRITES.set(WRITES.get().wrapping_add(1));
    WRITES.get()
}

/// What people write about: databases compress such texts by about a third, which is less than a repeated one and more than noise.
const WORDS: &str = "account address amount apartment article autumn basket because between blue bridge bright camera canal \
    castle centre chair city colour corner country customer delivery door early east evening express family floor forest friday \
    garden gate green harbour hotel house island january kitchen lamp large letter library light little market medium monday \
    morning mountain museum north notebook number office order paper parcel park please quarter quiet river road round second \
    shelf small south station street summer table theatre ticket tower train valley village west white window winter yellow";

/// A text of `bytes` bytes, which is no part of those before it.
pub(crate) fn text(bytes: usize) -> String {
    // Several times as long as the largest session.
    const LENGTH: usize = 1 << 18;
    static TEXT: OnceLock<String> = OnceLock::new();
    let all = TEXT.get_or_init(|| {
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        let (mut text, mut state) = (String::new(), 1_u32);
        while text.len() < LENGTH {
            // A linear congruential generator; its upper bits are good enough.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push_str(words.get((state >> 16) as usize % words.len()).copied().unwrap_or_default());
            text.push(' ');
        }
        text
    });
    let from = (next() as usize * bytes) % (LENGTH - bytes);
    all.get(from..from + bytes).unwrap_or_default().to_owned()
}

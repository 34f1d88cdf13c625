//! The source of random bytes for ids and keys.
//!
//! In: a buffer. Out: the buffer filled with random bytes, or an error if the operating system has none. Never: generates random numbers
//! itself.

use std::fmt;

use rand::{TryRng, rngs::SysRng};

/// A source of random bytes: the operating system, or a function that a test chose.
#[derive(Clone, Copy)]
pub(crate) enum Randomness {
    System,
    /// The function answers whether it had random bytes.
    #[cfg_attr(not(any(test, feature = "testing")), allow(dead_code))]
    Chosen(fn(&mut [u8]) -> bool),
}

/// The operating system could not provide random bytes. There is no fallback, because its ids could be guessed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the operating system could not provide random bytes")]
pub(crate) struct NoRandomness;

impl Randomness {
    pub(crate) fn fill(self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        match self {
            Self::System => SysRng.try_fill_bytes(bytes).map_err(|_| NoRandomness),
            Self::Chosen(fill) => fill(bytes).then_some(()).ok_or(NoRandomness),
        }
    }
}

impl fmt::Debug for Randomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Chosen(_) => "Chosen",
        })
    }
}

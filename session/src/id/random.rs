//! Where the bytes of ids and keys come from.
//!
//! In: a buffer. Out: random bytes, or the operating system's refusal. Never: a generator of our own.

use std::fmt;

use rand::{TryRng, rngs::SysRng};

/// Where new ids come from: the operating system, or what a test chose.
#[derive(Clone, Copy)]
pub(crate) enum Randomness {
    System,
    #[cfg_attr(not(any(test, feature = "testing")), allow(dead_code))]
    Chosen(fn(&mut [u8])),
}

/// The operating system gave no randomness. No id is better than one that can be guessed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub(crate) struct NoRandomness;

impl Randomness {
    pub(crate) fn fill(self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        match self {
            Self::System => SysRng.try_fill_bytes(bytes).map_err(|_| NoRandomness),
            Self::Chosen(fill) => {
                fill(bytes);
                Ok(())
            }
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

//! Calls the user's `up`, `down` and `merge`, whose types are forgotten, on stored text.
//!
//! In: the cells of one side, a function. Out: the cells of the other, or that it failed. Never: a panic that leaves, a value in a
//! message.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::record::json::Json;

/// Why an older form gives no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failed {
    /// A conversion failed or panicked, or what it was to convert could not be read. The reason may quote a value, so it is not kept.
    Conversion,
    /// The source has let the conversion of this version go.
    Forgotten(u16),
}

/// The cells of one side of a change, in the order of its `from` or `to`; `None`: absent.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a>(pub(crate) &'a [Option<Json>]);

/// Runs the user's code; a panic is a failure of this one conversion.
pub(crate) fn caught<R>(run: impl FnOnce() -> Result<R, Failed>) -> Result<R, Failed> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(Failed::Conversion))
}

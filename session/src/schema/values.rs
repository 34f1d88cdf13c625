//! The stored values that conversions take, how a conversion fails, and a guard against its panics.
//!
//! In: the cells of one side, a function. Out: the cells of the other, or that it failed. Never: lets a panic
//! escape, or a value into a message.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::record::json::Json;

/// Why an older form gives no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failed {
    /// A conversion failed or panicked, or its input could not be read. The reason may quote a value, so it is not kept.
    Conversion,
    /// It is sealed by a key that the application does not have.
    Sealed,
    /// The conversion of this version was removed from the source.
    Forgotten(u16),
}

/// The cells of one side of a change, in the order of its `from` or `to`; `None`: absent.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a>(pub(crate) &'a [Option<Json>]);

/// Runs the user's code. A panic becomes a failure of this one conversion.
pub(crate) fn caught<R>(run: impl FnOnce() -> Result<R, Failed>) -> Result<R, Failed> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(Failed::Conversion))
}

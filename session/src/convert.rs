//! Calls the user's `up`, `down` and `merge` on stored text.
//!
//! In: the cells of one side, a function. Out: the cells of the other, or that it failed. Never: a panic that leaves, a value in a
//! message.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{evolve::FieldValue, record::Json};

/// A conversion failed or panicked, or what it was to convert could not be read. The reason may quote a value, so it is not kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failed;

/// The cells of one side of a change, in the order of its `from` or `to`; `None`: absent.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a>(pub(crate) &'a [Option<Json>]);

impl Values<'_> {
    /// The value at `at`, where an absent cell is `null`.
    ///
    /// # Errors
    /// When it does not fit `V`.
    pub fn get<V: FieldValue>(self, at: usize) -> Result<V, Failed> {
        match self.0.get(at) {
            Some(Some(json)) => V::decode(json).map_err(|_| Failed),
            _ => V::decode(&Json::null()).map_err(|_| Failed),
        }
    }

    /// The value at `at`, or `default()` where it is absent or was cleared.
    ///
    /// # Errors
    /// When it does not fit `V`.
    pub fn get_or<V: FieldValue>(self, at: usize, default: impl FnOnce() -> V) -> Result<V, Failed> {
        match self.0.get(at) {
            Some(Some(json)) => match V::decode(json) {
                Err(_) if json.is_null() => Ok(default()),
                decoded => decoded.map_err(|_| Failed),
            },
            _ => Ok(default()),
        }
    }
}

/// Stands for "this function" in `Converts` and `Merges`, so that the compiler names the function and not a trait of its own.
#[derive(Debug)]
pub struct Function;

/// A function that cannot fail.
#[derive(Debug)]
pub struct Plain;

/// A function that returns `Result<_, E>`.
#[derive(Debug)]
pub struct Fallible<E>(std::marker::PhantomData<E>);

/// `F` is a function from `Old` to `New`; `Kind` says which of the two forms it has.
#[diagnostic::on_unimplemented(
    message = "`{F}` cannot convert a stored `{Old}` into `{New}`",
    label = "expected `fn({Old}) -> {New}` or `fn({Old}) -> Result<{New}, E>`"
)]
pub trait Converts<F, Old, New, Kind> {
    /// Calls it.
    ///
    /// # Errors
    /// When it says so.
    fn call(function: F, old: Old) -> Result<New, Failed>;
}

#[diagnostic::do_not_recommend]
impl<F: FnOnce(Old) -> New, Old, New> Converts<F, Old, New, Plain> for Function {
    fn call(function: F, old: Old) -> Result<New, Failed> {
        Ok(function(old))
    }
}

#[diagnostic::do_not_recommend]
impl<F: FnOnce(Old) -> Result<New, E>, Old, New, E> Converts<F, Old, New, Fallible<E>> for Function {
    fn call(function: F, old: Old) -> Result<New, Failed> {
        function(old).map_err(|_| Failed)
    }
}

/// `F` is a function from an edited `Old` and the `New` of before to the `New` of now.
#[diagnostic::on_unimplemented(
    message = "`{F}` cannot merge a stored `{Old}` into the `{New}` of before",
    label = "expected `fn({Old}, {New}) -> {New}` or `fn({Old}, {New}) -> Result<{New}, E>`"
)]
pub trait Merges<F, Old, New, Kind> {
    /// Calls it.
    ///
    /// # Errors
    /// When it says so.
    fn call(function: F, old: Old, before: New) -> Result<New, Failed>;
}

#[diagnostic::do_not_recommend]
impl<F: FnOnce(Old, New) -> New, Old, New> Merges<F, Old, New, Plain> for Function {
    fn call(function: F, old: Old, before: New) -> Result<New, Failed> {
        Ok(function(old, before))
    }
}

#[diagnostic::do_not_recommend]
impl<F: FnOnce(Old, New) -> Result<New, E>, Old, New, E> Merges<F, Old, New, Fallible<E>> for Function {
    fn call(function: F, old: Old, before: New) -> Result<New, Failed> {
        function(old, before).map_err(|_| Failed)
    }
}

/// Calls an `up` or a `down`.
///
/// # Errors
/// When it says so.
pub fn convert<Old, New, F, Kind>(function: F, old: Old) -> Result<New, Failed>
where
    Function: Converts<F, Old, New, Kind>,
{
    <Function as Converts<F, Old, New, Kind>>::call(function, old)
}

/// Calls a `merge`.
///
/// # Errors
/// When it says so.
pub fn merge<Old, New, F, Kind>(function: F, old: Old, before: New) -> Result<New, Failed>
where
    Function: Merges<F, Old, New, Kind>,
{
    <Function as Merges<F, Old, New, Kind>>::call(function, old, before)
}

/// A converted value as a cell.
///
/// # Errors
/// When its `Serialize` fails.
pub fn encode<V: FieldValue>(value: &V) -> Result<Json, Failed> {
    value.encode().map_err(|_| Failed)
}

/// Runs the user's code; a panic is a failure of this one conversion.
pub(crate) fn caught<R>(run: impl FnOnce() -> Result<R, Failed>) -> Result<R, Failed> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(Failed))
}

//! Typed wrappers that generated code puts around the user's `up`, `down` and `merge`.
//!
//! In: the cells of one side, a function. Out: the cells of the other, or that it failed. Never: lets a
//! panic escape, or a value into a message.

use super::reader::FieldValue;
use crate::{
    record::json::Json,
    schema::{
        describe::Removed,
        values::{Failed, Values},
    },
};

impl Values<'_> {
    /// The value at `at`, where an absent cell is `null`.
    ///
    /// # Errors
    /// When the stored text does not fit `V`.
    pub fn get<V: FieldValue>(self, at: usize) -> Result<V, Failed> {
        match self.0.get(at) {
            Some(Some(json)) => V::decode(json).map_err(|_| Failed::Conversion),
            _ => V::decode(&Json::null()).map_err(|_| Failed::Conversion),
        }
    }

    /// The value at `at`, or `default()` where it is absent or was cleared.
    ///
    /// # Errors
    /// When the stored text does not fit `V`.
    pub fn get_or<V: FieldValue>(self, at: usize, default: impl FnOnce() -> V) -> Result<V, Failed> {
        match self.0.get(at) {
            Some(Some(json)) => match V::decode(json) {
                Err(_) if json.is_null() => Ok(default()),
                decoded => decoded.map_err(|_| Failed::Conversion),
            },
            _ => Ok(default()),
        }
    }
}

/// Marks a conversion that cannot fail.
#[derive(Debug)]
pub struct Plain;

/// Marks a conversion that returns `Result<_, E>`.
#[derive(Debug)]
pub struct Fallible<E>(std::marker::PhantomData<E>);

/// A function from `Old` to `New`; `Kind` says which of the two forms it has. It is called directly, because the compiler would
/// explain the bounds of a function in between.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot convert a stored `{Old}` into `{New}`",
    label = "expected `fn({Old}) -> {New}` or `fn({Old}) -> Result<{New}, E>`"
)]
pub trait Converts<Old, New, Kind> {
    /// Calls the function, an `up` or a `down`.
    ///
    /// # Errors
    /// When the function returns an error.
    fn convert(self, old: Old) -> Result<New, Failed>;
}

#[diagnostic::do_not_recommend]
impl<F: FnOnce(Old) -> New, Old, New> Converts<Old, New, Plain> for F {
    fn convert(self, old: Old) -> Result<New, Failed> {
        Ok(self(old))
    }
}

#[diagnostic::do_not_recommend]
impl<F: FnOnce(Old) -> Result<New, E>, Old, New, E> Converts<Old, New, Fallible<E>> for F {
    fn convert(self, old: Old) -> Result<New, Failed> {
        self(old).map_err(|_| Failed::Conversion)
    }
}

/// A function that merges an edited `Old` into the `New` that was stored before.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot merge a stored `{Old}` into the `{New}` of before",
    label = "expected `fn({Old}, {New}) -> {New}` or `fn({Old}, {New}) -> Result<{New}, E>`"
)]
pub trait Merges<Old, New, Kind> {
    /// Calls the function.
    ///
    /// # Errors
    /// When the function returns an error.
    fn merge(self, old: Old, before: New) -> Result<New, Failed>;
}

#[diagnostic::do_not_recommend]
impl<F: FnOnce(Old, New) -> New, Old, New> Merges<Old, New, Plain> for F {
    fn merge(self, old: Old, before: New) -> Result<New, Failed> {
        Ok(self(old, before))
    }
}

#[diagnostic::do_not_recommend]
impl<F: FnOnce(Old, New) -> Result<New, E>, Old, New, E> Merges<Old, New, Fallible<E>> for F {
    fn merge(self, old: Old, before: New) -> Result<New, Failed> {
        self(old, before).map_err(|_| Failed::Conversion)
    }
}

/// A field that was removed in the version `since`; `V` is the type it had.
#[must_use]
pub const fn removed<V: FieldValue>(key: &'static str, since: u16) -> Removed {
    Removed::new(key, since)
}

/// A converted value as a cell.
///
/// # Errors
/// When its `Serialize` fails, or it could not be read back.
pub fn encode<V: FieldValue>(value: &V) -> Result<Json, Failed> {
    value.encode().ok().filter(|json| value.reads_back(json)).ok_or(Failed::Conversion)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `serde_json` writes `null` for a number that is none, and `null` in a cell means that the field was cleared.
    #[test]
    fn a_conversion_to_no_number_fails() {
        assert_eq!(encode(&f64::NAN), Err(Failed::Conversion));
        assert_eq!(encode(&Some(f32::INFINITY)), Err(Failed::Conversion));
        assert_eq!(encode(&vec![f64::NAN]), Err(Failed::Conversion));
        assert_eq!(encode(&Some(Some(0.5))), Ok(Json::from_store("0.5")));
        assert_eq!(encode(&None::<f64>), Ok(Json::null()));
        assert_eq!(encode(&Some(None::<u8>)), Err(Failed::Conversion));
    }
}

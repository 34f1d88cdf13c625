//! What setters take, and getters copy.
//!
//! In: a value, `Some(value)` or `None`. Out: the field's value. Never: anything stored.

use std::borrow::Cow;

/// The argument of a setter for an `Option<T>` field: `3`, `Some(3)`, `None`, and text of any kind for `Option<String>`.
#[diagnostic::on_unimplemented(
    message = "a session field of type `{V}` cannot be set to `{Self}`",
    label = "not the field's type",
    note = "pass the value, `Some(value)` or `None`; text without `Some`, as in `\"text\"`, and an optional text as \
            `.map(str::to_owned)`"
)]
pub trait IntoField<V>: sealed::Sealed<V> {
    /// The field's value.
    fn into_field(self) -> V;
}

mod sealed {
    pub trait Sealed<V> {}
    impl<T> Sealed<Option<T>> for T {}
    impl<T> Sealed<Self> for Option<T> {}
}

impl<T> IntoField<Option<T>> for T {
    fn into_field(self) -> Option<T> {
        Some(self)
    }
}

impl<T> IntoField<Self> for Option<T> {
    fn into_field(self) -> Self {
        self
    }
}

// Not for an `Option` of these: `None` could be any of them, and the compiler would ask which.
macro_rules! texts {
    ($($ty:ty),+) => {$(
        impl sealed::Sealed<Option<String>> for $ty {}
        impl IntoField<Option<String>> for $ty {
            fn into_field(self) -> Option<String> {
                Some(self.into())
            }
        }
    )+};
}

texts!(&str, &mut str, &String, Box<str>, Cow<'_, str>, char);

/// A closure that changes who is signed in; there is none. The `update_` method of a principal asks for it.
#[diagnostic::on_unimplemented(
    message = "who is signed in cannot be changed by a closure",
    label = "use the field's `set_` or `clear_` method instead",
    note = "a closure runs again when another request commits first, and who signs in must not depend on that; read the getter, decide, \
            and call the setter"
)]
pub trait UpdatesPrincipal {}

/// A type that `copy` can be said of.
#[diagnostic::on_unimplemented(
    message = "a getter cannot copy a `{Self}`",
    label = "not `Copy`",
    note = "`copy` makes the getter return the value: derive `Clone` and `Copy` for the type, or remove `copy`, and the getter returns a \
            reference"
)]
pub trait CopiedByGetter: Copy {}

#[diagnostic::do_not_recommend]
impl<V: Copy> CopiedByGetter for V {}

/// The value of a field that is marked `copy`.
#[must_use]
pub const fn copied<V: CopiedByGetter>(value: &V) -> V {
    *value
}

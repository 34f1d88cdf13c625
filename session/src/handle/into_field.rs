//! The argument of a setter for an `Option` field.
//!
//! In: a value, `Some(value)` or `None`. Out: the field's value. Never: anything stored.

/// The argument of a setter for an `Option<T>` field: `3`, `Some(3)`, `None`, and text for `Option<String>`.
#[diagnostic::on_unimplemented(
    message = "a session field of type `{V}` cannot be set to `{Self}`",
    label = "not the field's type",
    note = "pass the value, `Some(value)` or `None`"
)]
pub trait IntoField<V>: sealed::Sealed<V> {
    /// The field's value.
    fn into_field(self) -> V;
}

mod sealed {
    pub trait Sealed<V> {}
    impl<T> Sealed<Option<T>> for T {}
    impl<T> Sealed<Self> for Option<T> {}
    impl Sealed<Option<String>> for &str {}
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

impl IntoField<Option<String>> for &str {
    fn into_field(self) -> Option<String> {
        Some(self.to_owned())
    }
}

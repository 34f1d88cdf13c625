//! In: a field. Out: its type as a value that can be stored. Here the compiler asserts that it can be.
//!
//! Never uses a path without the user's own tokens for the type, because errors point at them. Reading and writing share this path, so
//! a missing `Serialize` or `Deserialize` causes two equal errors, of which the compiler shows one.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::Schema;
use crate::model::field::Field;

/// `<Vec<Line> as FieldValue>`
pub(super) fn value(schema: &Schema<'_>, field: &Field<'_>) -> TokenStream {
    let (krate, ty) = (&schema.krate, field.ty);
    quote!(<#ty as #krate::__private::FieldValue>)
}

/// `<Vec<Line> as Default>`
pub(super) fn with_default(field: &Field<'_>) -> TokenStream {
    let ty = field.ty;
    quote!(<#ty as ::core::default::Default>)
}

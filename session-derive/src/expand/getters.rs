//! In: a field. Out: its getter.
//!
//! Never takes or changes the value. What it returns follows the spelling of the field's type.

use quote::quote;

use super::method::{Method, docs};
use crate::ident;
use crate::model::field::{Default, Field};
use crate::model::spelling::Spelling;

/// ```text
/// /// The field's docs.
/// ///
/// /// Returns `cart`, which has its default until it is set.
/// #[must_use]
/// pub fn cart(&self) -> &[Line] {
///     &self.0.get().cart
/// }
/// ```
pub(super) fn getter(field: &Field<'_>) -> Method {
    let Field { ident, vis, ty, .. } = field;
    let getter = ident::generated(&field.getter);
    let (returns, body) = match field.spelling {
        Spelling::Scalar => (quote!(#ty), quote!(self.0.get().#ident)),
        Spelling::String => (quote!(&::core::primitive::str), quote!(&self.0.get().#ident)),
        Spelling::Vec(item) => (quote!(&[#item]), quote!(&self.0.get().#ident)),
        Spelling::Other => (quote!(&#ty), quote!(&self.0.get().#ident)),
        Spelling::Option(inner) => match Spelling::of(inner) {
            Spelling::Scalar => (quote!(#ty), quote!(self.0.get().#ident)),
            Spelling::String => (
                quote!(::core::option::Option<&::core::primitive::str>),
                quote!(::core::option::Option::as_deref(&self.0.get().#ident)),
            ),
            Spelling::Vec(item) => (
                quote!(::core::option::Option<&[#item]>),
                quote!(::core::option::Option::as_deref(&self.0.get().#ident)),
            ),
            Spelling::Option(_) | Spelling::Other => (
                quote!(::core::option::Option<&#inner>),
                quote!(::core::option::Option::as_ref(&self.0.get().#ident)),
            ),
        },
    };
    let docs = docs(field, &line(field));
    let head = quote! {
        #docs
        #[must_use]
        #vis fn #getter(&self) -> #returns
    };
    Method { name: getter, head, body }
}

fn line(field: &Field<'_>) -> String {
    let name = ident::word(field.ident);
    match (field.taker(), &field.default) {
        (Some(taker), _) => {
            format!("Returns `{name}` without taking it; `{taker}` takes it to show it once.")
        }
        (None, Default::None) => format!("Returns `{name}`, which is `None` until it is set."),
        (None, Default::OfType | Default::Expr(_)) => {
            format!("Returns `{name}`, which has its default until it is set.")
        }
    }
}

//! In: a field. Out: its getters, of the state and of the handle.
//!
//! Never takes or changes the value. What it returns follows the spelling of the field's type. The state has getters so that functions
//! over `&Shop` have them too, and so that a method of the user's with the same name is an error instead of being hidden.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::method::{Method, docs, place, tracked};
use crate::ident;
use crate::model::Schema;
use crate::model::field::{Default, Field};
use crate::model::spelling::Spelling;

/// ```text
/// /// Returns `cart`, which has its default until it is set.
/// ///
/// /// The field's docs.
/// #[must_use]
/// pub fn cart(&self) -> &[Line] {
///     &self.cart
/// }
/// ```
pub(super) fn of_state(schema: &Schema<'_>, field: &Field<'_>) -> Method {
    getter(schema, field, &quote!(self))
}

/// The getter of the handle. It has one of its own, because a method of a trait in scope would come before that of the state.
///
/// ```text
/// pub fn cart(&self) -> &[Line] {
///     &Tracked::get(Inside::show(&self.0)).cart
/// }
/// ```
pub(super) fn of_handle(schema: &Schema<'_>, field: &Field<'_>) -> Method {
    let (krate, tracked) = (&schema.krate, tracked(schema));
    getter(schema, field, &quote!(#krate::__private::Tracked::get(#tracked)))
}

fn getter(schema: &Schema<'_>, field: &Field<'_>, state: &TokenStream) -> Method {
    let Field { ident, vis, ty, .. } = field;
    let krate = &schema.krate;
    let getter = ident::generated(&field.getter);
    let (returns, body) = match field.spelling {
        Spelling::Scalar => (quote!(#ty), quote!(#state.#ident)),
        _ if field.copy => (quote!(#ty), quote!(#krate::__private::copied::<#ty>(&#state.#ident))),
        Spelling::String => (quote!(&::core::primitive::str), quote!(&#state.#ident)),
        Spelling::Vec(item) => (quote!(&[#item]), quote!(&#state.#ident)),
        Spelling::Other => (quote!(&#ty), quote!(&#state.#ident)),
        Spelling::Option(inner) => match Spelling::of(inner) {
            Spelling::Scalar => (quote!(#ty), quote!(#state.#ident)),
            Spelling::String => (
                quote!(::core::option::Option<&::core::primitive::str>),
                quote!(::core::option::Option::as_deref(&#state.#ident)),
            ),
            Spelling::Vec(item) => (
                quote!(::core::option::Option<&[#item]>),
                quote!(::core::option::Option::as_deref(&#state.#ident)),
            ),
            Spelling::Option(_) | Spelling::Other => (
                quote!(::core::option::Option<&#inner>),
                quote!(::core::option::Option::as_ref(&#state.#ident)),
            ),
        },
    };
    let docs = docs(field, &line(field));
    let head = quote_spanned! {place(field)=>
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

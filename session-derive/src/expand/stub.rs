//! In: a schema with mistakes. Out: code that type-checks like the real code and does nothing.
//!
//! Never has a method whose name or type is in doubt, since the compiler would add errors of its own.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::quote;

use super::method::Method;
use super::{getters, handle};
use crate::model::Schema;
use crate::model::field::Field;
use crate::{check, ident, options};

pub(super) fn implementation(schema: &Schema<'_>) -> TokenStream {
    let Schema { ident, krate, handle, .. } = schema;
    quote! {
        #[automatically_derived]
        impl #krate::SessionState for #ident {
            type Handle = #handle;
            fn schema() -> &'static #krate::__private::Schema {
                ::core::unreachable!()
            }
            fn decode_section(
                _: &mut #krate::__private::SectionReader<'_>,
            ) -> ::core::result::Result<Self, #krate::__private::CellError> {
                ::core::unreachable!()
            }
            fn field(&self, _: ::core::primitive::usize) -> &dyn #krate::__private::FieldValue {
                ::core::unreachable!()
            }
        }
    }
}

/// ```text
/// pub fn cart(&self) -> &[Line] {
///     unreachable!()
/// }
/// ```
pub(super) fn methods(schema: &Schema<'_>) -> impl Iterator<Item = TokenStream> {
    let taken = options::RESERVED.iter().map(|(name, _)| (*name).to_owned()).collect();
    empty(taken, known(schema).flat_map(|field| handle::of_a_field(schema, field)).collect())
}

pub(super) fn getters(schema: &Schema<'_>) -> impl Iterator<Item = TokenStream> {
    empty(BTreeSet::new(), known(schema).map(|field| getters::of_state(schema, field)).collect())
}

fn known<'a, 'b>(schema: &'b Schema<'a>) -> impl Iterator<Item = &'b Field<'a>> {
    schema.fields.iter().filter(|field| check::types::is_owned(field.ty))
}

/// These methods without a body, each name once.
fn empty(mut taken: BTreeSet<String>, methods: Vec<Method>) -> impl Iterator<Item = TokenStream> {
    methods.into_iter().filter(move |method| taken.insert(ident::word(&method.name))).map(
        |Method { head, .. }| {
            quote! {
                // The body does not use the arguments.
                #[allow(unused_variables)]
                #head { ::core::unreachable!() }
            }
        },
    )
}

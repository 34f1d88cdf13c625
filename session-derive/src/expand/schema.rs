//! In: the schema. Out: `impl SessionState for Shop`.
//!
//! Never looks up a wire key at run time: fields are read and written by their position in the order of wire keys.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use super::method::literal;
use super::{assert, history};
use crate::ident::{self, local};
use crate::model::Schema;
use crate::model::field::Default;

pub(super) fn implementation(schema: &Schema<'_>) -> TokenStream {
    let Schema { ident: state, krate, handle, .. } = schema;
    let table = table(schema);
    let decode = decode(schema);
    let field_at = field_at(schema);
    quote! {
        #[automatically_derived]
        // The compiler has already warned at the declaration of the field.
        #[allow(deprecated)]
        impl #krate::SessionState for #state {
            type Handle = #handle;
            #table
            #decode
            #field_at
        }
    }
}

/// ```text
/// fn schema() -> &'static Schema {
///     static SCHEMA: Schema = Schema::new("shop", "$shop", 1, &[Field::new("user", "shop.user").principal()]);
///     &SCHEMA
/// }
/// ```
fn table(schema: &Schema<'_>) -> TokenStream {
    let Schema { krate, name, version, .. } = schema;
    let (name, gate, version) = (&name.text, schema.gate(), literal(usize::from(*version)));
    let tables = history::tables(schema);
    let fields = schema.stored().into_iter().map(|field| {
        let (name, key) = (ident::word(field.ident), schema.wire_key(&field.cell));
        let principal = field.principal.then(|| quote!(.principal()));
        let reset = field.reset_on_sign_in.then(|| quote!(.reset_on_sign_in()));
        let expires = field.expires_after.map(|seconds| quote!(.expires_after(#seconds)));
        let flash = field.flash.then(|| quote!(.flash()));
        let lenient = field.lenient.then(|| quote!(.lenient()));
        let place = schema.fields.iter().position(|other| std::ptr::eq(other, field));
        let group = place.and_then(|place| schema.history.group_of(place)).map(|group| {
            let group = literal(group);
            quote!(.of_group(#group))
        });
        quote!(#krate::__private::Field::new(#name, #key)#principal #reset #expires #flash #lenient #group)
    });
    // A static is not hygienic, and an array length of the user's may be a constant of the usual name.
    quote! {
        fn schema() -> &'static #krate::__private::Schema {
            static __SCHEMA: #krate::__private::Schema =
                #krate::__private::Schema::new(#name, #gate, #version, &[#(#fields),*]) #tables;
            &__SCHEMA
        }
    }
}

/// ```text
/// fn decode_section(cells: &mut SectionReader<'_>) -> Result<Self, CellError> {
///     // In the order of the wire keys.
///     let section = Self { user: <Option<u64> as FieldValue>::read(cells, || None) };
///     SectionReader::finish(cells, section)
/// }
/// ```
fn decode(schema: &Schema<'_>) -> TokenStream {
    let (krate, cells, section) = (&schema.krate, &local("cells"), local("section"));
    let fields = schema.stored().into_iter().map(|field| {
        let (ident, value) = (field.ident, assert::value(schema, field));
        let default = match field.default {
            Default::None => quote!(::core::option::Option::None),
            Default::OfType => {
                let ty = assert::with_default(field);
                quote!(#ty::default())
            }
            Default::Expr(expr) => expr.to_token_stream(),
        };
        quote!(#ident: #value::read(#cells, || #default))
    });
    quote! {
        fn decode_section(
            #cells: &mut #krate::__private::SectionReader<'_>,
        ) -> ::core::result::Result<Self, #krate::__private::CellError> {
            let #section = Self { #(#fields),* };
            #krate::__private::SectionReader::finish(#cells, #section)
        }
    }
}

/// ```text
/// fn field(&self, at: usize) -> &dyn FieldValue {
///     match at {
///         0 => <Vec<Line> as FieldValue>::erased(&self.cart),
///         _ => <Option<u64> as FieldValue>::erased(&self.user),
///     }
/// }
/// ```
fn field_at(schema: &Schema<'_>) -> TokenStream {
    let (krate, at) = (&schema.krate, local("at"));
    let last = schema.fields.len().saturating_sub(1);
    let arms = schema.stored().into_iter().map(|field| {
        let (ident, value) = (field.ident, assert::value(schema, field));
        let index = if field.index == last { quote!(_) } else { literal(field.index).into_token_stream() };
        quote!(#index => #value::erased(&self.#ident))
    });
    quote! {
        fn field(&self, #at: ::core::primitive::usize) -> &dyn #krate::__private::FieldValue {
            match #at { #(#arms),* }
        }
    }
}

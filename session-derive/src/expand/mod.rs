//! In: the schema as decided. Out: the code that stands beside the user's struct.
//!
//! Never decides: each file here prints one part of what `model` decided, and the comment above each function shows it.

mod method;
mod assert;
mod getters;
mod setters;
mod handle;
pub(crate) mod history;
mod schema;
mod stub;
pub(crate) mod lock;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use crate::model::Schema;

/// The whole expansion of a schema without mistakes: see `shop.expanded.rs`.
pub(crate) fn all(schema: &Schema<'_>) -> TokenStream {
    let state = schema::implementation(schema);
    let handle = handle::handle(schema);
    let methods = schema.fields.iter().flat_map(|field| handle::of_a_field(schema, field));
    let methods = handle::methods(schema, methods.map(ToTokens::into_token_stream));
    quote!(#state #handle #methods)
}

/// What stands beside a struct with mistakes, so that each mistake is one error also where handlers use the state.
pub(crate) fn stub(schema: &Schema<'_>) -> TokenStream {
    if schema.generic {
        // A handle of a generic state would need the very parameters that it cannot have.
        return TokenStream::new();
    }
    let state = stub::implementation(schema);
    let handle = handle::handle(schema);
    let methods = handle::methods(schema, stub::methods(schema));
    quote!(#state #handle #methods)
}

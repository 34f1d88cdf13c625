//! In: the schema. Out: the code beside the user's struct.
//!
//! Never decides anything: each file prints one part of the schema, and the comment above each function shows the output. In reading
//! order: `method`, `assert`, `getters` and `setters` are about one field, `handle`, `history`, `schema` and
//! `principal` about all of them, `stub` replaces them if there are mistakes, and `lock` adds what the lock file needs.

mod method;
mod assert;
mod getters;
mod setters;
mod handle;
pub(crate) mod history;
mod schema;
mod principal;
mod stub;
pub(crate) mod lock;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use crate::model::Schema;

/// The expansion of a schema without mistakes. See `shop.expanded.rs`.
pub(crate) fn all(schema: &Schema<'_>) -> TokenStream {
    let state = schema::implementation(schema);
    let handle = handle::handle(schema);
    let getters = schema.fields.iter().map(|field| getters::of_state(schema, field).into_token_stream());
    let getters = handle::getters(schema, getters);
    let methods = schema.fields.iter().flat_map(|field| handle::of_a_field(schema, field));
    let methods = handle::methods(schema, methods.map(ToTokens::into_token_stream));
    let principal = principal::implementation(schema);
    quote!(#state #principal #getters #handle #methods)
}

/// The code beside a struct with mistakes. It type-checks, so that handlers using the state cause no further errors.
pub(crate) fn stub(schema: &Schema<'_>) -> TokenStream {
    if schema.generic {
        // The handle would need the type parameters that it cannot have.
        return TokenStream::new();
    }
    let state = stub::implementation(schema);
    let principal = principal::implementation(schema);
    let handle = handle::handle(schema);
    let getters = handle::getters(schema, stub::getters(schema));
    let methods = handle::methods(schema, stub::methods(schema));
    quote!(#state #principal #getters #handle #methods)
}

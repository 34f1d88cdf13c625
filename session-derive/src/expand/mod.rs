//! In: the schema as decided. Out: the code that stands beside the user's struct.
//!
//! Never decides: each file here prints one part of what `model` decided, and the comment above each function shows it.

mod assert;
mod getters;
mod handle;
pub(crate) mod history;
pub(crate) mod lock;
mod schema;
mod setters;
mod stub;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, quote};

use crate::model::{Field, Schema};

/// The whole expansion of a schema without mistakes: see `shop.expanded.rs`.
pub(crate) fn all(schema: &Schema<'_>) -> TokenStream {
    let state = schema::implementation(schema);
    let handle = handle::handle(schema);
    let methods = schema.fields.iter().flat_map(|field| methods(schema, field));
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

/// `3`, not `3usize`: people read the expansion too.
fn number(number: usize) -> Literal {
    Literal::usize_unsuffixed(number)
}

/// A method of the handle. Its body stands apart, so that the stub can leave it out.
struct Method {
    name: Ident,
    /// Docs, attributes and signature.
    head: TokenStream,
    body: TokenStream,
}

impl ToTokens for Method {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { name: _, head, body } = self;
        tokens.extend(quote!(#head { #body }));
    }
}

fn methods(schema: &Schema<'_>, field: &Field<'_>) -> Vec<Method> {
    let mut methods = vec![getters::getter(field)];
    methods.extend(setters::setters(schema, field));
    methods
}

/// The field's own docs, and below them `line`: what this method does.
fn docs(field: &Field<'_>, line: &str) -> TokenStream {
    let own = &field.docs;
    let gap = (!own.is_empty()).then(|| quote!(#[doc = ""]));
    let line = format!(" {line}");
    quote!(#(#own)* #gap #[doc = #line])
}

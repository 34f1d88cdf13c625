//! In: the name, the docs and the code of a method of the handle. Out: the method.
//!
//! Never decides which methods there are; `handle` does.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, quote};

use crate::model::field::Field;

/// `3` instead of `3usize`, for readers of the expansion.
pub(super) fn literal(number: usize) -> Literal {
    Literal::usize_unsuffixed(number)
}

/// A method of the handle. The body is separate so that the stub can replace it.
pub(super) struct Method {
    pub(super) name: Ident,
    /// Docs, attributes and signature.
    pub(super) head: TokenStream,
    pub(super) body: TokenStream,
}

impl ToTokens for Method {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { name: _, head, body } = self;
        tokens.extend(quote!(#head { #body }));
    }
}

/// The docs of the field, followed by `line`, which says what the method does.
pub(super) fn docs(field: &Field<'_>, line: &str) -> TokenStream {
    let own = &field.docs;
    let gap = (!own.is_empty()).then(|| quote!(#[doc = ""]));
    let line = format!(" {line}");
    quote!(#(#own)* #gap #[doc = #line])
}

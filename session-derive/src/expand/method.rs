//! In: what one method of the handle is called, says and does. Out: the method, with the docs of its field.
//!
//! Never decides which methods there are.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, quote};

use crate::model::field::Field;

/// `3`, not `3usize`: people read the expansion too.
pub(super) fn literal(number: usize) -> Literal {
    Literal::usize_unsuffixed(number)
}

/// A method of the handle. Its body stands apart, so that the stub can leave it out.
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

/// The field's own docs, and below them `line`: what this method does.
pub(super) fn docs(field: &Field<'_>, line: &str) -> TokenStream {
    let own = &field.docs;
    let gap = (!own.is_empty()).then(|| quote!(#[doc = ""]));
    let line = format!(" {line}");
    quote!(#(#own)* #gap #[doc = #line])
}

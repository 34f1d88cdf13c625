//! In: the name, the docs and the code of a method of the handle. Out: the method.
//!
//! Never decides which methods there are; `handle` does.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Expr, ExprLit, Lit, Meta, MetaNameValue};

use crate::model::Schema;
use crate::model::field::Field;

/// `Inside::show(&self.0)`: what the handle tracks.
pub(super) fn tracked(schema: &Schema<'_>) -> TokenStream {
    let krate = &schema.krate;
    quote!(#krate::__private::Inside::show(&self.0))
}

/// `Inside::show_mut(&mut self.0)`: the same, to change it.
pub(super) fn tracked_mut(schema: &Schema<'_>) -> TokenStream {
    let krate = &schema.krate;
    quote!(#krate::__private::Inside::show_mut(&mut self.0))
}

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

/// The span of the head of a method: an error about the method, or its definition, is shown at the field.
pub(super) fn place(field: &Field<'_>) -> Span {
    Span::call_site().located_at(field.ident.span())
}

/// `line`, which says what the method does, followed by the docs of the field without their examples.
pub(super) fn docs(field: &Field<'_>, line: &str) -> TokenStream {
    let own = prose(&field.docs);
    let gap = (!own.is_empty()).then(|| quote!(#[doc = ""]));
    let line = format!(" {line}");
    quote!(#[doc = #line] #gap #(#[doc = #own])*)
}

/// The lines of a doc comment without its code blocks, which are tests: they run at the field, and once is enough.
fn prose(docs: &[&Attribute]) -> Vec<String> {
    let text = |attr: &&Attribute| match &attr.meta {
        Meta::NameValue(MetaNameValue { value: Expr::Lit(ExprLit { lit: Lit::Str(text), .. }), .. }) => {
            Some(text.value())
        }
        // `include_str!(..)`, which may hold anything.
        _ => None,
    };
    let text: Vec<String> = docs.iter().filter_map(text).collect();
    let (mut prose, mut fence): (Vec<String>, Option<String>) = (Vec::new(), None);
    for line in text.iter().flat_map(|text| text.split('\n')) {
        let inner = line.trim_start();
        let mark: String =
            inner.chars().take_while(|c| inner.starts_with(*c) && matches!(c, '`' | '~')).collect();
        let is_code = line.starts_with("     ") && prose.last().is_none_or(|last| last.trim().is_empty());
        match &fence {
            Some(open) if mark.starts_with(open.as_str()) => fence = None,
            Some(_) => {}
            None if mark.len() >= 3 => {
                // A heading such as `# Examples` goes with its block.
                while prose
                    .last()
                    .is_some_and(|last| last.trim().is_empty() || last.trim_start().starts_with('#'))
                {
                    prose.pop();
                }
                fence = Some(mark);
            }
            None if is_code => {}
            None => prose.push(line.to_owned()),
        }
    }
    let end = prose.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
    prose.truncate(end);
    prose
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_left_out() {
        for (docs, expected) in [
            (" The cart.", " The cart."),
            (" The cart.\n\n # Examples\n\n ```\n let a = 1;\n ```\n", " The cart."),
            (" ```\n let a = 1;\n ```\n The cart.", " The cart."),
            (" A\n ~~~ignore\n ```\n ~~~\n B", " A\n B"),
            (" A\n ````\n ```\n ````\n\n [B]: c", " A\n\n [B]: c"),
            (" A\n\n     let a = 1;\n     let b = 2;\n\n B", " A\n\n\n B"),
            (" `cart`\n", " `cart`"),
        ] {
            let attr: Attribute = syn::parse_quote!(#[doc = #docs]);
            assert_eq!(prose(&[&attr]).join("\n"), expected, "{docs}");
        }
        let attr: Attribute = syn::parse_quote!(#[doc = include_str!("cart.md")]);
        assert_eq!(prose(&[&attr]), Vec::<String>::new());
    }
}

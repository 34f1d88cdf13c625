//! The derive macro of `actix-typed-session`; use it from there.
//!
//! In: a struct. Out: an implementation of `SessionState` and a handle with getters and setters. Never panics on any
//! input, and never stops at the first mistake.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing))] // in a test this is how to fail

mod attr;
mod check;
mod errors;
mod expand;
mod ident;
mod keys;
mod krate;
mod model;

use proc_macro::TokenStream;
use syn::DeriveInput;

/// TODO
#[proc_macro_derive(SessionState, attributes(session))]
pub fn session_state(input: TokenStream) -> TokenStream {
    derive(&syn::parse_macro_input!(input as DeriveInput)).into()
}

fn derive(item: &DeriveInput) -> proc_macro2::TokenStream {
    let errors = errors::Errors::new();
    let written = attr::read(&errors, item);
    let schema = model::decide(&written);
    check::all(&errors, &written, &schema);
    match errors.finish() {
        Ok(()) => expand::all(&schema),
        Err(errors) => {
            let errors = errors.into_compile_error();
            let stub = expand::stub(&schema);
            quote::quote!(#errors #stub)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expand/shop.expanded.rs` is the expansion of `expand/shop.input.rs`, for people to read and for this test to keep true.
    /// `SNAPSHOT=overwrite cargo test -p actix-typed-session-derive` writes it anew.
    #[test]
    fn the_expansion_is_the_one_on_file() {
        let item: DeriveInput = syn::parse_str(include_str!("expand/shop.input.rs")).unwrap();
        let file: syn::File = syn::parse2(derive(&item)).unwrap();
        let expansion = prettyplease::unparse(&file);
        if std::env::var_os("SNAPSHOT").is_some_and(|mode| mode == "overwrite") {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/expand/shop.expanded.rs"), &expansion)
                .unwrap();
            return;
        }
        assert_eq!(expansion, include_str!("expand/shop.expanded.rs"));
    }

    /// What is reserved is what the handle has, so that a method added to the one is missed in the other.
    #[test]
    fn reserved_names_are_the_own_methods_of_the_handle() {
        let item: DeriveInput = syn::parse_quote! {
            #[session(version = 1)]
            struct Shop {
                user: Option<u64>,
            }
        };
        let file: syn::File = syn::parse2(derive(&item)).unwrap();
        let mut own: Vec<String> = file
            .items
            .iter()
            .filter_map(|item| match item {
                syn::Item::Impl(item) if item.trait_.is_none() => Some(&item.items),
                _ => None,
            })
            .flatten()
            .filter_map(|item| match item {
                syn::ImplItem::Fn(method) => Some(method.sig.ident.to_string()),
                _ => None,
            })
            .filter(|name| !name.ends_with("user"))
            .collect();
        own.sort();
        let mut reserved: Vec<&str> = keys::RESERVED
            .iter()
            .filter(|(_, owner)| *owner == keys::Owner::Handle)
            .map(|(name, _)| *name)
            .collect();
        reserved.sort_unstable();
        assert_eq!(own, reserved);
    }

    /// Every option of the table is read by `attr`, or refused as not yet available.
    #[test]
    fn every_word_of_the_table_is_read() {
        for key in keys::KEYS {
            let option: proc_macro2::TokenStream =
                if key.available { key.example.parse().unwrap() } else { key.word.parse().unwrap() };
            let (on_struct, on_field) = match key.place {
                keys::Place::Struct => (quote::quote!(#[session(#option)]), None),
                keys::Place::Field => (quote::quote!(), Some(quote::quote!(#[session(#option)]))),
            };
            let item: DeriveInput = syn::parse_quote!(#on_struct struct Shop { #on_field user: Option<u64> });
            let errors = errors::Errors::new();
            attr::read(&errors, &item);
            let message = errors.finish().err().map(|error| error.to_string());
            match message {
                None => assert!(key.available, "{}", key.word),
                Some(message) => assert!(!key.available && message.contains("not available"), "{message}"),
            }
        }
    }
}

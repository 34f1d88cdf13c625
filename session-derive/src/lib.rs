//! The derive macro of `actix-typed-session`; use it from there.
//!
//! In: a struct. Out: an implementation of `SessionState` and a handle with getters and setters. Never panics on any
//! input, and never stops at the first mistake.

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

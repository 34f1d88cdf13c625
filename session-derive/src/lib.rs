//! The derive macro of `actix-typed-session`; use it from there.
//!
//! In: a struct. Out: an implementation of `SessionState` and a handle with getters and setters. Never panics on any
//! input, and never stops at the first mistake.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing))] // in a test this is how to fail

#[cfg(test)]
mod order;
#[cfg(test)]
mod tests;

mod options;
mod words;
mod ident;
mod standard;
mod errors;
mod krate;
mod attr;
mod model;
mod lock;
mod check;
mod expand;
mod value;

use proc_macro::TokenStream;
use syn::DeriveInput;

#[doc = include_str!("../docs/session_state.md")]
#[doc = include_str!("../docs/on_the_struct.md")]
#[doc = include_str!("../docs/on_a_field.md")]
#[proc_macro_derive(SessionState, attributes(session))]
pub fn session_state(input: TokenStream) -> TokenStream {
    derive(&syn::parse_macro_input!(input as DeriveInput), lock::source::Around::look).into()
}

#[doc = include_str!("../docs/session_value.md")]
#[proc_macro_derive(SessionValue, attributes(session))]
pub fn session_value(input: TokenStream) -> TokenStream {
    value::derive(&syn::parse_macro_input!(input as DeriveInput)).into()
}

fn derive(item: &DeriveInput, look: impl FnOnce(&str) -> lock::source::Around) -> proc_macro2::TokenStream {
    let errors = errors::Errors::new();
    let written = attr::read(&errors, item);
    let schema = model::decide(&written);
    let (accepted, locked) = judge(&errors, &written, &schema, &look(&schema.name.text));
    let code = if accepted { expand::all(&schema) } else { expand::stub(&schema) };
    let watch = expand::lock::watch(&schema, &locked);
    let test = expand::lock::test(&schema, &locked, written.sample.as_ref().map(|path| &path.value));
    // What mends a mistake may make a warning untrue.
    let warnings = errors.is_empty().then(|| expand::history::warnings(&schema));
    let errors = errors.finish().err().map(|errors| {
        let errors = errors.into_compile_error();
        // Of a module that says `compile_error!` itself, the compiler hides names that it cannot find.
        if accepted { quote::quote!(const _: () = { #errors };) } else { errors }
    });
    quote::quote!(#errors #code #warnings #watch #test)
}

/// Reports every mistake. Whether the schema is one, apart from what only its history refuses: then the compiler looks at its types
/// and functions too.
fn judge<'a>(
    errors: &errors::Errors,
    written: &'a attr::Written<'a>,
    schema: &model::Schema<'a>,
    around: &lock::source::Around,
) -> (bool, lock::Locked<'a>) {
    let unused = check::all(errors, written, schema, &lock::Past::of(schema, written, around));
    let accepted = errors.is_empty();
    let silent = unused.is_some();
    let is_known = unused.as_ref().is_none_or(|unused| unused.version == schema.version);
    let locked = if accepted && is_known {
        lock::check(errors, written, schema, silent, around)
    } else {
        lock::Locked::default()
    };
    // What the lock says is the nearer advice.
    if let Some(unused) = unused.filter(|_| !accepted || errors.is_empty()) {
        errors.at(unused.at, unused.message);
    }
    (accepted, locked)
}

//! The derive macros of `actix-typed-session`. Use them through that crate, which re-exports them.
//!
//! In: a struct. Out: an implementation of `SessionState` and a handle with getters and setters.
//!
//! Never panics, whatever the input, and never stops at the first mistake.
//!
//! Each stage is a file or a folder, and reads only what stands above it in the list of modules: `attr` reads the attributes as
//! written, `model` decides what they mean, `lock` knows what released versions stored, `check` reports what is wrong, and
//! `expand` prints the code. The private function `derive` calls them in turn.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing))] // a test fails by panicking

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
mod structure;
mod lock;
mod check;
mod expand;
mod value;

use proc_macro::TokenStream;
use syn::DeriveInput;

// The examples are doctests of `actix-typed-session`, which this crate does not know.
#[cfg_attr(not(doctest), doc = include_str!("../docs/session_state.md"))]
#[cfg_attr(not(doctest), doc = include_str!("../docs/on_the_struct.md"))]
#[cfg_attr(not(doctest), doc = include_str!("../docs/on_a_field.md"))]
#[proc_macro_derive(SessionState, attributes(session))]
pub fn session_state(input: TokenStream) -> TokenStream {
    derive(&syn::parse_macro_input!(input as DeriveInput), lock::source::Around::look).into()
}

#[cfg_attr(not(doctest), doc = include_str!("../docs/session_value.md"))]
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
    // Fixing a mistake may make a warning obsolete.
    let warnings = errors.is_empty().then(|| expand::history::warnings(&schema));
    let errors = errors.finish().err().map(|errors| {
        let errors = errors.into_compile_error();
        // In a module with a bare `compile_error!` the compiler stops reporting unresolved names.
        if accepted { quote::quote!(const _: () = { #errors };) } else { errors }
    });
    quote::quote!(#errors #code #warnings #watch #test)
}

/// Reports every mistake. Returns whether the attributes are sound, and what to generate for the lock.
///
/// Attributes that are sound get the real code even if the lock refuses them, so that the compiler also checks the types and
/// functions they name. The lock is compared only then: it would take a mistake for a change. It is skipped as well when an
/// earlier version is unused, because the number of this version is then in doubt.
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
    // If the lock has something to say, its advice is more specific than "nothing changes".
    if let Some(unused) = unused.filter(|_| !accepted || (errors.is_empty() && !locked.shows_a_change)) {
        errors.at(unused.at, unused.message);
    }
    (accepted, locked)
}

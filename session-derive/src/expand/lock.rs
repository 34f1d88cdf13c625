//! In: the checks and the test that a lock needs. Out: constants that the compiler evaluates, and the test that writes the lock.
//!
//! Never generates code that a release build runs.

use proc_macro2::{Group, Ident, Literal, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;

use crate::ident;
use crate::lock::compare::found::TypeCheck;
use crate::lock::{Locked, Missing, Test};
use crate::model::Schema;
use crate::model::spelling;
use crate::structure::Structure;
use crate::words::words;

/// The constants beside a schema, with mistakes or without.
pub(crate) fn watch(schema: &Schema<'_>, locked: &Locked<'_>) -> TokenStream {
    let Locked { watch, missing, types, shows_a_change: _, test: _ } = locked;
    let missing = missing.as_ref().map(|missing| match missing {
        Missing::Warning(message) => warn(schema.ident, message),
        Missing::Error(message) => {
            let error = syn::Error::new(schema.ident.span(), message).into_compile_error();
            quote!(#[cfg(not(test))] const _: () = { #error };)
        }
    });
    let types = types.iter().map(|(ty, check)| keep(schema, ty, check));
    quote!(#watch #missing #(#types)*)
}

/// A warning. On stable Rust a macro can only cause one by using something deprecated.
fn warn(at: &Ident, message: &str) -> TokenStream {
    let span = at.span();
    // The compiler prints this name before the message.
    let name = Ident::new("session_schema_without_a_lock", span);
    quote_spanned! {span=>
        const _: () = {
            #[deprecated(note = #message)]
            #[allow(non_upper_case_globals)]
            const #name: () = ();
            #name
        };
    }
}

/// `const _: () = assert_kept(<shape of Vec<Line>>, Some(0x1f..), false, "`cart` was ..", "..");` with the caret on the type.
fn keep(schema: &Schema<'_>, ty: &Type, check: &TypeCheck) -> TokenStream {
    let krate = &schema.krate;
    let TypeCheck { locked, by_name, same_words, message, unseen, .. } = check;
    let now = if let Some(names) = by_name {
        option(Some(Structure::of(ty).shape(krate, names)))
    } else {
        quote!(#krate::__private::shape::Probe::<#ty>::SHAPE)
    };
    let locked = option(locked.map(hexadecimal));
    let (first, last) = spelling::ends(ty);
    // The span of a call reaches from its first token to its closing parenthesis.
    let mut arguments = Group::new(
        proc_macro2::Delimiter::Parenthesis,
        quote!(#now, #locked, #same_words, #message, #unseen),
    );
    arguments.set_span(last);
    let function = quote_spanned!(first=> __assert_kept);
    quote! {
        const _: () = {
            #[allow(unused_imports)]
            use #krate::__private::shape::{Opaque as _, assert_kept as __assert_kept};
            #function #arguments
        };
    }
}

fn option(value: Option<impl ToTokens>) -> TokenStream {
    value.map_or_else(
        || quote!(::core::option::Option::None),
        |value| quote!(::core::option::Option::Some(#value)),
    )
}

fn hexadecimal(number: u64) -> TokenStream {
    let text = format!("0x{number:016x}");
    text.parse().unwrap_or_else(|_| Literal::u64_unsuffixed(number).into_token_stream())
}

/// ```text
/// #[cfg(test)]
/// #[test]
/// fn session_lock_shop() -> Result<(), Failure> {
///     keep::<Shop>(&Lock { .. }, None)
/// }
/// ```
pub(crate) fn test(schema: &Schema<'_>, locked: &Locked<'_>, sample: Option<&syn::Path>) -> TokenStream {
    let Some(Test {
        directory,
        found,
        is_draft,
        oldest_record,
        text,
        shapes,
        records,
        compatible,
        types,
        told,
    }) = &locked.test
    else {
        return TokenStream::new();
    };
    let (state, krate) = (schema.ident, &schema.krate);
    let name = format_ident!("session_lock_{}", ident::snake_case(&ident::word(state)));
    let found = option(found.as_ref().map(|path| quote!(::core::include_str!(#path))));
    let opaque = opaque(schema, types);
    let compatible = compatible.iter().map(|(key, since)| quote!((#key, #since)));
    let shapes = shapes.iter().map(|ty| shape(krate, ty));
    let sample = option(sample);
    quote! {
        #[cfg(test)]
        #[::core::prelude::v1::test]
        // A test inside a function body never runs.
        #[allow(unnameable_test_items)]
        fn #name() -> ::core::result::Result<(), #krate::__private::lock::Failure> {
            #[allow(unused_imports)]
            use #krate::__private::shape::Opaque as _;
            #krate::__private::lock::keep::<#state>(
                &#krate::__private::lock::Lock {
                    directory: #directory,
                    found: #found,
                    is_draft: #is_draft,
                    oldest_record: #oldest_record,
                    text: &[#(#text),*],
                    shapes: const { &[#(#shapes),*] },
                    records: &[#(#records),*],
                    compatible: &[#(#compatible),*],
                    opaque: const { &[#(#opaque),*] },
                    told: &[#(#told),*],
                    name: ::core::env!("CARGO_PKG_NAME"),
                    package: ::core::env!("CARGO_MANIFEST_DIR"),
                    source: ::core::file!(),
                },
                #sample,
            )
        }
    }
}

/// What the lock file says of a type.
fn shape(krate: &TokenStream, ty: &Type) -> TokenStream {
    let structure = Structure::of(ty);
    let seen = structure.shape(krate, &[]);
    let leaves = structure
        .leaves()
        .into_iter()
        .map(|(ty, name)| quote!((#name, #krate::__private::shape::Probe::<#ty>::SHAPE.is_some())));
    quote! {
        #krate::__private::lock::Shape {
            whole: #krate::__private::shape::Probe::<#ty>::SHAPE,
            seen: #seen,
            leaves: &[#(#leaves),*],
        }
    }
}

/// Each type in `types`, and whether it is opaque while every type inside it has a shape: `("Line", true)`.
fn opaque(schema: &Schema<'_>, types: &[&Type]) -> Vec<TokenStream> {
    let krate = &schema.krate;
    let parts = types.iter().flat_map(|ty| spelling::parts(ty)).filter(|part| matches!(part, Type::Path(_)));
    let tell = parts.map(|part| {
        let words = words(part);
        let parts = spelling::parts(part);
        let inside = parts.get(1..).unwrap_or_default();
        quote! {
            (
                #words,
                #krate::__private::shape::Probe::<#part>::SHAPE.is_none()
                    #(&& #krate::__private::shape::Probe::<#inside>::SHAPE.is_some())*
            )
        }
    });
    tell.collect()
}

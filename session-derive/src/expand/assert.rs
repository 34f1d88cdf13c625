//! In: a field. Out: its type as a value that can be stored. Here the compiler asserts that it can be.
//!
//! Never uses a path without the user's own tokens for the type, because errors point at them. Reading and writing share this path, so
//! a missing `Serialize` or `Deserialize` causes two equal errors, of which the compiler shows one.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;

use crate::model::Schema;
use crate::model::field::Field;
use crate::model::spelling;
use crate::standard;

/// `<<Line as OfPart>::Of<Vec<Line>> as FieldValue>`
pub(super) fn value(schema: &Schema<'_>, field: &Field<'_>) -> TokenStream {
    let (krate, ty) = (&schema.krate, of_parts(schema, field));
    quote!(<#ty as #krate::__private::FieldValue>)
}

/// `<Vec<Line> as Default>`
pub(super) fn with_default(field: &Field<'_>) -> TokenStream {
    let ty = field.ty;
    quote!(<#ty as ::core::default::Default>)
}

/// The field's type, by way of each type in it that may lack something: `<Line as OfPart>::Of<Vec<Line>>`. An error about the field would
/// name the whole type, and the compiler says nothing about a type that has such an error inside.
fn of_parts(schema: &Schema<'_>, field: &Field<'_>) -> TokenStream {
    let krate = &schema.krate;
    let mut parts = Vec::new();
    find_parts(field.ty, &mut parts);
    parts.iter().rev().fold(field.ty.to_token_stream(), |all, (part, required)| {
        // The span of a type reaches from its first token to its last one.
        let (first, last) = spelling::ends(part);
        let (open, close) = (quote_spanned!(first=> <), quote_spanned!(last=> >));
        quote!(#open #part as #krate::__private::#required>::Of<#all #close)
    })
}

/// The types inside `ty` that the derive does not know, and the keys of maps, with what is required of them.
fn find_parts<'a>(ty: &'a Type, parts: &mut Vec<(&'a Type, TokenStream)>) {
    let ty = spelling::peel(ty);
    let Some(name) = standard::name(ty) else {
        return match ty {
            Type::Tuple(tuple) => tuple.elems.iter().for_each(|item| find_parts(item, parts)),
            Type::Array(array) => find_parts(&array.elem, parts),
            Type::Slice(slice) => find_parts(&slice.elem, parts),
            _ => parts.push((ty, quote!(OfPart))),
        };
    };
    let inside = spelling::arguments_of(ty);
    // A pointer may lead to what cannot be stored without it. After the key and the value of a map stands what hashes them.
    let (key, stored) = match name.as_str() {
        "Box" | "Rc" | "Arc" | "Cow" => return parts.push((ty, quote!(OfPart))),
        "HashMap" => (Some(quote!(OfHashKey)), 2),
        "HashSet" => (Some(quote!(OfHashKey)), 1),
        "BTreeMap" | "BTreeSet" | "BinaryHeap" => (Some(quote!(OfOrdKey)), inside.len()),
        _ => (None, inside.len()),
    };
    parts.extend(inside.first().copied().zip(key));
    for inner in inside.into_iter().take(stored) {
        find_parts(inner, parts);
    }
}

//! In: a field. Out: its type as a value that can be stored. Here the compiler asserts that it can be.
//!
//! Never uses a path without the user's own tokens for the type, because errors point at them. Reading and writing share this path, so
//! a missing `Serialize` or `Deserialize` causes two equal errors, of which the compiler shows one.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Type;

use crate::model::Schema;
use crate::model::field::Field;
use crate::model::spelling;
use crate::standard;

/// `<Vec<Line> as FieldValue>`
pub(super) fn value(schema: &Schema<'_>, field: &Field<'_>) -> TokenStream {
    let (krate, ty) = (&schema.krate, field.ty);
    quote!(<#ty as #krate::__private::FieldValue>)
}

/// `<Vec<Line> as Default>`
pub(super) fn with_default(field: &Field<'_>) -> TokenStream {
    let ty = field.ty;
    quote!(<#ty as ::core::default::Default>)
}

/// `const _: () = <Sku as HashKey>::HOLDS;` for every key of a map and every item of a set. An error about the field would name the whole
/// map, and not the key.
pub(super) fn keys(schema: &Schema<'_>, field: &Field<'_>) -> TokenStream {
    let krate = &schema.krate;
    let mut keys = Vec::new();
    find_keys(field.ty, &mut keys);
    let keys = keys.iter().map(|(key, of)| quote!(const _: () = <#key as #krate::__private::#of>::HOLDS;));
    quote!(#(#keys)*)
}

fn find_keys<'a>(ty: &'a Type, keys: &mut Vec<(&'a Type, TokenStream)>) {
    let inside = spelling::arguments_of(ty);
    let of = match standard::name(spelling::peel(ty)).as_deref() {
        Some("HashMap" | "HashSet") => Some(quote!(HashKey)),
        Some("BTreeMap" | "BTreeSet" | "BinaryHeap") => Some(quote!(OrdKey)),
        _ => None,
    };
    keys.extend(inside.first().copied().zip(of));
    for inner in inside {
        find_keys(inner, keys);
    }
}

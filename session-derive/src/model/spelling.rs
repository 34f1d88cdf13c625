//! In: a type as the user spells it. Out: what the spelling says about it.
//!
//! Never resolves a name, since the compiler has not done so when the derive runs. A type that is spelled like one of the standard
//! library counts as that type.

use proc_macro2::{Span, TokenTree};
use quote::ToTokens;
use syn::{GenericArgument, Path, PathArguments, ReturnType, Type, TypePath};

use crate::standard::{self, Kind};

/// What the spelling of a type says about it.
#[derive(Clone, Copy)]
pub(crate) enum Spelling<'a> {
    /// `u64`, `bool`, `NonZeroU32`: a getter returns it by value.
    Scalar,
    String,
    Vec(&'a Type),
    Option(&'a Type),
    Other,
}

impl<'a> Spelling<'a> {
    pub(crate) fn of(ty: &'a Type) -> Self {
        let Some(path) = plain_path(ty) else { return Spelling::Other };
        match (standard::kind(path), generic_types(path).as_slice()) {
            (Some(Kind::Scalar | Kind::NonZero), []) | (Some(Kind::NonZero), [_]) => Spelling::Scalar,
            (Some(Kind::String), []) => Spelling::String,
            (Some(Kind::Vec), [inner]) => Spelling::Vec(inner),
            (Some(Kind::Option), [inner]) => Spelling::Option(inner),
            _ => Spelling::Other,
        }
    }
}

/// The type of the keys, if `ty` is spelled like a map of the standard library.
pub(crate) fn map_key(ty: &Type) -> Option<&Type> {
    let path = plain_path(ty)?;
    generic_types(path).first().copied().filter(|_| standard::kind(path) == Some(Kind::Map))
}

/// Whether `ty` is spelled like a type whose JSON is an array, an object or `null`.
pub(crate) fn is_not_one_value(ty: &Type) -> bool {
    matches!(peel(ty), Type::Tuple(_) | Type::Array(_))
        || matches!(Spelling::of(ty), Spelling::Vec(_) | Spelling::Option(_))
        || matches!(plain_path(ty).and_then(standard::kind), Some(Kind::Map | Kind::Collection))
}

/// The type without parentheses and without the invisible groups that `macro_rules!` adds.
pub(crate) fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inner) => peel(&inner.elem),
        Type::Group(inner) => peel(&inner.elem),
        _ => ty,
    }
}

/// `ty` and every type inside it.
pub(crate) fn parts(ty: &Type) -> Vec<&Type> {
    let ty = peel(ty);
    let inside: Vec<&Type> = match ty {
        Type::Array(array) => vec![&array.elem],
        Type::Slice(slice) => vec![&slice.elem],
        Type::Ptr(pointer) => vec![&pointer.elem],
        Type::Tuple(tuple) => tuple.elems.iter().collect(),
        Type::Path(path) => {
            path.path.segments.iter().flat_map(|segment| arguments(&segment.arguments)).collect()
        }
        _ => Vec::new(),
    };
    std::iter::once(ty).chain(inside.into_iter().flat_map(parts)).collect()
}

fn plain_path(ty: &Type) -> Option<&Path> {
    match peel(ty) {
        Type::Path(TypePath { qself: None, path }) => Some(path),
        _ => None,
    }
}

/// The type arguments of the last segment of a path.
pub(crate) fn arguments_of(ty: &Type) -> Vec<&Type> {
    match peel(ty) {
        Type::Path(path) => generic_types(&path.path),
        _ => Vec::new(),
    }
}

/// The type arguments of the last segment.
fn generic_types(path: &Path) -> Vec<&Type> {
    path.segments.last().map(|segment| arguments(&segment.arguments)).unwrap_or_default()
}

fn arguments(arguments: &PathArguments) -> Vec<&Type> {
    match arguments {
        PathArguments::None => Vec::new(),
        PathArguments::AngleBracketed(list) => list
            .args
            .iter()
            .filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
            .collect(),
        PathArguments::Parenthesized(list) => {
            let output = match &list.output {
                ReturnType::Default => None,
                ReturnType::Type(_, ty) => Some(&**ty),
            };
            list.inputs.iter().chain(output).collect()
        }
    }
}

/// Where it begins and where it ends.
pub(crate) fn ends(tokens: impl ToTokens) -> (Span, Span) {
    let mut tokens = tokens.to_token_stream().into_iter();
    let first = tokens.next().as_ref().map_or_else(Span::call_site, TokenTree::span);
    (first, tokens.last().as_ref().map_or(first, TokenTree::span))
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;

    use super::*;

    fn spelled(ty: &str) -> &'static str {
        match Spelling::of(&syn::parse_str(ty).unwrap()) {
            Spelling::Scalar => "scalar",
            Spelling::String => "string",
            Spelling::Vec(_) => "vec",
            Spelling::Option(_) => "option",
            Spelling::Other => "other",
        }
    }

    #[test]
    fn the_spelling_decides() {
        for (ty, expected) in [
            ("u64", "scalar"),
            ("bool", "scalar"),
            ("NonZeroU32", "scalar"),
            ("std::num::NonZero<u8>", "scalar"),
            ("::core::primitive::u8", "scalar"),
            ("String", "string"),
            ("::std::string::String", "string"),
            ("alloc::string::String", "string"),
            ("r#String", "string"),
            ("Vec<u8>", "vec"),
            ("(std::vec::Vec<u8>)", "vec"),
            ("Vec<u8, Mine>", "other"),
            ("Option<u8>", "option"),
            ("::core::option::Option<u8>", "option"),
            // How a user says "mine, not the standard library's".
            ("self::Option<u8>", "other"),
            ("crate::String", "other"),
            ("::String", "other"),
            ("<T as Trait>::String", "other"),
            ("u64x", "other"),
            ("[u8; 4]", "other"),
            ("()", "other"),
        ] {
            assert_eq!(spelled(ty), expected, "{ty}");
        }
    }

    #[test]
    fn parts_are_found_at_any_depth() {
        let ty: Type = syn::parse_str("Vec<(u8, [Option<dyn Fn(u16) -> u32>; 2])>").unwrap();
        let found: Vec<_> = parts(&ty).into_iter().map(|ty| ty.to_token_stream().to_string()).collect();
        assert_eq!(found.len(), 6, "{found:?}");
        assert!(found.contains(&"dyn Fn (u16) -> u32".to_owned()), "{found:?}");
    }
}

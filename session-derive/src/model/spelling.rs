//! In: a type as it is spelled. Out: what the spelling says about it.
//!
//! Never resolves a name: when the derive runs, the compiler has not done so yet. What is spelled as in the standard library counts as
//! that.

use syn::{GenericArgument, Path, PathArguments, ReturnType, Type, TypePath};

use crate::ident;

/// What the spelling of a type says about it: the compiler has not resolved names yet when the derive runs.
#[derive(Clone, Copy)]
pub(crate) enum Spelling<'a> {
    /// `u64`, `bool`, `NonZeroU32`: read by value.
    Scalar,
    String,
    Vec(&'a Type),
    Option(&'a Type),
    Other,
}

impl<'a> Spelling<'a> {
    pub(crate) fn of(ty: &'a Type) -> Self {
        let Some(path) = plain_path(ty) else { return Spelling::Other };
        let is = |module: &str, names: &[&str]| is_std(path, module, names);
        match generic_types(path).as_slice() {
            [] if is("primitive", SCALARS) || is("num", NONZEROS) => Spelling::Scalar,
            [] if is("string", &["String"]) => Spelling::String,
            [_] if is("num", &["NonZero"]) => Spelling::Scalar,
            [inner] if is("vec", &["Vec"]) => Spelling::Vec(inner),
            [inner] if is("option", &["Option"]) => Spelling::Option(inner),
            _ => Spelling::Other,
        }
    }
}

const SCALARS: &[&str] = &[
    "bool", "char", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
    "f32", "f64",
];

const NONZEROS: &[&str] = &[
    "NonZero",
    "NonZeroU8",
    "NonZeroU16",
    "NonZeroU32",
    "NonZeroU64",
    "NonZeroU128",
    "NonZeroUsize",
    "NonZeroI8",
    "NonZeroI16",
    "NonZeroI32",
    "NonZeroI64",
    "NonZeroI128",
    "NonZeroIsize",
];

/// The key type, if `ty` is spelled as a map of the standard library.
pub(crate) fn map_key(ty: &Type) -> Option<&Type> {
    let path = plain_path(ty)?;
    let is_map = is_std(path, "collections", &["HashMap", "BTreeMap"]);
    generic_types(path).first().copied().filter(|_| is_map)
}

/// Whether the JSON of `ty` is not a string or a number, as far as its spelling says.
pub(crate) fn is_not_one_value(ty: &Type) -> bool {
    const COLLECTIONS: &[&str] =
        &["HashMap", "BTreeMap", "HashSet", "BTreeSet", "VecDeque", "BinaryHeap", "LinkedList"];
    matches!(peel(ty), Type::Tuple(_) | Type::Array(_))
        || matches!(Spelling::of(ty), Spelling::Vec(_) | Spelling::Option(_))
        || plain_path(ty).is_some_and(|path| is_std(path, "collections", COLLECTIONS))
}

/// Without the parentheses and the invisible groups that `macro_rules!` adds.
pub(crate) fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inner) => peel(&inner.elem),
        Type::Group(inner) => peel(&inner.elem),
        _ => ty,
    }
}

/// `ty` and every type that is spelled inside it.
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

/// Whether `path` is one of `names`, alone or as `std::module::name` (`core`, `alloc`, with or without `::` before).
fn is_std(path: &Path, module: &str, names: &[&str]) -> bool {
    let words: Vec<String> = path.segments.iter().map(|segment| ident::word(&segment.ident)).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [name] => path.leading_colon.is_none() && names.contains(name),
        ["std" | "core" | "alloc", inside, name] => *inside == module && names.contains(name),
        _ => false,
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
            // The way to say "mine, not the standard library's".
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

//! In: a type as spelled. Out: its containers, and the names of the types inside them.
//!
//! Never asks how a type is reached: `uuid::Uuid` and `Uuid` are one type, because a changed `use` changes nothing that is stored. The
//! containers have the names that `SessionShape` gives them.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, Type};

use crate::ident;
use crate::model::spelling;
use crate::standard;
use crate::words::words;

/// A type, with what is inside it.
pub(crate) enum Structure<'a> {
    /// `list`, `map` and so on.
    Container(&'static str, Vec<Self>),
    Array(Box<Self>, &'a Expr),
    /// Any other type: its last name, and its arguments.
    Leaf(&'a Type, String, Vec<Self>),
}

impl<'a> Structure<'a> {
    pub(crate) fn of(ty: &'a Type) -> Self {
        let ty = spelling::peel(ty);
        let all = |types: &[&'a Type]| types.iter().map(|ty| Self::of(ty)).collect::<Vec<_>>();
        match ty {
            Type::Tuple(tuple) if !tuple.elems.is_empty() => {
                Self::Container("tuple", tuple.elems.iter().map(Self::of).collect())
            }
            Type::Array(array) => Self::Array(Box::new(Self::of(&array.elem)), &array.len),
            Type::Slice(slice) => Self::Container("list", vec![Self::of(&slice.elem)]),
            Type::Path(path) => {
                let (name, inside) = (last_name(path), spelling::arguments_of(ty));
                let known = standard::kind(&path.path).is_some() && path.qself.is_none();
                match (name.as_str(), inside.as_slice()) {
                    ("Vec" | "VecDeque" | "LinkedList", [item, ..]) if known => {
                        Self::Container("list", vec![Self::of(item)])
                    }
                    ("BinaryHeap", [item, ..]) if known => Self::Container("heap", vec![Self::of(item)]),
                    ("HashSet" | "BTreeSet", [item, ..]) if known => {
                        Self::Container("set", vec![Self::of(item)])
                    }
                    ("HashMap" | "BTreeMap", [key, value, ..]) if known => {
                        Self::Container("map", all(&[key, value]))
                    }
                    ("Option", [inner]) if known => Self::Container("option", vec![Self::of(inner)]),
                    ("Result", [ok, error]) if known => Self::Container("result", all(&[ok, error])),
                    ("Box" | "Rc" | "Arc" | "Cow", [inner]) if known => Self::of(inner),
                    _ => Self::Leaf(ty, name, all(&inside)),
                }
            }
            // One word in the lock file.
            _ => {
                let name = words(ty).replace(|c: char| !c.is_alphanumeric(), "_");
                Self::Leaf(ty, name, Vec::new())
            }
        }
    }

    fn text(&self) -> String {
        let all = |parts: &[Self]| parts.iter().map(Self::text).collect::<Vec<_>>().join(", ");
        match self {
            Self::Container(kind, parts) => format!("{kind}<{}>", all(parts)),
            Self::Array(item, length) => format!("[{}; {}]", item.text(), words(length)),
            Self::Leaf(_, name, parts) if parts.is_empty() => name.clone(),
            Self::Leaf(_, name, parts) => format!("{name}<{}>", all(parts)),
        }
    }

    /// An expression for the shape of `ty`: its own, if it has one, or that of its structure.
    pub(crate) fn known_or_named(krate: &TokenStream, ty: &'a Type) -> TokenStream {
        let structure = Self::of(ty);
        let shape = structure.shape(krate, &[]);
        match structure {
            Self::Leaf(..) => shape,
            Self::Container(..) | Self::Array(..) => {
                quote!(#krate::__private::shape::known_or(#krate::__private::shape::Probe::<#ty>::SHAPE, #shape))
            }
        }
    }

    /// An expression for the shape: that of the type, if the compiler knows it, or else one made from the shapes of its parts and from
    /// the names of those that have none, or that are in `unseen`.
    pub(crate) fn shape(&self, krate: &TokenStream, unseen: &[String]) -> TokenStream {
        let of = |kind: &str, parts: &[Self]| {
            let parts = parts.iter().map(|part| part.shape(krate, unseen));
            quote!(#krate::__private::shape::of(#kind, &[#(#parts),*]))
        };
        match self {
            Self::Container(kind, parts) => of(kind, parts),
            Self::Array(item, length) => {
                let item = item.shape(krate, unseen);
                quote!(#krate::__private::shape::of("array", &[#item, (#length) as ::core::primitive::u64]))
            }
            Self::Leaf(ty, name, parts) => {
                let by_name = of(&format!("opaque {name}"), parts);
                if unseen.contains(name) {
                    by_name
                } else {
                    quote!(#krate::__private::shape::known_or(#krate::__private::shape::Probe::<#ty>::SHAPE, #by_name))
                }
            }
        }
    }

    /// Every type whose name may stand for it, with that name.
    pub(crate) fn leaves(&self) -> Vec<(&'a Type, &str)> {
        match self {
            Self::Container(_, parts) => parts.iter().flat_map(Self::leaves).collect(),
            Self::Array(item, _) => item.leaves(),
            Self::Leaf(ty, name, parts) => {
                std::iter::once((*ty, name.as_str())).chain(parts.iter().flat_map(Self::leaves)).collect()
            }
        }
    }
}

/// Whether two types are spelled alike, but for paths and for containers with the same JSON.
pub(crate) fn alike(one: &str, other: &str) -> bool {
    let text = |spelled: &str| Some(Structure::of(&syn::parse_str::<Type>(spelled).ok()?).text());
    one == other || text(one).is_some_and(|one| text(other) == Some(one))
}

fn last_name(path: &syn::TypePath) -> String {
    path.path.segments.last().map(|last| ident::word(&last.ident)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_equal_containers_make_no_difference() {
        for (one, other) in [
            ("std::collections::HashMap<uuid::Uuid, u8>", "HashMap<Uuid, u8>"),
            ("HashMap<Uuid, u8, Hasher>", "BTreeMap<Uuid, u8>"),
            ("Vec<crate::Line>", "::std::collections::VecDeque<Line>"),
            ("Option<Box<line::Line>>", "Option<Line>"),
            ("Cow<'static, Line>", "Line"),
            ("(a::Sku, [b::Line; 2])", "(Sku, [Line; 2])"),
            ("chrono::DateTime<chrono::Utc>", "DateTime<Utc>"),
        ] {
            assert!(alike(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("Vec<Uuid>", "HashSet<Uuid>"),
            ("Vec<Uuid>", "Vec<Ulid>"),
            ("DateTime<Utc>", "DateTime<Local>"),
            ("Option<Uuid>", "Uuid"),
            ("[Uuid; 2]", "[Uuid; 3]"),
            ("mine::Vec<Uuid>", "Vec<Uuid>"),
            ("BinaryHeap<Uuid>", "Vec<Uuid>"),
        ] {
            assert!(!alike(one, other), "{one} {other}");
        }
    }
}

//! In: the spelling of a type. Out: the names of the user's own types in it, and the spelling with a copy of each instead.
//!
//! Never certain, and only used in messages: a name of the standard library may also be the user's.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use syn::Type;

use crate::ident;
use crate::model::spelling;
use crate::standard;
use crate::words::words;

/// The names of the user's types in `spelled`, each once.
pub(crate) fn names(spelled: &str) -> Vec<String> {
    let Ok(ty) = syn::parse_str::<Type>(spelled) else { return Vec::new() };
    let mut names: Vec<String> = Vec::new();
    for part in spelling::parts(&ty) {
        let Type::Path(path) = part else { continue };
        let name = path.path.segments.last().map(|last| ident::word(&last.ident)).unwrap_or_default();
        if !standard::has(&name) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The spelling with copies of the user's types: `Vec<LineV2>` for `Vec<Line>` in version 2.
pub(super) fn old(spelled: &str, version: u16) -> String {
    let names = names(spelled);
    spelled.parse().map_or_else(|_| spelled.to_owned(), |tokens| words(renamed(tokens, &names, version)))
}

/// The copies for a message: `` `Line` as `LineV2` ``.
pub(super) fn copies(spelled: &str, version: u16) -> String {
    let copies: Vec<_> =
        names(spelled).iter().map(|name| format!("`{name}` as `{name}V{version}`")).collect();
    copies.join(", ")
}

fn renamed(tokens: TokenStream, names: &[String], version: u16) -> TokenStream {
    let token = |token| match token {
        TokenTree::Ident(word) if names.contains(&ident::word(&word)) => {
            Ident::new(&format!("{}V{version}", ident::word(&word)), word.span()).into()
        }
        TokenTree::Group(group) => {
            Group::new(group.delimiter(), renamed(group.stream(), names, version)).into()
        }
        other => other,
    };
    tokens.into_iter().map(token).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_own_types() {
        for (spelled, own, with_copies) in [
            ("Address", "Address", "AddressV2"),
            ("Option<Vec<Line>>", "Line", "Option<Vec<LineV2>>"),
            (
                "HashMap<shop::Sku, (Line, [Line; 2])>",
                "Sku Line",
                "HashMap<shop::SkuV2, (LineV2, [LineV2; 2])>",
            ),
            ("Option<NonZero<u8>>", "", "Option<NonZero<u8>>"),
            ("Wrapped<u8>", "Wrapped", "WrappedV2<u8>"),
            ("std::collections::BTreeMap<Box<str>, u8>", "", "std::collections::BTreeMap<Box<str>, u8>"),
        ] {
            assert_eq!((names(spelled).join(" "), old(spelled, 2)), (own.to_owned(), with_copies.to_owned()));
        }
        assert_eq!(copies("(Sku, Line)", 2), "`Sku` as `SkuV2`, `Line` as `LineV2`");
    }
}

//! In: the item as written. Out: the schema as decided: every default filled in, every name chosen, the order fixed.
//!
//! Never reports a mistake: what cannot be decided gets a harmless value here, and a message in `check`.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident};
use syn::{
    Attribute, Expr, GenericArgument, LitInt, Path, PathArguments, ReturnType, Type, TypePath, Visibility,
};

use crate::attr::{Slot, Written, WrittenField};
use crate::{ident, krate};

pub(crate) mod history;
use history::History;

/// The schema as decided.
pub(crate) struct Schema<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) vis: &'a Visibility,
    /// `ShopHandle`
    pub(crate) handle: Ident,
    /// The path to the library.
    pub(crate) krate: TokenStream,
    pub(crate) name: Text,
    pub(crate) version: u16,
    /// The oldest version of which a binary may be running beside this one.
    pub(crate) oldest_reader: u16,
    /// Nobody wrote it.
    pub(crate) default_reader: bool,
    /// The oldest version of which a record may be stored.
    pub(crate) oldest_record: u16,
    pub(crate) removed: Vec<Removed<'a>>,
    pub(crate) history: History<'a>,
    pub(crate) generic: bool,
    /// As declared.
    pub(crate) fields: Vec<Field<'a>>,
}

/// A field that is no more.
pub(crate) struct Removed<'a> {
    pub(crate) key: String,
    pub(crate) ty: &'a Type,
    /// The first version without it.
    pub(crate) since: u16,
}

/// A decided text, and the tokens to underline when it is wrong.
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) at: TokenStream,
}

/// A field as decided.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the user's; no state machine hides in them"
)]
pub(crate) struct Field<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) vis: &'a Visibility,
    pub(crate) docs: Vec<&'a Attribute>,
    pub(crate) ty: &'a Type,
    pub(crate) spelling: Spelling<'a>,
    /// The wire key without the schema's name.
    pub(crate) key: Text,
    /// The key with the version of the last change of type: `cart@3`.
    pub(crate) cell: String,
    /// The position among the schema's fields in the order of their wire keys.
    pub(crate) index: usize,
    pub(crate) getter: Ident,
    pub(crate) default: Default<'a>,
    pub(crate) principal: bool,
    pub(crate) reset_on_sign_in: bool,
    pub(crate) flash: bool,
    pub(crate) lenient: bool,
}

/// What a field reads as until it is first set.
#[derive(Clone, Copy)]
pub(crate) enum Default<'a> {
    None,
    OfType,
    Expr(&'a Expr),
}

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

pub(crate) fn decide<'a>(written: &'a Written<'a>) -> Schema<'a> {
    let item = written.item;
    let name = match &written.name {
        Some(name) => Text { text: name.value.value(), at: name.value.to_token_stream() },
        None => Text { text: ident::snake_case(&ident::word(&item.ident)), at: item.ident.to_token_stream() },
    };
    let version = number(&written.version).unwrap_or(1);
    let mut fields: Vec<_> = written.fields.iter().map(decide_field).collect();
    let mut stored: Vec<_> = fields.iter_mut().collect();
    stored.sort_by(|a, b| a.cell.cmp(&b.cell));
    for (index, field) in stored.into_iter().enumerate() {
        field.index = index;
    }
    let oldest_reader = number(&written.oldest_reader).unwrap_or_else(|| version.saturating_sub(1).max(1));
    let history = history::decide(written, &fields);
    Schema {
        ident: &item.ident,
        vis: &item.vis,
        handle: format_ident!("{}Handle", item.ident, span = ident::generated_at(item.ident.span())),
        krate: krate::path(written.krate.as_ref().map(|path| &path.value)),
        name,
        version,
        oldest_reader,
        default_reader: written.oldest_reader.is_none(),
        oldest_record: number(&written.oldest_record).unwrap_or(1),
        removed: written
            .removed
            .iter()
            .filter_map(|removed| {
                let (key, ty) = (removed.value.key.as_ref()?, removed.value.ty.as_ref()?);
                let since = number(&removed.value.since)?;
                Some(Removed { key: key.value.value(), ty: &ty.value, since })
            })
            .collect(),
        history,
        generic: !item.generics.params.is_empty() || item.generics.where_clause.is_some(),
        fields,
    }
}

fn decide_field<'a>(written: &'a WrittenField<'a>) -> Field<'a> {
    // Without `..`: the compiler names this place when an option is added.
    let WrittenField {
        field,
        ident,
        key,
        default,
        getter,
        principal,
        reset_on_sign_in,
        flash,
        lenient,
        // For `history` and `check`.
        since: _,
        changed,
        damaged: _,
    } = written;
    let spelling = Spelling::of(&field.ty);
    let key = match key {
        Some(key) => Text { text: key.value.value(), at: key.value.to_token_stream() },
        None => Text { text: ident::word(ident), at: ident.to_token_stream() },
    };
    Field {
        ident,
        vis: &field.vis,
        docs: field.attrs.iter().filter(|attr| attr.path().is_ident("doc")).collect(),
        ty: &field.ty,
        spelling,
        cell: history::cell_since(
            &key.text,
            changed.iter().filter_map(|change| number(&change.value.since)).next_back(),
        ),
        key,
        index: 0,
        getter: getter
            .as_ref()
            .and_then(|getter| ident::parse(&getter.value.value(), getter.value.span()).ok())
            .unwrap_or_else(|| (*ident).clone()),
        default: Default::of(default.as_ref().and_then(|default| default.value.as_ref()), spelling),
        principal: principal.is_some(),
        reset_on_sign_in: reset_on_sign_in.is_some(),
        flash: flash.is_some(),
        lenient: lenient.is_some(),
    }
}

/// The value of an option, if it is a number that a version can have.
#[allow(clippy::ref_option)] // a slot is one thing, given or not
pub(crate) fn number(slot: &Slot<LitInt>) -> Option<u16> {
    slot.as_ref()?.value.base10_parse().ok()
}

impl<'a> Default<'a> {
    fn of(expr: Option<&'a Expr>, spelling: Spelling<'_>) -> Self {
        match (expr, spelling) {
            (Some(expr), _) => Self::Expr(expr),
            (None, Spelling::Option(_)) => Self::None,
            (None, _) => Self::OfType,
        }
    }
}

impl Schema<'_> {
    /// The cell that holds the oldest schema version which can read the section.
    pub(crate) fn gate(&self) -> String {
        format!("${}", self.name.text)
    }

    /// The whole wire key of a cell: `shop.cart@3`.
    pub(crate) fn wire_key(&self, cell: &str) -> String {
        format!("{}.{cell}", self.name.text)
    }

    /// The fields in the order of their wire keys.
    pub(crate) fn stored(&self) -> Vec<&Field<'_>> {
        let mut stored: Vec<_> = self.fields.iter().collect();
        stored.sort_by_key(|field| field.index);
        stored
    }
}

impl Field<'_> {
    pub(crate) fn is_option(&self) -> bool {
        matches!(self.spelling, Spelling::Option(_))
    }

    pub(crate) fn setter(&self) -> Ident {
        ident::method("set_", self.ident)
    }

    /// Who is signed in is set, not edited.
    pub(crate) fn updater(&self) -> Option<Ident> {
        (!self.principal).then(|| ident::method("update_", self.ident))
    }

    pub(crate) fn clearer(&self) -> Option<Ident> {
        self.is_option().then(|| ident::method("clear_", self.ident))
    }

    pub(crate) fn taker(&self) -> Option<Ident> {
        (self.flash && self.is_option()).then(|| ident::method("take_", self.ident))
    }

    /// The methods that are generated for this field, and what messages call them.
    pub(crate) fn methods(&self) -> Vec<(&'static str, Ident)> {
        let methods = [
            ("getter", Some(self.getter.clone())),
            ("setter", Some(self.setter())),
            ("update method", self.updater()),
            ("clear method", self.clearer()),
            ("take method", self.taker()),
        ];
        methods.into_iter().filter_map(|(role, method)| Some((role, method?))).collect()
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

//! In: the path of a type. Out: which type of the standard library it spells, if the derive knows that type.
//!
//! Never resolves a name: a user's own `Option` is indistinguishable from the standard library's.

use syn::{Path, Type};

use crate::ident;

/// What the derive knows about a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number, a `bool` or a `char`, which a getter returns by value.
    Scalar,
    /// A [`Kind::Scalar`] that takes its integer type as an argument.
    NonZero,
    String,
    Vec,
    Option,
    Map,
    /// A type that serde writes as a JSON array.
    Collection,
    /// Any other type that has a shape without a derive.
    Other,
}

/// The known types: their kind, their module in `std`, and their names.
static TABLE: &[(Kind, &str, &[&str])] = &[
    (
        Kind::Scalar,
        "primitive",
        &[
            "bool", "char", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128",
            "isize", "f32", "f64",
        ],
    ),
    (
        Kind::Scalar,
        "num",
        &[
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
        ],
    ),
    (Kind::NonZero, "num", &["NonZero"]),
    (Kind::String, "string", &["String"]),
    (Kind::Vec, "vec", &["Vec"]),
    (Kind::Option, "option", &["Option"]),
    (Kind::Map, "collections", &["HashMap", "BTreeMap"]),
    (Kind::Collection, "collections", &["HashSet", "BTreeSet", "VecDeque", "BinaryHeap", "LinkedList"]),
    (Kind::Other, "primitive", &["str"]),
    (Kind::Other, "borrow", &["Cow"]),
    (Kind::Other, "boxed", &["Box"]),
    (Kind::Other, "net", &["IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr"]),
    (Kind::Other, "path", &["Path", "PathBuf"]),
    (Kind::Other, "rc", &["Rc"]),
    (Kind::Other, "result", &["Result"]),
    (Kind::Other, "sync", &["Arc"]),
    (Kind::Other, "time", &["Duration", "SystemTime"]),
];

/// The kind of the type at `path`, which is either its name alone or a full path such as `std::module::Name` (also from `core` or
/// `alloc`, with or without a leading `::`).
pub(crate) fn kind(path: &Path) -> Option<Kind> {
    let words: Vec<String> = path.segments.iter().map(|segment| ident::word(&segment.ident)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (inside, name) = match words.as_slice() {
        [name] if path.leading_colon.is_none() => (None, *name),
        ["std" | "core" | "alloc", inside, name] => (Some(*inside), *name),
        _ => return None,
    };
    let is_it = |(_, module, names): &&(Kind, &str, &[&str])| {
        inside.is_none_or(|inside| inside == *module) && names.contains(&name)
    };
    TABLE.iter().find(is_it).map(|(kind, ..)| *kind)
}

/// The last word of a type that the derive knows.
pub(crate) fn name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) if path.qself.is_none() && kind(&path.path).is_some() => {
            path.path.segments.last().map(|last| ident::word(&last.ident))
        }
        _ => None,
    }
}

/// Whether a known type of the standard library has this name.
pub(crate) fn has(name: &str) -> bool {
    TABLE.iter().any(|(_, _, names)| names.contains(&name))
}

//! The shape of a type: a number, computed by the compiler, that is equal for types that are stored alike.
//!
//! In: a type. Out: its shape, [`SessionShape::SHAPE`]. Never: looks at a value, or runs outside of constants.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque},
    marker::PhantomData,
    num::{
        NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize, NonZeroU8, NonZeroU16,
        NonZeroU32, NonZeroU64, NonZeroU128, NonZeroUsize,
    },
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// A type with a known shape, so that the lock file of a schema notices when its JSON changes.
///
/// `#[derive(SessionValue)]` implements this trait, the types of the standard library have it, and so do those of a few other crates, each
/// behind a feature with the name of the crate. A type of another crate need not implement it to be stored, but the lock file then knows
/// only what the type is called. For a wrapper that is stored as the value inside it, implement the trait by hand:
///
/// ```
/// use actix_typed_session_value::SessionShape;
///
/// struct Cents(u64); // its `Serialize` writes the number alone
///
/// impl SessionShape for Cents {
///     const SHAPE: u64 = <u64 as SessionShape>::SHAPE;
/// }
/// ```
pub trait SessionShape {
    /// The shape. Types with the same JSON have the same shape: `Vec<u8>` and `VecDeque<u8>` do, `u8` and `u16` do not.
    const SHAPE: u64;
}

/// Continues the hash `hash` with `bytes`. FNV-1a, 64 bits.
const fn hash(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut rest = bytes;
    while let [byte, after @ ..] = rest {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0100_0000_01b3);
        rest = after;
    }
    hash
}

/// The hash of a text: the shape of a type that its name identifies, such as `u8`, or the hash in the `head` of a lock file.
#[must_use]
pub const fn text(text: &str) -> u64 {
    hash(0xcbf2_9ce4_8422_2325, text.as_bytes())
}

/// The shape of a type called `kind` that consists of `parts`, in this order.
#[must_use]
pub const fn of(kind: &str, parts: &[u64]) -> u64 {
    let mut shape = hash(text(kind), &(parts.len() as u64).to_le_bytes());
    let mut rest = parts;
    while let [part, after @ ..] = rest {
        shape = hash(shape, &part.to_le_bytes());
        rest = after;
    }
    shape
}

/// The shape of a type, or another one if the compiler knows none.
#[must_use]
pub const fn known_or(shape: Option<u64>, otherwise: u64) -> u64 {
    match shape {
        Some(shape) => shape,
        None => otherwise,
    }
}

/// A shape made from how a type is spelled.
#[must_use]
pub const fn by_words(words: &str) -> u64 {
    of("opaque", &[text(words)])
}

/// Finds the shape of any type: `Probe::<T>::SHAPE` is `None` if `T` has no shape. [`Opaque`] must be in scope.
///
/// The compiler prefers the inherent constant to that of the trait [`Opaque`]. It falls back to the trait if `T: SessionShape` does
/// not hold.
#[derive(Debug)]
pub struct Probe<T: ?Sized>(PhantomData<T>);

impl<T: SessionShape + ?Sized> Probe<T> {
    /// The shape of `T`.
    pub const SHAPE: Option<u64> = Some(T::SHAPE);
}

/// The fallback of a [`Probe`] for a type without a shape.
pub trait Opaque {
    /// Always `None`.
    const SHAPE: Option<u64> = None;
}

impl<T: ?Sized> Opaque for Probe<T> {}

/// Asserts at compile time that a type is still stored as the lock file says.
///
/// `now` is the shape of the type and `locked` that in the lock file; `None` stands for an unknown shape. If `locked` is `None`,
/// `same_words` decides: whether the type is spelled as in the lock file.
///
/// # Panics
/// With `message` if the type is stored differently, or with `unseen` if the lock file has a shape and the type has none any more. In
/// a constant, a panic is a compile error.
#[track_caller]
pub const fn assert_kept(
    now: Option<u64>,
    locked: Option<u64>,
    same_words: bool,
    message: &str,
    unseen: &str,
) {
    let (kept, message) = match (now, locked) {
        (Some(now), Some(locked)) => (now == locked, message),
        // The shape was unknown when the lock file was written, so only the spelling can be compared.
        (_, None) => (same_words, message),
        (None, Some(_)) => (false, unseen),
    };
    assert!(kept, "{}", message);
}

macro_rules! named {
    ($($name:literal: $($ty:ty),+;)+) => {$($(
        impl SessionShape for $ty {
            const SHAPE: u64 = text($name);
        }
    )+)+};
}

named! {
    "bool": bool;
    "char": char;
    "string": String, str;
    "u8": u8; "u16": u16; "u32": u32; "u64": u64; "u128": u128; "usize": usize;
    "i8": i8; "i16": i16; "i32": i32; "i64": i64; "i128": i128; "isize": isize;
    "f32": f32; "f64": f64;
    "unit": ();
    "nonzero u8": NonZeroU8; "nonzero u16": NonZeroU16; "nonzero u32": NonZeroU32; "nonzero u64": NonZeroU64;
    "nonzero u128": NonZeroU128; "nonzero usize": NonZeroUsize;
    "nonzero i8": NonZeroI8; "nonzero i16": NonZeroI16; "nonzero i32": NonZeroI32; "nonzero i64": NonZeroI64;
    "nonzero i128": NonZeroI128; "nonzero isize": NonZeroIsize;
    "duration": Duration;
    "system time": SystemTime;
    "path": std::path::PathBuf, std::path::Path;
    "ip": std::net::IpAddr;
    "ipv4": std::net::Ipv4Addr;
    "ipv6": std::net::Ipv6Addr;
    "socket address": std::net::SocketAddr;
}

macro_rules! of_parts {
    ($($kind:literal: $([$($generics:tt)+] $ty:ty = $($part:ident),+;)+)+) => {$($(
        impl<$($generics)+> SessionShape for $ty {
            const SHAPE: u64 = of($kind, &[$($part::SHAPE),+]);
        }
    )+)+};
}

of_parts! {
    "option":
        [T: SessionShape] Option<T> = T;
    "list":
        [T: SessionShape] Vec<T> = T;
        [T: SessionShape] VecDeque<T> = T;
        [T: SessionShape] LinkedList<T> = T;
        [T: SessionShape] [T] = T;
    // Not a "list": a heap writes its elements in no particular order.
    "heap":
        [T: SessionShape] BinaryHeap<T> = T;
    "set":
        [T: SessionShape, S] HashSet<T, S> = T;
        [T: SessionShape] BTreeSet<T> = T;
    "map":
        [K: SessionShape, V: SessionShape, S] HashMap<K, V, S> = K, V;
        [K: SessionShape, V: SessionShape] BTreeMap<K, V> = K, V;
    "result":
        [T: SessionShape, E: SessionShape] Result<T, E> = T, E;
}

macro_rules! tuples {
    () => {};
    ($first:ident $($rest:ident)*) => {
        impl<$first: SessionShape, $($rest: SessionShape),*> SessionShape for ($first, $($rest,)*) {
            const SHAPE: u64 = of("tuple", &[$first::SHAPE, $($rest::SHAPE),*]);
        }
        tuples!($($rest)*);
    };
}

// Up to 16 elements, as in serde.
tuples!(A B C D E F G H I J K L M N O P);

impl<T: SessionShape, const N: usize> SessionShape for [T; N] {
    const SHAPE: u64 = of("array", &[T::SHAPE, N as u64]);
}

macro_rules! same_as_inside {
    ($($ty:ty),+) => {$(
        impl<T: SessionShape + ?Sized> SessionShape for $ty {
            const SHAPE: u64 = T::SHAPE;
        }
    )+};
}

same_as_inside!(Box<T>, Rc<T>, Arc<T>);

impl<T: SessionShape + ToOwned + ?Sized> SessionShape for Cow<'_, T> {
    const SHAPE: u64 = T::SHAPE;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_with_the_same_json_have_the_same_shape() {
        assert_eq!(<Vec<u8>>::SHAPE, <VecDeque<u8>>::SHAPE);
        assert_eq!(<Vec<u8>>::SHAPE, <Box<[u8]>>::SHAPE);
        assert_eq!(<Arc<str>>::SHAPE, <Cow<'_, str>>::SHAPE);
        assert_eq!(<HashMap<String, u8>>::SHAPE, <BTreeMap<Box<str>, u8>>::SHAPE);
        assert_eq!(<HashSet<u8>>::SHAPE, <BTreeSet<u8>>::SHAPE);
    }

    #[test]
    fn types_with_different_json_have_different_shapes() {
        let all = [
            bool::SHAPE,
            char::SHAPE,
            String::SHAPE,
            u8::SHAPE,
            u16::SHAPE,
            i8::SHAPE,
            f64::SHAPE,
            <()>::SHAPE,
            <(u8,)>::SHAPE,
            <(u8, u8)>::SHAPE,
            <(u8, (u8, u8))>::SHAPE,
            <((u8, u8), u8)>::SHAPE,
            <[u8; 1]>::SHAPE,
            <[u8; 2]>::SHAPE,
            <Vec<u8>>::SHAPE,
            <Vec<Vec<u8>>>::SHAPE,
            <Option<u8>>::SHAPE,
            <Vec<Option<u8>>>::SHAPE,
            <Option<Vec<u8>>>::SHAPE,
            <HashSet<u8>>::SHAPE,
            <HashMap<u8, u8>>::SHAPE,
            <Result<u8, u8>>::SHAPE,
            NonZeroU8::SHAPE,
            Duration::SHAPE,
            SystemTime::SHAPE,
        ];
        for (at, one) in all.iter().enumerate() {
            assert_eq!(all.iter().position(|other| other == one), Some(at));
        }
    }

    #[test]
    fn tuples_of_up_to_sixteen_elements_have_a_shape() {
        type Four<T> = (T, T, T, T);
        type Sixteen<A, B, C, D> = (A, A, A, A, B, B, B, B, C, C, C, C, D, D, D, D);
        assert_eq!(<Four<u8>>::SHAPE, of("tuple", &[u8::SHAPE; 4]));
        assert_eq!(<Sixteen<u8, u8, u8, u8>>::SHAPE, of("tuple", &[u8::SHAPE; 16]));
        assert_ne!(<Sixteen<u8, u8, u8, u16>>::SHAPE, <Sixteen<u16, u8, u8, u8>>::SHAPE);
    }

    struct Foreign;

    #[test]
    fn a_probe_accepts_every_type() {
        assert_eq!(Probe::<Vec<u8>>::SHAPE, Some(<Vec<u8>>::SHAPE));
        assert_eq!(Probe::<Foreign>::SHAPE, None);
        assert_eq!(Probe::<Vec<Foreign>>::SHAPE, None);
        assert_eq!(Probe::<dyn Fn()>::SHAPE, None);
    }

    #[test]
    fn an_assertion_holds_for_an_equal_shape_or_else_an_equal_spelling() {
        let kept = |now, locked, same| {
            std::panic::catch_unwind(|| assert_kept(now, locked, same, "no", "no")).is_ok()
        };
        assert!(kept(Some(1), Some(1), false));
        assert!(!kept(Some(2), Some(1), true));
        assert!(kept(None, None, true));
        assert!(!kept(None, None, false));
        assert!(kept(Some(1), None, true));
        assert!(!kept(Some(1), None, false));
        assert!(!kept(None, Some(1), true));
    }
}

//! What the types inside a field's type must be able to do, so that the compiler speaks of the type that lacks it.
//!
//! For `Vec<Line>` the derive writes `<Line as OfPart>::Of<Vec<Line>>`, which is the same type. If `Line` cannot be stored, that is the only
//! error: the compiler does not complain about a type that it could not find out.

use std::hash::Hash;

use super::reader::FieldValue;

/// The way to a type by a part of it.
pub trait OfPart {
    /// `T`.
    type Of<T>;
}

impl<P: FieldValue> OfPart for P {
    type Of<T> = T;
}

/// What a hash map asks of its keys.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a `HashMap`, or stand in a `HashSet`",
    label = "needs `Eq` and `Hash`",
    note = "derive those of `PartialEq`, `Eq` and `Hash` that it does not have yet"
)]
pub trait HashKey {}

#[diagnostic::do_not_recommend]
impl<K: Eq + Hash> HashKey for K {}

/// The way to a type by a key that is hashed.
pub trait OfHashKey {
    /// `T`.
    type Of<T>;
}

impl<K: HashKey> OfHashKey for K {
    type Of<T> = T;
}

/// What a map or a heap in order asks of its keys.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a `BTreeMap`, or stand in a `BTreeSet` or `BinaryHeap`",
    label = "needs `Ord`",
    note = "derive those of `PartialEq`, `Eq`, `PartialOrd` and `Ord` that it does not have yet"
)]
pub trait OrdKey {}

#[diagnostic::do_not_recommend]
impl<K: Ord> OrdKey for K {}

/// The way to a type by a key that has an order.
pub trait OfOrdKey {
    /// `T`.
    type Of<T>;
}

impl<K: OrdKey> OfOrdKey for K {
    type Of<T> = T;
}

//! `SessionValue`: two types have the same shape exactly if serde writes them alike, as far as their source shows.

use actix_typed_session::{SessionShape, SessionValue};
use serde::{Deserialize, Serialize};

/// Defines each type in a module of its own, so that types can have the same name.
macro_rules! shapes {
    ($($name:ident: $ty:ty = { $($item:item)* })+) => {
        $(mod $name {
            #![allow(dead_code)]
            use super::*;
            $($item)*
            pub(super) const SHAPE: u64 = <$ty as SessionShape>::SHAPE;
        })+
    };
}

shapes! {
    line: Line = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Line { sku: u32, note: Option<String> }
    }
    other_order_and_name: Row = {
        /// A doc comment, which makes no difference.
        #[derive(Clone, Serialize, Deserialize, SessionValue)]
        pub(super) struct Row { pub(super) note: Option<String>, pub(super) sku: u32 }
    }
    renamed_back: Line = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Line { #[serde(rename = "sku")] number: u32, note: Option<String> }
    }
    generic: Line<u32> = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Line<T> { sku: T, note: Option<String> }
    }
    with_what_serde_skips: Line = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Line { sku: u32, note: Option<String>, #[serde(skip)] cached: u8 }
    }
    renamed_in_json: Line = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Line { #[serde(rename = "position")] sku: u32, note: Option<String> }
    }
    all_renamed_in_json: Line = {
        #[derive(Serialize, Deserialize, SessionValue)]
        #[serde(rename_all = "UPPERCASE")]
        struct Line { sku: u32, note: Option<String> }
    }
    another_name: Line = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Line { number: u32, note: Option<String> }
    }
    another_type: Line = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Line { sku: u64, note: Option<String> }
    }
    one_more: Line = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Line { sku: u32, note: Option<String>, more: u8 }
    }
    another_argument: Line<u64> = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Line<T> { sku: T, note: Option<String> }
    }
    opaque: Line = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Line { #[session(opaque)] sku: u32, note: Option<String> }
    }
    tuple: Line = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Line(u32, Option<String>);
    }
    nested: Order = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Order { lines: Vec<super::Line> }
    }
    nested_and_another: Order = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Order { lines: Vec<super::Wide> }
    }
    wrapped: Id = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Id(u64);
    }
    wrapped_by_name: Id = {
        #[derive(Serialize, Deserialize, SessionValue)]
        #[serde(transparent)]
        struct Id { number: u64 }
    }
    variants: Theme = {
        #[derive(Serialize, Deserialize, SessionValue)]
        enum Theme { Light, Dark { grey: u8 }, Own(String) }
    }
    variants_in_another_order: Theme = {
        #[derive(Serialize, Deserialize, SessionValue)]
        enum Theme { Own(String), Dark { grey: u8 }, Light }
    }
    one_variant_more: Theme = {
        #[derive(Serialize, Deserialize, SessionValue)]
        enum Theme { Light, Dark { grey: u8 }, Own(String), Sepia }
    }
    variant_renamed: Theme = {
        #[derive(Serialize, Deserialize, SessionValue)]
        enum Theme { #[serde(rename = "light")] Light, Dark { grey: u8 }, Own(String) }
    }
    variant_with_more: Theme = {
        #[derive(Serialize, Deserialize, SessionValue)]
        enum Theme { Light, Dark { grey: u16 }, Own(String) }
    }
    tagged: Theme = {
        #[derive(Serialize, Deserialize, SessionValue)]
        #[serde(tag = "kind")]
        enum Theme { Light, Dark { grey: u8 } }
    }
    untagged: Number = {
        #[derive(Serialize, Deserialize, SessionValue)]
        #[serde(untagged)]
        enum Number { Small(u8), Large(u64) }
    }
    untagged_in_another_order: Number = {
        #[derive(Serialize, Deserialize, SessionValue)]
        #[serde(untagged)]
        enum Number { Large(u64), Small(u8) }
    }
    nothing: Nothing = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Nothing;
    }
    unit_variant: Form = {
        #[derive(Serialize, Deserialize, SessionValue)]
        enum Form { A }
    }
    unit_variant_by_skipping: Form = {
        #[derive(Serialize, Deserialize, SessionValue)]
        enum Form { A(#[serde(skip)] u8) }
    }
    newtype_variant: Form = {
        #[derive(Serialize, Deserialize, SessionValue)]
        enum Form { A(()) }
    }
    empty_tuple_variant: Form = {
        #[derive(Serialize, Deserialize, SessionValue)]
        enum Form { A() }
    }
    empty_struct_variant: Form = {
        #[derive(Serialize, Deserialize, SessionValue)]
        enum Form { A {} }
    }
    tuple_variant: Form = {
        #[derive(Serialize, Deserialize, SessionValue)]
        enum Form { A(u8, u8) }
    }
    newtype_variant_of_a_tuple: Form = {
        #[derive(Serialize, Deserialize, SessionValue)]
        enum Form { A((u8, u8)) }
    }
    partly_untagged: Number = {
        #[derive(Serialize, Deserialize, SessionValue)]
        enum Number { None, #[serde(untagged)] Small(u8), #[serde(untagged)] Large(u64) }
    }
    partly_untagged_in_another_order: Number = {
        #[derive(Serialize, Deserialize, SessionValue)]
        enum Number { None, #[serde(untagged)] Large(u64), #[serde(untagged)] Small(u8) }
    }
    each_variant_untagged: Number = {
        #[derive(Serialize, Deserialize, SessionValue)]
        enum Number { #[serde(untagged)] Short(u8), #[serde(untagged)] Long(u64) }
    }
    default_named_with: Line = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Line { #[serde(default = "with_one")] sku: u32, note: Option<String> }
        fn with_one() -> u32 { 1 }
    }
    renamed_to_with: Order = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Order { #[serde(rename(serialize = "with", deserialize = "with"))] lines: Vec<super::Line> }
    }
    renamed_to_with_and_spelled_otherwise: Order = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Order { #[serde(rename(serialize = "with", deserialize = "with"))] lines: Box<[super::Line]> }
    }
    with: Page = {
        type Inside = super::Line;
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Page { #[serde(with = "super::as_nothing")] page: Inside }
    }
    with_and_another: Page = {
        type Inside = super::Wide;
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Page { #[serde(with = "super::as_nothing")] page: Inside }
    }
    serialize_with: Page = {
        type Inside = super::Line;
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Page { #[serde(serialize_with = "super::as_nothing::serialize")] page: Inside }
    }
    serialize_with_and_another: Page = {
        type Inside = super::Wide;
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Page { #[serde(serialize_with = "super::as_nothing::serialize")] page: Inside }
    }
    deserialize_with: Page = {
        type Inside = super::Line;
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Page { #[serde(deserialize_with = "super::as_nothing::deserialize")] page: Inside }
    }
    deserialize_with_and_another: Page = {
        type Inside = super::Wide;
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Page { #[serde(deserialize_with = "super::as_nothing::deserialize")] page: Inside }
    }
    read_more_strictly_and_widely: Line = {
        #[derive(Default, Serialize, Deserialize, SessionValue)]
        #[serde(default, deny_unknown_fields)]
        struct Line { #[serde(alias = "number", default)] sku: u32, note: Option<String> }
    }
    variant_with_an_alias: Theme = {
        #[derive(Serialize, Deserialize, SessionValue)]
        enum Theme { #[serde(alias = "Bright")] Light, Dark { grey: u8 }, Own(String) }
    }
    left_out: Line = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Line { #[serde(skip_serializing_if = "super::is_zero")] sku: u32 }
    }
    left_out_with_default: Line = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Line { #[serde(default, skip_serializing_if = "super::is_zero")] sku: u32 }
    }
    left_out_with_default_of_the_struct: Line = {
        #[derive(Default, Serialize, Deserialize, SessionValue)]
        #[serde(default)]
        struct Line { #[serde(skip_serializing_if = "super::is_zero")] sku: u32 }
    }
    into_known: Percent = {
        #[derive(Clone, Serialize, Deserialize, SessionValue)]
        #[serde(try_from = "u8", into = "u8")]
        struct Percent { number: u32, cached: String }
        impl From<Percent> for u8 { fn from(_: Percent) -> u8 { 0 } }
        impl TryFrom<u8> for Percent {
            type Error = std::fmt::Error;
            fn try_from(_: u8) -> Result<Self, Self::Error> { Err(std::fmt::Error) }
        }
    }
    into_generic: Many<u8> = {
        #[derive(Clone, Serialize, Deserialize, SessionValue)]
        #[serde(from = "Vec<T>", into = "Vec<T>", bound = "T: Clone + Serialize + serde::de::DeserializeOwned")]
        enum Many<T> { None, Some(T) }
        impl<T> From<Many<T>> for Vec<T> { fn from(_: Many<T>) -> Self { Vec::new() } }
        impl<T> From<Vec<T>> for Many<T> { fn from(_: Vec<T>) -> Self { Self::None } }
    }
    into_foreign: Own = {
        #[derive(Clone, Serialize, SessionValue)]
        #[serde(into = "Foreign")]
        struct Own(u8);
        impl From<Own> for Foreign { fn from(own: Own) -> Self { Self(own.0) } }
    }
    into_foreign_with_more: Own = {
        #[derive(Clone, Serialize, SessionValue)]
        #[serde(into = "Foreign")]
        struct Own(u8, u8);
        impl From<Own> for Foreign { fn from(own: Own) -> Self { Self(own.0) } }
    }
    each_contains_the_other: Folder = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Folder { entries: Vec<Entry> }
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Entry { #[session(opaque)] folder: Option<Folder> }
    }
    recursive: Tree = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Tree { #[session(opaque)] inside: Vec<Tree> }
    }
    foreign: Page = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Page { foreign: super::Foreign }
    }
}

#[derive(Default, Serialize, Deserialize, SessionValue)]
struct Line {
    sku: u32,
}

#[derive(Default, Serialize, Deserialize, SessionValue)]
struct Wide {
    sku: u64,
}

/// A type that the library knows nothing about.
#[derive(Serialize, Deserialize)]
struct Foreign(u8);

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
fn is_zero(number: &u32) -> bool {
    *number == 0
}

mod as_nothing {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<T, S: Serializer>(_: &T, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_unit()
    }

    pub(super) fn deserialize<'de, T: Default, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        <()>::deserialize(from).map(|()| T::default())
    }
}

#[test]
fn types_with_the_same_json_have_the_same_shape() {
    for (what, shape) in [
        ("order and name", other_order_and_name::SHAPE),
        ("renamed back", renamed_back::SHAPE),
        ("generic", generic::SHAPE),
        ("skipped", with_what_serde_skips::SHAPE),
        ("default named with", default_named_with::SHAPE),
        ("read in other ways", read_more_strictly_and_widely::SHAPE),
    ] {
        assert_eq!(shape, line::SHAPE, "{what}");
    }
    assert_eq!(wrapped::SHAPE, u64::SHAPE);
    assert_eq!(wrapped_by_name::SHAPE, u64::SHAPE);
    assert_eq!(tuple::SHAPE, <(u32, Option<String>)>::SHAPE);
    assert_eq!(nothing::SHAPE, <()>::SHAPE);
    assert_eq!(variants::SHAPE, variants_in_another_order::SHAPE);
    assert_eq!(variants::SHAPE, variant_with_an_alias::SHAPE);
    assert_eq!(unit_variant::SHAPE, unit_variant_by_skipping::SHAPE);
    assert_eq!(renamed_to_with::SHAPE, renamed_to_with_and_spelled_otherwise::SHAPE);
    assert_eq!(with::SHAPE, with_and_another::SHAPE);
    assert_eq!(serialize_with::SHAPE, serialize_with_and_another::SHAPE);
    assert_eq!(deserialize_with::SHAPE, deserialize_with_and_another::SHAPE);
    assert_eq!(tuple_variant::SHAPE, newtype_variant_of_a_tuple::SHAPE);
    assert_eq!(untagged::SHAPE, each_variant_untagged::SHAPE);
    assert_eq!(left_out_with_default::SHAPE, left_out_with_default_of_the_struct::SHAPE);
    assert_eq!(into_known::SHAPE, u8::SHAPE);
    assert_eq!(into_generic::SHAPE, <Vec<u8>>::SHAPE);
    assert_eq!(into_foreign::SHAPE, into_foreign_with_more::SHAPE);
}

#[test]
fn types_with_different_json_have_different_shapes() {
    let all = [
        line::SHAPE,
        renamed_in_json::SHAPE,
        all_renamed_in_json::SHAPE,
        another_name::SHAPE,
        another_type::SHAPE,
        one_more::SHAPE,
        opaque::SHAPE,
        tuple::SHAPE,
        nested::SHAPE,
        nested_and_another::SHAPE,
        wrapped::SHAPE,
        variants::SHAPE,
        one_variant_more::SHAPE,
        variant_renamed::SHAPE,
        variant_with_more::SHAPE,
        tagged::SHAPE,
        untagged::SHAPE,
        untagged_in_another_order::SHAPE,
        nothing::SHAPE,
        recursive::SHAPE,
        foreign::SHAPE,
        unit_variant::SHAPE,
        newtype_variant::SHAPE,
        empty_tuple_variant::SHAPE,
        empty_struct_variant::SHAPE,
        tuple_variant::SHAPE,
        partly_untagged::SHAPE,
        partly_untagged_in_another_order::SHAPE,
        renamed_to_with::SHAPE,
        with::SHAPE,
        serialize_with::SHAPE,
        deserialize_with::SHAPE,
        left_out::SHAPE,
        left_out_with_default::SHAPE,
        into_foreign::SHAPE,
        each_contains_the_other::SHAPE,
    ];
    for (at, shape) in all.iter().enumerate() {
        assert_eq!(all.iter().position(|other| other == shape), Some(at));
    }
    assert_eq!(another_argument::SHAPE, another_type::SHAPE);
}

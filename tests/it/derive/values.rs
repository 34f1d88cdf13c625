//! `SessionValue`: two types share a shape exactly if serde writes them alike, as far as their source tells.

use actix_typed_session::{SessionShape, SessionValue};
use serde::{Deserialize, Serialize};

/// Each in a module of its own, so that the name of the type is the same or another at will.
macro_rules! shapes {
    ($($name:ident: $ty:ty = { $($item:item)* })+) => {
        $(mod $name {
            #![allow(dead_code)]
            use super::*;
            $($item)*
            pub(super) const FP: u64 = <$ty as SessionShape>::FP;
        })+
    };
}

shapes! {
    line: Line = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Line { sku: u32, note: Option<String> }
    }
    other_order_and_name: Row = {
        /// Documented.
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
    recursive: Tree = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Tree { #[session(opaque)] inside: Vec<Tree> }
    }
    foreign: Page = {
        #[derive(Serialize, Deserialize, SessionValue)]
        struct Page { foreign: super::Foreign }
    }
}

#[derive(Serialize, Deserialize, SessionValue)]
struct Line {
    sku: u32,
}

#[derive(Serialize, Deserialize, SessionValue)]
struct Wide {
    sku: u64,
}

/// Of which the library knows nothing.
#[derive(Serialize, Deserialize)]
struct Foreign(u8);

#[test]
fn alike_in_json() {
    for (what, shape) in [
        ("order and name", other_order_and_name::FP),
        ("renamed back", renamed_back::FP),
        ("generic", generic::FP),
        ("skipped", with_what_serde_skips::FP),
    ] {
        assert_eq!(shape, line::FP, "{what}");
    }
    assert_eq!(wrapped::FP, u64::FP);
    assert_eq!(wrapped_by_name::FP, u64::FP);
    assert_eq!(tuple::FP, <(u32, Option<String>)>::FP);
    assert_eq!(nothing::FP, <()>::FP);
    assert_eq!(variants::FP, variants_in_another_order::FP);
}

#[test]
fn all_others_differ() {
    let all = [
        line::FP,
        renamed_in_json::FP,
        all_renamed_in_json::FP,
        another_name::FP,
        another_type::FP,
        one_more::FP,
        opaque::FP,
        tuple::FP,
        nested::FP,
        nested_and_another::FP,
        wrapped::FP,
        variants::FP,
        one_variant_more::FP,
        variant_renamed::FP,
        variant_with_more::FP,
        tagged::FP,
        untagged::FP,
        untagged_in_another_order::FP,
        nothing::FP,
        recursive::FP,
        foreign::FP,
    ];
    for (at, shape) in all.iter().enumerate() {
        assert_eq!(all.iter().position(|other| other == shape), Some(at));
    }
    assert_eq!(another_argument::FP, another_type::FP);
}

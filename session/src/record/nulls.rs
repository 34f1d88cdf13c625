//! Why a value has `null` in its JSON text.
//!
//! In: a value. Out: [`Nulls`], to compare with that of the value which its text reads as. Never: a value, or text.
//!
//! `serde_json` writes `null` for an absent value, a unit, and a float that is no number. Of `Some(f64::NAN)`, `Some(None)` and `None`
//! each has the text `null`, so the text alone does not tell whether it reads as what was written.

use serde::{
    Serialize,
    de::value::Error,
    ser::{
        SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant, Serializer,
    },
};

/// What a value has that may be `null` in its text. The order does not matter, because that of a `HashMap` is another each time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Nulls {
    none: usize,
    some: usize,
    unit: usize,
    not_a_number: usize,
}

impl Nulls {
    /// Those of `value`.
    pub(crate) fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        let mut nulls = Self::default();
        // A value that cannot be serialised has no text either.
        drop(value.serialize(&mut nulls));
        nulls
    }
}

type Done = Result<(), Error>;

/// Methods for values whose text is never `null`.
macro_rules! never_null {
    ($($method:ident($ty:ty))+) => {
        $(fn $method(self, _: $ty) -> Done {
            Ok(())
        })+
    };
}

/// A collection counts what its elements count.
macro_rules! collections {
    ($($collection:ident { $($method:ident($($skipped:ty),*))+ })+) => {
        $(impl $collection for &mut Nulls {
            type Ok = ();
            type Error = Error;

            $(fn $method<T: Serialize + ?Sized>(&mut self, $(_: $skipped,)* value: &T) -> Done {
                value.serialize(&mut **self)
            })+

            fn end(self) -> Done {
                Ok(())
            }
        })+
    };
}

collections! {
    SerializeSeq { serialize_element() }
    SerializeTuple { serialize_element() }
    SerializeTupleStruct { serialize_field() }
    SerializeTupleVariant { serialize_field() }
    SerializeMap { serialize_key() serialize_value() }
    SerializeStruct { serialize_field(&'static str) }
    SerializeStructVariant { serialize_field(&'static str) }
}

impl Serializer for &mut Nulls {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    never_null! {
        serialize_bool(bool)
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_i128(i128)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_u128(u128)
        serialize_char(char) serialize_str(&str) serialize_bytes(&[u8])
    }

    fn serialize_f32(self, float: f32) -> Done {
        self.not_a_number += usize::from(!float.is_finite());
        Ok(())
    }

    fn serialize_f64(self, float: f64) -> Done {
        self.not_a_number += usize::from(!float.is_finite());
        Ok(())
    }

    fn serialize_none(self) -> Done {
        self.none += 1;
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        self.some += 1;
        value.serialize(self)
    }

    fn serialize_unit(self) -> Done {
        self.unit += 1;
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Done {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Done {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Done {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Error> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn equal_texts_with_other_nulls_differ() {
        let nulls = [
            Nulls::of(&None::<f64>),
            Nulls::of(&Some(f64::NAN)),
            Nulls::of(&f64::INFINITY),
            Nulls::of(&()),
            Nulls::of(&Some(())),
            Nulls::of(&Some(None::<u8>)),
        ];
        for (at, one) in nulls.iter().enumerate() {
            assert!(nulls.iter().skip(at + 1).all(|other| one != other), "{one:?}");
        }
    }

    #[test]
    fn nulls_are_found_at_any_depth_and_in_any_order() {
        #[derive(serde::Serialize)]
        enum Deep {
            Struct { list: Vec<Option<u8>>, map: HashMap<u8, (f32, Option<f64>)> },
            Tuple(Option<Box<Deep>>, ()),
        }
        let deep = |keys: &[u8]| {
            let map = keys.iter().map(|key| (*key, (f32::NAN, Some(1.0)))).collect();
            let inner = Deep::Struct { list: vec![None, Some(1), None], map };
            Nulls::of(&Deep::Tuple(Some(Box::new(inner)), ()))
        };
        let keys: Vec<u8> = (0..100).collect();
        assert_eq!(deep(&keys), Nulls { none: 2, some: 102, unit: 1, not_a_number: 100 });
        assert_eq!(deep(&keys), deep(&keys.into_iter().rev().collect::<Vec<_>>()));
    }
}

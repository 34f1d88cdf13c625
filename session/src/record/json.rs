//! The JSON text of one value.
//!
//! In: a value, or text. Out: [`Json`]. Never: a tree of values in between.

use std::{
    any::{Any, TypeId},
    fmt,
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{nulls::Nulls, text::Text};

/// What a sealed value begins with, and no JSON does.
const SEALED: &str = "sealed:";

/// The JSON text of one value, kept byte for byte. `Debug` shows its length only: values are the visitor's secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Json(Text);

impl Json {
    /// Encodes `value`.
    ///
    /// # Errors
    /// When the value's `Serialize` fails, or a map has keys that are not strings.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(|text| Self(text.into()))
    }

    /// Takes text that claims to be one JSON value, after checking that it is.
    ///
    /// # Errors
    /// When `text` is not exactly one JSON value.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<&RawValue>(text).map(|raw| Self(raw.get().into()))
    }

    /// Takes text as a store returned it; whoever decodes it finds out whether it is JSON.
    #[must_use]
    pub fn from_store(text: &str) -> Self {
        Self(text.into())
    }

    /// `null`, the text of a cleared field.
    #[must_use]
    pub fn null() -> Self {
        Self("null".into())
    }

    /// Whether this is `null`: the field was cleared.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.as_str() == "null"
    }

    /// A secret value as it is stored: no JSON, so that it never passes for a value of any type.
    pub(crate) fn of_sealed(sealed: &str) -> Self {
        Self([SEALED, sealed].concat().into())
    }

    /// What [`of_sealed`](Self::of_sealed) was given, if this is a secret value as it is stored.
    pub(crate) fn sealed(&self) -> Option<&str> {
        self.as_str().strip_prefix(SEALED)
    }

    pub(super) fn is_sealed(&self) -> bool {
        self.0.begins_with(SEALED)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The same as [`from_store`](Self::from_store), for a part of a record's text.
    pub(super) const fn of_text(text: Text) -> Self {
        Self(text)
    }

    /// [`encode`](Self::encode) for the value of a field. Text that needs no escapes is copied.
    pub(crate) fn of_field<T: Serialize + 'static>(value: &T) -> Result<Self, serde_json::Error> {
        match (value as &dyn Any).downcast_ref::<String>() {
            Some(text) if is_plain(text) => Ok(Self(["\"", text, "\""].concat().into())),
            _ => Self::encode(value),
        }
    }

    pub(crate) fn decode<T: DeserializeOwned + 'static>(&self) -> Result<T, serde_json::Error> {
        self.plain_text().map_or_else(|| serde_json::from_str(self.as_str()), Ok)
    }

    /// Whether this text, which is that of `value`, reads as `value` again.
    ///
    /// The types that most fields have are known to; deciding that costs nothing, since the type is known when this is compiled.
    pub(crate) fn reads_as<T: Serialize + DeserializeOwned + 'static>(&self, value: &T) -> bool {
        is_always_readable::<T>() && !self.is_null()
            || self.decode::<T>().is_ok_and(|read| self.nulls_of(&read) == self.nulls_of(value))
    }

    /// Why `value`, which has this text, has `null` in it.
    pub(crate) fn nulls_of<T: Serialize + ?Sized>(&self, value: &T) -> Nulls {
        if self.as_str().contains("null") { Nulls::of(value) } else { Nulls::default() }
    }

    /// The value, if it is text that is written without escapes and `T` is `String`; most cells of most sessions are.
    fn plain_text<T: 'static>(&self) -> Option<T> {
        if TypeId::of::<T>() != TypeId::of::<String>() {
            return None;
        }
        let text = self.as_str().strip_prefix('"')?.strip_suffix('"').filter(|text| is_plain(text))?;
        let mut same_type = Some(text.to_owned());
        (&mut same_type as &mut dyn Any).downcast_mut::<Option<T>>()?.take()
    }
}

/// Whether every value of the type reads back from its text, unless that is `null`.
fn is_always_readable<T: 'static>() -> bool {
    macro_rules! any_of {
        ($($ty:ty)+) => {
            [$(TypeId::of::<$ty>(), TypeId::of::<Option<$ty>>()),+].contains(&TypeId::of::<T>())
        };
    }
    any_of!(String bool char u8 u16 u32 u64 usize u128 i8 i16 i32 i64 isize i128 f32 f64)
}

/// Whether `text` stands in JSON as it is. Looks at every byte, without branches, because that is how it can look at many at once.
fn is_plain(text: &str) -> bool {
    let special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    !text.bytes().fold(false, |found, byte| found | special(byte))
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.as_str().len())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on fails

    use super::*;

    /// Text that is copied instead of parsed must make no difference.
    #[test]
    fn plain_text_is_what_serde_json_says() {
        let characters = (0..=0x17f).filter_map(char::from_u32).chain(['\u{2028}', '\u{fffd}', '\u{1f36a}']);
        for character in characters {
            for length in 0..40 {
                let text = format!("{}{character}{}", "a".repeat(length), "b".repeat(40 - length));
                let json = serde_json::to_string(&text).unwrap();
                assert_eq!(Json::of_field(&text).unwrap().as_str(), json);
                assert_eq!(Json::from_store(&json).decode::<String>().unwrap(), text);
                // Unescaped, as no encoder writes it.
                let raw = format!("\"{text}\"");
                let (ours, theirs) =
                    (Json::from_store(&raw).decode::<String>(), serde_json::from_str::<String>(&raw));
                assert_eq!(ours.ok(), theirs.ok(), "{raw:?}");
            }
        }
        for odd in
            ["", "\"", "\"\"", "\"a", "a\"", " \"a\"", "\"a\" ", "\"a\"b\"", "\"a\",\"b\"", "null", "1"]
        {
            let (ours, theirs) =
                (Json::from_store(odd).decode::<String>(), serde_json::from_str::<String>(odd));
            assert_eq!(ours.ok(), theirs.ok(), "{odd:?}");
        }
    }
}

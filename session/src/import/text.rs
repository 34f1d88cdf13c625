//! The forms in which actix-session stores a session: up to 0.11 a JSON object of JSON texts, later the values with a version beside them.
//!
//! In: the text of a record or of a cookie. Out: the JSON text of each value. Never: a form that actix-session does not read.
//!
//! Source: `actix-session/src/storage/format.rs`, whose order of attempts this follows.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::record::json::Json;

/// The version of the later form.
const VERSION: u8 = 1;

/// Why a text is no session. It shows nothing of the text, which holds the visitor's data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum NotASession {
    #[error("the old session is not what actix-session stores")]
    Malformed,
    #[error(
        "the old session has another form than those of actix-session up to version {VERSION} of its format"
    )]
    OtherVersion,
}

type Object<'a> = BTreeMap<String, &'a RawValue>;

/// The values of the session that `text` holds.
pub(super) fn read(text: &str) -> Result<BTreeMap<String, Json>, NotASession> {
    let object: Object<'_> = parse(text)?;
    let value = |key| object.get(key).map(|value| value.get());
    if let (Some(state), Some(version)) = (value("state"), value("v"))
        && state.starts_with('{')
        && is_number(version)
    {
        if version.parse() != Ok(VERSION) {
            return Err(NotASession::OtherVersion);
        }
        let state: Object<'_> = parse(state)?;
        return Ok(state.into_iter().map(|(key, value)| (key, as_it_is(value))).collect());
    }
    if object.values().all(|value| value.get().starts_with('"')) {
        let unpacked = |(key, value): (String, &RawValue)| {
            let text: String = parse(value.get())?;
            Ok((key, Json::parse(&text).map_err(|_| NotASession::Malformed)?))
        };
        return object.into_iter().map(unpacked).collect();
    }
    Ok(object.into_iter().map(|(key, value)| (key, as_it_is(value))).collect())
}

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, NotASession> {
    serde_json::from_str(text).map_err(|_| NotASession::Malformed)
}

fn is_number(json: &str) -> bool {
    json.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

/// It was read as JSON, so it need not be checked again.
fn as_it_is(value: &RawValue) -> Json {
    Json::from_store(value.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Result<Vec<(String, String)>, NotASession> {
        Ok(read(text)?.into_iter().map(|(key, json)| (key, json.as_str().to_owned())).collect())
    }

    #[test]
    fn both_forms_read_as_the_same_values() {
        let old =
            r#"{"user":"7","name":"\"ada\"","cart":"[1,2]","gone":"null","big":"18446744073709551616"}"#;
        let new =
            r#"{"v":1,"state":{"user":7,"name":"ada","cart":[1,2],"gone":null,"big":18446744073709551616}}"#;
        assert_eq!(texts(old), texts(new));
        let bare = r#"{"user":7,"name":"ada","cart":[1,2],"gone":null,"big":18446744073709551616}"#;
        assert_eq!(texts(bare), texts(new));
        assert_eq!(texts("{}"), Ok(Vec::new()));
        assert_eq!(texts(r#"{"v":1,"state":{}}"#), Ok(Vec::new()));
    }

    /// An application of before the later form may have had keys of these names.
    #[test]
    fn keys_that_look_like_the_later_form_are_values_of_the_earlier_one() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            texts(r#"{"v":"1","state":"{\"a\":2}"}"#),
            Ok(vec![pair("state", "{\"a\":2}"), pair("v", "1")])
        );
    }

    #[test]
    fn what_actix_session_refuses_is_refused() {
        for text in ["", "7", "[]", "null", "\"{}\"", "{", r#"{"a":"not json"}"#, r#"{"a":1}x"#] {
            assert_eq!(texts(text), Err(NotASession::Malformed), "{text}");
        }
        for version in ["2", "0", "256", "-1", "1.0", "1e0"] {
            let text = format!(r#"{{"v":{version},"state":{{}}}}"#);
            assert_eq!(texts(&text), Err(NotASession::OtherVersion), "{text}");
        }
    }
}

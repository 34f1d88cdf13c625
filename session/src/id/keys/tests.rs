//! Tests of where keys come from, and of which are refused.

#![allow(clippy::unwrap_used)] // a test that cannot go on fails

use super::*;

const OLD: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
const NEW: &str = "AgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICE=";

/// 64 bytes.
const LONG: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/QA==";

/// A key without its padding, the last bits of which do not matter.
fn bare(text: &str) -> &str {
    text.trim_end_matches('=')
}

fn id(text: &str) -> KeyId {
    text.parse::<Key>().unwrap().id()
}

fn ids(text: &str) -> Vec<KeyId> {
    text.parse::<Keys>().unwrap().ring.all().map(Key::id).collect()
}

#[test]
fn the_first_key_of_a_text_is_active_and_the_others_are_accepted() {
    assert_eq!(ids(OLD), [id(OLD)]);
    assert_eq!(ids(&format!("{NEW},{OLD}")), [id(NEW), id(OLD)]);
    assert_eq!(ids(&format!(" {OLD}\n, {NEW} , revoked:Ab3_\r\n")), [id(OLD), id(NEW)]);
}

#[test]
fn every_key_of_a_text_is_checked() {
    for (text, error) in [
        (String::new(), KeyError::TooShort(0)),
        (format!("{OLD},"), KeyError::TooShort(0)),
        (format!("{OLD},AQID"), KeyError::TooShort(3)),
        (format!("AQID,{OLD}"), KeyError::TooShort(3)),
        (format!("{OLD};{NEW}"), KeyError::NotBase64),
        // One key a line.
        (format!("{OLD}\n{NEW}"), KeyError::PerhapsSeveral),
        (format!("{}\n{}\n", bare(OLD), bare(NEW)), KeyError::PerhapsSeveral),
        (format!("{}\n{}", &LONG[..64], &LONG[..64]), KeyError::PerhapsSeveral),
        (format!("{NEW},{} {}", &LONG[..44], &LONG[..44]), KeyError::PerhapsSeveral),
        (format!("{OLD},{} {}", &OLD[..20], &OLD[20..]), KeyError::PerhapsSeveral),
        ("revoked:Ab3_".into(), KeyError::TooShort(0)),
        (format!("{OLD},revoked:{NEW}"), KeyError::NotAnId),
    ] {
        assert_eq!(text.parse::<Keys>().unwrap_err(), error, "{text}");
    }
}

#[test]
fn a_key_of_64_bytes_may_be_wrapped() {
    for at in [64, 76] {
        let wrapped = format!("{}\n{}\n", &LONG[..at], &LONG[at..]);
        assert_eq!(ids(&format!("{wrapped},{OLD}")), [id(LONG), id(OLD)]);
    }
}

#[test]
fn a_revoked_key_can_be_neither_active_nor_accepted() {
    let revoked = format!("revoked:{}", id(OLD));
    for text in [format!("{OLD},{revoked}"), format!("{NEW},{OLD},{revoked}"), format!("{revoked},{OLD}")] {
        let error = text.parse::<Keys>().unwrap_err();
        assert_eq!(error, KeyError::Revoked(id(OLD)), "{text}");
        assert!(error.to_string().contains(&id(OLD).to_string()));
    }
    assert_eq!(ids(&format!("{NEW},{revoked}")), [id(NEW)]);
    let keys = Keys::new(NEW.parse().unwrap(), [OLD.parse().unwrap()]);
    assert!(keys.clone().revoke([id(NEW)]).is_err() && keys.revoke([]).is_ok());
}

#[test]
fn keys_are_read_from_a_file_and_an_error_names_it_and_shows_nothing_of_it() {
    let path = env::temp_dir().join(format!("actix-typed-session-keys-{}", std::process::id()));
    fs::write(&path, format!("{NEW},\n{OLD}\n")).unwrap();
    let keys = Keys::from_file(&path).unwrap();
    assert_eq!(keys.ring.all().map(Key::id).collect::<Vec<_>>(), [id(NEW), id(OLD)]);
    fs::write(&path, "hunter2").unwrap();
    let wrong = Keys::from_file(&path).unwrap_err().to_string();
    assert!(wrong.starts_with(path.to_str().unwrap()) && wrong.contains("`openssl rand"), "{wrong}");
    assert!(!wrong.contains("hunter2"));
    fs::remove_file(&path).unwrap();
    let missing = Keys::from_file(&path).unwrap_err().to_string();
    assert!(missing.contains(path.to_str().unwrap()), "{missing}");
}

#[test]
fn keys_are_read_from_a_variable_and_an_error_names_it() {
    // A variable that cargo sets, because a test cannot set one without `unsafe`.
    let wrong = Keys::from_env("CARGO_PKG_NAME").unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "CARGO_PKG_NAME: the text of a session key is not base64; make one with `openssl rand -base64 32`"
    );
    let missing = Keys::from_env("A_VARIABLE_THAT_IS_NOT_SET").unwrap_err();
    assert_eq!(missing, KeyError::NotSet("A_VARIABLE_THAT_IS_NOT_SET".into()));
}

#[test]
fn debug_shows_ids_and_no_key() {
    let keys: Keys = format!("{NEW},{OLD},revoked:Ab3_").parse().unwrap();
    let (new, old) = (id(NEW), id(OLD));
    assert_eq!(
        format!("{keys:?}"),
        format!("Keys {{ active: KeyId({new}), accepted: [KeyId({old})], revoked: [KeyId(Ab3_)] }}")
    );
}

//! In: the names of the schema, of wire keys and of methods. Out: a message for each name that is invalid or taken.
//!
//! Never looks at older versions; `reuse` does.

use std::collections::BTreeMap;

use proc_macro2::Ident;

use crate::attr::{Written, WrittenField};
use crate::errors::Errors;
use crate::ident::{self, NotAName};
use crate::model::Schema;
use crate::model::field::Field;
use crate::options::{self, Owner};

pub(super) fn schema_name(errors: &Errors, written: &Written<'_>, schema: &Schema<'_>) {
    let name = schema.name.text.as_str();
    let fix = if written.name.is_some() {
        "pick another".to_owned()
    } else {
        format!(
            "it comes from the struct's name, so give another, such as `#[session(name = \"my_{name}\")]`"
        )
    };
    if name.starts_with('$') || options::RESERVED_SCHEMAS.contains(&name) {
        errors.at(&schema.name.at, format!("schema name {name:?} is used by the library; {fix}"));
        return;
    }
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
    let letters = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !starts || !letters || name.len() > 32 {
        errors.at(
            &schema.name.at,
            format!(
                "schema name {name:?} must have 1 to 32 characters from `a-z`, `0-9` and `_`, starting with a letter; {fix}"
            ),
        );
    }
}

pub(super) fn wire_key(errors: &Errors, written: &WrittenField<'_>, schema: &Schema<'_>, field: &Field<'_>) {
    let key = field.key.text.as_str();
    let fix = if written.key.is_some() { "pick another" } else { "name it with `#[session(key = \"..\")]`" };
    if let Some(message) = with_schema(schema, key) {
        errors.at(&field.key.at, message);
    } else if key.starts_with('$') {
        errors.at(&field.key.at, "wire keys starting with `$` are reserved for the library; pick another");
    } else if key.contains('@') {
        errors.at(&field.key.at, "`@` inside a wire key is reserved for versions; pick another key");
    } else if key.is_empty() || key.len() > 64 || !key.chars().all(allowed_in_key) {
        errors.at(
            &field.key.at,
            format!("a wire key must have 1 to 64 characters from `a-z`, `A-Z`, `0-9`, `_` and `-`; {fix}"),
        );
    }
}

/// The message for a wire key with the name of the schema in front: `shop.theme`, as the guide and the census print it.
pub(super) fn with_schema(schema: &Schema<'_>, key: &str) -> Option<String> {
    let name = &schema.name.text;
    let rest = key.strip_prefix(name.as_str())?.strip_prefix('.').filter(|rest| !rest.is_empty())?;
    Some(format!("a wire key is written without `{name}.`, which the library adds; write `\"{rest}\"`"))
}

pub(super) fn allowed_in_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

pub(super) fn wire_keys_differ(errors: &Errors, schema: &Schema<'_>) {
    let mut seen: BTreeMap<&str, &Ident> = BTreeMap::new();
    for field in &schema.fields {
        let key = field.key.text.as_str();
        match seen.get(key) {
            // The compiler reports a field that is declared twice.
            Some(first) if ident::word(first) != ident::word(field.ident) => {
                let first = ident::word(first);
                errors.at(
                    &field.key.at,
                    format!(
                        "wire key {key:?} is already used by field `{first}`; pick another with \
                         `#[session(key = \"..\")]`"
                    ),
                );
            }
            Some(_) => {}
            None => drop(seen.insert(key, field.ident)),
        }
    }
}

pub(super) fn getter_is_a_name(errors: &Errors, written: &WrittenField<'_>) {
    let Some(getter) = &written.getter else { return };
    let text = getter.value.value();
    let message = match ident::parse(&text, getter.value.span()) {
        Ok(_) => return,
        Err(NotAName::Keyword) => {
            format!("`{text}` is a keyword; write `getter = \"r#{text}\"` or pick another name")
        }
        Err(NotAName::Unwritable) => format!("`{text}` cannot be the name of a method; pick another name"),
        Err(NotAName::NoIdentifier(Some(near))) => format!("{text:?} is not a Rust identifier; use `{near}`"),
        Err(NotAName::NoIdentifier(None)) => {
            format!("{text:?} is not a Rust identifier; use a name such as `last_seen`")
        }
    };
    errors.at(&getter.value, message);
}

pub(super) fn handle_is_a_name(errors: &Errors, written: &Written<'_>) {
    let Some(handle) = &written.handle else { return };
    let (text, state) = (handle.value.value(), ident::word(&written.item.ident));
    let message = match ident::parse(&text, handle.value.span()) {
        Ok(handle) if ident::word(&handle) == state => {
            format!(
                "`{state}` is the state, and its handle is another type; use a name such as `{state}Session`"
            )
        }
        Ok(_) => return,
        Err(NotAName::Keyword | NotAName::Unwritable) => {
            format!("`{text}` cannot be the name of a type; use a name such as `{state}Session`")
        }
        Err(NotAName::NoIdentifier(_)) => {
            format!("{text:?} is not a Rust identifier; use a name such as `{state}Session`")
        }
    };
    errors.at(&handle.value, message);
}

pub(super) fn getter_is_free(errors: &Errors, written: &WrittenField<'_>, field: &Field<'_>) {
    let name = ident::word(&field.getter);
    let known = match &written.getter {
        Some(getter) => ident::parse(&getter.value.value(), getter.value.span()).is_ok(),
        None => !written.damaged,
    };
    if !known {
        // The name that was meant has its own message.
        return;
    }
    let Some((_, owner)) = options::RESERVED.iter().find(|(reserved, _)| *reserved == name) else { return };
    let trouble = match owner {
        Owner::Handle => format!("would hide the handle's own `{name}`"),
        Owner::Trait(method) => format!("would be hidden by `{method}`"),
    };
    let message = format!(
        "a getter named `{name}` {trouble}; rename it with `#[session(getter = \"..\")]`, or rename the field; \
         `#[session(key = {:?})]` then keeps values that are already stored",
        field.key.text
    );
    match &written.getter {
        Some(getter) => {
            errors.at(&getter.value, format!("a getter named `{name}` {trouble}; pick another name"));
        }
        None => errors.at(field.ident, message),
    }
}

pub(super) fn methods_differ(errors: &Errors, schema: &Schema<'_>) {
    let mut seen: BTreeMap<String, (&str, String)> = BTreeMap::new();
    for field in &schema.fields {
        let second = ident::word(field.ident);
        for (role, method) in field.methods() {
            let name = ident::word(&method);
            match seen.get(&name) {
                // The compiler reports a field that is declared twice.
                Some((_, first)) if *first == second => {}
                Some((first_role, first)) => errors.at(
                    if role == "getter" { &field.getter } else { field.ident },
                    format!(
                        "the {role} of `{second}` and the {first_role} of `{first}` would both be called `{name}`; rename \
                         one field, or its getter with `#[session(getter = \"..\")]`"
                    ),
                ),
                None => drop(seen.insert(name, (role, second.clone()))),
            }
        }
    }
}

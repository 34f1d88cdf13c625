//! In: the item as written. Out: a message for each thing that is wrong with the item as a whole.
//!
//! Never looks at what a field stores.

use syn::punctuated::Punctuated;
use syn::{Attribute, Data, Fields, GenericParam, Meta, Token};

use crate::attr::{Written, WrittenField};
use crate::errors::Errors;
use crate::ident;
use crate::words::words;

pub(super) fn is_struct_with_named_fields(errors: &Errors, written: &Written<'_>) -> bool {
    let item = written.item;
    match &item.data {
        Data::Struct(data) => match data.fields {
            Fields::Named(_) => return true,
            Fields::Unnamed(_) | Fields::Unit => errors.at(
                &item.ident,
                format!(
                    "`SessionState` needs named fields: each one is stored under its own wire key; write \
                     `struct {} {{ .. }}`",
                    item.ident
                ),
            ),
        },
        Data::Enum(data) => errors.at(
            data.enum_token,
            "`SessionState` can only be derived for a struct with named fields, not for an enum; store an enum as a \
             field instead",
        ),
        Data::Union(data) => errors.at(
            data.union_token,
            "`SessionState` can only be derived for a struct with named fields, not for a union; write a struct instead",
        ),
    }
    false
}

pub(super) fn not_generic(errors: &Errors, written: &Written<'_>) {
    let message = "`SessionState` cannot be generic: one schema name must always mean one set of stored types; \
                   write the types out";
    let generics = &written.item.generics;
    match (generics.params.first(), &generics.where_clause) {
        (Some(GenericParam::Lifetime(lifetime)), _) => {
            let name = &lifetime.lifetime;
            errors.at(
                lifetime,
                format!("a session outlives its requests, so a state cannot borrow; remove `{name}`, and own what it borrows"),
            );
        }
        (Some(parameter), _) => errors.at(parameter, message),
        (None, Some(clause)) => errors.at(clause, message),
        (None, None) => {}
    }
}

pub(super) fn some_field(errors: &Errors, written: &Written<'_>) {
    if written.fields.is_empty() {
        errors.at(&written.item.ident, "this schema stores nothing; add a field or remove the derive");
    }
}

/// Reports serde's attributes that seem to change what is stored. The others may be there for a template or an API.
pub(super) fn no_serde_on_field(errors: &Errors, attrs: &[Attribute]) {
    no_serde(errors, attrs, |word, value| {
        Some(match word {
            "default" => {
                "remove it, and write `#[session(default)]`, unless the field is an `Option`".to_owned()
            }
            "rename" => format!("remove it, and write `#[session(key = {value})]`"),
            "alias" => format!(
                "a field has one name; remove it, or, if sessions are already stored under {value}, write \
                 `#[session(key = {value})]`"
            ),
            "with" | "serialize_with" | "deserialize_with" => {
                "remove it, and give the field a type of your own whose `Serialize` and `Deserialize` write and read \
                 this form; if it is there for another use of this struct, such as a response, make a second struct \
                 for that"
                    .to_owned()
            }
            "flatten" => {
                "remove it, and the field is stored as one value; to store the fields of its type one by one, \
                 declare them here in place of this field"
                    .to_owned()
            }
            _ => return None,
        })
    });
}

/// The same on the struct.
pub(super) fn no_serde_on_struct(errors: &Errors, attrs: &[Attribute]) {
    no_serde(errors, attrs, |word, value| {
        Some(match word {
            "default" => {
                "remove it, and write `#[session(default)]` on each field that is not an `Option`".to_owned()
            }
            "rename" => format!("remove it, and write `#[session(name = {value})]`"),
            _ => return None,
        })
    });
}

/// `fix` gets the word and the value that is given to it.
fn no_serde(errors: &Errors, attrs: &[Attribute], fix: fn(&str, &str) -> Option<String>) {
    let list = |attr: &Attribute| attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
        for meta in list(attr).into_iter().flatten() {
            let word = meta.path().get_ident().map(ident::word).unwrap_or_default();
            let (value, written) = match &meta {
                Meta::NameValue(meta) => (words(&meta.value), format!("{word} = {}", words(&meta.value))),
                Meta::Path(_) | Meta::List(_) => ("\"..\"".to_owned(), word.clone()),
            };
            if let Some(fix) = fix(&word, &value) {
                errors.at(
                    meta.path(),
                    format!("`#[serde({written})]` does not change what a session stores; {fix}"),
                );
            }
        }
    }
}

pub(super) fn no_cfg(errors: &Errors, written: &WrittenField<'_>) {
    for attr in written.field.attrs.iter().filter(|attr| attr.path().is_ident("cfg")) {
        errors.at(
            attr,
            "session fields cannot be behind `#[cfg]`: binaries built with different features share one store; \
             remove it",
        );
    }
}

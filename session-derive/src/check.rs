//! In: the item as written and the schema as decided. Out: every rule that they break, as messages.
//!
//! Never decides and never stops: each rule is one function, and [`all`] is the table of contents.

use std::collections::BTreeMap;

use proc_macro2::Ident;
use syn::{Attribute, Data, Fields, Meta, Type};

use crate::attr::{Given, Slot, Written, WrittenField};
use crate::errors::{Errors, source};
use crate::ident::{self, NotAName};
use crate::lock::Past;
use crate::model::{self, Field, Schema};
use crate::options::{self, Owner};

mod history;
mod steps;

pub(crate) use history::Unused;

/// Reports all but one: of a version in which nothing changes, a lock may know what did.
pub(crate) fn all(
    errors: &Errors,
    written: &Written<'_>,
    schema: &Schema<'_>,
    past: &Past,
) -> Option<Unused> {
    if !is_struct_with_named_fields(errors, written) {
        // Of an enum, "missing version" says nothing.
        return None;
    }
    not_generic(errors, written);
    some_field(errors, written);
    version_given_and_in_range(errors, written);
    schema_name(errors, written, schema);
    no_serde(errors, &written.item.attrs, "remove it");
    for (written, field) in written.fields.iter().zip(&schema.fields) {
        no_serde(
            errors,
            &written.field.attrs,
            "remove it, or give the field a type that is serialized in this way",
        );
        no_cfg(errors, written);
        owned_type(errors, schema, field);
        one_null(errors, field.ty);
        string_keys_in_maps(errors, field);
        default_where_needed(errors, written, field);
        no_default_on_option(errors, written, field);
        principal_and_flash_are_options(errors, written, field);
        no_contradiction(errors, written);
        wire_key(errors, written, schema, field);
        getter_is_a_name(errors, written);
        getter_is_free(errors, written, field);
    }
    one_principal(errors, written);
    wire_keys_differ(errors, schema);
    methods_differ(errors, schema);
    history::all(errors, written, schema, past)
}

fn is_struct_with_named_fields(errors: &Errors, written: &Written<'_>) -> bool {
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

fn not_generic(errors: &Errors, written: &Written<'_>) {
    let message = "`SessionState` cannot be generic: one schema name must always mean one set of stored types; \
                   write the types out";
    let generics = &written.item.generics;
    match (generics.params.first(), &generics.where_clause) {
        (Some(parameter), _) => errors.at(parameter, message),
        (None, Some(clause)) => errors.at(clause, message),
        (None, None) => {}
    }
}

fn some_field(errors: &Errors, written: &Written<'_>) {
    if written.fields.is_empty() {
        errors.at(&written.item.ident, "this schema stores nothing; add a field or drop the derive");
    }
}

fn version_given_and_in_range(errors: &Errors, written: &Written<'_>) {
    let Some(version) = &written.version else {
        if !written.damaged {
            errors.at(&written.item.ident, "missing `#[session(version = 1)]`");
        }
        return;
    };
    match version.value.base10_parse::<u16>() {
        Ok(0) => errors.at(&version.value, "schema versions start at 1"),
        Ok(_) => {}
        Err(_) => {
            let digits = version.value.base10_digits();
            errors.at(
                &version.value,
                format!("schema version {digits} is too large: the most is {}", u16::MAX),
            );
        }
    }
}

fn schema_name(errors: &Errors, written: &Written<'_>, schema: &Schema<'_>) {
    let name = schema.name.text.as_str();
    let fix =
        if written.name.is_some() { "pick another" } else { "name it with `#[session(name = \"..\")]`" };
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
                "schema name {name:?} is invalid: use 1 to 32 of `a-z`, `0-9`, `_`, starting with a letter; {fix}"
            ),
        );
    }
}

fn no_serde(errors: &Errors, attrs: &[Attribute], otherwise: &str) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
        let mut word = None;
        if let Meta::List(_) = &attr.meta {
            let _ = attr.parse_nested_meta(|meta| {
                word = word.take().or_else(|| meta.path.get_ident().map(ident::word));
                Ok(())
            });
        }
        let fix = match word.as_deref() {
            Some("default") => "use `#[session(default)]`",
            Some("rename" | "alias") => "use `#[session(key = \"..\")]`",
            _ => otherwise,
        };
        let word = word.map_or_else(String::new, |word| format!("({word})"));
        errors.at(attr, format!("`#[serde{word}]` has no effect on session fields; {fix}"));
    }
}

fn no_cfg(errors: &Errors, written: &WrittenField<'_>) {
    for attr in written.field.attrs.iter().filter(|attr| attr.path().is_ident("cfg")) {
        errors.at(
            attr,
            "session fields cannot be behind `#[cfg]`: binaries built with different features share one store; \
             remove it",
        );
    }
}

/// Whether getters and setters can name the type; if not, [`all`] has said so.
pub(crate) fn is_owned(ty: &Type) -> bool {
    model::parts(ty).into_iter().all(|part| not_owned(part, "").is_none())
}

fn owned_type(errors: &Errors, schema: &Schema<'_>, field: &Field<'_>) {
    for part in model::parts(field.ty) {
        if let Some(message) = not_owned(part, &ident::word(schema.ident)) {
            errors.at(part, message);
        }
    }
}

fn not_owned(part: &Type, state: &str) -> Option<String> {
    Some(match part {
        Type::Reference(reference) => {
            let owned = match source(&reference.elem).as_str() {
                "str" => "String".to_owned(),
                other => other
                    .strip_prefix('[')
                    .and_then(|other| other.strip_suffix(']'))
                    .map_or_else(|| other.to_owned(), |element| format!("Vec<{element}>")),
            };
            format!("session fields are owned values; use `{owned}` instead of `{}`", source(part))
        }
        Type::TraitObject(_) => {
            "session fields are owned values; use a concrete type, such as an enum, instead of a trait object"
                .to_owned()
        }
        Type::ImplTrait(_) => {
            "session fields are stored and read back; name the type instead of `impl Trait`".to_owned()
        }
        Type::Infer(_) => "session fields are stored and read back; name the type instead of `_`".to_owned(),
        Type::Path(path) if path.path.segments.first().is_some_and(|segment| segment.ident == "Self") => {
            format!(
                "`Self` would be the handle in the methods that are generated for this field; write `{state}`"
            )
        }
        _ => return None,
    })
}

fn one_null(errors: &Errors, ty: &Type) {
    for part in model::parts(ty) {
        let model::Spelling::Option(inner) = model::Spelling::of(part) else { continue };
        match model::peel(inner) {
            Type::Tuple(unit) if unit.elems.is_empty() => errors.at(
                inner,
                "JSON `null` cannot tell `None` from `Some(())`; use a `bool`",
            ),
            _ if matches!(model::Spelling::of(inner), model::Spelling::Option(_)) => errors.at(
                inner,
                "JSON `null` cannot tell the two `None`s apart; use one `Option`, or an enum with a variant for \
                 each",
            ),
            _ => {}
        }
    }
}

fn string_keys_in_maps(errors: &Errors, field: &Field<'_>) {
    for key in model::parts(field.ty).into_iter().filter_map(model::map_key) {
        if model::is_not_one_value(key) {
            errors.at(
                key,
                format!(
                    "JSON object keys are strings; use a key such as `String` or `u64` instead of `{}`",
                    source(key)
                ),
            );
        }
    }
}

fn default_where_needed(errors: &Errors, written: &WrittenField<'_>, field: &Field<'_>) {
    let needed = !field.is_option() && written.default.is_none();
    // Whose type is wrong, or who must be an `Option`, has been told so.
    let told = written.damaged || field.principal || field.flash || !is_owned(field.ty);
    if needed && !told {
        let (name, ty) = (ident::word(field.ident), source(field.ty));
        errors.at(
            field.ty,
            format!(
                "a session starts empty, so `{name}` needs a value to read before it is first set: add \
                 `#[session(default)]`, `#[session(default = ..)]` or make it `Option<{ty}>`"
            ),
        );
    }
}

fn no_default_on_option(errors: &Errors, written: &WrittenField<'_>, field: &Field<'_>) {
    if let (Some(default), true) = (&written.default, field.is_option()) {
        errors.at(
            &default.word,
            "`Option` fields already read as `None`; a default would make \"cleared\" unreadable; remove it",
        );
    }
}

fn principal_and_flash_are_options(errors: &Errors, written: &WrittenField<'_>, field: &Field<'_>) {
    if field.is_option() || !is_owned(field.ty) {
        return;
    }
    let ty = source(field.ty);
    if written.principal.is_some() {
        errors.at(
            field.ty,
            format!(
                "a principal field must be an `Option`, since at first nobody is signed in; write \
                 `Option<{ty}>`"
            ),
        );
    } else if written.flash.is_some() {
        errors.at(
            field.ty,
            format!(
                "a flash field must be an `Option`, since taking it leaves nothing; write `Option<{ty}>`"
            ),
        );
    }
}

fn no_contradiction(errors: &Errors, written: &WrittenField<'_>) {
    if written.principal.is_none() {
        return;
    }
    let at = |flag: &Slot<()>, why: &str| {
        if let Some(Given { word, .. }) = flag {
            errors.at(word, format!("a principal field cannot be `{word}`: {why}; remove one of the two"));
        }
    };
    at(&written.flash, "taking it would sign the user out");
    at(&written.lenient, "an unreadable one would look as if nobody was signed in");
    at(&written.reset_on_sign_in, "signing in is what sets it");
}

fn one_principal(errors: &Errors, written: &Written<'_>) {
    let mut principals =
        written.fields.iter().filter_map(|field| Some((field.ident, field.principal.as_ref()?)));
    let Some((first, _)) = principals.next() else { return };
    let first = ident::word(first);
    for (_, second) in principals {
        errors.at(
            &second.word,
            format!(
                "`{first}` is already the principal of this schema: one session belongs to one user; remove \
                 one of the two"
            ),
        );
    }
}

fn wire_key(errors: &Errors, written: &WrittenField<'_>, schema: &Schema<'_>, field: &Field<'_>) {
    let key = field.key.text.as_str();
    let fix = if written.key.is_some() { "pick another" } else { "name it with `#[session(key = \"..\")]`" };
    if let Some(message) = with_schema(schema, key) {
        errors.at(&field.key.at, message);
    } else if key.starts_with('$') {
        errors.at(&field.key.at, "wire keys starting with `$` are reserved for the library; pick another");
    } else if key.contains('@') {
        errors.at(&field.key.at, "`@` inside a wire key is reserved for versions; pick another key");
    } else if key.is_empty() || key.len() > 64 || !key.chars().all(allowed_in_key) {
        errors.at(&field.key.at, format!("wire key must be 1 to 64 of `a-z`, `A-Z`, `0-9`, `_`, `-`; {fix}"));
    }
}

/// What to say of a key as the guide and the census print it, `shop.theme`.
fn with_schema(schema: &Schema<'_>, key: &str) -> Option<String> {
    let name = &schema.name.text;
    let rest = key.strip_prefix(name.as_str())?.strip_prefix('.').filter(|rest| !rest.is_empty())?;
    Some(format!(
        "a wire key is written without `{name}.`, which the library puts in front: write `\"{rest}\"`"
    ))
}

fn allowed_in_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn wire_keys_differ(errors: &Errors, schema: &Schema<'_>) {
    let mut seen: BTreeMap<&str, &Ident> = BTreeMap::new();
    for field in &schema.fields {
        let key = field.key.text.as_str();
        match seen.get(key) {
            // `a` twice in one struct is the compiler's to report.
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

fn getter_is_a_name(errors: &Errors, written: &WrittenField<'_>) {
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

fn getter_is_free(errors: &Errors, written: &WrittenField<'_>, field: &Field<'_>) {
    let name = ident::word(&field.getter);
    let known = match &written.getter {
        Some(getter) => ident::parse(&getter.value.value(), getter.value.span()).is_ok(),
        None => !written.damaged,
    };
    if !known {
        // What is wrong with the name that was meant has been said.
        return;
    }
    let Some((_, owner)) = options::RESERVED.iter().find(|(reserved, _)| *reserved == name) else { return };
    let trouble = match owner {
        Owner::Handle => format!("would hide the handle's own `{name}`"),
        Owner::Trait(method) => format!("would be hidden by `{method}`"),
    };
    let message = format!(
        "a getter named `{name}` {trouble}; add `#[session(getter = \"..\")]` or rename the field and keep its data with \
         `#[session(key = {:?})]`",
        field.key.text
    );
    match &written.getter {
        Some(getter) => {
            errors.at(&getter.value, format!("a getter named `{name}` {trouble}; pick another name"));
        }
        None => errors.at(field.ident, message),
    }
}

fn methods_differ(errors: &Errors, schema: &Schema<'_>) {
    let mut seen: BTreeMap<String, (&str, String)> = BTreeMap::new();
    for field in &schema.fields {
        let second = ident::word(field.ident);
        for (role, method) in field.methods() {
            let name = ident::word(&method);
            match seen.get(&name) {
                // `a` twice in one struct is the compiler's to report.
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

//! In: `removed(..)` and `step(..)`. Out: a message for each one that is incomplete, or that reads or writes what it must not.
//!
//! Never compares two of them, except to see whether a later step reads what an earlier one writes; `reuse` does.
#![allow(clippy::ref_option)] // a slot is one thing, given or not

use proc_macro2::Ident;
use quote::ToTokens;

use super::names::{allowed_in_key, with_schema};
use super::types::stored_type;
use super::versions::{Versions, since_in_range};
use crate::attr::Written;
use crate::attr::found::Given;
use crate::attr::history::{Removed, Step};
use crate::errors::{Errors, suggest};
use crate::ident;
use crate::lock::Past;
use crate::lock::compare::known::live_step_makes;
use crate::model::Schema;
use crate::model::field::{Field, version_of};
use crate::model::spelling;
use crate::words::words;

pub(super) fn removed_is_complete(
    errors: &Errors,
    removed: &Given<Removed>,
    schema: &Schema<'_>,
    past: &Past,
    versions: &Versions,
) {
    let Given { word, value } = removed;
    if !value.damaged {
        if value.key.is_none() {
            errors.at(word, "`removed` needs `key = \"..\"`: the wire key of the removed field");
        }
        if value.from.is_none() {
            let ty = value
                .key
                .as_ref()
                .and_then(|key| past.stored(&key.value.value()).map(|(_, ty)| ty.to_owned()));
            let ty = ty.unwrap_or_else(|| "OldType".to_owned());
            errors.at(
                word,
                format!(
                    "`removed` needs `from = {ty}`, so that old sessions can still be counted and converted"
                ),
            );
        }
        if value.since.is_none() {
            errors.at(word, "`removed` needs `since = ..`: the first version without the field");
        }
    }
    if let Some(key) = &value.key {
        key_text(errors, schema, &key.value.value(), &key.value);
    }
    if let Some(since) = &value.since {
        let first = "version 1 is the first, so nothing can be removed in it; give the first version without the field";
        since_in_range(errors, &since.value, first, "a field is removed", versions);
    }
}

pub(super) fn step_is_complete(errors: &Errors, step: &Given<Step>, versions: &Versions) {
    let Given { word, value } = step;
    if !value.damaged {
        for (missing, text) in [
            (value.since.is_none(), "`step` needs `since = ..`: the version that introduces it"),
            (
                value.from.is_none(),
                "`step` needs `from(key: Type, ..)`: the wire keys that it reads, and their types",
            ),
            (value.to.is_none(), "`step` needs `to(key, ..)`: the wire keys that it writes"),
            (
                value.up.is_none() && !versions.is_forgotten(&value.since),
                "`step` needs `up = path`: a function from the values of `from` to those of `to`",
            ),
        ] {
            if missing {
                errors.at(word, text);
            }
        }
    }
    if let Some(since) = &value.since {
        let first = "version 1 is the first, so there is nothing before it to convert; give the version that introduces the step";
        since_in_range(errors, &since.value, first, "a step is introduced", versions);
    }
}

/// Reports an invalid wire key of a cell that is no longer a field. Such a key may have a version: `cart@3`.
fn key_text(errors: &Errors, schema: &Schema<'_>, key: &str, at: &impl ToTokens) {
    let (base, version) = key.split_once('@').map_or((key, None), |(base, version)| (base, Some(version)));
    let versioned = version.is_none_or(|version| version.parse::<u16>().is_ok());
    if let Some(message) = with_schema(schema, key) {
        errors.at(at, message);
    } else if key.starts_with('$') {
        errors.at(at, "wire keys starting with `$` are reserved for the library, so no field ever had this one; give the wire key of the field");
    } else if base.is_empty() || base.len() > 64 || !base.chars().all(allowed_in_key) || !versioned {
        errors.at(
            at,
            "a wire key must have 1 to 64 characters from `a-z`, `A-Z`, `0-9`, `_` and `-`, followed by `@` and a version if the field was `changed`",
        );
    }
}

pub(super) fn step_keys(errors: &Errors, schema: &Schema<'_>, step: &Step) {
    for from in step.from.iter().flat_map(|from| &from.value) {
        key_text(errors, schema, &from.key.text, &from.key.at);
    }
}

pub(super) fn step_reads_what_it_does_not_write(errors: &Errors, step: &Step) {
    for to in step.to.iter().flat_map(|to| &to.value) {
        if step.from.iter().flat_map(|from| &from.value).any(|from| from.key.text == to.text) {
            errors.at(
                &to.at,
                "a step cannot write the wire key it reads: an older binary would read the new value as the old type; write to \
                 a new field with a wire key of its own",
            );
        }
    }
}

pub(super) fn step_types(errors: &Errors, schema: &Schema<'_>, step: &Step, versions: &Versions) {
    for from in step.from.iter().flat_map(|from| &from.value) {
        match &from.ty {
            Some(ty) => stored_type(errors, schema, ty),
            None if step.up.is_none() && versions.is_forgotten(&step.since) => {}
            None => errors.at(
                &from.key.at,
                format!("`from` needs the type that `{0}` had: `{0}: Type`", from.key.text),
            ),
        }
    }
}

/// Reports what a step writes unless it is a field that begins in the same version, or a cell that a later step reads.
///
/// Anything else would be written over a value that an older binary still reads as its own. The messages go from the specific to
/// the general: first a step whose fields all begin in one later version, where only the step's version is wrong; then, for each wire
/// key, one with the name of the schema in front, the principal, a field of another version, a removed field, and last an unknown wire key.
pub(super) fn step_writes_what_begins(
    errors: &Errors,
    written: &Written<'_>,
    schema: &Schema<'_>,
    step: &Step,
    past: &Past,
    versions: &Versions,
) {
    let Some(since) = version_of(&step.since).filter(|since| *since > 1 && versions.now >= Some(*since))
    else {
        return;
    };
    let reads = |step: &Step, key: &str| {
        step.from.iter().flat_map(|from| &from.value).any(|from| from.key.text == key)
    };
    if let Some(later) = begin_together(written, schema, step, past).filter(|later| *later > since) {
        let at = step.since.as_ref().map(|since| &since.value);
        errors.at(
            at,
            format!("the fields that this step writes begin in version {later}; say `since = {later}` here"),
        );
        return;
    }
    for to in step.to.iter().flat_map(|to| &to.value) {
        let field = schema.fields.iter().zip(&written.fields).find(|(field, _)| field.key.text == to.text);
        if let Some(message) = with_schema(schema, &to.text) {
            errors.at(&to.at, message);
        } else if reads(step, &to.text) {
            // `step_reads_what_it_does_not_write` reports it.
        } else if let Some((field, written)) = field {
            let name = ident::word(field.ident);
            if field.principal {
                errors.at(
                    &to.at,
                    format!("only its setter can write the principal `{name}`; write to another field"),
                );
            } else if version_of(&written.since) != Some(since) && !written.damaged {
                errors.at(
                    &to.at,
                    format!(
                        "`{name}` does not begin in version {since}, so older binaries would read what this step writes as \
                         their own; add `since = {since}` to a new field and write to that"
                    ),
                );
            }
        } else if written
            .removed
            .iter()
            .any(|it| it.value.key.as_ref().is_some_and(|key| key.value.value() == to.text))
        {
            errors.at(
                &to.at,
                if versions.is_forgotten(&step.since) {
                    format!("`{}` is removed; take it out of `to`", to.text)
                } else {
                    live_step_makes(&to.text, since)
                },
            );
        } else if !later_reader(&written.steps, &to.text, since) {
            let keys: Vec<&str> = schema.fields.iter().map(|field| field.key.text.as_str()).collect();
            let advice = renamed(schema, &to.text, past).map_or_else(
                || suggest(&to.text, &keys),
                |field| {
                    let (field, key) = (ident::word(field), &to.text);
                    format!("if `{field}` is its new name, add `#[session(key = \"{key}\")]` to that, which keeps its data")
                },
            );
            errors.at(
                &to.at,
                format!("no field has the wire key `{}`, and no later step reads it; {advice}", to.text),
            );
        }
    }
}

/// The version in which all fields that a step writes begin, if it is the same for all and none of them was ever released.
fn begin_together(written: &Written<'_>, schema: &Schema<'_>, step: &Step, past: &Past) -> Option<u16> {
    let mut begins = step.to.iter().flat_map(|to| &to.value).map(|to| {
        let (_, field) =
            schema.fields.iter().zip(&written.fields).find(|(field, _)| field.key.text == to.text)?;
        version_of(&field.since).filter(|_| past.stored(&to.text).is_none())
    });
    let first = begins.next()??;
    begins.all(|since| since == Some(first)).then_some(first)
}

/// The field that may be the released field `key` under another name: the only one that has its type and was never released.
fn renamed<'a>(schema: &'a Schema<'_>, key: &str, past: &Past) -> Option<&'a Ident> {
    let (_, ty) = past.stored(key)?;
    let is_it =
        |field: &&Field<'_>| past.stored(&field.key.text).is_none() && words(spelling::peel(field.ty)) == ty;
    let mut fields = schema.fields.iter().filter(is_it);
    fields.next().filter(|_| fields.next().is_none()).map(|field| field.ident)
}

fn later_reader(steps: &[Given<Step>], key: &str, since: u16) -> bool {
    steps
        .iter()
        .filter(|step| version_of(&step.value.since).is_some_and(|later| later > since))
        .any(|step| step.value.from.iter().flat_map(|from| &from.value).any(|from| from.key.text == key))
}

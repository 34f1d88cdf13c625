//! In: removed fields, steps and fields. Out: a message for each wire key that begins or ends twice, or is used after it ended.
//!
//! Never looks at types.
#![allow(clippy::ref_option)] // a slot is one thing, given or not

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::LitInt;

use crate::attr::found::{Given, Slot};
use crate::attr::history::Removed;
use crate::attr::{Written, WrittenField};
use crate::errors::Errors;
use crate::ident;
use crate::model::Schema;
use crate::model::field::{cell_since, version_of};

/// How a wire key ended, and the tokens that say so.
struct Ended {
    by: String,
    at: TokenStream,
}

/// Reports wire keys that end twice, and fields that use a wire key after it ended.
///
/// `removed` and the `from` of a step both end a wire key. They are collected first, so that each message names the earlier of two
/// ends; then every form of every field is compared with them. A `removed` in the very step that reads the key is merely redundant
/// and gets a message of its own.
pub(super) fn keys_end_once(errors: &Errors, written: &Written<'_>, schema: &Schema<'_>) {
    let version = |since: &Slot<LitInt>| {
        version_of(since).map_or_else(|| "an older version".to_owned(), |since| format!("version {since}"))
    };
    let mut ended: BTreeMap<String, Ended> = BTreeMap::new();
    let mut end = |key: String, end: Ended| {
        if let Some(earlier) = ended.get(&key) {
            errors
                .at(&end.at, format!("wire key \"{key}\" is already {}; remove one of the two", earlier.by));
        } else {
            ended.insert(key, end);
        }
    };
    for removed in &written.removed {
        let Some(key) = &removed.value.key else { continue };
        let by = format!("removed in {}", version(&removed.value.since));
        end(key.value.value(), Ended { by, at: key.value.to_token_stream() });
    }
    for step in &written.steps {
        for from in step.value.from.iter().flat_map(|from| &from.value) {
            let by = format!("read by the step of {}", version(&step.value.since));
            let same = |removed: &&Given<Removed>| {
                let key = removed.value.key.as_ref().map(|key| key.value.value());
                key.as_ref() == Some(&from.key.text)
                    && version_of(&removed.value.since) == version_of(&step.value.since)
            };
            if let Some(removed) = written.removed.iter().find(same) {
                errors.at(
                    &removed.word,
                    format!(
                        "the `step` of {} already ends \"{}\"; remove this `removed(..)`",
                        version(&step.value.since),
                        from.key.text
                    ),
                );
                continue;
            }
            end(from.key.text.clone(), Ended { by, at: from.key.at.clone() });
        }
    }
    for (field, written) in schema.fields.iter().zip(&written.fields) {
        let name = ident::word(field.ident);
        let older = written.conversions().filter_map(|change| version_of(&change.value.since));
        let keys = older.map(|since| cell_since(&field.key.text, Some(since)));
        for (nth, key) in std::iter::once(field.key.text.clone()).chain(keys).enumerate() {
            let Some(ended) = ended.get(&key) else { continue };
            if nth > 0 {
                errors.at(
                    &ended.at,
                    format!("field `{name}` is still stored under wire key \"{key}\"; remove this"),
                );
            } else if ended.by.starts_with("removed") {
                errors.at(
                    &field.key.at,
                    format!(
                        "wire key \"{key}\" was {}; sessions may still hold its old values, so pick a new key with \
                         `#[session(key = \"..\")]`, remove this field if it is the one that was removed, or remove `removed(..)` if it comes back \
                         with the type that it had",
                        ended.by
                    ),
                );
            } else {
                errors.at(
                    &ended.at,
                    format!(
                        "wire key \"{key}\" still belongs to field `{name}`, but a step replaces what it reads; remove the field, or give it \
                         another wire key with `#[session(key = \"..\")]`"
                    ),
                );
            }
        }
    }
}

/// Reports wire keys that two steps write.
pub(super) fn keys_begin_once(errors: &Errors, written: &Written<'_>) {
    let mut begun: BTreeMap<&str, Option<u16>> = BTreeMap::new();
    for step in &written.steps {
        for to in step.value.to.iter().flat_map(|to| &to.value) {
            match begun.get(to.text.as_str()) {
                Some(Some(since)) => errors.at(
                    &to.at,
                    format!(
                        "`{}` is already written by the step of version {since}; remove one of the two",
                        to.text
                    ),
                ),
                Some(None) => errors.at(
                    &to.at,
                    format!("`{}` is already written by another step; remove one of the two", to.text),
                ),
                None => drop(begun.insert(&to.text, version_of(&step.value.since))),
            }
        }
    }
}

/// Reports fields of one group of which only some are `reset_on_sign_in`, or expire: they are stored together, so they are reset, and
/// expire, together.
pub(super) fn steps_fade_together(errors: &Errors, written: &Written<'_>, schema: &Schema<'_>) {
    for group in &schema.history.groups {
        let fields = group.iter().filter_map(|at| schema.history.cell(*at)?.field_at);
        let fields: Vec<&WrittenField<'_>> = fields.filter_map(|at| written.fields.get(at)).collect();
        expire_together(errors, &fields);
        let Some(resets) = fields.iter().find_map(|field| field.reset_on_sign_in.as_ref()) else { continue };
        let keeps = fields.iter().find(|field| field.reset_on_sign_in.is_none() && !field.damaged);
        if let Some(keeps) = keeps {
            errors.at(
                &resets.word,
                format!(
                    "`{}` is stored together with this field, because a step connects them, and is not `reset_on_sign_in`; mark \
                     both or none",
                    ident::word(keeps.ident)
                ),
            );
        }
    }
}

fn expire_together(errors: &Errors, fields: &[&WrittenField<'_>]) {
    let Some(expires) = fields.iter().find_map(|field| field.expires_after.as_ref()) else { return };
    let other = |field: &&&WrittenField<'_>| {
        !field.damaged && field.expires_after.as_ref().is_none_or(|time| time.value != expires.value)
    };
    if let Some(other) = fields.iter().find(other) {
        errors.at(
            &expires.word,
            format!(
                "`{}` is stored together with this field, because a step connects them, and has another `expires_after`, or none; give \
                 both the same, or none",
                ident::word(other.ident)
            ),
        );
    }
}

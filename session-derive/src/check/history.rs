//! In: what changed from version to version, as written. Out: every rule of changing a schema that it breaks, as messages.
//!
//! Never decides and never stops, like its parent: each rule is one function, and [`all`] is the table of contents.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{LitInt, Type};

use super::{allowed_in_key, not_owned, one_null};
use crate::attr::{Changed, Given, Slot, Step, Written, WrittenField};
use crate::errors::{Errors, source, suggest};
use crate::ident;
use crate::model::{Field, Schema, history::cell_since, number};

pub(super) fn all(errors: &Errors, written: &Written<'_>, schema: &Schema<'_>) {
    let versions = Versions::of(written, schema);
    oldest_reader_not_beyond(errors, written, &versions);
    oldest_record_not_after_reader(errors, written, &versions);
    for (written, field) in written.fields.iter().zip(&schema.fields) {
        since_of_a_field(errors, written, &versions);
        principal_keeps_its_type(errors, written);
        changes_in_order(errors, written, &versions);
        for (at, change) in written.changed.iter().enumerate() {
            change_is_complete(errors, written, &change.value, &change.word, &versions);
            change_changes(errors, written, field, at);
            old_type(errors, schema, &change.value.from);
            if let Some(up) = &change.value.up {
                down_where_needed(
                    errors,
                    &change.value.since,
                    &change.value.down,
                    &up.value,
                    change.value.damaged,
                    &versions,
                );
            }
        }
    }
    for removed in &written.removed {
        removed_is_complete(errors, removed, &versions);
        old_type(errors, schema, &removed.value.ty);
    }
    for step in &written.steps {
        step_is_complete(errors, step, &versions);
        step_keys(errors, &step.value);
        step_reads_what_it_does_not_write(errors, &step.value);
        step_writes_what_begins(errors, written, schema, &step.value);
        for from in step.value.from.iter().flat_map(|from| &from.value) {
            stored_type(errors, schema, &from.ty);
        }
        if let Some(up) = &step.value.up {
            down_where_needed(
                errors,
                &step.value.since,
                &step.value.down,
                &up.value,
                step.value.damaged,
                &versions,
            );
        }
    }
    keys_end_once(errors, written, schema);
    keys_begin_once(errors, written);
    steps_reset_together(errors, written, schema);
    every_version_changes_something(errors, written, &versions);
}

/// The numbers that others are compared with; `None`: not known, and whoever wrote it has been told.
struct Versions {
    now: Option<u16>,
    reader: Option<u16>,
    record: Option<u16>,
}

impl Versions {
    fn of(written: &Written<'_>, schema: &Schema<'_>) -> Self {
        let now = number(&written.version).filter(|version| *version > 0);
        let reader = match &written.oldest_reader {
            Some(_) => number(&written.oldest_reader).filter(|reader| *reader > 0),
            None => now.map(|_| schema.oldest_reader),
        };
        let record = match &written.oldest_record {
            Some(_) => number(&written.oldest_record).filter(|record| *record > 0),
            None => Some(1),
        };
        Self { now, reader, record }
    }

    /// Whether a change in `since` may have left its older side behind.
    fn is_forgotten(&self, since: &Slot<LitInt>) -> bool {
        matches!((number(since), self.record), (Some(since), Some(record)) if since <= record)
    }

    /// A version that is no number, or zero, or too large.
    fn is_none(errors: &Errors, version: &LitInt) -> bool {
        match version.base10_parse::<u16>() {
            Ok(0) => errors.at(version, "schema versions start at 1"),
            Ok(_) => return false,
            Err(_) => {
                let digits = version.base10_digits();
                errors.at(version, format!("schema version {digits} is too large: the most is {}", u16::MAX));
            }
        }
        true
    }
}

fn oldest_reader_not_beyond(errors: &Errors, written: &Written<'_>, versions: &Versions) {
    let Some(Given { value, .. }) = &written.oldest_reader else { return };
    if Versions::is_none(errors, value) {
        return;
    }
    if let (Some(reader), Some(now)) = (versions.reader, versions.now)
        && reader > now
    {
        errors.at(
            value,
            format!(
                "oldest_reader {reader} is beyond the schema's version {now}; it is the oldest version of which a binary may \
                 still be running, so at most {now}"
            ),
        );
    }
}

fn oldest_record_not_after_reader(errors: &Errors, written: &Written<'_>, versions: &Versions) {
    let Some(Given { value, .. }) = &written.oldest_record else { return };
    if Versions::is_none(errors, value) {
        return;
    }
    if let (Some(record), Some(reader)) = (versions.record, versions.reader)
        && record > reader
    {
        errors.at(
            value,
            format!(
                "a version-{reader} binary may still be running and writing records, so records of version {reader} must stay \
                 readable: `oldest_record` can be at most {reader} (or raise `oldest_reader` first)"
            ),
        );
    }
}

/// Whether `since` is a version after the first and up to the present one; if not, says what is wrong with it.
fn since_in_range(errors: &Errors, since: &LitInt, first: &str, beyond: &str, versions: &Versions) {
    if Versions::is_none(errors, since) {
        return;
    }
    match (since.base10_parse::<u16>(), versions.now) {
        (Ok(1), _) => errors.at(since, first),
        (Ok(version), Some(now)) if version > now => errors.at(
            since,
            format!("{beyond} in version {version}, but the schema is at version {now}; raise the schema's `version` with it"),
        ),
        _ => {}
    }
}

fn since_of_a_field(errors: &Errors, written: &WrittenField<'_>, versions: &Versions) {
    let Some(since) = &written.since else { return };
    let beyond = format!("field `{}` is added", ident::word(written.ident));
    since_in_range(
        errors,
        &since.value,
        "fields are present since version 1 unless stated; remove `since = 1`",
        &beyond,
        versions,
    );
}

fn principal_keeps_its_type(errors: &Errors, written: &WrittenField<'_>) {
    if let (Some(_), Some(change)) = (&written.principal, written.changed.first()) {
        errors.at(
            &change.word,
            "a principal field cannot be `changed`: its text in the store is the user's identity, by which sessions are \
             found; keep the type, or add another field for the new value",
        );
    }
}

fn changes_in_order(errors: &Errors, written: &WrittenField<'_>, versions: &Versions) {
    let mut before = number(&written.since).unwrap_or(1);
    let name = ident::word(written.ident);
    let mut first = true;
    for since in written.changed.iter().filter_map(|change| change.value.since.as_ref()) {
        let since = &since.value;
        if Versions::is_none(errors, since) {
            return;
        }
        let Ok(version) = since.base10_parse::<u16>() else { return };
        if version == before && !first {
            errors.at(
                since,
                format!(
                    "two changes of `{name}` in version {version}; a field changes at most once per version"
                ),
            );
        } else if version <= before {
            let what = if first { "in which the field began" } else { "of the change before it" };
            errors
                .at(since, format!("`changed(since = {version})` must come after version {before}, {what}"));
        } else if let Some(now) = versions.now.filter(|now| version > *now) {
            errors.at(
                since,
                format!(
                    "`changed(since = {version})` is beyond the schema's version {now}; raise the schema's `version` with it"
                ),
            );
        }
        (before, first) = (version.max(before), false);
    }
}

/// What a change lacks. One whose older side nobody stores any more needs no more than its version, which names its key.
fn change_is_complete(
    errors: &Errors,
    written: &WrittenField<'_>,
    change: &Changed,
    word: &impl ToTokens,
    versions: &Versions,
) {
    // Who signs in has a message of its own.
    if change.damaged || written.principal.is_some() {
        return;
    }
    let name = ident::word(written.ident);
    if change.since.is_none() {
        errors.at(word, "`changed` needs `since = ..`: the version in which the type changed");
    }
    if versions.is_forgotten(&change.since) {
        return;
    }
    if change.from.is_none() {
        errors.at(word, format!("`changed` needs `from = Type`: what `{name}` was before"));
    }
    if change.up.is_none() {
        let ty = source(&written.field.ty);
        errors.at(
            word,
            format!("`changed` needs `up = path`: how an older value becomes a newer one, such as `{ty}`"),
        );
    }
}

fn change_changes(errors: &Errors, written: &WrittenField<'_>, field: &Field<'_>, at: usize) {
    let from = |at: usize| written.changed.get(at).and_then(|change| change.value.from.as_ref());
    let Some(Given { value: from_type, .. }) = from(at) else { return };
    let next = match from(at + 1) {
        Some(next) => &next.value,
        None if at + 1 == written.changed.len() => field.ty,
        None => return,
    };
    if source(from_type) == source(next) {
        errors.at(
            from_type,
            format!(
                "`from` is the type that `{}` has after this change too; give the type it had before, or remove the `changed`",
                ident::word(written.ident)
            ),
        );
    }
}

/// What an older version stored is a type of its own, like a field's.
fn old_type(errors: &Errors, schema: &Schema<'_>, ty: &Slot<Type>) {
    if let Some(ty) = ty {
        stored_type(errors, schema, &ty.value);
    }
}

fn stored_type(errors: &Errors, schema: &Schema<'_>, ty: &Type) {
    for part in crate::model::parts(ty) {
        if let Some(message) = not_owned(part, &ident::word(schema.ident)) {
            errors.at(part, message);
        }
    }
    one_null(errors, ty);
}

fn down_where_needed(
    errors: &Errors,
    since: &Slot<LitInt>,
    down: &Slot<syn::ExprPath>,
    up: &syn::ExprPath,
    damaged: bool,
    versions: &Versions,
) {
    let (Some(since), Some(reader)) = (number(since), versions.reader) else { return };
    if down.is_none() && reader < since && !damaged {
        errors.at(
            up,
            format!(
                "a version-{reader} binary may still be serving these sessions, so this change also needs `down = path` (or \
                 `oldest_reader = {since}` once none is)"
            ),
        );
    }
}

fn removed_is_complete(errors: &Errors, removed: &Given<crate::attr::Removed>, versions: &Versions) {
    let Given { word, value } = removed;
    if !value.damaged {
        if value.key.is_none() {
            errors.at(word, "`removed` needs `key = \"..\"`: the wire key of the field that is no more");
        }
        if value.ty.is_none() {
            errors.at(
                word,
                "`removed` needs `ty = OldType`, so that old sessions can still be counted and converted",
            );
        }
        if value.since.is_none() {
            errors.at(word, "`removed` needs `since = ..`: the first version without the field");
        }
    }
    if let Some(key) = &value.key {
        key_text(errors, &key.value.value(), &key.value);
    }
    if let Some(since) = &value.since {
        let first = "version 1 is the first, so nothing can be removed in it; give the first version without the field";
        since_in_range(errors, &since.value, first, "a field is removed", versions);
    }
}

fn step_is_complete(errors: &Errors, step: &Given<Step>, versions: &Versions) {
    let Given { word, value } = step;
    if !value.damaged {
        for (missing, text) in [
            (value.since.is_none(), "`step` needs `since = ..`: the version that does it"),
            (
                value.from.is_none(),
                "`step` needs `from(key: Type, ..)`: the wire keys that it reads, and what they held",
            ),
            (value.to.is_none(), "`step` needs `to(key, ..)`: the wire keys that it writes"),
            (
                value.up.is_none(),
                "`step` needs `up = path`: a function from the values of `from` to those of `to`",
            ),
        ] {
            if missing {
                errors.at(word, text);
            }
        }
    }
    if let Some(since) = &value.since {
        let first =
            "version 1 is the first, so there is nothing before it to convert; give the version that does it";
        since_in_range(errors, &since.value, first, "a step is done", versions);
    }
}

/// A key that no field of now has may be one with a version: `cart@3`.
fn key_text(errors: &Errors, key: &str, at: &impl ToTokens) {
    let (base, version) = key.split_once('@').map_or((key, None), |(base, version)| (base, Some(version)));
    let versioned = version.is_none_or(|version| version.parse::<u16>().is_ok());
    if key.starts_with('$') {
        errors.at(at, "wire keys starting with `$` are reserved for the library; no field ever had one");
    } else if base.is_empty() || base.len() > 64 || !base.chars().all(allowed_in_key) || !versioned {
        errors.at(
            at,
            "wire key must be 1 to 64 of `a-z`, `A-Z`, `0-9`, `_`, `-`, with `@` and a version behind if the field was `changed`",
        );
    }
}

fn step_keys(errors: &Errors, step: &Step) {
    for from in step.from.iter().flat_map(|from| &from.value) {
        key_text(errors, &from.key.text, &from.key.at);
    }
}

fn step_reads_what_it_does_not_write(errors: &Errors, step: &Step) {
    for to in step.to.iter().flat_map(|to| &to.value) {
        if step.from.iter().flat_map(|from| &from.value).any(|from| from.key.text == to.text) {
            errors.at(
                &to.at,
                "a step may not write the key it reads: an older binary would read the new value as the old type; write to a \
                 new field, with a key of its own",
            );
        }
    }
}

/// What a step writes is a field that begins with it, or what a later step reads.
fn step_writes_what_begins(errors: &Errors, written: &Written<'_>, schema: &Schema<'_>, step: &Step) {
    let Some(since) = number(&step.since) else { return };
    let reads = |step: &Step, key: &str| {
        step.from.iter().flat_map(|from| &from.value).any(|from| from.key.text == key)
    };
    for to in step.to.iter().flat_map(|to| &to.value) {
        let field = schema.fields.iter().zip(&written.fields).find(|(field, _)| field.key.text == to.text);
        if reads(step, &to.text) {
            // Said by another rule.
        } else if let Some((field, written)) = field {
            let name = ident::word(field.ident);
            if field.principal {
                errors.at(
                    &to.at,
                    format!("who is signed in is set by its setter only, so no step can write `{name}`"),
                );
            } else if number(&written.since) != Some(since) && !written.damaged {
                errors.at(
                    &to.at,
                    format!(
                        "`{name}` does not begin in version {since}, so older binaries would read what this step writes as \
                         theirs; add `since = {since}` to a new field and write to that"
                    ),
                );
            }
        } else if !later_reader(&written.steps, &to.text, since) {
            let keys: Vec<&str> = schema.fields.iter().map(|field| field.key.text.as_str()).collect();
            errors.at(
                &to.at,
                format!(
                    "no field has the wire key `{}`, and no later step reads it; {}",
                    to.text,
                    suggest(&to.text, &keys)
                ),
            );
        }
    }
}

fn later_reader(steps: &[Given<Step>], key: &str, since: u16) -> bool {
    steps
        .iter()
        .filter(|step| number(&step.value.since).is_some_and(|later| later > since))
        .any(|step| step.value.from.iter().flat_map(|from| &from.value).any(|from| from.key.text == key))
}

/// A key that was given up, and by whom.
struct Ended {
    by: String,
    at: TokenStream,
}

/// A key is given up once, and is then nobody's.
fn keys_end_once(errors: &Errors, written: &Written<'_>, schema: &Schema<'_>) {
    let version = |since: &Slot<LitInt>| {
        number(since).map_or_else(|| "an older version".to_owned(), |since| format!("version {since}"))
    };
    let mut ended: BTreeMap<String, Ended> = BTreeMap::new();
    let mut end = |key: String, end: Ended| {
        if let Some(earlier) = ended.get(&key) {
            errors.at(
                &end.at,
                format!(
                    "wire key \"{key}\" is already {}; one action per key: remove one of the two",
                    earlier.by
                ),
            );
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
            end(from.key.text.clone(), Ended { by, at: from.key.at.clone() });
        }
    }
    for (field, written) in schema.fields.iter().zip(&written.fields) {
        let name = ident::word(field.ident);
        let older = written.changed.iter().filter_map(|change| number(&change.value.since));
        let keys = older.map(|since| cell_since(&field.key.text, Some(since)));
        for (nth, key) in std::iter::once(field.key.text.clone()).chain(keys).enumerate() {
            let Some(ended) = ended.get(&key) else { continue };
            if nth > 0 {
                errors.at(
                    &ended.at,
                    format!("wire key \"{key}\" is what field `{name}` is stored under; remove this"),
                );
            } else if ended.by.starts_with("removed") {
                errors.at(
                    &field.key.at,
                    format!(
                        "wire key \"{key}\" was {}; sessions may still hold its old values, so pick a new key with \
                         `#[session(key = \"..\")]`",
                        ended.by
                    ),
                );
            } else {
                errors.at(
                    &ended.at,
                    format!(
                        "wire key \"{key}\" still belongs to field `{name}`, and what a step reads is given up by it; remove the \
                         field, or give it another key with `#[session(key = \"..\")]`"
                    ),
                );
            }
        }
    }
}

/// Each key is written by one step.
fn keys_begin_once(errors: &Errors, written: &Written<'_>) {
    let mut begun: BTreeMap<&str, Option<u16>> = BTreeMap::new();
    for step in &written.steps {
        for to in step.value.to.iter().flat_map(|to| &to.value) {
            match begun.get(to.text.as_str()) {
                Some(Some(since)) => errors.at(
                    &to.at,
                    format!("`{}` is already written by the step of version {since}; one action per key and version", to.text),
                ),
                Some(None) => errors.at(&to.at, format!("`{}` is already written by another step", to.text)),
                None => drop(begun.insert(&to.text, number(&step.value.since))),
            }
        }
    }
}

/// Fields that are stored together are reset together.
fn steps_reset_together(errors: &Errors, written: &Written<'_>, schema: &Schema<'_>) {
    for group in &schema.history.groups {
        let fields = group.iter().filter_map(|at| schema.history.cell(*at)?.field);
        let fields: Vec<&WrittenField<'_>> = fields.filter_map(|at| written.fields.get(at)).collect();
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

fn every_version_changes_something(errors: &Errors, written: &Written<'_>, versions: &Versions) {
    let (Some(version), Some(now), Some(record)) = (&written.version, versions.now, versions.record) else {
        return;
    };
    let fields = written.fields.iter().flat_map(|field| {
        std::iter::once(&field.since).chain(field.changed.iter().map(|change| &change.value.since))
    });
    let removed = written.removed.iter().map(|removed| &removed.value.since);
    let steps = written.steps.iter().map(|step| &step.value.since);
    let actions: Vec<&Slot<LitInt>> = fields.chain(removed).chain(steps).collect();
    // What is missing may be just what was not understood.
    let damaged = written.damaged
        || written
            .fields
            .iter()
            .any(|field| field.damaged || field.changed.iter().any(|c| is_unclear(&c.value.since)))
        || written.removed.iter().any(|removed| is_unclear(&removed.value.since))
        || written.steps.iter().any(|step| is_unclear(&step.value.since))
        || actions.iter().filter_map(|since| number(since)).any(|since| since > now || since < 2);
    if damaged {
        return;
    }
    let is_used = |version: u16| actions.iter().any(|since| number(since) == Some(version));
    let unused: Vec<u16> =
        (record.max(1)..now).map(|before| before + 1).filter(|version| !is_used(*version)).collect();
    let Some(first) = unused.first() else { return };
    let more = match unused.len() - 1 {
        0 => String::new(),
        more => format!(" (nor in {more} more)"),
    };
    errors.at(
        &version.value,
        format!(
            "nothing changes in version {first}{more}: no field says `since = {first}` or `changed(since = {first}, ..)`, and there \
             is no `removed(since = {first}, ..)` or `step(since = {first}, ..)`"
        ),
    );
}

fn is_unclear(since: &Slot<LitInt>) -> bool {
    number(since).is_none()
}

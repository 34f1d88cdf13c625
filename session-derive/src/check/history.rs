//! In: versions and changed types, as written. Out: every rule about them that is broken, as messages.
//!
//! Never decides and never stops, like its parent: each rule is one function, and [`all`] is the table of contents.
#![allow(clippy::ref_option)] // a slot is one thing, given or not

use quote::ToTokens;
use syn::{LitInt, Type};

use super::{not_owned, one_null, steps};
use crate::attr::{Changed, Given, Slot, Written, WrittenField};
use crate::errors::{Errors, source};
use crate::ident;
use crate::lock::Past;
use crate::model::{Field, Schema, number};

pub(super) fn all(
    errors: &Errors,
    written: &Written<'_>,
    schema: &Schema<'_>,
    past: &Past,
) -> Option<Unused> {
    let versions = Versions::of(written, schema);
    oldest_reader_not_beyond(errors, written, &versions);
    oldest_record_not_after_reader(errors, written, &versions);
    for (written, field) in written.fields.iter().zip(&schema.fields) {
        since_of_a_field(errors, written, &versions);
        principal_keeps_its_type(errors, written);
        changes_in_order(errors, written, field, past, &versions);
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
    steps::all(errors, written, schema, past, &versions);
    unused_version(written, past, &versions)
}

/// A version in which nothing changes.
pub(crate) struct Unused {
    pub(crate) version: u16,
    pub(crate) at: LitInt,
    pub(crate) message: String,
}

/// The numbers that others are compared with; `None`: not known, and whoever wrote it has been told.
pub(super) struct Versions {
    pub(super) now: Option<u16>,
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
    pub(super) fn is_forgotten(&self, since: &Slot<LitInt>) -> bool {
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
pub(super) fn since_in_range(
    errors: &Errors,
    since: &LitInt,
    first: &str,
    beyond: &str,
    versions: &Versions,
) {
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

fn changes_in_order(
    errors: &Errors,
    written: &WrittenField<'_>,
    field: &Field<'_>,
    past: &Past,
    versions: &Versions,
) {
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
            let what = if !first {
                "of the change before it".to_owned()
            } else if written.since.is_none() {
                "in which the field began".to_owned()
            } else {
                format!("in which the field began; {}", began(past, &field.key.text, before))
            };
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

/// What to do about a field that begins in a version and changed before.
fn began(past: &Past, key: &str, since: u16) -> String {
    match past.stored(key) {
        Some((version, ty)) if version < since => {
            format!("version {version} stored `{key}` as `{ty}`, so drop `since = {since}`")
        }
        _ => format!("drop `since = {since}` if the field was there before, or `changed` if it was not"),
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
        let or = number(&change.since).map_or_else(String::new, |since| {
            format!(" (or `oldest_record = {since}` once no older session is stored)")
        });
        errors.at(word, format!("`changed` needs `from = Type`: what `{name}` was before{or}"));
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
                "`from` is the type that `{}` has after this change too; give the type it had before (if that has the same name, a copy \
                 of it under another), or remove the `changed`",
                ident::word(written.ident)
            ),
        );
    }
}

/// What an older version stored is a type of its own, like a field's.
pub(super) fn old_type(errors: &Errors, schema: &Schema<'_>, ty: &Slot<Type>) {
    if let Some(ty) = ty {
        stored_type(errors, schema, &ty.value);
    }
}

pub(super) fn stored_type(errors: &Errors, schema: &Schema<'_>, ty: &Type) {
    for part in crate::model::parts(ty) {
        if let Some(message) = not_owned(part, &ident::word(schema.ident)) {
            errors.at(part, message);
        }
    }
    one_null(errors, ty);
}

pub(super) fn down_where_needed(
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

/// The first one.
fn unused_version(written: &Written<'_>, past: &Past, versions: &Versions) -> Option<Unused> {
    let (version, now, record) = (written.version.as_ref()?, versions.now?, versions.record?);
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
        return None;
    }
    let is_used = |version: u16| actions.iter().any(|since| number(since) == Some(version));
    // What is no more may have begun in any version before; the attributes do not tell.
    let gone: Vec<u16> = written
        .removed
        .iter()
        .map(|removed| &removed.value.since)
        .chain(written.steps.iter().map(|step| &step.value.since))
        .filter_map(number)
        .collect();
    let may_begin_something = |version: u16| gone.iter().any(|until| *until > version);
    let unused: Vec<u16> = (record.max(1)..now)
        .map(|before| before + 1)
        .filter(|version| !is_used(*version) && !may_begin_something(*version) && !past.is_released(*version))
        .collect();
    let first = *unused.first()?;
    let more = match unused.len() - 1 {
        0 => String::new(),
        more => format!(" (nor in {more} more)"),
    };
    let message = format!(
        "nothing changes in version {first}{more}: no field says `since = {first}` or `changed(since = {first}, ..)`, and there is no \
         `removed(since = {first}, ..)` or `step(since = {first}, ..)`; lower `version`, or say what changed"
    );
    Some(Unused { version: first, at: version.value.clone(), message })
}

fn is_unclear(since: &Slot<LitInt>) -> bool {
    number(since).is_none()
}

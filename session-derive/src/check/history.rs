//! In: the `changed(..)` of each field. Out: a message for each one that is incomplete or out of order, and the first version in which
//! nothing changes.
//!
//! Never looks at two fields together; `steps` does.
#![allow(clippy::ref_option)] // a slot is one thing, given or not

use quote::ToTokens;
use syn::LitInt;

use super::versions::{Versions, in_range};
use crate::attr::found::{Given, Slot};
use crate::attr::history::Changed;
use crate::attr::{Written, WrittenField};
use crate::errors::Errors;
use crate::ident;
use crate::lock::{Past, own};
use crate::model::field::{Field, version_of};
use crate::words::words;

/// A version in which nothing changes, and the message about it.
pub(crate) struct Unused {
    pub(crate) version: u16,
    pub(crate) at: LitInt,
    pub(crate) message: String,
}

pub(super) fn principal_keeps_its_type(errors: &Errors, written: &WrittenField<'_>) {
    if let (Some(_), Some(change)) = (&written.principal, written.changed.first()) {
        errors.at(
            &change.word,
            "a principal field cannot be `changed`: its stored text identifies the user whose sessions these \
             are; keep the type, or add another field for the new value",
        );
    }
}

pub(super) fn changes_in_order(
    errors: &Errors,
    written: &WrittenField<'_>,
    field: &Field<'_>,
    past: &Past,
    versions: &Versions,
) {
    let mut before = version_of(&written.since).unwrap_or(1);
    let name = ident::word(written.ident);
    let mut first = true;
    for since in written.changed.iter().filter_map(|change| change.value.since.as_ref()) {
        let since = &since.value;
        let Some(version) = in_range(errors, since) else { return };
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
                    "`changed(since = {version})` is above the schema's version {now}; raise `version` too"
                ),
            );
        }
        (before, first) = (version.max(before), false);
    }
}

/// The advice for a field with a change in or before the version in which it begins.
fn began(past: &Past, key: &str, since: u16) -> String {
    match past.stored(key) {
        Some((version, ty)) if version < since => {
            format!("version {version} stored `{key}` as `{ty}`, so drop `since = {since}`")
        }
        _ => format!("drop `since = {since}` if the field was there before, or `changed` if it was not"),
    }
}

/// Reports what a change lacks. Once no record holds the older form, a change only needs its version, which is part of the wire key.
pub(super) fn change_is_complete(
    errors: &Errors,
    written: &WrittenField<'_>,
    change: &Changed,
    word: &impl ToTokens,
    versions: &Versions,
) {
    // A change of the principal has its own message.
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
        let or = version_of(&change.since).map_or_else(String::new, |since| {
            format!(" (or `oldest_record = {since}` once no older session is stored)")
        });
        errors.at(word, format!("`changed` needs `from = Type`: what `{name}` was before{or}"));
    }
    if change.up.is_none() {
        let ty = words(&written.field.ty);
        errors.at(
            word,
            format!(
                "`changed` needs `up = path`: a function from an older value to a newer one, such as `{ty}`"
            ),
        );
    }
}

/// Reports a `compatible` beside options of a conversion, and one of a type that has nothing inside.
pub(super) fn compatible_stands_alone(
    errors: &Errors,
    written: &WrittenField<'_>,
    field: &Field<'_>,
    change: &Given<Changed>,
) {
    let Given { word, value } = change;
    if value.damaged || written.principal.is_some() {
        return;
    }
    let Changed { since, from, up, down, merge, compatible: _, damaged: _ } = value;
    if since.is_none() {
        errors.at(
            word,
            "`changed` needs `since = ..`: the version in which fields were added inside of the type",
        );
    }
    let conversion = [from.is_some(), up.is_some(), down.is_some(), merge.is_some()];
    if conversion.contains(&true) {
        errors.at(
            word,
            "`compatible` says that nothing has to be converted; remove it, or `from`, `up`, `down` and `merge`",
        );
    }
    // The type at that time: what the next conversion reads.
    let mut later = written.changed.iter().skip_while(|other| !std::ptr::eq(*other, change)).skip(1);
    let next = later.find(|other| other.value.compatible.is_none());
    let spelled = match next.map(|next| &next.value.from) {
        None => words(field.ty),
        Some(Some(from)) => words(&from.value),
        Some(None) => return,
    };
    if own::names(&spelled).is_empty() {
        errors.at(
            word,
            format!(
                "`compatible` is for fields that were added inside of a type of your own, and `{spelled}` has none; another type needs \
                 `changed(since = .., from = .., up = .., down = ..)`"
            ),
        );
    }
}

pub(super) fn change_changes(errors: &Errors, written: &WrittenField<'_>, field: &Field<'_>, at: usize) {
    let from = |at: usize| written.conversions().nth(at).and_then(|change| change.value.from.as_ref());
    let Some(Given { value: from_type, .. }) = from(at) else { return };
    let next = match from(at + 1) {
        Some(next) => &next.value,
        None if at + 1 == written.conversions().count() => field.ty,
        None => return,
    };
    if words(from_type) == words(next) {
        errors.at(
            from_type,
            format!(
                "`from` is also the type of `{}` after this change; give the type before it (a copy under another name, if the names \
                 are the same), or remove the `changed`",
                ident::word(written.ident)
            ),
        );
    }
}

/// The first version up to the present one in which nothing changes.
///
/// A version counts as used if an option names it, if it is released (the source may have forgotten what changed in it), or if it
/// comes before the end of a removed cell, which may have begun in it. If any version could not be parsed, the rule says nothing:
/// the missing change may be the one.
pub(super) fn unused_version(written: &Written<'_>, past: &Past, versions: &Versions) -> Option<Unused> {
    let (version, now, record) = (written.version.as_ref()?, versions.now?, versions.record?);
    let fields = written.fields.iter().flat_map(|field| {
        std::iter::once(&field.since).chain(field.changed.iter().map(|change| &change.value.since))
    });
    let removed = written.removed.iter().map(|removed| &removed.value.since);
    let steps = written.steps.iter().map(|step| &step.value.since);
    let actions: Vec<&Slot<LitInt>> = fields.chain(removed).chain(steps).collect();
    // The change that seems to be missing may be the one that could not be parsed.
    let damaged = written.damaged
        || written
            .fields
            .iter()
            .any(|field| field.damaged || field.changed.iter().any(|c| is_unclear(&c.value.since)))
        || written.removed.iter().any(|removed| is_unclear(&removed.value.since))
        || written.steps.iter().any(|step| is_unclear(&step.value.since))
        || actions.iter().filter_map(|since| version_of(since)).any(|since| since > now || since < 2);
    if damaged {
        return None;
    }
    let is_used = |version: u16| actions.iter().any(|since| version_of(since) == Some(version));
    // The attributes do not say when a removed cell began: any version before its end is possible.
    let gone: Vec<u16> = written
        .removed
        .iter()
        .map(|removed| &removed.value.since)
        .chain(written.steps.iter().map(|step| &step.value.since))
        .filter_map(version_of)
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
         `removed(since = {first}, ..)` or `step(since = {first}, ..)`; lower `version`, or say what changed{}",
        if past.is_missing { " (a lock file knows of new fields, but there is none)" } else { "" }
    );
    Some(Unused { version: first, at: version.value.clone(), message })
}

fn is_unclear(since: &Slot<LitInt>) -> bool {
    version_of(since).is_none()
}

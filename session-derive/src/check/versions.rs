//! In: `version`, `oldest_reader`, `oldest_record` and every `since`. Out: a message for each one that is out of range.
//!
//! Never looks at what changes in a version; `history` and `steps` do.
#![allow(clippy::ref_option)] // a slot is one thing, given or not

use syn::{ExprPath, LitInt};

use crate::attr::found::{Given, Slot};
use crate::attr::{Written, WrittenField};
use crate::errors::Errors;
use crate::ident;
use crate::model::Schema;
use crate::model::field::version_of;

/// The versions that others are compared with. `None` if the version is invalid and already reported.
pub(super) struct Versions {
    pub(super) now: Option<u16>,
    reader: Option<u16>,
    pub(super) record: Option<u16>,
}

impl Versions {
    pub(super) fn of(written: &Written<'_>, schema: &Schema<'_>) -> Self {
        let now = version_of(&written.version).filter(|version| *version > 0);
        let reader = match &written.oldest_reader {
            Some(_) => version_of(&written.oldest_reader).filter(|reader| *reader > 0),
            None => now.map(|_| schema.oldest_reader),
        };
        let record = match &written.oldest_record {
            Some(_) => version_of(&written.oldest_record).filter(|record| *record > 0),
            None => Some(1),
        };
        Self { now, reader, record }
    }

    /// Whether a change in `since` may leave out its older side, because no record holds it any more.
    pub(super) fn is_forgotten(&self, since: &Slot<LitInt>) -> bool {
        matches!((version_of(since), self.record), (Some(since), Some(record)) if since <= record)
    }
}

/// Parses a version from 1 to 65535, and reports anything else.
pub(super) fn in_range(errors: &Errors, written: &LitInt) -> Option<u16> {
    match written.base10_parse::<u16>() {
        Ok(0) => errors.at(written, "schema versions start at 1"),
        Ok(version) => return Some(version),
        Err(_) => {
            let digits = written.base10_digits();
            errors.at(written, format!("schema version {digits} is too large; the maximum is {}", u16::MAX));
        }
    }
    None
}

/// Reports a `since` that is not between 2 and the present version.
pub(super) fn since_in_range(
    errors: &Errors,
    since: &LitInt,
    first: &str,
    beyond: &str,
    versions: &Versions,
) {
    match (in_range(errors, since), versions.now) {
        (Some(1), _) => errors.at(since, first),
        (Some(version), Some(now)) if version > now => errors.at(
            since,
            format!("{beyond} in version {version}, but the schema is at version {now}; raise `version` too"),
        ),
        _ => {}
    }
}

pub(super) fn since_of_a_field(errors: &Errors, written: &WrittenField<'_>, versions: &Versions) {
    let Some(since) = &written.since else { return };
    let beyond = format!("field `{}` is added", ident::word(written.ident));
    since_in_range(
        errors,
        &since.value,
        "a field is present since version 1 by default; remove `since = 1`",
        &beyond,
        versions,
    );
}

pub(super) fn down_where_needed(
    errors: &Errors,
    since: &Slot<LitInt>,
    up: &Slot<ExprPath>,
    down: &Slot<ExprPath>,
    damaged: bool,
    versions: &Versions,
) {
    let (Some(up), Some(since), Some(reader)) = (up, version_of(since), versions.reader) else { return };
    if down.is_none() && reader < since && !damaged {
        errors.at(
            &up.value,
            format!(
                "a version-{reader} binary may still be serving these sessions, so add `down = path`, or \
                 `oldest_reader = {since}` once none is running"
            ),
        );
    }
}

pub(super) fn version_given_and_in_range(errors: &Errors, written: &Written<'_>) {
    let Some(version) = &written.version else {
        if !written.damaged {
            errors.at(&written.item.ident, "missing `#[session(version = 1)]`");
        }
        return;
    };
    in_range(errors, &version.value);
}

pub(super) fn oldest_reader_not_beyond(errors: &Errors, written: &Written<'_>, versions: &Versions) {
    let Some(Given { value, .. }) = &written.oldest_reader else { return };
    if in_range(errors, value).is_none() {
        return;
    }
    if let (Some(reader), Some(now)) = (versions.reader, versions.now)
        && reader > now
    {
        errors.at(
            value,
            format!(
                "`oldest_reader = {reader}` is above the schema's version {now}; it is the oldest version that may still be \
                 running, so write at most {now}"
            ),
        );
    }
}

pub(super) fn oldest_record_not_after_reader(errors: &Errors, written: &Written<'_>, versions: &Versions) {
    let Some(Given { value, .. }) = &written.oldest_record else { return };
    if in_range(errors, value).is_none() {
        return;
    }
    if let (Some(record), Some(reader)) = (versions.record, versions.reader)
        && record > reader
    {
        errors.at(
            value,
            format!(
                "a version-{reader} binary may still be running and writing records, so records of version {reader} must stay \
                 readable; write `oldest_record = {reader}` or less, or raise `oldest_reader` first"
            ),
        );
    }
}

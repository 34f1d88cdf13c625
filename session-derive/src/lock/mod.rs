//! In: a schema without mistakes, and its lock file. Out: a message for everything that the lock does not allow, and what to generate
//! so that the compiler and a test check the rest.
//!
//! Never writes a file; the generated test does, through the library. In reading order: `data` is the content of a lock file, `text`
//! its format, and `source` finds it; `cells` puts the attributes and the lock side by side, `own` recognizes the user's own types,
//! and `now` reads the attributes; `compare` has the rules, and `whose` tells whether the lock belongs to this schema at all.

mod data;
mod text;
pub(crate) mod source;
mod cells;
pub(crate) mod own;
mod now;
pub(crate) mod compare;
mod whose;
#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::Type;

use crate::attr::Written;
use crate::attr::forms::Mode;
use crate::errors::Errors;
use crate::model::Schema;
use compare::found::{Part, TEST, Target, TypeCheck};
use data::{Lock, Shape};
use now::Origin;
use source::{Around, File};
use text::{ASKED, Broken};

/// What to generate for the lock of a schema.
#[derive(Default)]
pub(crate) struct Locked<'a> {
    /// Tokens that make cargo rebuild when the lock file or the environment changes.
    pub(crate) watch: TokenStream,
    pub(crate) missing: Option<Missing>,
    pub(crate) types: Vec<(&'a Type, TypeCheck)>,
    /// Whether the lock shows a change in the present version that the attributes do not name.
    pub(crate) shows_a_change: bool,
    pub(crate) test: Option<Test<'a>>,
}

/// The message about a lock file that is not there.
pub(crate) enum Missing {
    Warning(String),
    /// Except in the test that writes the file.
    Error(String),
}

/// The generated test, which reads the golden records, and writes the draft and, on request, a release.
pub(crate) struct Test<'a> {
    /// A constant expression for the folder of the lock files.
    pub(crate) directory: TokenStream,
    /// A constant expression for the path of the lock file, if there is one.
    pub(crate) found: Option<TokenStream>,
    /// Whether the present version is not released yet.
    pub(crate) is_draft: bool,
    /// The oldest version whose records the schema still reads.
    pub(crate) oldest_record: u16,
    /// The text of the lock file, split where a value is missing that only the compiler can compute. The first missing value is the
    /// hash, and the others are the shapes of the types in `shapes`.
    pub(crate) text: Vec<String>,
    pub(crate) shapes: Vec<&'a Type>,
    /// The versions whose golden records must exist.
    pub(crate) records: Vec<u16>,
    /// The wire keys of fields inside of which fields were added, each with the version in which that was.
    pub(crate) compatible: Vec<(String, u16)>,
    /// The types of the fields, some of which may be opaque.
    pub(crate) types: Vec<&'a Type>,
    /// Changes since the release that only a release records.
    pub(crate) told: Vec<String>,
}

/// What released versions stored, for messages about the attributes.
#[derive(Default)]
pub(crate) struct Past {
    lock: Option<Lock>,
    /// Whether there may be released versions of which nothing is known here, as in a package that cargo has unpacked.
    is_elsewhere: bool,
    /// Whether there should be a lock file, and is none.
    pub(crate) is_missing: bool,
}

impl Past {
    pub(crate) fn of(schema: &Schema<'_>, written: &Written<'_>, around: &Around) -> Self {
        let is_off = mode(written, around) == Mode::Off;
        let File::Text(text) = &around.file else {
            let is_elsewhere = matches!(around.file, File::Ignored);
            return Self { lock: None, is_elsewhere, is_missing: !is_elsewhere && !is_off };
        };
        let lock = Lock::parse(text).ok().filter(|lock| lock.schema == schema.name.text && !is_off);
        Self { lock, ..Self::default() }
    }

    /// Whether a version is released. Something changed in it then, even if the attributes no longer say what.
    pub(crate) fn is_released(&self, version: u16) -> bool {
        self.is_elsewhere || self.lock.as_ref().is_some_and(|lock| version <= lock.released)
    }

    /// The type that was last released under a wire key, and the version that stored it.
    pub(crate) fn stored(&self, key: &str) -> Option<(u16, &str)> {
        let lock = self.lock.as_ref()?;
        let mut released = lock.versions.range(..=lock.released).rev();
        released.find_map(|(version, view)| Some((*version, view.get(key)?.ty.as_str())))
    }
}

/// What to do without a lock file. Beside the product a state has none unless it asks.
fn mode(written: &Written<'_>, around: &Around) -> Mode {
    let default = if around.is_beside_the_product { Mode::Off } else { Mode::Warn };
    written.lock.as_ref().map_or(default, |mode| mode.value)
}

/// Compares a schema with its lock. `silent` means that the attributes name no change in the present version.
///
/// Without a usable lock there is nothing to compare, so each way to lack one ends with a message of its own. With a lock, what the
/// attributes show is reported here, and what only the compiler can see is returned as type checks.
pub(crate) fn check<'a>(
    errors: &Errors,
    written: &'a Written<'a>,
    schema: &Schema<'a>,
    silent: bool,
    around: &Around,
) -> Locked<'a> {
    let mode = mode(written, around);
    if mode == Mode::Off || matches!(around.file, File::Ignored) {
        return Locked::default();
    }
    let Around { file, shown, directory, command, is_beside_the_product: _ } = around;
    let (now, origins) = now::read(written, schema);
    let mut locked = Locked { watch: around.watch(&now.schema), ..Locked::default() };
    let lock = match usable(&now, file, shown, written.name.is_some()) {
        Ok(lock) => lock,
        Err((target, message)) => {
            errors.at(tokens(target, written, schema, &origins), message);
            return locked;
        }
    };
    if lock.is_none() && !silent {
        let message = missing(&now, shown, command);
        match mode {
            Mode::Required => locked.missing = Some(Missing::Error(message)),
            // Without a lock, the number alone tells that an earlier version was in use.
            Mode::Warn if now.version > 1 => locked.missing = Some(Missing::Warning(message)),
            Mode::Warn | Mode::Off => {}
        }
    }
    // A lock of nothing but drafts has nothing to compare with.
    let lock = lock.filter(|lock| lock.released > 0);
    let mut told = Vec::new();
    if let Some(lock) = &lock {
        let verdict = compare::compare(&now, lock, silent);
        for finding in verdict.findings {
            errors.at(tokens(finding.target, written, schema, &origins), &finding.message);
        }
        locked.types =
            verdict.types.into_iter().filter_map(|check| Some((origins.get(check.at)?.ty, check))).collect();
        told = verdict.told;
        locked.shows_a_change = verdict.adds_fields;
    }
    let updated = cells::updated(&now, lock.as_ref());
    locked.test = Some(Test {
        directory: directory.clone(),
        found: around.path(&now.schema),
        is_draft: updated.released < now.version,
        oldest_record: now.oldest_record,
        text: updated.render().split(ASKED).map(str::to_owned).collect(),
        shapes: asked(&updated, &now, &origins),
        records: updated.records.iter().copied().collect(),
        compatible: compatible(schema, &now),
        types: schema.fields.iter().map(|field| field.ty).collect(),
        told,
    });
    locked
}

/// The lock to compare with, `None` if the schema has none yet, or the mistake that keeps the file from being used. `is_named` says
/// whether the schema has a `name = ".."`.
///
/// A file that belongs to another schema or to another state is refused, and so is a schema that seems to have had another name:
/// compared with the wrong lock, every field would be reported.
fn usable(
    now: &cells::Now,
    file: &File,
    shown: &str,
    is_named: bool,
) -> Result<Option<Lock>, (Target, String)> {
    let broken = |message| (Target::State, message);
    let misnamed = |message| (Target::SchemaName, message);
    let text = match file {
        File::Ignored => return Ok(None),
        File::Unreadable(why) => return Err(broken(format!("{shown} cannot be read: {why}"))),
        File::Missing(others) => {
            return whose::renamed(now, is_named, others, shown)
                .map_or(Ok(None), |message| Err(misnamed(message)));
        }
        File::Text(text) => text,
    };
    let lock = Lock::parse(text).map_err(|why| broken(broken_message(&why, shown)))?;
    if lock.schema != now.schema {
        return Err(broken(format!(
            "{shown} is the lock of schema `{}`, not of `{}`; restore it, or move it to {}.lock",
            lock.schema, now.schema, lock.schema
        )));
    }
    whose::taken(now, &lock, shown).map_or(Ok(Some(lock)), |message| Err(misnamed(message)))
}

/// The types whose shapes are missing in the text of the lock, in the order of the text.
fn asked<'a>(lock: &Lock, now: &cells::Now, origins: &[Origin<'a>]) -> Vec<&'a Type> {
    let cells = lock.versions.values().flatten().filter(|(_, cell)| cell.shape == Shape::Asked);
    let place = |key: &String| now.cells.iter().position(|stored| stored.key == *key);
    cells.filter_map(|(key, _)| Some(origins.get(place(key)?)?.ty)).collect()
}

fn compatible(schema: &Schema<'_>, now: &cells::Now) -> Vec<(String, u16)> {
    let fields = now.cells.iter().filter(|stored| stored.role == cells::Role::Field);
    let each = |stored: &cells::Stored| {
        let key = schema.wire_key(&stored.key);
        stored.compatible.clone().into_iter().map(move |since| (key.clone(), since))
    };
    fields.flat_map(each).collect()
}

fn missing(now: &cells::Now, shown: &str, command: &str) -> String {
    format!(
        "no lock for schema `{}` (expected {shown}): a change of what {} stored passes unnoticed, and loses stored values; \
         run `{command}` and commit the file. If this is a copy of the package, as in a container, it must have the file too. To do \
         without, write `lock = off`",
        now.schema,
        if now.version > 2 { format!("versions 1 to {}", now.version - 1) } else { "version 1".to_owned() },
    )
}

fn broken_message(broken: &Broken, shown: &str) -> String {
    let restore = format!("restore it from version control, then run `{TEST}`");
    match broken {
        Broken::Conflict(version) => {
            let (what, then) = match version {
                Some(version) => (
                    format!("two branches both made version {version}"),
                    format!(
                        "one must become {}, or, while neither is released, both share {version}",
                        version.saturating_add(1)
                    ),
                ),
                None => (
                    "two branches changed this schema".to_owned(),
                    "the later one goes on from the other".to_owned(),
                ),
            };
            format!(
                "{shown} has unresolved git conflict markers: {what}; {then}. Take the side of the file whose `released` is higher, \
                 the other branch's if both are equal (`git checkout --theirs`; in a rebase that is your own branch's, and \
                 `--ours` the other's), then run `{TEST}`"
            )
        }
        Broken::Newer(format) => {
            format!(
                "{shown} has format {format}, and this release knows format {}; use a newer actix-typed-session",
                text::FORMAT
            )
        }
        Broken::Line(line) => format!("{shown} is unreadable at line {line}; {restore}"),
        Broken::Head => format!(
            "{shown} was edited by hand or merged in part: its lines do not match the hash in `head`; {restore}"
        ),
    }
}

/// The tokens to underline for a finding.
fn tokens(target: Target, written: &Written<'_>, schema: &Schema<'_>, origins: &[Origin<'_>]) -> TokenStream {
    let state = schema.ident.to_token_stream();
    match target {
        Target::Version => written.version.as_ref().map_or(state, |version| version.value.to_token_stream()),
        Target::State => state,
        Target::SchemaName => schema.name.at.clone(),
        Target::OldestReader => now::oldest_reader(written).unwrap_or(state),
        Target::Cell(at, part) => origins.get(at).map_or(state, |origin| match part {
            Part::Name => origin.name.clone(),
            Part::Key => origin.key.clone(),
            Part::Since => origin.since.clone().unwrap_or_else(|| origin.name.clone()),
            Part::Until => origin.until.clone().unwrap_or_else(|| origin.name.clone()),
        }),
    }
}

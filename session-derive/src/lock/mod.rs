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
mod own;
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
use crate::structure;
use compare::found::{Part, Target, TypeCheck, UPDATE};
use data::{Lock, Shape};
use now::Origin;
use source::{Around, File, Task};
use text::{ASKED, Broken};

/// What to generate for the lock of a schema.
#[derive(Default)]
pub(crate) struct Locked<'a> {
    /// Tokens that make cargo rebuild when the lock file or the environment changes.
    pub(crate) watch: TokenStream,
    pub(crate) warning: Option<String>,
    pub(crate) types: Vec<(&'a Type, TypeCheck)>,
    pub(crate) test: Option<Test<'a>>,
}

/// The generated test, which reads the golden records, and writes the lock on request.
pub(crate) struct Test<'a> {
    /// A constant expression for the folder of the lock files.
    pub(crate) directory: TokenStream,
    pub(crate) task: Task,
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
    /// The types that the test reports on. While it writes the lock: the types of fields, if one of them is opaque. Otherwise: types
    /// that were opaque at the last release, if they have a shape by now.
    pub(crate) tell: Vec<&'a Type>,
}

/// What released versions stored, for messages about the attributes.
#[derive(Default)]
pub(crate) struct Past(Option<Lock>);

impl Past {
    pub(crate) fn of(schema: &Schema<'_>, written: &Written<'_>, around: &Around) -> Self {
        let is_off = mode(written, around) == Mode::Off;
        let File::Text(text) = &around.file else { return Self::default() };
        let lock = Lock::parse(text).ok().filter(|lock| lock.schema == schema.name.text && !is_off);
        Self(lock)
    }

    /// Whether a version is released. Something changed in it then, even if the attributes no longer say what.
    pub(crate) fn is_released(&self, version: u16) -> bool {
        self.0.as_ref().is_some_and(|lock| version <= lock.released)
    }

    /// The type that was last released under a wire key, and the version that stored it.
    pub(crate) fn stored(&self, key: &str) -> Option<(u16, &str)> {
        let lock = self.0.as_ref()?;
        let mut released = lock.versions.range(..=lock.released).rev();
        released.find_map(|(version, view)| Some((*version, view.get(key)?.ty.as_str())))
    }
}

/// What to do without a lock file. Beside the product a state has none unless it asks.
fn mode(written: &Written<'_>, around: &Around) -> Mode {
    let default = if around.is_beside_the_product { Mode::Off } else { Mode::Warn };
    written.lock.as_ref().map_or(default, |mode| mode.value)
}

/// Whether a finding is a mistake under the present task. An update records some of them instead.
fn stands(task: &Task, can_be_recorded: bool) -> bool {
    *task == Task::Check || !can_be_recorded
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
    let Around { task, file, shown, directory, is_beside_the_product: _ } = around;
    let (now, origins) = now::read(written, schema);
    let mut locked = Locked { watch: around.watch(&now.schema), ..Locked::default() };
    if let Task::Unknown(task) = task {
        errors.at(
            schema.ident,
            format!("`SESSION_LOCK` is `{task}`; set it to `update` or `release`, or unset it"),
        );
        return locked;
    }
    let lock = match usable(&now, file, shown, written.name.is_some()) {
        Ok(lock) => lock,
        Err((target, message)) => {
            errors.at(tokens(target, written, schema, &origins), message);
            return locked;
        }
    };
    if lock.is_none() && *task == Task::Check && !silent {
        let message = missing(&now.schema, shown);
        match mode {
            Mode::Required => errors.at(schema.ident, message),
            Mode::Warn | Mode::Off => locked.warning = Some(message),
        }
    }
    if let Some(lock) = &lock {
        let verdict = compare::compare(&now, lock, silent);
        for finding in verdict.findings.iter().filter(|finding| stands(task, finding.can_be_recorded)) {
            errors.at(tokens(finding.target, written, schema, &origins), &finding.message);
        }
        let types = verdict.types.into_iter().filter(|check| stands(task, check.can_be_recorded));
        locked.types = types.filter_map(|check| Some((origins.get(check.at)?.ty, check))).collect();
    }
    let (text, shapes, tell) = match task {
        Task::Update | Task::Release => {
            let updated = cells::updated(&now, lock.as_ref(), *task == Task::Release);
            let text = updated.render().split(ASKED).map(str::to_owned).collect();
            let fields = schema.fields.iter().map(|field| field.ty).collect();
            (text, asked(&updated, &now, &origins), fields)
        }
        Task::Check | Task::Unknown(_) => (Vec::new(), Vec::new(), unseen(lock.as_ref(), &now, &origins)),
    };
    let is_draft = lock.as_ref().is_none_or(|lock| lock.released < now.version);
    let records = lock.into_iter().flat_map(|lock| lock.records).collect();
    let (directory, task, oldest_record) = (directory.clone(), task.clone(), now.oldest_record);
    locked.test = Some(Test { directory, task, is_draft, oldest_record, text, shapes, records, tell });
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

/// The types of fields that were opaque when they were released.
fn unseen<'a>(lock: Option<&Lock>, now: &cells::Now, origins: &[Origin<'a>]) -> Vec<&'a Type> {
    let released = lock.and_then(|lock| lock.versions.get(&lock.released));
    let fields = now.cells.iter().zip(origins).filter(|(stored, _)| stored.role == cells::Role::Field);
    let cell = |stored: &cells::Stored| {
        released?.get(&stored.key).filter(|cell| structure::alike(&cell.ty, &stored.ty))
    };
    let unseen =
        fields.filter(|(stored, _)| cell(stored).is_some_and(|cell| matches!(cell.shape, Shape::Opaque(_))));
    unseen.map(|(_, origin)| origin.ty).collect()
}

fn missing(schema: &str, shown: &str) -> String {
    format!(
        "no lock for schema `{schema}` (expected {shown}); run `{UPDATE}` and commit it (with `--example NAME` for an example; the \
         derive must be in a module). If cargo packaged this crate, `include` in its Cargo.toml must list it"
    )
}

fn broken_message(broken: &Broken, shown: &str) -> String {
    let restore = format!("restore it from version control, then run `{UPDATE}`");
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
                 `--ours` the other's), then run `{UPDATE}`"
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
            Part::Default => origin.default.clone().unwrap_or_else(|| origin.name.clone()),
        }),
    }
}

//! The input of a `session_lock` test.
//!
//! In: constants that the derive generated, and the environment. Out: [`Lock`] and [`Task`]. Never: reads or writes a file.

use std::{collections::BTreeSet, env, fmt};

/// What the derive knows about the lock file of a schema.
#[derive(Debug)]
pub struct Lock {
    /// The folder of lock files.
    pub directory: &'static str,
    /// The text of the lock file when the test was compiled.
    pub found: Option<&'static str>,
    /// Whether the present version is a draft, not yet released.
    pub is_draft: bool,
    /// Golden records of versions before this one are no longer read.
    pub oldest_record: u16,
    /// The text of the file with the present version as a draft, split where numbers go: first the hash of the text, then the shapes.
    pub text: &'static [&'static str],
    /// The shapes that go between the parts of `text`.
    pub shapes: &'static [Shape],
    /// The released versions whose golden records must exist.
    pub records: &'static [u16],
    /// The wire keys of fields inside of which fields were added, each with the version in which that was.
    pub compatible: &'static [(&'static str, u16)],
    /// The types in the schema, each with whether the compiler cannot see inside it.
    pub opaque: &'static [(&'static str, bool)],
    /// Changes of a released version that need no new version, and that only a release records. In a draft they are only told.
    pub told: &'static [&'static str],
    /// The name of the package that contains the schema.
    pub name: &'static str,
    /// The folder of that package.
    pub package: &'static str,
    /// The source file of the schema, relative to the package or to a folder above it.
    pub source: &'static str,
}

impl Lock {
    /// Whether fields were added inside of the field with this wire key since `version`.
    pub(super) fn grew(&self, key: &str, version: u16) -> bool {
        self.compatible.iter().any(|(of, since)| *of == key && version < *since)
    }

    /// The command that releases the present version.
    pub(super) fn release(&self) -> String {
        format!("SESSION_LOCK=release cargo test -p {} session_lock", self.name)
    }
}

/// What the lock file says of a type.
#[derive(Debug)]
pub struct Shape {
    /// The shape of the type, unless it has none.
    pub whole: Option<u64>,
    /// The shape where the types without one count by their names.
    pub seen: u64,
    /// The names of the types inside, each with whether it has a shape.
    pub leaves: &'static [(&'static str, bool)],
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(whole) = self.whole {
            return write!(f, "{whole:016x}");
        }
        let unseen: BTreeSet<&str> =
            self.leaves.iter().filter(|(_, is_seen)| !is_seen).map(|(name, _)| *name).collect();
        let unseen: Vec<&str> = unseen.into_iter().collect();
        write!(f, "opaque:{:016x}:{}", self.seen, unseen.join(","))
    }
}

/// What the test does, apart from reading the golden records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Task {
    /// Writes the draft.
    Draft,
    /// Fails if the draft that is on file is another one.
    Check,
    /// Freezes the present version and writes its golden record.
    Release,
}

impl Task {
    /// What the environment asks for.
    pub(super) fn asked() -> Result<Self, Failure> {
        let variable = |name| env::var(name).unwrap_or_default();
        match variable("SESSION_LOCK").as_str() {
            "release" => Ok(Self::Release),
            "" if matches!(variable("CI").as_str(), "" | "0" | "false") => Ok(Self::Draft),
            "" => Ok(Self::Check),
            other => Err(Failure(format!(
                "`SESSION_LOCK` is `{other}`; set it to `release`, or unset it: the draft is written without"
            ))),
        }
    }
}

/// The reason why the test fails. `Debug` writes the plain message, because that is what the test harness prints.
pub struct Failure(pub(super) String);

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

//! The input of a `session_lock` test.
//!
//! In: constants that the derive generated. Out: [`Lock`] and [`Task`]. Never: reads or writes a file.

use std::{collections::BTreeSet, fmt};

/// What the derive knows about the lock file of a schema.
#[derive(Debug)]
pub struct Lock {
    /// The folder of lock files.
    pub directory: &'static str,
    /// The task that `SESSION_LOCK` asked for.
    pub task: Task,
    /// Whether the present version is a draft, not yet released.
    pub is_draft: bool,
    /// Golden records of versions before this one are no longer read.
    pub oldest_record: u16,
    /// The new text of the file, split where numbers go: first the hash of the text, then the shapes. Empty for [`Task::Read`].
    pub text: &'static [&'static str],
    /// The shapes that go between the parts of `text`.
    pub shapes: &'static [Shape],
    /// The released versions whose golden records must exist.
    pub records: &'static [u16],
    /// The types in the schema, each with whether to print a note about it: that the compiler cannot see inside it or, for
    /// [`Task::Read`], that it can since the release.
    pub tell: &'static [(&'static str, bool)],
    /// The folder of the package that contains the schema.
    pub package: &'static str,
    /// The source file of the schema, relative to the package or to a folder above it.
    pub source: &'static str,
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

/// The task that `SESSION_LOCK` named when the test was compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// No `SESSION_LOCK`: read the golden records.
    Read,
    /// `update`: also write the lock file.
    Update,
    /// `release`: also freeze the present version and write its golden record.
    Release,
}

/// The reason why the test fails. `Debug` writes the plain message, because that is what the test harness prints.
pub struct Failure(pub(super) String);

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

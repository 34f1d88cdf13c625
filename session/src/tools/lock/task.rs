//! What a `session_lock` test is asked to do.
//!
//! In: what the derive wrote. Out: [`Lock`], [`Task`]. Never: a file.

use std::fmt;

/// What the derive knows of a schema's lock file.
#[derive(Debug)]
pub struct Lock {
    /// The folder of lock files.
    pub directory: &'static str,
    /// What to do.
    pub task: Task,
    /// Whether the present version is not released.
    pub is_draft: bool,
    /// Records of versions before this one are not read any more.
    pub oldest_record: u16,
    /// The new text of the file, cut where a number belongs: first the hash of the text, then the shapes. Empty for [`Task::Read`].
    pub text: &'static [&'static str],
    /// What the compiler found.
    pub shapes: &'static [Option<u64>],
    /// The released versions whose golden records must be there.
    pub records: &'static [u16],
    /// Types in the schema, and whether to say that the compiler cannot see into them; for [`Task::Read`], that it can since the
    /// release.
    pub tell: &'static [(&'static str, bool)],
    /// The folder of the package.
    pub package: &'static str,
    /// The source file of the schema, from the package or from a folder above it.
    pub source: &'static str,
}

/// What `SESSION_LOCK` asked for when the test was compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// Read the golden records.
    Read,
    /// `update`: write the lock file.
    Update,
    /// `release`: that, with the present version frozen, and its golden record.
    Release,
}

/// Why the test fails. `Debug` is for people: it is what the test harness prints.
pub struct Failure(pub(super) String);

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

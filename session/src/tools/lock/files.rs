//! Collects what a `session_lock` test writes and prints.
//!
//! In: files and lines, one by one. Out: all of them at the end, if the test has not failed. Never: writes anything before the end.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::task::{Failure, Lock};

/// Files and lines, kept until [`done`](Files::done).
pub(super) struct Files<'a> {
    lock: &'a Lock,
    texts: Vec<(PathBuf, String)>,
    said: String,
    last: String,
}

impl<'a> Files<'a> {
    pub(super) fn of(lock: &'a Lock) -> Self {
        Self { lock, texts: Vec::new(), said: String::new(), last: String::new() }
    }

    pub(super) fn write(&mut self, path: PathBuf, text: String) {
        self.texts.push((path, text));
    }

    pub(super) fn say(&mut self, line: &str) {
        let _ = writeln!(self.said, "{line}");
    }

    /// Prints `line` after all others.
    pub(super) fn remind(&mut self, line: String) {
        self.last = line;
    }

    /// Writes the files and prints the lines.
    ///
    /// A file that already has its text is left alone, because cargo rebuilds everything that depends on a file that was written.
    /// The lock file comes last, so that it never lists a golden record that could not be written.
    pub(super) fn done(mut self) -> Result<(), Failure> {
        for (path, text) in std::mem::take(&mut self.texts) {
            if fs::read_to_string(&path).is_ok_and(|now| now == text) {
                continue;
            }
            let shown = self.lock.shown(&path);
            let created = !path.exists();
            let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
            let written = folder.and_then(|()| fs::write(&path, text));
            written.map_err(|error| Failure(format!("cannot write {shown}: {error}")))?;
            if created && path.extension().is_some_and(|extension| extension == "lock") {
                touch(self.lock);
            }
            self.say(&format!("wrote {shown}"));
        }
        if !self.last.is_empty() {
            let last = std::mem::take(&mut self.last);
            self.say(&last);
        }
        // The test harness captures `print!` and hides it when a test passes. One write keeps the lines of several tests apart.
        let _ = io::stderr().write_all(self.said.as_bytes());
        Ok(())
    }
}

impl Lock {
    /// The path relative to the package, such as `session-schemas/shop.lock`.
    pub(super) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(self.package).unwrap_or(path).display().to_string()
    }
}

/// Marks the schema's source as modified, so that cargo compiles it again with the new lock file.
///
/// Cargo cannot watch a file that did not exist. If this fails, the next edit of the source has the same effect.
fn touch(lock: &Lock) {
    let source = Path::new(lock.package)
        .ancestors()
        .map(|folder| folder.join(lock.source))
        .find(|path| path.is_file());
    let file = source.and_then(|path| fs::File::options().append(true).open(path).ok());
    if let Some(file) = file {
        let _ = file.set_modified(SystemTime::now());
    }
}

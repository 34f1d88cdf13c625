//! Collects what a `session_lock` test writes and prints.
//!
//! In: files and lines, one by one. Out: all of them at the end, if the test has not failed. Never: writes anything before the end.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process,
    time::SystemTime,
};

use super::task::{Failure, Lock};

/// Files and lines, kept until [`done`](Files::done).
pub(super) struct Files<'a> {
    lock: &'a Lock,
    texts: Vec<(PathBuf, String)>,
    /// Written last, with whether the compiler must see it.
    lock_file: Option<(PathBuf, String, bool)>,
    said: String,
    last: String,
}

impl<'a> Files<'a> {
    pub(super) fn of(lock: &'a Lock) -> Self {
        Self { lock, texts: Vec::new(), lock_file: None, said: String::new(), last: String::new() }
    }

    pub(super) fn write(&mut self, path: PathBuf, text: String) {
        self.texts.push((path, text));
    }

    /// The lock file. `is_seen` says whether what the derive generates depends on the change; if not, nothing is compiled again.
    pub(super) fn write_lock_file(&mut self, path: PathBuf, text: String, is_seen: bool) {
        self.lock_file = Some((path, text, is_seen));
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
            self.put(&path, &text)?;
        }
        if let Some((path, text, is_seen)) = self.lock_file.take() {
            let before = path.metadata().and_then(|file| file.modified()).ok();
            self.put(&path, &text)?;
            match before {
                Some(before) if !is_seen => set_modified(&path, before),
                // Cargo cannot watch a file that did not exist.
                _ if before.is_none() || self.lock.found.is_none() => self.lock.touch_source(),
                _ => {}
            }
        }
        if !self.last.is_empty() {
            let last = std::mem::take(&mut self.last);
            self.say(&last);
        }
        // The test harness captures `print!` and hides it when a test passes. One write keeps the lines of several tests apart.
        let _ = io::stderr().write_all(self.said.as_bytes());
        Ok(())
    }

    /// Writes a file in one step, since another test may read it meanwhile.
    fn put(&mut self, path: &Path, text: &str) -> Result<(), Failure> {
        if fs::read_to_string(path).is_ok_and(|now| now == text) {
            return Ok(());
        }
        let shown = self.lock.shown(path);
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        let beside = path.with_extension(format!("{}.new", process::id()));
        let written = folder.and_then(|()| fs::write(&beside, text)).and_then(|()| fs::rename(&beside, path));
        written.map_err(|error| Failure(format!("cannot write {shown}: {error}")))?;
        self.say(&format!("wrote {shown}"));
        Ok(())
    }
}

impl Lock {
    /// The path relative to the package, such as `session-schemas/shop.lock`.
    pub(super) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(self.package).unwrap_or(path).display().to_string()
    }

    /// Marks the schema's source as modified, so that cargo compiles it again with a lock file that it could not watch.
    ///
    /// If this fails, the next edit of the source has the same effect.
    pub(super) fn touch_source(&self) {
        let sources = Path::new(self.package).ancestors().map(|folder| folder.join(self.source));
        for path in sources.filter(|path| path.is_file()).take(1) {
            set_modified(&path, SystemTime::now());
        }
    }
}

/// If this fails, cargo compiles once more than it needs to.
fn set_modified(path: &Path, time: SystemTime) {
    if let Ok(file) = fs::File::options().append(true).open(path) {
        let _ = file.set_modified(time);
    }
}

//! What a `session_lock` test writes, and says.
//!
//! In: files and lines, one by one. Out: all of them at once, when nothing is wrong. Never: a part of them.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::task::{Failure, Lock};

/// Collects until [`done`](Files::done).
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

    /// Says it below what was written.
    pub(super) fn remind(&mut self, line: String) {
        self.last = line;
    }

    /// Writes what is not there yet, in the order in which it came: cargo rebuilds what reads a file that was written.
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
        // The harness shows what a passing test prints only if it goes past `print!`; and lines of several tests must not mix.
        let _ = io::stderr().write_all(self.said.as_bytes());
        Ok(())
    }
}

impl Lock {
    /// As people write it: `session-schemas/shop.lock`.
    pub(super) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(self.package).unwrap_or(path).display().to_string()
    }
}

/// Cargo cannot watch a file that was not there, so the schema's source is made to look edited. If that fails, the next edit of
/// it does the same.
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

//! In: the version and `oldest_reader` of the attributes, and the released version. Out: whether the one may follow the other.
//!
//! Never looks at a cell.

use super::found::{Found, RELEASE, Target};

impl Found<'_> {
    /// Whether the version is the released one or the next.
    pub(super) fn version(&mut self) -> bool {
        let (version, released, next) = (self.now.version, self.lock.released, self.next());
        if version < released {
            self.at(
                Target::Version,
                format!(
                    "schema `{}` is locked at {released}, found {version}; versions only go up: write `version = {released}`, or \
                     {next} for a change",
                    self.now.schema
                ),
            );
        } else if version > next && released == 0 {
            self.at(
                Target::Version,
                format!(
                    "versions are consecutive: no version of schema `{}` is released, so this is still version 1, found \
                     {version}; if an earlier one is in use, go back to it and run `{RELEASE}`",
                    self.now.schema
                ),
            );
        } else if version > next {
            self.at(
                Target::Version,
                format!(
                    "versions are consecutive: {next} comes after {released}, found {version}; if version {next} is in \
                     use, go back to it and run `{RELEASE}`"
                ),
            );
        } else {
            return true;
        }
        false
    }

    pub(super) fn contraction(&mut self) {
        let (released, Some(oldest)) = (self.lock.released, self.now.oldest_reader) else { return };
        if oldest > released && released > 0 {
            self.at(
                Target::OldestReader,
                format!(
                    "version {released} is released and may still be serving: `oldest_reader` cannot be above {released} \
                     until version {oldest} is released"
                ),
            );
        }
    }
}

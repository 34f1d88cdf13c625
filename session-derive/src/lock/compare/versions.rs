//! In: `version` and `oldest_reader`, and the released version. Out: a finding if they cannot follow it.
//!
//! Never looks at cells.

use super::found::{Found, RELEASE, Target};

impl Found<'_> {
    /// Reports a version that is neither the released one nor the next. Returns whether it is one of the two.
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

    /// Reports an `oldest_reader` that leaves out the released version, which may still be running.
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

//! In: what the attributes say and what the lock says, side by side. Out: a place for what the rules find.
//!
//! Never a rule: they are in the files below.

use std::collections::BTreeMap;

use super::super::cells::{Frozen, Now};
use super::super::data::Lock;

/// A mistake, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) target: Target,
    pub(crate) message: String,
    /// `SESSION_LOCK=update` takes it into the lock.
    pub(crate) can_be_recorded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Version,
    State,
    OldestReader,
    /// The nth of [`Now::cells`].
    Cell(usize, Part),
}

/// What of a cell is to be edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Name,
    Key,
    Since,
    Until,
    Default,
}

/// For the compiler: the shape of a cell's type against the one in the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypeCheck {
    /// The nth of [`Now::cells`].
    pub(crate) at: usize,
    /// `None`: the compiler could not see it.
    pub(crate) locked: Option<u64>,
    /// Whether both are spelled alike, which decides where the compiler sees no shape.
    pub(crate) same_words: bool,
    pub(crate) message: String,
    /// Instead, where the lock has a shape and the type has none.
    pub(crate) unseen: String,
    pub(crate) can_be_recorded: bool,
}

/// What a comparison found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) findings: Vec<Finding>,
    pub(crate) types: Vec<TypeCheck>,
}

pub(crate) const UPDATE: &str = "SESSION_LOCK=update cargo test session_lock";

pub(crate) const RELEASE: &str = "SESSION_LOCK=release cargo test session_lock";

pub(super) struct Found<'a> {
    pub(super) now: &'a Now,
    pub(super) lock: &'a Lock,
    pub(super) frozen: BTreeMap<&'a str, Frozen<'a>>,
    pub(super) silent: bool,
    /// One message lists all that changed, and no attribute says so.
    pub(super) lists_changes: bool,
    pub(super) verdict: Verdict,
}

impl Found<'_> {
    pub(super) fn at(&mut self, target: Target, message: String) {
        self.verdict.findings.push(Finding { target, message, can_be_recorded: false });
    }

    pub(super) fn recordable(&mut self, target: Target, message: String) {
        self.verdict.findings.push(Finding { target, message, can_be_recorded: true });
    }

    /// The version that comes next is the one that may say something new.
    pub(super) fn next(&self) -> u16 {
        self.lock.released.saturating_add(1)
    }

    pub(super) fn is_bumped(&self) -> bool {
        self.now.version > self.lock.released
    }

    pub(super) fn bump(&self, changes: &str, fixes: &str) -> String {
        let (schema, released, next) = (&self.now.schema, self.lock.released, self.next());
        format!(
            "session schema `{schema}` changed but its version did not. changed since released version {released}: {changes}. \
             Bump to `version = {next}` and say {fixes}, then run `{UPDATE}`"
        )
    }
}

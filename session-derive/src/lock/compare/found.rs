//! In: the attributes and the lock. Out: both side by side, and a list for the findings of the rules.
//!
//! Never has a rule; the files below do.

use std::collections::BTreeMap;

use super::super::cells::{Frozen, Now};
use super::super::data::Lock;

/// A mistake, and what to underline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) target: Target,
    pub(crate) message: String,
}

/// What to underline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Version,
    State,
    SchemaName,
    OldestReader,
    /// A part of the cell at this index in [`Now::cells`].
    Cell(usize, Part),
}

/// The part of a cell that has to be edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Name,
    Key,
    Since,
    Until,
}

/// A check for the compiler: whether the type of a cell has the shape that the lock has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypeCheck {
    /// The index of the cell in [`Now::cells`].
    pub(crate) at: usize,
    /// `None` if the type was opaque, and nothing of it is known.
    pub(crate) locked: Option<u64>,
    /// For a type that was opaque: the names of the types without a shape.
    pub(crate) by_name: Option<Vec<String>>,
    /// Whether both types are spelled alike, which decides if one of them is opaque.
    pub(crate) same_words: bool,
    pub(crate) message: String,
    /// The message if the lock has a shape and the type is opaque.
    pub(crate) unseen: String,
}

/// The result of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) findings: Vec<Finding>,
    pub(crate) types: Vec<TypeCheck>,
    /// Whether fields are new in the present version that do not say so themselves.
    pub(crate) adds_fields: bool,
    /// Changes that a release may record, for the generated test to tell.
    pub(crate) told: Vec<String>,
}

pub(crate) const TEST: &str = "cargo test session_lock";

pub(super) const RELEASE: &str = "SESSION_LOCK=release cargo test session_lock";

/// A comparison under way.
pub(super) struct Found<'a> {
    pub(super) now: &'a Now,
    pub(super) lock: &'a Lock,
    pub(super) frozen: BTreeMap<&'a str, Frozen<'a>>,
    pub(super) silent: bool,
    /// Whether one finding already lists every change.
    pub(super) lists_changes: bool,
    pub(super) verdict: Verdict,
}

impl Found<'_> {
    pub(super) fn at(&mut self, target: Target, message: String) {
        self.verdict.findings.push(Finding { target, message });
    }

    /// The version that follows the released one, in which things may change.
    pub(super) fn next(&self) -> u16 {
        self.lock.released.saturating_add(1)
    }

    pub(super) fn is_bumped(&self) -> bool {
        self.now.version > self.lock.released
    }

    /// What to do about a change that is recorded in a released version. In a draft it is only told.
    pub(super) fn or_release(&self, otherwise: &str) -> String {
        if self.is_bumped() { String::new() } else { format!("; {otherwise}, or record it with `{RELEASE}`") }
    }

    /// The message for changes without a new version: a line for each, with what to say about it.
    pub(super) fn bump(&self, changes: &[(String, String)]) -> String {
        let (schema, next) = (&self.now.schema, self.next());
        format!(
            "session schema `{schema}` changed but its version did not. Bump to `version = {next}`, and say what changed since \
             version {}, the released one:{}",
            self.lock.released,
            lines(changes)
        )
    }
}

/// A line for each change, with what to say about it.
pub(super) fn lines(changes: &[(String, String)]) -> String {
    changes.iter().fold(String::new(), |lines, (change, says)| lines + "\n  " + change + ": " + says)
}

/// A wire key as a step names it: in quotes unless it is an identifier.
pub(super) fn in_step(key: &str) -> String {
    if syn::parse_str::<syn::Ident>(key).is_ok() { key.to_owned() } else { format!("{key:?}") }
}

//! The results of rules.
//!
//! In: what a rule expected and saw. Out: [`Broken`] and [`Report`]. Never: a rule.

use std::fmt;

/// A rule that a store breaks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Broken {
    /// The name of the rule, and of its test.
    pub rule: &'static str,
    /// What a store that keeps the rule does.
    pub expected: String,
    /// What this store did.
    pub seen: String,
    /// What to look at first.
    pub fix: String,
}

impl Broken {
    pub(super) fn new(expected: impl Into<String>, seen: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { rule: "", expected: expected.into(), seen: seen.into(), fix: fix.into() }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, expected, seen, fix } = self;
        write!(
            f,
            "the store breaks the rule `{rule}`\n  expected: {expected}\n  seen:     {seen}\n  fix:      {fix}"
        )
    }
}

impl std::error::Error for Broken {}

/// The result of a rule that is not broken.
pub(super) enum Held {
    Held,
    /// The harness or the store lacks what the rule needs.
    Skipped,
}

pub(super) type Verdict = Result<Held, Broken>;

/// The result of every rule.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Rules that the store keeps.
    pub held: Vec<&'static str>,
    /// Rules that were not checked, because the harness or the store lacks what they need, such as losing a reply.
    pub skipped: Vec<&'static str>,
    /// Rules that the store breaks.
    pub broken: Vec<Broken>,
}

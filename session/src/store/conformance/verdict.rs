//! How a rule ended.
//!
//! In: what a rule expected and saw. Out: [`Broken`], [`Report`]. Never: a rule.

use std::fmt;

/// A rule that a store does not keep.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Broken {
    /// The rule, which is also the name of its test.
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

/// How a rule that is not broken ended.
pub(super) enum Held {
    Held,
    /// The harness lacks what the rule needs.
    Skipped,
}

pub(super) type Verdict = Result<Held, Broken>;

/// What became of every rule.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Kept.
    pub held: Vec<&'static str>,
    /// Not looked at, because the harness cannot do what the rule needs, such as losing a reply.
    pub skipped: Vec<&'static str>,
    /// Not kept.
    pub broken: Vec<Broken>,
}

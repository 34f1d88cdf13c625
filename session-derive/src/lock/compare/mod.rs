//! In: what the attributes say, and what the lock says. Out: what the one may not say after the other.
//!
//! Never touches a token or a file: a finding names the place, and the caller underlines it. Whether two types that are
//! spelled differently are stored alike is for the compiler: those are type checks.

pub(crate) mod found;
mod versions;
pub(crate) mod known;
mod forms;
mod fields;
mod contents;
mod marks;
mod cells;

use super::cells::{Now, frozen};
use super::data::Lock;
use found::{Found, Verdict};

/// `silent`: the attributes name nothing that changes in the present version.
pub(crate) fn compare(now: &Now, lock: &Lock, silent: bool) -> Verdict {
    let mut found =
        Found { now, lock, frozen: frozen(lock), silent, lists_changes: false, verdict: Verdict::default() };
    if found.version() {
        found.contraction();
        found.cells();
        found.types();
        found.defaults();
        found.principal();
        found.resets();
        found.draft();
    }
    found.verdict
}

//! In: the attributes and the lock of a schema. Out: a finding for everything in the attributes that the lock does not allow, and type
//! checks for the compiler.
//!
//! Never touches a token or a file: a finding names its target, and the caller underlines it. Whether two types are stored alike is
//! for the compiler to say.
//!
//! [`compare`] is the table of contents. In reading order: `found` collects the findings; `versions` is about `version` and
//! `oldest_reader`, `known` about cells that both sides have, `forms` and `fields` about cells that only one side has, `contents` about
//! types and defaults, and `marks` about the principal and what a sign-in resets. `cells` decides which of these rules a cell meets.

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

/// Compares the attributes with the lock. `silent` means that the attributes name no change in the present version.
///
/// A draft is not compared: the generated test writes it anew.
///
/// The version comes first, because all other rules depend on it: with a version that is neither the released one nor the next, they
/// would only repeat the same mistake.
pub(super) fn compare(now: &Now, lock: &Lock, silent: bool) -> Verdict {
    let mut found =
        Found { now, lock, frozen: frozen(lock), silent, lists_changes: false, verdict: Verdict::default() };
    if found.version() {
        found.contraction();
        found.cells();
        found.types();
        found.defaults();
        found.principal();
        found.resets();
    }
    found.verdict
}

//! Each case is one mistake, and the file beside it holds the output of the compiler. `TRYBUILD=overwrite` rewrites that.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

mod api;
mod links;

use std::{env, process::Command};

/// The folder of lock files. Cases are compiled in a package of their own, which has none.
const LOCKS: (&str, &str) = ("SESSION_LOCK_DIR", concat!(env!("CARGO_MANIFEST_DIR"), "/cases/lock/locks"));

#[test]
fn ui() {
    let (name, locks) = LOCKS;
    if env::var(name).is_ok_and(|set| set == locks) {
        trybuild::TestCases::new().compile_fail("cases/*/*.rs");
        return;
    }
    // A process cannot safely change its own environment, so the test runs itself with the variable set.
    let this = env::current_exe().unwrap();
    let run = Command::new(this).args(["--exact", "ui", "--nocapture"]).env(name, locks).status().unwrap();
    assert!(run.success(), "a case failed, see above");
}

//! Each case is one mistake; the file beside it holds what the compiler says. `TRYBUILD=overwrite` writes it anew.

#![allow(clippy::unwrap_used)] // in a test this is how to fail

use std::{env, process::Command};

/// Cases are compiled in a package of their own, which has no lock files: the derive is told where ours are.
const LOCKS: (&str, &str) = ("SESSION_LOCK_DIR", concat!(env!("CARGO_MANIFEST_DIR"), "/cases/lock/locks"));

#[test]
fn ui() {
    let (name, locks) = LOCKS;
    if env::var(name).is_ok_and(|set| set == locks) {
        trybuild::TestCases::new().compile_fail("cases/*/*.rs");
        return;
    }
    // A process cannot safely change its own environment.
    let this = env::current_exe().unwrap();
    let run = Command::new(this).args(["--exact", "ui", "--nocapture"]).env(name, locks).status().unwrap();
    assert!(run.success(), "a case failed, see above");
}

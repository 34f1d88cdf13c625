//! Runs a test in a process of its own, whose memory and whose log are its own.

use std::{env, process::Command};

/// Set in the process that is the test.
const ALONE: &str = "SESSION_TEST_ALONE";

/// Whether this is the process of the test `name`. If not, that process has run by the time this returns, and has succeeded.
pub(super) fn alone(name: &str) -> bool {
    if env::var(ALONE).is_ok_and(|is| is == name) {
        return true;
    }
    let mut command = Command::new(env::current_exe().unwrap());
    let run = command.args(["--exact", name, "--nocapture"]).env(ALONE, name).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout) + String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
    false
}

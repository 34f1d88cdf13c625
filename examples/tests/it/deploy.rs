//! The example `deploy`, on every kind of store that servers can share.

use std::process::{Command, Output};

use crate::servers::{shared_mariadb, shared_postgres, shared_redis};

const CLIENTS: u64 = 30;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_deploy")).args(arguments).output().unwrap()
}

/// Runs the deploy, and checks that every phase made enough requests and reads. Returns the output, which ends with the census.
fn nothing_is_lost(arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{said}{complaint}");
    let lines: Vec<_> = said.lines().filter(|line| line.contains(" reads checked")).collect();
    let (counts, phases) = lines.split_last().unwrap();
    assert!(said.ends_with(&format!("{counts}\n")), "{said}");
    let counts = counts.strip_prefix("30 clients, ").unwrap();
    let counts = counts.strip_suffix(" reads checked: no login and no field was lost").unwrap();
    let (requests, reads) = counts.split_once(" requests, ").unwrap();
    let (requests, reads): (u64, u64) = (requests.parse().unwrap(), reads.parse().unwrap());
    let at_least = 8 * CLIENTS * phases.len() as u64;
    assert!(phases.len() == 15 && requests >= at_least && reads >= at_least / 5, "{said}");
    said
}

/// Checks that the store has one session for each client, and one for the client that sees servers stop.
fn no_session_is_left_over(said: &str) {
    assert!(said.contains("\n  31 sessions, all of them; 31 of them with this schema\n"), "{said}");
    assert!(said.contains("\n  0 problems\n"), "{said}");
}

#[test]
fn on_sqlite() {
    no_session_is_left_over(&nothing_is_lost(&[]));
}

#[tokio::test]
async fn on_redis() {
    let Some(server) = shared_redis().await else { return };
    nothing_is_lost(&["--store", &server.url()]);
}

#[tokio::test]
async fn on_postgres() {
    let Some(server) = shared_postgres().await else { return };
    no_session_is_left_over(&nothing_is_lost(&["--store", &server.url(&server.database().await)]));
}

#[tokio::test]
async fn on_mariadb() {
    let Some(server) = shared_mariadb().await else { return };
    no_session_is_left_over(&nothing_is_lost(&["--store", &server.url(&server.database().await)]));
}

#[test]
fn mistakes_are_reported() {
    let cases: [(&[&str], i32, &str); 4] = [
        (
            &["--store", "memory:"],
            1,
            "`memory:` is not shared between servers; choose a store that they share",
        ),
        (&["redis://:secret@localhost"], 2, "unknown argument; see --help"),
        (&["--stroe"], 2, "unknown argument; see --help"),
        (
            &["--clients", "many"],
            2,
            "cannot parse argument \"many\": invalid digit found in string; see --help",
        ),
    ];
    for (arguments, code, message) in cases {
        let output = run(arguments);
        assert_eq!(String::from_utf8_lossy(&output.stderr), format!("deploy: {message}\n"));
        assert_eq!(output.status.code(), Some(code), "{message}");
    }
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    for choice in ["--store URL", "--clients N", "--requests N", "--help"] {
        assert!(help.contains(choice), "{choice} is missing in {help}");
    }
}

#[test]
fn a_release_that_was_not_built_is_named() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let alone = folder.path().join("deploy");
    // A hard link, not a copy: a program that another test starts at that moment would inherit the file open for writing, and such a
    // file cannot be run.
    std::fs::hard_link(env!("CARGO_BIN_EXE_deploy"), &alone).unwrap();
    let output = Command::new(&alone).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&output.stderr);
    let end = "deploy-v1 is missing; build all with `cargo build -p session-examples --bins`\n";
    assert!(complaint.ends_with(end), "{complaint}");
}

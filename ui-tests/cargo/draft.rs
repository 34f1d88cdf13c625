//! The days of a schema between its first field and its releases: nothing of a draft is in the way.
//!
//! In: the sources of a schema, edit by edit. Out: what cargo says to each, and what the generated test writes.

use super::{
    LOCK,
    kit::{Folder, alone, manifest, state, workspace},
};
use std::fs;

const USER: &str = "pub user: Option<u64>,";
const NICK: &str = "pub user: Option<u64>, pub nick: Option<String>,";
const COUPON: &str =
    "pub user: Option<u64>, pub nick: Option<String>, #[session(since = 2)] pub coupon: Option<u8>,";

/// From an empty folder to the second release.
#[test]
fn two_releases() {
    let shop = Folder::package("two_releases", "version = 1", USER);
    for fields in [USER, NICK, &format!("{USER} pub size: Option<u8>,"), NICK] {
        shop.state("version = 1", fields);
        shop.build().fine("Compiling two-releases").without("warning");
    }
    shop.session_lock("")
        .fine("schema `shop`, version 1: + `nick: Option<String>`, + `user: Option<u64>`")
        .fine("wrote");
    shop.state("version = 1", &format!("{USER} pub nick: Option<bool>, pub size: Option<u8>,"));
    shop.build().fine("Compiling").without("warning");
    shop.session_lock("").fine("version 1: ~ `nick: Option<String>` → `Option<bool>`, + `size: Option<u8>`").fine(
        "version 1 is a draft: before it is deployed, run `SESSION_LOCK=release cargo test -p two-releases session_lock`",
    );
    shop.state("version = 1", NICK);
    shop.session_lock("release")
        .fine("holds only defaults")
        .fine("version 1 is released")
        .fine("wrote session-schemas/fixtures/shop.v1.json");

    shop.state("version = 1", &format!("{NICK} pub size: Option<u8>,"));
    shop.build().fails("changed but its version did not").fails("+ `size: Option<u8>`");
    for fields in [COUPON.replace("u8", "u16"), COUPON.replace("#[session(since = 2)] ", "")] {
        shop.state("version = 2", &fields);
        shop.build().fine("Compiling").without("warning");
    }
    shop.session_lock("").fine("version 2: + `coupon: Option<u8>`").fine("wrote session-schemas/shop.lock");
    // Writing a draft makes nothing compile again.
    shop.session_lock("").fine("ok").without("Compiling").without("wrote");
    shop.build().fine("Finished").without("Compiling");
    shop.session_lock("release").fine("version 2 is released").without("Compiling");
    assert!(shop.read(LOCK).contains("released 2"));
    shop.session_lock("CI").fine("ok");
    shop.state("version = 2", COUPON);
    shop.session_lock("CI").fine("ok");
}

/// Continuous integration writes nothing, and fails if a draft was not committed.
#[test]
fn a_draft_that_was_not_committed() {
    let shop = Folder::package("uncommitted", "version = 1", USER);
    let missing = "session-schemas/shop.lock does not exist: + `user: Option<u64>`; run `cargo test -p uncommitted session_lock` where `CI`";
    shop.session_lock("CI").fails(missing).fails("write `lock = off`");
    assert!(!shop.path(LOCK).exists());
    shop.session_lock("").fine("wrote");
    shop.session_lock("CI").fine("ok");
    let text = shop.read(LOCK);
    // What a release of this library says in a comment is no difference.
    shop.write(LOCK, &text.replace("# What", "# That is what"));
    shop.session_lock("CI").fine("ok");
    shop.state("version = 1", NICK);
    shop.session_lock("CI").fails("is not up to date: + `nick: Option<String>`");
    shop.state("version = 1, lock = off", NICK);
    shop.session_lock("CI").fine("0 passed");
}

/// A release that was not deployed is taken back with version control, and the version is a draft again.
#[test]
fn a_release_is_taken_back() {
    let shop = Folder::package("taken_back", "version = 1", USER);
    shop.session_lock("").fine("wrote");
    for args in [&["init", "-q"][..], &["add", "."], &["commit", "-qm", "1"]] {
        shop.git(args).fine("");
    }
    shop.session_lock("release").fine("it can be taken back: restore session-schemas/shop.lock from version control, and delete session-schemas/fixtures/shop.v1.json");
    shop.state("version = 1", NICK);
    shop.build().fails("changed but its version did not");
    shop.git(&["restore", LOCK]).fine("");
    shop.session_lock("")
        .fails("only if that version was never released, delete the record")
        .without("wrote");
    fs::remove_file(shop.path("session-schemas/fixtures/shop.v1.json")).unwrap();
    shop.build().fine("Finished").without("warning");
    shop.session_lock("release").fine("version 1 is released");
    assert!(shop.read(LOCK).contains("nick"));
}

/// A record holds what `sample` makes. What it leaves out is said before it is frozen.
#[test]
fn what_a_sample_leaves_out() {
    let shop = Folder::new("leaves_out");
    shop.write("Cargo.toml", &alone("leaves-out", ""));
    let source = |nick: &str| {
        let state =
            state("version = 1, sample = full", &format!("{NICK} #[session(default = 3)] pub size: u8"));
        format!(
            "{state}#[cfg(test)] fn full() -> Shop {{ Shop {{ user: Some(1), nick: {nick}, size: 3 }} }}\n"
        )
    };
    shop.write("src/lib.rs", &source("None"));
    let says = "the `sample` leaves `nick`, `size` at the default, so the record that a release keeps of version 1 does not cover it";
    shop.session_lock("").fine(says);
    shop.session_lock("release").fine(says);
    fs::remove_dir_all(shop.path("session-schemas")).unwrap();
    shop.write("src/lib.rs", &source("Some(String::new())"));
    shop.session_lock("").fine("leaves `size` at");
}

/// A lock file that appears without a change of the source, as a `git pull` brings it.
#[test]
fn a_lock_that_appears() {
    let shop = Folder::package("appears", "version = 1", USER);
    shop.session_lock("release").fine("ok");
    let text = shop.read(LOCK);
    fs::remove_dir_all(shop.path("session-schemas")).unwrap();
    shop.state("version = 1", NICK);
    shop.session_lock("").fine("wrote");
    fs::remove_dir_all(shop.path("session-schemas")).unwrap();
    shop.build().fine("Compiling appears");
    // Compiled without a lock file, the test cannot know what is released.
    shop.cargo("", &["test", "--lib", "--no-run"]).fine("Finished");
    shop.write(LOCK, &text);
    shop.session_lock("")
        .fails("shop.lock is not as it was when this test was compiled; run it again")
        .without("wrote");
    assert_eq!(shop.read(LOCK), text);
    shop.build().fails("changed but its version did not");
}

/// A copy of the sources without the lock file does not pass for the whole, if an earlier version was in use.
#[test]
fn a_container_without_the_lock() {
    let shop = Folder::package("container", "version = 1", USER);
    let missing = "no lock for schema `shop` (expected session-schemas/shop.lock): a change of what version 1 stored passes unnoticed, and \
                   loses stored values; run `cargo test -p container --lib session_lock` and commit the file";
    shop.build().fine("Compiling").without("warning");
    shop.state("version = 1, lock = required", USER);
    shop.build().fails(missing).fails("write `lock = off`");
    shop.state("version = 2", COUPON);
    shop.build().fine(missing).fine("warning: use of deprecated");
    shop.state("version = 2, lock = off", COUPON);
    shop.build().fine("Compiling").without("warning");

    // The command in the message works, though nothing else of the package compiles.
    shop.state("version = 1, lock = required", USER);
    shop.write("src/main.rs", "fn main() { let _ = container::Shop::schema; }\n");
    shop.write("tests/it.rs", "");
    shop.cargo("", &["test", "-p", "container", "--lib", "session_lock"])
        .fine("wrote session-schemas/shop.lock");
    shop.write("src/main.rs", "fn main() {}\n");
    shop.cargo("CI", &["test"]).fine("session_lock_shop ... ok");

    let shop = Folder::new("container_program");
    shop.write("Cargo.toml", &workspace("\"app\"", ""));
    shop.write("app/Cargo.toml", &manifest("container-app", ""));
    shop.write("app/src/main.rs", &(state("version = 1, lock = required", USER) + "fn main() {}\n"));
    shop.cargo("", &["build"]).fails("run `cargo test -p container-app --bin container-app session_lock`");
    shop.cargo("", &["test", "-p", "container-app", "--bin", "container-app", "session_lock"]).fine("wrote");
    shop.cargo("", &["build"]).fine("Finished").without("warning");
}

/// The first lock of a schema that is in use with a later version starts from what the source says.
#[test]
fn a_draft_is_followed_by_the_next_version() {
    let shop = Folder::package("followed", "version = 1", NICK);
    shop.session_lock("").fine("wrote");
    shop.state("version = 2", COUPON);
    shop.build().fine("Compiling").without("warning");
    shop.session_lock("").fine("version 2: + `coupon: Option<u8>`").fine("wrote");
    assert!(shop.read(LOCK).contains("released 1"));
    shop.state("version = 2", &COUPON.replace(" pub nick: Option<String>,", ""));
    shop.build().fails("`nick` was in version 1");
}

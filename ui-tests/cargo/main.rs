//! The lock file in packages that cargo really builds: when the derive reads it again, what the derive leaves alone, and what happens
//! to the file in published packages, workspaces and branches.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod contraction;
mod draft;
mod kit;
mod nested;
mod records;
mod spelling;
mod targets;
mod unordered;

use std::fs;

use kit::{Folder, alone, manifest, state, workspace};

const MISSING: &str = "no lock for schema `shop`";
const LOCK: &str = "session-schemas/shop.lock";

/// Cargo rebuilds when the lock is created, edited or deleted, and neither for a draft nor for `SESSION_LOCK`.
#[test]
fn the_derive_looks_again() {
    let shop = Folder::package(
        "looks_again",
        "version = 2, oldest_reader = 1, removed(key = \"nick\", from = u8, since = 2)",
        "user: Option<u64>, #[session(default = u8::from(true))] size: u8",
    );
    shop.build().fine(MISSING);
    shop.session_lock("").fine("session_lock_shop ... ok");
    shop.build().fine("Compiling looks-again").without(MISSING);
    shop.build().fine("Finished").without("Compiling");
    shop.cargo("release", &["build"]).fine("Finished").without("Compiling");

    let text = shop.read(LOCK);
    shop.write(LOCK, &text.replace("user", "visitor"));
    shop.build().fails("was edited by hand");
    shop.write(LOCK, &text);
    shop.build().fine("Compiling looks-again").without("warning");

    fs::remove_file(shop.path(LOCK)).unwrap();
    shop.build().fine(MISSING);

    shop.session_lock("update").fails("`SESSION_LOCK` is `update`; set it to `release`, or unset it");
}

/// Building never writes beside the sources, which may be read-only, whatever `SESSION_LOCK` says.
#[test]
fn building_never_writes() {
    let shop = Folder::package("never_writes", "version = 1", "user: Option<u64>");
    shop.build().fine("Compiling never-writes").without("warning");
    shop.state("version = 1", "user: Option<u64>, nick: Option<u8>");
    // Root can write everywhere, so the files are compared too.
    let read_only = |folder: &std::path::Path, is: bool| {
        let mut permissions = folder.metadata().unwrap().permissions();
        permissions.set_readonly(is);
        fs::set_permissions(folder, permissions).unwrap();
    };
    let before = shop.everything();
    for folder in [&shop.path("src"), &shop.0] {
        read_only(folder, true);
    }
    let said = [shop.cargo("", &["build"]), shop.cargo("release", &["test", "--lib", "--no-run"])];
    for folder in [&shop.0, &shop.path("src")] {
        #[allow(clippy::permissions_set_readonly_false)] // restores a folder that this test made
        read_only(folder, false);
    }
    for said in said {
        said.fine("Compiling never-writes");
    }
    assert_eq!(shop.everything(), before);
}

/// The lock goes into the package, unless `include` leaves it out; then the message says so.
#[test]
fn packages() {
    let shop = Folder::package("packages", "version = 1, lock = required", "user: Option<u64>");
    shop.session_lock("").fine("ok");
    let list = ["package", "--list", "--allow-dirty"];
    shop.cargo("", &list).fine(LOCK);

    shop.write("Cargo.toml", &alone("packages", "include = [\"src/**\"]"));
    let listed = shop.cargo("", &list);
    listed.fine("src/lib.rs").without(LOCK);

    let unpacked = Folder::new("packages_unpacked");
    let files = listed.text.lines().filter(|line| *line == "Cargo.toml" || line.starts_with("src/"));
    for file in files {
        unpacked.write(file, &shop.read(file));
    }
    unpacked.build().fails(MISSING).fails("it must have the file too");
}

/// A workspace member is compared from whichever folder cargo runs, and its lock file is found there.
#[test]
fn workspaces_and_path_dependencies() {
    let shop = Folder::new("workspaces");
    shop.write("Cargo.toml", &workspace("\"app\", \"crates/shop\"", ""));
    shop.write(
        "app/Cargo.toml",
        &(manifest("workspaces-app", "") + "workspaces-shop = { path = \"../crates/shop\" }\n"),
    );
    shop.write("app/src/lib.rs", "pub use workspaces_shop::Shop;\n");
    shop.write("crates/shop/Cargo.toml", &manifest("workspaces-shop", ""));
    let source = "crates/shop/src/lib.rs";
    shop.write(source, &state("version = 1", "user: Option<u64>"));
    let app = ["build", "-p", "workspaces-app"];
    shop.cargo("", &app).fine("Compiling workspaces-shop").without("warning");
    shop.cargo("release", &["test", "--lib", "session_lock", "-p", "workspaces-shop"])
        .fine("session_lock_shop ... ok");
    assert!(shop.path("crates/shop/session-schemas/shop.lock").exists());
    shop.cargo("", &app).fine("Compiling workspaces-shop").without(MISSING);
    shop.write(source, &state("version = 1", "user: Option<u64>, nick: Option<String>"));
    shop.cargo("", &app).fails("changed but its version did not");
}

/// A derive in the output of a macro belongs to the package that calls the macro, and so does its lock: each caller has its own state.
#[test]
fn a_macro_of_another_package() {
    let shop = Folder::new("macros");
    shop.write("Cargo.toml", &workspace("\"app\", \"states\"", ""));
    shop.write("states/Cargo.toml", &manifest("macros-states", ""));
    let exported = |fields: &str| {
        let state = state("version = 1, lock = required", fields);
        format!("#[macro_export]\nmacro_rules! shop {{ () => {{ {state} }} }}\n")
    };
    shop.write("states/src/lib.rs", &exported("user: Option<u64>"));
    shop.write(
        "app/Cargo.toml",
        &(manifest("macros-app", "") + "macros-states = { path = \"../states\" }\n"),
    );
    shop.write("app/src/lib.rs", "macros_states::shop!();\n");
    shop.cargo("", &["build", "-p", "macros-states"]).fine("").without(MISSING);
    shop.cargo("", &["build", "-p", "macros-app"]).fails(MISSING);
    shop.cargo("release", &["test", "--lib", "session_lock", "-p", "macros-app"])
        .fine("session_lock_shop ... ok");
    assert!(shop.path("app/session-schemas/shop.lock").exists());
    assert!(!shop.path("states/session-schemas").exists());
    shop.cargo("", &["build", "-p", "macros-app"]).fine("").without(MISSING);
    shop.write("states/src/lib.rs", &exported("user: Option<u64>, nick: Option<String>"));
    shop.cargo("", &["build", "-p", "macros-app"])
        .fails("changed but its version did not")
        .fails("macros_states::shop!()");
}

/// A package in a vendor folder is not compared: it was compared before it was published, and could not be fixed here.
#[test]
fn vendored() {
    let shop = Folder::new("vendored");
    let patch = format!(
        "[patch.crates-io]\nactix-typed-session = {{ path = \"{}/../session\" }}\n",
        env!("CARGO_MANIFEST_DIR")
    );
    shop.write("Cargo.toml", &workspace("\"app\"", &patch));
    shop.write(
        "app/Cargo.toml",
        &(manifest("vendored-app", "") + "vendored-shop = { version = \"0.1\", registry = \"elsewhere\" }\n"),
    );
    shop.write("app/src/lib.rs", "pub use vendored_shop::Shop;\n");
    shop.write(
        ".cargo/config.toml",
        "[registries.elsewhere]\nindex = \"sparse+http://127.0.0.1:1/\"\n\
         [source.elsewhere]\nregistry = \"sparse+http://127.0.0.1:1/\"\nreplace-with = \"vendor\"\n\
         [source.vendor]\ndirectory = \"vendor\"\n",
    );
    let released = "[package]\nname = \"vendored-shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [dependencies]\nactix-typed-session = { version = \"0.1\", registry-index = \"https://github.com/rust-lang/crates.io-index\" }\n";
    shop.write("vendor/vendored-shop/Cargo.toml", released);
    shop.write(
        "vendor/vendored-shop/src/lib.rs",
        &state("version = 1, lock = required", "user: Option<u64>"),
    );
    shop.write("vendor/vendored-shop/.cargo-checksum.json", "{\"files\":{},\"package\":null}");
    shop.write("vendor/vendored-shop/session-schemas/shop.lock", "no lock at all");
    let built = shop.cargo("", &["build", "-p", "vendored-app"]);
    built.fine("Compiling vendored-shop").without("unreadable");
}

/// Two branches that both make version 2 conflict in the `head` line, however far apart their fields are.
#[test]
fn branches_that_both_bump_conflict() {
    let between = "b: Option<u8>, c: Option<u8>, d: Option<u8>, e: Option<u8>, f: Option<u8>, g: Option<u8>, h: Option<u8>";
    let shop = Folder::package("branches", "version = 1", between);
    shop.session_lock("release").fine("ok");
    for args in [&["init", "-q"][..], &["add", "."], &["commit", "-qm", "1"], &["branch", "coupons"]] {
        shop.git(args).fine("");
    }
    let second = |field: &str| {
        shop.state("version = 2", &format!("#[session(since = 2)] {field}: Option<u8>, {between}"));
        shop.session_lock("").fine("ok");
        // Only the lock is merged, since git might also find a conflict in the source.
        shop.git(&["add", "session-schemas"]).fine("");
        shop.git(&["commit", "-qm", field]).fine("");
        shop.git(&["checkout", "-q", "--", "src"]).fine("");
    };
    second("a");
    shop.git(&["checkout", "-q", "coupons"]).fine("");
    second("z");
    let merged = shop.git(&["merge", "main"]);
    merged.fails("CONFLICT");
    shop.build().fails("two branches both made version 2; one must become 3");
    // The way out in the message: one side of the lock file, and both fields in the source.
    shop.git(&["checkout", "--theirs", LOCK]).fine("");
    let both = format!("#[session(since = 2)] a: Option<u8>, {between}, #[session(since = 2)] z: Option<u8>");
    shop.state("version = 2", &both);
    shop.session_lock("").fine("ok");
    shop.build().fine("Finished").without("warning");
}

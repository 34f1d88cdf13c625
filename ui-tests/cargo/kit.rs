//! Packages in folders of their own, which cargo builds as it would build a user's.
//!
//! In: sources. Out: the output of cargo.
//!
//! Never uses the network, and never writes outside the target folder of this workspace.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::SystemTime,
};

/// A folder that is removed when its test starts, and not when it ends, so that a failure can be examined.
pub(crate) struct Folder(pub(crate) PathBuf);

/// The output of a command, and whether it succeeded.
pub(crate) struct Said {
    pub(crate) ok: bool,
    pub(crate) text: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        let text = [&output.stdout[..], &output.stderr[..]].concat();
        Self { ok: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() }
    }

    /// Asserts that it succeeded and printed this.
    #[track_caller]
    pub(crate) fn fine(&self, says: &str) -> &Self {
        assert!(self.ok && self.text.contains(says), "expected success and {says:?}:\n{}", self.text);
        self
    }

    /// Asserts that it failed and printed this.
    #[track_caller]
    pub(crate) fn fails(&self, says: &str) -> &Self {
        assert!(!self.ok && self.text.contains(says), "expected failure and {says:?}:\n{}", self.text);
        self
    }

    #[track_caller]
    pub(crate) fn without(&self, says: &str) -> &Self {
        assert!(!self.text.contains(says), "expected no {says:?}:\n{}", self.text);
        self
    }
}

/// The parts of a manifest that depend on the library and share build artifacts with other packages.
const DEPENDENCY: &str = concat!(
    "actix-typed-session = { path = \"",
    env!("CARGO_MANIFEST_DIR"),
    "/../session\", version = \"0.1\" }\n",
);
const PROFILE: &str = "[profile.dev]\ndebug = \"line-tables-only\"\n\
    [profile.dev.package.\"*\"]\nopt-level = 1\n\
    [profile.dev.package.actix-typed-session]\nopt-level = 0\n\
    [profile.test]\ndebug = \"line-tables-only\"\n";

pub(crate) fn manifest(name: &str, more: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{more}\n[dependencies]\n{DEPENDENCY}"
    )
}

/// The manifest of a package that is a workspace of its own.
pub(crate) fn alone(name: &str, more: &str) -> String {
    format!("{}[workspace]\n{PROFILE}", manifest(name, more))
}

pub(crate) fn workspace(members: &str, more: &str) -> String {
    format!("[workspace]\nresolver = \"3\"\nmembers = [{members}]\n{PROFILE}{more}")
}

/// A state with this version and these fields.
pub(crate) fn state(schema: &str, fields: &str) -> String {
    format!(
        "#[derive(actix_typed_session::SessionState)]\n#[session(name = \"shop\", {schema})]\npub struct Shop {{ {fields} }}\n"
    )
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_path_buf()
}

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join("lock").join(name));
        let _ = fs::remove_dir_all(&folder.0);
        let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
        folder.write("Cargo.lock", &lock);
        folder
    }

    /// A package with one schema.
    pub(crate) fn package(name: &str, schema: &str, fields: &str) -> Self {
        let folder = Self::new(name);
        folder.write("Cargo.toml", &alone(&name.replace('_', "-"), ""));
        folder.write("src/lib.rs", &state(schema, fields));
        folder
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    /// Writes a file with a newer time than anything built from its previous content.
    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn state(&self, schema: &str, fields: &str) {
        self.write("src/lib.rs", &state(schema, fields));
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    /// Runs cargo as a user would, with `SESSION_LOCK` set to `task` unless that is empty, or `CI` if it is that.
    pub(crate) fn cargo(&self, task: &str, args: &[&str]) -> Said {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // The variables that the outer cargo sets are not meant for these packages.
        for (name, _) in env::vars_os() {
            let told = name.to_str().is_some_and(|name| {
                name.starts_with("CARGO_PKG_")
                    || matches!(
                        name,
                        "CARGO_MANIFEST_DIR"
                            | "CARGO_PRIMARY_PACKAGE"
                            | "CI"
                            | "SESSION_LOCK"
                            | "SESSION_LOCK_DIR"
                    )
            });
            if told {
                cargo.env_remove(name);
            }
        }
        match task {
            "" => {}
            "CI" => drop(cargo.env("CI", "true")),
            task => drop(cargo.env("SESSION_LOCK", task)),
        }
        cargo.args(args).arg("--offline").current_dir(&self.0).env("CARGO_TARGET_DIR", target());
        Said::of(&cargo.output().unwrap())
    }

    pub(crate) fn build(&self) -> Said {
        self.cargo("", &["build"])
    }

    /// Runs `cargo test session_lock` with this task; without one it writes the draft.
    pub(crate) fn session_lock(&self, task: &str) -> Said {
        self.cargo(task, &["test", "--lib", "session_lock"])
    }

    pub(crate) fn git(&self, args: &[&str]) -> Said {
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"];
        Said::of(&Command::new("git").args(who).args(args).current_dir(&self.0).output().unwrap())
    }

    /// Every file with its content and its modification time.
    pub(crate) fn everything(&self) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let written = path.metadata().unwrap().modified().unwrap();
                    files.insert(path.clone(), (fs::read(&path).unwrap(), written));
                }
            }
        }
        files
    }
}

//! What the figures were taken on, without the name of the machine.

use std::{fmt::Write as _, fs, path::PathBuf, process::Command};

use crate::servers::{
    child::{find, version},
    cores::Cores,
    mariadb, postgres, redis,
};

/// The compared crates with the versions that were built.
fn peers() -> String {
    let lock = include_str!("../../peers/Cargo.lock");
    let version = |name: &str| {
        let package =
            lock.split("[[package]]").find(|package| package.contains(&format!("\nname = \"{name}\"\n")))?;
        package.lines().find_map(|line| Some(line.strip_prefix("version = \"")?.trim_end_matches('"')))
    };
    let compared = [
        "actix-web",
        "actix-session",
        "axum",
        // Its stores do not support a later one yet.
        "tower-sessions",
        "tower-sessions-redis-store",
        "tower-sessions-sqlx-store",
    ];
    compared.map(|name| format!("{name} {}", version(name).unwrap_or("?"))).join(", ")
}

/// The machine and its databases, as lines of a Markdown list.
pub(crate) fn describe(cores: &Cores) -> String {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim_start_matches([' ', '\t', ':']).to_owned()
    };
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let memory: u64 = field("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or_default();
    let rustc = Command::new("rustc").arg("--version").output().ok();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let mariadb = of(mariadb::program(), "--version");
    list(&[
        ("processor", format!("{}, {} cores", field("/proc/cpuinfo", "model name"), cores.count())),
        ("memory", format!("{} GiB", memory / 1024 / 1024)),
        ("kernel", kernel.split(['-', '\n']).next().unwrap_or_default().to_owned()),
        ("Rust", rustc.unwrap_or_default()),
        ("Redis", of(redis::program(), "--version").split(" sha").next().unwrap_or_default().to_owned()),
        ("PostgreSQL", of(postgres::program().map(|initdb| initdb.with_file_name("postgres")), "--version")),
        ("MariaDB", mariadb.split_once("Ver ").map_or(&*mariadb, |(_, version)| version).to_owned()),
    ])
}

/// What generates the load and counts, and what is compared, as lines of the same list.
pub(crate) fn tools() -> String {
    list(&[
        (
            "load generator",
            of(find("wrk", []), "-v").split(" Copyright").next().unwrap_or_default().to_owned(),
        ),
        ("compared crates", peers()),
        ("valgrind", of(find("valgrind", []), "--version")),
    ])
}

/// The version of a program, if it is installed.
fn of(program: Option<PathBuf>, argument: &str) -> String {
    program.map_or("not installed".to_owned(), |program| version(&program, argument))
}

fn list(lines: &[(&str, String)]) -> String {
    lines.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "* {name}: {value}");
        text
    })
}

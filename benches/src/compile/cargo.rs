//! Cargo in a folder of its own, and what it costs.

use std::{
    env, fs, io,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

#[derive(Clone, Copy)]
pub(super) struct Spent {
    pub(super) cpu: Duration,
    pub(super) wall: Duration,
}

/// Runs cargo, not incrementally and without the network.
pub(super) fn cargo(folder: &Path, arguments: &[&str]) -> io::Result<Spent> {
    let (cpu, begun) = (cpu_of_children()?, Instant::now());
    let output = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(arguments)
        .args(["--quiet", "--offline"])
        .current_dir(folder)
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env_remove("SESSION_LOCK")
        .env_remove("CI")
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("cargo {} failed:\n{told}", arguments.join(" "))));
    }
    Ok(Spent { wall: begun.elapsed(), cpu: cpu_of_children()?.saturating_sub(cpu) })
}

/// Downloads what a folder depends on.
pub(super) fn fetch(folder: &Path) -> io::Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or("cargo".into());
    let status = Command::new(cargo).args(["fetch", "--quiet"]).current_dir(folder).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("cargo fetch failed")) }
}

/// The CPU time of ended child processes, on Linux, in hundredths of a second.
fn cpu_of_children() -> io::Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The second field is a name in brackets, which may contain spaces; these are fields 16 and 17.
    let words = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(13);
    let ticks: u64 = words.take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(10 * ticks))
}

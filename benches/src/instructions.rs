//! The instructions that each case takes in process, counted by callgrind and compared with `instructions.txt`.
//!
//! In: this program, started once more under valgrind for each case. Out: a table, and an error if a case takes more than it did.
//! A count hardly varies with the machine and with what else runs on it, so it can be compared where a time cannot. It is what this
//! library adds to a bare handler: the same request to a bare handler is counted and subtracted.

use std::{
    collections::{HashMap, hash_map::Entry},
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
};

use actix_web::rt::SystemRunner;

use crate::in_process::Case;

/// The name of the function that callgrind watches.
const COUNTED: &str = "*instructions::counted*";
const REQUESTS: u32 = 200;

/// Several times what another run changes, which is 0.8 % at most, and 3 % where whole records are copied. That leaves room for another
/// processor and another libc, which choose other instructions to copy memory with.
const TOLERANCE: f64 = 0.1;

/// What the bare handler, which is subtracted, takes more or less in another run: its maps have other seeds.
const NOISE: f64 = 400.0;
const PINNED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.txt");
const RENEW: &str = "cargo run --release -p session-bench --no-default-features -- --instructions --write";

/// Runs a case, so that callgrind counts it.
pub(crate) fn count(
    system: &SystemRunner,
    cases: &[Case],
    name: &str,
    who: &str,
) -> Result<(), Box<dyn Error>> {
    let Some(case) = cases.iter().find(|case| case.name == name) else {
        let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
        return Err(format!("there is no case `{name}`; the cases are: {}", names.join(" | ")).into());
    };
    let requests = match who {
        "bare" => &case.bare,
        "ours" => &case.ours,
        "theirs" => &case.theirs,
        _ => return Err(format!("`{who}` is not one of bare, ours, theirs").into()),
    };
    // What is made at first use is not part of what a request costs.
    system.block_on(requests(50));
    counted(|| system.block_on(requests(REQUESTS)));
    Ok(())
}

/// What callgrind counts.
#[inline(never)]
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Whether valgrind is installed.
pub(crate) fn can_count() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The instructions of one request.
pub(crate) fn per_request(name: &str, who: &str) -> Result<f64, Box<dyn Error>> {
    let file = tempfile::NamedTempFile::new()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--callgrind-out-file={}", file.path().display()))
        .arg(env::current_exe()?)
        .args(["--count", name, who])
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("valgrind failed:\n{told}").into());
    }
    let text = fs::read_to_string(file.path())?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals:")?.trim().parse::<f64>().ok());
    match total {
        Some(total) if total > 0.0 => Ok(total / f64::from(REQUESTS)),
        _ => Err(format!("callgrind counted nothing in `{COUNTED}`:\n{told}").into()),
    }
}

/// What `who` adds to a bare handler in each case.
fn added<'a>(cases: &'a [Case], who: &str) -> Result<Vec<(&'a str, f64)>, Box<dyn Error>> {
    // One bare handler for all requests with a cookie, and one for those without.
    let mut bare = HashMap::new();
    let mut added = Vec::new();
    for case in cases {
        let name = case.name.as_str();
        let bare = match bare.entry(case.has_cookie) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => *unknown.insert(per_request(name, "bare")?),
        };
        added.push((name, per_request(name, who)? - bare));
    }
    Ok(added)
}

/// What each side adds to a bare handler in one case.
#[cfg(feature = "servers")]
pub(crate) struct Counts<'a> {
    pub(crate) name: &'a str,
    pub(crate) ours: f64,
    pub(crate) theirs: f64,
}

/// What each side adds to a bare handler in each case.
#[cfg(feature = "servers")]
pub(crate) fn both(cases: &[Case]) -> Result<Vec<Counts<'_>>, Box<dyn Error>> {
    let (ours, theirs) = (added(cases, "ours")?, added(cases, "theirs")?);
    Ok(ours
        .into_iter()
        .zip(theirs)
        .map(|((name, ours), (_, theirs))| Counts { name, ours, theirs })
        .collect())
}

/// Counts every case, and compares with the file or writes it.
pub(crate) fn run(cases: &[Case], write: bool) -> Result<(), Box<dyn Error>> {
    if !can_count() {
        return Err("valgrind is missing; run: apt-get install valgrind".into());
    }
    let added = added(cases, "ours")?;
    if write {
        let mut text = format!(
            "# Instructions that this library adds to a request, counted by callgrind; ./check compares them.\n# To renew: {RENEW}\n"
        );
        for (name, count) in &added {
            let _ = writeln!(text, "{count:.0} {name}");
        }
        return Ok(fs::write(PINNED, text)?);
    }
    compare(&added, &fs::read_to_string(Path::new(PINNED))?)
}

fn compare(added: &[(&str, f64)], pinned: &str) -> Result<(), Box<dyn Error>> {
    println!("| {:20} | {:>10} | {:>10} | {:>7} |  |", "instructions added", "pinned", "now", "change");
    println!("|{:-<22}|{:->12}|{:->12}|{:->9}|--|", "", "", "", "");
    let (mut slower, mut faster, mut unknown) = (Vec::new(), false, Vec::new());
    let pinned = |name: &str| {
        let lines = pinned.lines().filter(|line| !line.starts_with('#'));
        let mut counts = lines.filter_map(|line| line.split_once(' '));
        counts.find(|(_, of)| *of == name)?.0.parse::<f64>().ok()
    };
    for (name, now) in added {
        let Some(before) = pinned(name) else {
            println!("| {name:20} | {:>10} | {now:10.0} | {:>7} | not pinned", "", "");
            unknown.push(*name);
            continue;
        };
        let tolerance = before * TOLERANCE + NOISE;
        let verdict = if now - before > tolerance {
            slower.push(*name);
            "SLOWER"
        } else if before - now > tolerance {
            faster = true;
            "faster"
        } else {
            ""
        };
        println!(
            "| {name:20} | {before:10.0} | {now:10.0} | {:+6.1}% | {verdict}",
            (now / before - 1.0) * 100.0
        );
    }
    if faster {
        println!("\nsome cases take fewer instructions; to keep it so, run: {RENEW}");
    }
    if slower.is_empty() && unknown.is_empty() {
        return Ok(());
    }
    Err(format!(
        "more instructions than pinned: {}; not pinned: {}; make them fewer, or say in the commit what they buy and run: {RENEW}",
        list(&slower),
        list(&unknown)
    )
    .into())
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

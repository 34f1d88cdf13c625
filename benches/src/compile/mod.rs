//! What the library costs to compile, beside serde's derives and beside actix-session.
//!
//! In: nothing. Out: a section of the page. Small crates are written to a temporary folder, and each is compiled in turn after
//! everything else is built. Never touches a crate of this workspace.

mod sources;
mod cargo;

use std::{error::Error, fs, io, path::Path};

use self::{
    cargo::{Spent, cargo, fetch},
    sources::{FIELDS, Source, USED, VERSIONS},
};
use crate::{
    report::{
        budgets::{Budget, at_most},
        table,
    },
    stats::Spread,
};

/// Compiles everything `rounds` times in turn. A clean build takes long, so there are at most two of each.
pub(crate) fn section(rounds: usize, budgets: &mut Vec<Budget>) -> Result<String, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let sources = sources::all();
    write(folder.path(), &sources)?;
    // Writes the draft of the lock file.
    cargo(folder.path(), &["test", "--package", "ours", "--lib", "session_lock"])?;
    let mut spent = sources.each_ref().map(|_| Vec::new());
    // One more round, to build what they depend on.
    for round in 0..=rounds {
        for (source, spent) in sources.iter().zip(&mut spent) {
            let one = compile(folder.path(), source)?;
            if round > 0 {
                spent.push(one);
            }
        }
        println!("compile: round {round} of {rounds}");
    }
    let [.., ours, theirs] = &spent;
    budgets.push(at_most("derive of 200 fields: CPU time, ratio to serde's", 2.5, ratio(ours, theirs)));
    let [.., ours, theirs] = &sources;
    if let Some((ours, theirs)) = rlib(folder.path(), ours).zip(rlib(folder.path(), theirs)) {
        #[allow(clippy::cast_precision_loss)] // bytes
        budgets.push(at_most(
            "derive of 200 fields: rlib, ratio to serde's",
            3.0,
            ours as f64 / theirs as f64,
        ));
    }
    let rows: Vec<_> = sources
        .iter()
        .zip(&spent)
        .map(|(source, spent)| {
            let size = rlib(folder.path(), source).map_or(String::new(), |size| format!("{}", size / 1024));
            vec![source.name.to_owned(), command(source).to_owned(), cpu(spent), wall(spent), size]
        })
        .collect();
    let head = ["", "command", "CPU s", "wall s", "rlib, KiB"];
    let clean = clean(if rounds > 1 { 2 } else { 1 }, budgets)?;
    Ok(format!(
        "## Compiling\n\nSeconds for the crate alone, not incremental: `ours` is a state of {FIELDS} fields and {VERSIONS} versions, with and \
         without a lock file; `serde` the same struct with serde's derives, alone or also used; `200` a state of {USED} fields \
         whose every getter and setter is used, beside a struct that serde reads and writes; `empty` a crate with the \
         dependencies and no text.\n\n{}\nSeconds for a clean build with default features, dependencies included:\n\n{clean}\n",
        table(&head, 2, &rows)
    ))
}

/// How many times as much CPU time, within a round.
fn ratio(above: &[Spent], below: &[Spent]) -> f64 {
    let cpu = |spent: &[Spent]| spent.iter().map(|spent| spent.cpu.as_secs_f64()).collect::<Vec<_>>();
    Spread::of_ratios(&cpu(above), &cpu(below)).median
}

fn cpu(spent: &[Spent]) -> String {
    Spread::of(spent.iter().map(|spent| spent.cpu.as_secs_f64())).to_string()
}

fn wall(spent: &[Spent]) -> String {
    Spread::of(spent.iter().map(|spent| spent.wall.as_secs_f64())).to_string()
}

fn write(folder: &Path, sources: &[Source]) -> io::Result<()> {
    let members: Vec<_> = sources.iter().map(|source| source.name).collect();
    fs::write(folder.join("Cargo.toml"), format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n"))?;
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    fs::copy(lock, folder.join("Cargo.lock"))?;
    for Source { name, dependency, text } in sources {
        let package = format!("[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n");
        let dependencies = format!(
            "[dependencies]\n{dependency}serde = {{ version = \"1\", features = [\"derive\"] }}\nserde_json = \"1\"\n"
        );
        fs::create_dir_all(folder.join(name).join("src"))?;
        fs::write(folder.join(name).join("Cargo.toml"), format!("{package}\n{dependencies}"))?;
        fs::write(folder.join(name).join("src/lib.rs"), text)?;
    }
    Ok(())
}

/// The size of a library is known when it is built; what editors wait for is a check.
fn command(source: &Source) -> &'static str {
    if source.name.ends_with("200") { "build" } else { "check" }
}

fn compile(folder: &Path, source: &Source) -> io::Result<Spent> {
    // Writing the file again makes cargo compile this crate again, and nothing else.
    fs::write(folder.join(source.name).join("src/lib.rs"), &source.text)?;
    cargo(folder, &[command(source), "--package", source.name])
}

fn rlib(folder: &Path, source: &Source) -> Option<u64> {
    let name = format!("lib{}.rlib", source.name.replace('-', "_"));
    fs::metadata(folder.join("target/debug").join(name)).ok().map(|file| file.len())
}

/// Builds both libraries from nothing, in turn.
fn clean(rounds: u32, budgets: &mut Vec<Budget>) -> Result<String, Box<dyn Error>> {
    let session = Path::new(env!("CARGO_MANIFEST_DIR")).join("../session");
    let ours = format!("actix-typed-session = {{ path = '{}' }}\n", session.display());
    let sides = [("actix-typed-session", ours), ("actix-session", "actix-session = \"0.11\"\n".to_owned())];
    let folders = [tempfile::tempdir()?, tempfile::tempdir()?];
    let mut spent = [Vec::new(), Vec::new()];
    for ((_, dependency), folder) in sides.iter().zip(&folders) {
        let source = [Source { name: "clean", dependency: dependency.clone(), text: String::new() }];
        write(folder.path(), &source)?;
        fetch(folder.path())?;
    }
    for round in 1..=rounds {
        for (folder, spent) in folders.iter().zip(&mut spent) {
            let target = folder.path().join("target");
            if target.exists() {
                fs::remove_dir_all(target)?;
            }
            spent.push(cargo(folder.path(), &["build", "--package", "clean"])?);
        }
        println!("clean builds: round {round} of {rounds}");
    }
    let [ours, theirs] = &spent;
    budgets.push(at_most("clean build: CPU time, ratio to actix-session", 1.0, ratio(ours, theirs)));
    let rows: Vec<_> = sides
        .iter()
        .zip(&spent)
        .map(|((name, _), spent)| vec![(*name).to_owned(), cpu(spent), wall(spent)])
        .collect();
    Ok(table(&["", "CPU s", "wall s"], 1, &rows))
}

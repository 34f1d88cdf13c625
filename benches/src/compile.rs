//! What `cargo check` costs for a large state with a long history, compared with the same struct with serde's derives.
//!
//! Measured: 0.39 s of CPU time with a lock file and 0.35 s without one, 0.28 s with serde's derives: 1.4 and 1.3 times as much.
//!
//! In: an empty folder. Out: small crates in it, each checked in turn after everything else is built, and a table of the times. Never touches a
//! crate of this workspace.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const FIELDS: usize = 100;
const VERSIONS: usize = 10;

/// The types of the fields, used in rotation.
const TYPES: [&str; 10] = [
    "Option<String>",
    "u64",
    "bool",
    "Vec<Line>",
    "String",
    "Option<u64>",
    "BTreeMap<String, u32>",
    "Option<Address>",
    "Vec<u32>",
    "Option<Theme>",
];

const VALUES: &str = "\
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Clone, Default)]
pub struct Line { pub sku: u32, pub quantity: u32 }

#[derive(Serialize, Deserialize, Clone)]
pub struct Address { pub street: String, pub city: String, pub postcode: String, pub country: Option<String> }

#[derive(Serialize, Deserialize, Clone)]
pub enum Theme { Light, Dark, Of { name: String } }

";

/// The functions of every change: two older forms of a cart, and a name that was split.
const FUNCTIONS: &str = "
fn skus(sku: Option<u32>) -> Vec<u32> { sku.into_iter().collect() }
fn first_sku(skus: Vec<u32>) -> Option<u32> { skus.first().copied() }
fn lines(skus: Vec<u32>) -> Vec<Line> { skus.into_iter().map(|sku| Line { sku, quantity: 1 }).collect() }
fn line_skus(lines: Vec<Line>) -> Vec<u32> { lines.into_iter().map(|line| line.sku).collect() }
fn keep(skus: Vec<u32>, before: Vec<Line>) -> Vec<Line> {
    let of = |sku| before.iter().find(|line| line.sku == sku).map_or(1, |line| line.quantity);
    skus.into_iter().map(|sku| Line { sku, quantity: of(sku) }).collect()
}
fn split(name: Option<String>) -> (Option<String>, Option<String>) {
    name.as_deref().and_then(|name| name.split_once(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).unzip()
}
fn join((first, last): (Option<String>, Option<String>)) -> Option<String> {
    (first.is_some() || last.is_some()).then(|| [first, last].into_iter().flatten().collect::<Vec<_>>().join(\" \"))
}
";

const USE: &str = "
pub fn read(text: &str) -> serde_json::Result<State> { serde_json::from_str(text) }
pub fn write(state: &State) -> serde_json::Result<String> { serde_json::to_string(state) }
";

/// The first version that has a field; half of the fields are in version 1.
fn since(field: usize) -> usize {
    if field < FIELDS / 2 { 1 } else { 2 + (field - FIELDS / 2) % (VERSIONS - 1) }
}

fn fields(attribute: impl Fn(usize, &str) -> String) -> String {
    (0..FIELDS).fold(String::new(), |mut text, field| {
        let ty = TYPES[field % TYPES.len()];
        let _ = writeln!(text, "    {}pub field_{field}: {ty},", attribute(field, ty));
        text
    })
}

/// A state all of whose older binaries may still be running, so every change can also be converted back. With a lock file, it also
/// describes its types.
fn ours(has_lock: bool) -> String {
    let attribute = |field: usize, ty: &str| {
        let mut words = Vec::new();
        if field == 5 {
            words.push("principal".to_owned());
        }
        if since(field) > 1 {
            words.push(format!("since = {}", since(field)));
        }
        match ty {
            "String" => words.push("default = \"en\".to_owned()".to_owned()),
            ty if !ty.starts_with("Option") => words.push("default".to_owned()),
            _ => {}
        }
        // Ten changes of five carts: each has had three forms.
        if ty == "Vec<Line>" && field < FIELDS / 2 {
            let since = field / TYPES.len() + 2;
            words.push(format!("changed(since = {since}, from = Option<u32>, up = skus, down = first_sku)"));
            words.push(format!(
                "changed(since = {}, from = Vec<u32>, up = lines, down = line_skus, merge = keep)",
                since + 4
            ));
        }
        if words.is_empty() { String::new() } else { format!("#[session({})] ", words.join(", ")) }
    };
    let removed = (2..=VERSIONS).fold(String::new(), |mut text, version| {
        let _ = write!(text, ", removed(key = \"gone_{version}\", ty = Option<String>, since = {version})");
        text
    });
    let step = "step(since = 5, from(name: Option<String>), to(first, last), up = split, down = join)";
    let (lock, values) = if has_lock {
        let with_shape = "Deserialize, Clone, actix_typed_session::SessionValue";
        ("required", VALUES.replace("Deserialize, Clone", with_shape))
    } else {
        ("off", VALUES.to_owned())
    };
    format!(
        "{values}#[derive(actix_typed_session::SessionState)]\n\
         #[session(name = \"large\", version = {VERSIONS}, oldest_reader = 1, lock = {lock}{removed})]\n#[session({step})]\n\
         pub struct State {{\n{}    #[session(since = 5)] pub first: Option<String>,\n    \
         #[session(since = 5)] pub last: Option<String>,\n}}\n{FUNCTIONS}",
        fields(attribute)
    )
}

fn theirs(more: &str) -> String {
    let fields = fields(|_, _| String::new());
    format!(
        "{VALUES}#[derive(Serialize, Deserialize)]\npub struct State {{\n{fields}    pub first: Option<String>,\n    \
         pub last: Option<String>,\n}}\n{more}"
    )
}

/// A crate to compare: its name, its dependencies, and its text.
fn crates() -> [(&'static str, String, String); 6] {
    let session = Path::new(env!("CARGO_MANIFEST_DIR")).join("../session");
    let session = format!("actix-typed-session = {{ path = '{}' }}\n", session.display());
    [
        ("ours", session.clone(), ours(true)),
        ("ours-no-lock", session.clone(), ours(false)),
        ("serde-only", String::new(), theirs("")),
        ("serde-used", String::new(), theirs(USE)),
        ("ours-empty", session, String::new()),
        ("serde-empty", String::new(), String::new()),
    ]
}

/// Writes the crates to `folder`, checks each `rounds` times in turn, and prints the times.
pub(crate) fn run(folder: &str, rounds: usize) -> io::Result<()> {
    let (folder, crates) = (Path::new(folder), crates());
    let members = crates.each_ref().map(|(name, ..)| *name);
    fs::create_dir_all(folder)?;
    fs::write(folder.join("Cargo.toml"), format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n"))?;
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    fs::copy(lock, folder.join("Cargo.lock"))?;
    for (name, dependency, source) in &crates {
        let package = format!("[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n");
        let dependencies = format!(
            "[dependencies]\n{dependency}serde = {{ version = \"1\", features = [\"derive\"] }}\nserde_json = \"1\"\n"
        );
        fs::create_dir_all(folder.join(name).join("src"))?;
        fs::write(folder.join(name).join("Cargo.toml"), format!("{package}\n{dependencies}"))?;
        fs::write(folder.join(name).join("src/lib.rs"), source)?;
    }
    cargo(folder, &["test", "--quiet", "--offline", "--package", "ours", "session_lock"], Some("update"))?;
    for name in members {
        check(folder, name)?;
    }
    let mut spent = crates.each_ref().map(|_| Vec::new());
    for _ in 0..rounds {
        for ((name, _, source), spent) in crates.iter().zip(&mut spent) {
            // Writing the file again makes cargo check this crate again, and nothing else.
            fs::write(folder.join(name).join("src/lib.rs"), source)?;
            spent.push(check(folder, name)?);
        }
    }
    println!(
        "seconds of `cargo check`, {rounds} rounds, not incremental; {FIELDS} fields, {VERSIONS} versions\n"
    );
    println!(
        "| {:12} | {:>8} | {:>10} | {:>9} | {:>11} |",
        "", "cpu, min", "cpu, median", "wall, min", "wall, median"
    );
    for ((name, ..), spent) in crates.iter().zip(&spent) {
        let of = |which: fn(&Spent) -> Duration| {
            let mut times: Vec<_> = spent.iter().map(which).collect();
            times.sort_unstable();
            (times[0].as_secs_f64(), times[times.len() / 2].as_secs_f64())
        };
        let (cpu, wall) = (of(|spent| spent.cpu), of(|spent| spent.wall));
        println!("| {name:12} | {:8.2} | {:11.2} | {:9.2} | {:12.2} |", cpu.0, cpu.1, wall.0, wall.1);
    }
    Ok(())
}

struct Spent {
    cpu: Duration,
    wall: Duration,
}

fn check(folder: &Path, name: &str) -> io::Result<Spent> {
    let (cpu, begun) = (cpu_of_children()?, Instant::now());
    cargo(folder, &["check", "--quiet", "--offline", "--package", name], None)?;
    Ok(Spent { wall: begun.elapsed(), cpu: cpu_of_children()?.saturating_sub(cpu) })
}

fn cargo(folder: &Path, arguments: &[&str], session_lock: Option<&str>) -> io::Result<()> {
    let status = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env_remove("SESSION_LOCK")
        .envs(session_lock.map(|mode| ("SESSION_LOCK", mode)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("cargo {} failed", arguments.join(" "))))
    }
}

/// The CPU time of ended child processes, on Linux, in hundredths of a second.
fn cpu_of_children() -> io::Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The second field is a name in brackets, which may contain spaces; these are fields 16 and 17.
    let words = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(13);
    let ticks: u64 = words.take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(10 * ticks))
}

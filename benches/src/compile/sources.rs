//! The crates that are compiled: a large state with a long history, one whose every setter is used, and the same structs with serde.

use std::{fmt::Write as _, path::Path};

pub(super) const FIELDS: usize = 100;
pub(super) const VERSIONS: usize = 10;
/// The fields of the state whose every setter is used.
pub(super) const USED: usize = 200;

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

fn fields(count: usize, attribute: impl Fn(usize, &str) -> String) -> String {
    (0..count).fold(String::new(), |mut text, field| {
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
        let _ = write!(text, ", removed(key = \"gone_{version}\", from = Option<String>, since = {version})");
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
        fields(FIELDS, attribute)
    )
}

fn theirs(more: &str) -> String {
    let fields = fields(FIELDS, |_, _| String::new());
    format!(
        "{VALUES}#[derive(Serialize, Deserialize)]\npub struct State {{\n{fields}    pub first: Option<String>,\n    \
         pub last: Option<String>,\n}}\n{more}"
    )
}

/// A state without a history, and a function that calls every getter and every setter.
fn ours_used() -> String {
    let attribute = |_: usize, ty: &str| {
        if ty.starts_with("Option") { String::new() } else { "#[session(default)] ".to_owned() }
    };
    let uses = (0..USED).fold(String::new(), |mut text, field| {
        let _ = writeln!(text, "    let _ = session.field_{field}();");
        let value =
            if TYPES[field % TYPES.len()].starts_with("Option") { ".clone().unwrap()" } else { ".clone()" };
        let _ = writeln!(text, "    session.set_field_{field}(from.field_{field}{value});");
        text
    });
    format!(
        "#![allow(clippy::unwrap_used)]\n{}#[derive(actix_typed_session::SessionState)]\n\
         #[session(name = \"used\", version = 1, lock = off)]\npub struct State {{\n{}}}\n\n\
         pub fn all(session: &mut actix_typed_session::TypedSession<State>, from: &State) {{\n{uses}}}\n",
        VALUES,
        fields(USED, attribute)
    )
}

fn theirs_used() -> String {
    let fields = fields(USED, |_, _| String::new());
    format!("{VALUES}#[derive(Serialize, Deserialize)]\npub struct State {{\n{fields}}}\n{USE}")
}

/// A crate to compare: its name, its dependencies, and its text.
pub(super) struct Source {
    pub(super) name: &'static str,
    pub(super) dependency: String,
    pub(super) text: String,
}

pub(super) fn all() -> [Source; 8] {
    let session = Path::new(env!("CARGO_MANIFEST_DIR")).join("../session");
    let session = format!("actix-typed-session = {{ path = '{}' }}\n", session.display());
    let source = |name, dependency: &str, text| Source { name, dependency: dependency.to_owned(), text };
    [
        source("ours", &session, ours(true)),
        source("ours-no-lock", &session, ours(false)),
        source("serde-only", "", theirs("")),
        source("serde-used", "", theirs(USE)),
        source("ours-empty", &session, String::new()),
        source("serde-empty", "", String::new()),
        source("ours-200", &session, ours_used()),
        source("serde-200", "", theirs_used()),
    ]
}

//! What the project has promised itself, and whether this run kept it.
//!
//! In: the figures of each part. Out: a table. Never fails a run: only instruction counts are the same on every machine.

use super::table;
use crate::{
    http::{behind::Behind, load::Case, writers::Writers},
    in_process::times::Times,
    servers::apps::App,
    size::{SIZES, Size, USUAL},
};

/// A figure, and how small or how great it must be.
pub(crate) struct Budget {
    what: String,
    limit: f64,
    is_most: bool,
    value: f64,
}

pub(crate) fn at_most(what: impl Into<String>, limit: f64, value: f64) -> Budget {
    Budget { what: what.into(), limit, is_most: true, value }
}

pub(crate) fn at_least(what: impl Into<String>, limit: f64, value: f64) -> Budget {
    Budget { what: what.into(), limit, is_most: false, value }
}

pub(crate) fn section(budgets: &[Budget]) -> String {
    let rows: Vec<_> = budgets
        .iter()
        .map(|Budget { what, limit, is_most, value }| {
            let (word, is_kept) = if *is_most { ("≤", value <= limit) } else { ("≥", value >= limit) };
            let verdict = if is_kept { "kept" } else { "**not kept**" };
            vec![what.clone(), format!("{word} {limit}"), format!("{value:.2}"), verdict.to_owned()]
        })
        .collect();
    format!("## Budgets\n\n{}\n{LIMITS}", table(&["", "budget", "this run", ""], 1, &rows))
}

/// Why some budgets are out of reach.
const LIMITS: &str = "\
What stands in the way of those that are not kept:

* A read of 20 fields in process: some 10,000 of its instructions are three SHA-256 blocks that check the cookie and find the record, which
  callgrind counts without the processor's own instructions for them (they take some 180 ns with those), and some 12,000 decode twenty
  owned strings, one allocation each. A state is a plain struct, so all of its fields are decoded, whichever is read.
* A new session: the id is one call of the operating system for random bytes, where actix-session uses a generator in the process, and
  whether the id is free and the visitor may have one more session is decided where it is written.
* A write on Redis: a script compares what the change relies on before it writes, and that takes the server's only thread longer than a
  `SET` of the whole session. It is the reason why no addition is lost above. The changed field has 90 bytes of text, which are sent to a
  replica and logged with their key, the revision and the time.
* A request over HTTP: the core of the server is full on either side. callgrind counts 119,000 instructions for a read and 169,000 for a
  changed field (actix-session: 101,000 and 161,000). Of those of a read, 15,000 are a bare request, 43,000 are the session as in process,
  and 45,000 the exchange with Redis, half of which turn a reply of fifty texts into a record. Each waits for Redis as often as
  actix-session does, and takes 2.7 system calls for a read where that takes 3.9; they are a third of the time.
* PostgreSQL logs the whole row of a changed session, because its cells are one value.
* A clean build: actix-web asks for syn 2 and serde's derive for syn 3, on either side; what is ours alone, the derive, the library and the
  ciphers of sealed cookies, is some 7 % of the CPU time.
";

pub(crate) fn in_process(all: &[Times]) -> Vec<Budget> {
    let limits = [("extractor", 4.0), ("read", 3.0), ("set", 3.0), ("update", 3.0), ("create", 1.2)];
    let find = |name: &str| all.iter().find(|times| times.name == name);
    let ratios = limits.into_iter().filter_map(|(name, limit)| {
        let value = find(name)?.ratio().median;
        Some(at_least(format!("in process, {name}: ratio to actix-session"), limit, value))
    });
    let untouched = find("untouched")
        .map(|times| at_most("untouched: ns over a bare handler", 150.0, times.ours().median));
    ratios.chain(untouched).collect()
}

pub(crate) fn load(all: &[Case]) -> Vec<Budget> {
    let find = |app, kind: &str| {
        all.iter()
            .find(|case| case.app == app && case.store == "Redis" && case.size == USUAL && case.kind == kind)
    };
    let limits = [("read", 1.3), ("set", 1.3), ("untouched", 4.0)];
    let ratios = limits.into_iter().filter_map(|(kind, limit)| {
        let value = find(App::Ours, kind)?.ratio(find(App::ActixSessionRedis, kind)?).median;
        Some(at_least(format!("HTTP on Redis, {kind}: ratio to actix-session"), limit, value))
    });
    ratios.collect()
}

pub(crate) fn behind(all: &[Behind]) -> Vec<Budget> {
    let find = |store: &str, size: Size, kind: &str| {
        all.iter()
            .find(|one| one.app == App::Ours && one.store == store && one.size == size && one.kind == kind)
    };
    let [_, _, _, many, _, large] = SIZES;
    let values = [
        (
            "Redis, one field of 20: µs of server time",
            12.0,
            find("Redis", USUAL, "set").and_then(|one| one.busy),
        ),
        (
            "Redis, one field of 200: µs of server time",
            15.0,
            find("Redis", many, "set").and_then(|one| one.busy),
        ),
        (
            "Redis, one field: bytes replicated",
            120.0,
            find("Redis", USUAL, "set").and_then(|one| one.replicated),
        ),
        (
            "PostgreSQL, one field of 2 KB: bytes of WAL",
            550.0,
            find("PostgreSQL", USUAL, "set").and_then(|one| one.logged),
        ),
        (
            "PostgreSQL, a touch at 60 KB: bytes of WAL",
            300.0,
            find("PostgreSQL", large, "touch").and_then(|one| one.logged),
        ),
    ];
    values.into_iter().filter_map(|(what, limit, value)| Some(at_most(what, limit, value?))).collect()
}

pub(crate) fn writers(all: &[Writers]) -> Vec<Budget> {
    let crowded = all.iter().filter(|one| one.app == App::Ours && one.count == 64 && one.together);
    let budgets = crowded.flat_map(|one| {
        let kept = at_least(
            format!("64 writers of one session, {}: percent kept", one.store),
            100.0,
            one.kept * 100.0,
        );
        let calls = one.calls.map(|calls| {
            at_most(format!("64 writers of one session, {}: store calls a request", one.store), 3.0, calls)
        });
        [Some(kept), calls].into_iter().flatten()
    });
    budgets.collect()
}

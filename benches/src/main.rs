//! What a request costs, compared with actix-session, in process and in one run.
//!
//! `cargo run --release -p session-bench` prints a table. Times vary with the machine, so count instructions for a decision:
//! `--count <case> [<requests>]` runs one case, in a function that callgrind can be told to watch.
#![allow(clippy::print_stdout)] // a table is what this program is for
#![allow(clippy::indexing_slicing)] // a missing case is a mistake here, and nobody's input

mod case;
mod compile;
mod ours;
mod states;
mod sweep;
mod theirs;

use std::{
    collections::HashMap,
    env,
    time::{Duration, Instant},
};

use actix_web::rt::{System, SystemRunner};

use crate::case::Case;

/// How many rounds each case runs, in turn; the best one counts.
const ROUNDS: u32 = 40;
const REQUESTS: u32 = 1_000;

const BUDGETS: [(&str, &str); 11] = [
    ("untouched", "at most 200 ns over bare"),
    ("extractor", ""),
    ("read", "at least 3.0x"),
    ("set", "at least 3.0x"),
    ("update", ""),
    ("read mixed", "at least 3.0x"),
    ("set mixed", "at least 3.0x"),
    ("update mixed", ""),
    ("create", ""),
    ("bare", ""),
    ("bare, no cookie", ""),
];

const USAGE: &str = "\
session-bench                          prints the table
session-bench --count <case> [<n>]     runs one case n times (default 1000), to be counted:
  valgrind --tool=callgrind --toggle-collect='session_bench::counted' target/release/session-bench --count read
session-bench --compile <folder> [<n>] times `cargo check` of a state with a long history, n rounds (default 9), beside serde's derives
session-bench --sweep <url> <n>        what live traffic notices while n expired sessions are swept, in an empty PostgreSQL
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let system = System::new();
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let ["--sweep", url, expired] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return system.block_on(sweep::run(url, expired.parse()?));
    }
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--compile", folder] => return Ok(compile::run(folder, 9)?),
        ["--compile", folder, rounds] => return Ok(compile::run(folder, rounds.parse()?)?),
        _ => {}
    }
    let mut cases = system.block_on(ours::cases())?;
    cases.extend(system.block_on(theirs::cases()));
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => print(&measure(&system, &cases)),
        ["--count", name] => count(&system, &cases, name, 1_000),
        ["--count", name, n] => count(&system, &cases, name, n.parse()?),
        _ => print!("{USAGE}"),
    }
    Ok(())
}

fn count(system: &SystemRunner, cases: &[Case], name: &str, n: u32) {
    let Some(case) = cases.iter().find(|case| case.name == name) else {
        let names: Vec<_> = cases.iter().map(|case| case.name).collect();
        return println!("{USAGE}\nthe cases are: {}", names.join(" | "));
    };
    // What is made at first use is not part of what a request costs.
    system.block_on((case.run)(100));
    counted(system, case, n);
}

#[inline(never)]
fn counted(system: &SystemRunner, case: &Case, n: u32) {
    system.block_on((case.run)(n));
}

/// Nanoseconds per request, the best of all rounds.
fn measure(system: &SystemRunner, cases: &[Case]) -> HashMap<&'static str, f64> {
    let mut times: HashMap<&'static str, Vec<Duration>> = HashMap::new();
    // One more round, to warm up.
    for round in 0..=ROUNDS {
        for case in cases {
            let begun = Instant::now();
            system.block_on((case.run)(REQUESTS));
            if round > 0 {
                times.entry(case.name).or_default().push(begun.elapsed());
            }
        }
    }
    // Other work on the machine only adds time.
    let best = |rounds: Vec<Duration>| {
        rounds.into_iter().min().unwrap_or_default().as_secs_f64() * 1e9 / f64::from(REQUESTS)
    };
    let per_request: HashMap<_, _> = times.into_iter().map(|(name, rounds)| (name, best(rounds))).collect();
    let over_bare = |case: &Case| (case.name, per_request[case.name] - per_request[case.bare]);
    let mut over: HashMap<_, _> = cases.iter().map(over_bare).collect();
    over.extend(
        cases.iter().filter(|case| case.name == case.bare).map(|case| (case.name, per_request[case.name])),
    );
    over
}

fn print(over: &HashMap<&'static str, f64>) {
    println!(
        "nanoseconds per request over a bare handler with the same cookie header (best of {ROUNDS} rounds)\n"
    );
    println!("| {:16} | {:>9} | {:>13} | {:>6} | {:25} |", "", "ours", "actix-session", "ratio", "budget");
    println!("|{:-<18}|{:->11}|{:->15}|{:->8}|{:-<27}|", "", "", "", "", "");
    for (name, budget) in BUDGETS {
        let ours = over[name];
        let theirs = over.get(format!("their {name}").as_str());
        let theirs_text = theirs.map_or(String::new(), |theirs| format!("{theirs:.0}"));
        let ratio = theirs.map_or(String::new(), |theirs| format!("{:.2}", theirs / ours));
        println!("| {name:16} | {ours:9.0} | {theirs_text:>13} | {ratio:>6} | {budget:25} |");
    }
}

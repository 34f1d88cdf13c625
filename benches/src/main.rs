//! What a request costs, beside actix-session and tower-sessions, in one run.
//!
//! `cargo run --release -p session-bench` measures everything and writes `docs/benchmarks.md`.
#![allow(clippy::print_stdout)] // tables are what this program is for
#![allow(clippy::indexing_slicing)] // a missing case is a mistake here, and nobody's input
#![allow(clippy::panic)] // a request that is not answered as it should be ends the run

mod size;
mod requests;
mod in_process;
mod instructions;
mod fits;
#[cfg(feature = "servers")]
mod client;
#[cfg(feature = "servers")]
mod stats;
#[cfg(feature = "servers")]
mod servers;
#[cfg(feature = "servers")]
mod http;
#[cfg(feature = "servers")]
mod serve;
#[cfg(feature = "servers")]
mod report;
#[cfg(feature = "servers")]
mod compile;
#[cfg(feature = "servers")]
mod operator;
#[cfg(feature = "servers")]
mod sweep;
#[cfg(feature = "servers")]
mod whole;

use std::{env, error::Error};

use actix_web::rt::System;

const USAGE: &str = "\
session-bench [--quick] [<part>..]      measures, and writes docs/benchmarks.md if it is everything and not quick;
                                        the parts are in-process, load, behind, writers and compile
session-bench --instructions [--write]  counts instructions and compares them with benches/instructions.txt, or writes it; needs valgrind
session-bench --count <case> <who>      runs a case of bare, ours or theirs, to be counted:
  valgrind --tool=callgrind --collect-atstart=no --toggle-collect='*instructions::counted*' target/release/session-bench --count read ours
session-bench --client <url> <call>     makes calls of load or update on a session in an empty Redis, to be counted in the same way
session-bench --fits                    how much state fits into a cookie, beside actix-session
session-bench --operator [<n>]          what n sessions of one user cost on every store; without n, writes docs/many-sessions.md
session-bench --sweep <url> <n>         what live traffic notices while n expired sessions are swept, in an empty PostgreSQL
";

fn main() -> Result<(), Box<dyn Error>> {
    let system = System::new();
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--count", name, who] => {
            instructions::count(&system, &system.block_on(in_process::cases())?, name, who)
        }
        ["--instructions"] => instructions::run(&system.block_on(in_process::cases())?, false),
        ["--instructions", "--write"] => instructions::run(&system.block_on(in_process::cases())?, true),
        ["--fits"] => Ok(system.block_on(fits::run())?),
        #[cfg(feature = "servers")]
        ["--serve", app, store, size, core] => system.block_on(serve::run(app, store, size, core)),
        #[cfg(feature = "servers")]
        ["--client", url, call] => client::count(&system, url, call),
        #[cfg(feature = "servers")]
        ["--operator"] => system.block_on(operator::run(None)),
        #[cfg(feature = "servers")]
        ["--operator", sessions] => system.block_on(operator::run(Some(sessions.parse()?))),
        #[cfg(feature = "servers")]
        ["--sweep", url, expired] => system.block_on(sweep::run(url, expired.parse()?)),
        #[cfg(feature = "servers")]
        ["--quick", ref parts @ ..] if whole::are_parts(parts) => whole::run(&system, true, parts),
        #[cfg(feature = "servers")]
        ref parts if whole::are_parts(parts) => whole::run(&system, false, parts),
        _ => {
            print!("{USAGE}");
            Ok(())
        }
    }
}

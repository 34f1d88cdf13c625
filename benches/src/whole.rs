//! A whole run: every part in turn, and the page that it writes.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use actix_web::rt::SystemRunner;

use crate::{
    compile,
    http::{behind, load, writers, wrk},
    in_process::{self, times},
    instructions,
    report::{self, machine},
    servers::{Databases, apps::Peers, cores::Cores},
};

/// How long and how often.
struct Effort {
    rounds: u32,
    in_process_rounds: u32,
    in_process_time: Duration,
    load_time: Duration,
    requests: u32,
    additions: u32,
    compile_rounds: usize,
}

const FULL: Effort = Effort {
    rounds: 3,
    in_process_rounds: 15,
    in_process_time: Duration::from_millis(25),
    load_time: Duration::from_secs(2),
    requests: 1_000,
    additions: 1_024,
    compile_rounds: 3,
};

const QUICK: Effort = Effort {
    rounds: 1,
    in_process_rounds: 3,
    in_process_time: Duration::from_millis(5),
    load_time: Duration::from_secs(1),
    requests: 100,
    additions: 256,
    compile_rounds: 1,
};

/// Whether these are names of parts.
pub(crate) fn are_parts(names: &[&str]) -> bool {
    names.iter().all(|name| ["in-process", "load", "behind", "writers", "compile"].contains(name))
}

/// Runs these parts, or all of them. Only a full run of all parts writes to `docs`; others write beside the program.
pub(crate) fn run(system: &SystemRunner, is_quick: bool, parts: &[&str]) -> Result<(), Box<dyn Error>> {
    let effort = if is_quick { QUICK } else { FULL };
    let has = |part: &str| parts.is_empty() || parts.contains(&part);
    let docs = if !is_quick && parts.is_empty() {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
    } else {
        env::current_exe()?.parent().map(PathBuf::from).unwrap_or_default().join("session-bench-docs")
    };
    let (folder, page) = (docs.join("benchmarks"), docs.join("benchmarks.md"));
    fs::create_dir_all(&folder)?;
    let cores = Cores::all()?;
    let mut budgets = Vec::new();
    let mut text = format!("{HEAD}{}{}\n", machine::describe(&cores), machine::tools());

    if has("in-process") {
        let cases = system.block_on(in_process::cases())?;
        let times = times::measure(system, &cases, effort.in_process_rounds, effort.in_process_time);
        let counts = if instructions::can_count() {
            instructions::both(&cases)?
        } else {
            text.push_str("Instructions are not counted: valgrind is not installed.\n\n");
            Vec::new()
        };
        budgets.extend(report::budgets::in_process(&times));
        text.push_str(&report::in_process::section(&times, &counts, &folder)?);
        // After each part, so that a mistake in a later one loses nothing.
        fs::write(&page, &text)?;
    }
    if ["load", "behind", "writers"].into_iter().any(has) {
        let peers = Peers::build()?;
        cores.leave_server_alone()?;
        let mut databases = Databases::start(cores)?;
        for missing in databases.missing() {
            let _ = writeln!(text, "Left out, because it is not installed: {missing}.\n");
        }
        if has("load") && wrk::program().is_none() {
            text.push_str("Requests over HTTP are not measured, because wrk is not installed.\n\n");
        } else if has("load") {
            let cases =
                system.block_on(load::run(&mut databases, &peers, effort.rounds, effort.load_time))?;
            budgets.extend(report::budgets::load(&cases));
            text.push_str(&report::over_http::load(&cases, &folder)?);
            fs::write(&page, &text)?;
        }
        if has("behind") {
            let all = system.block_on(behind::run(&mut databases, &peers, effort.requests))?;
            budgets.extend(report::budgets::behind(&all));
            text.push_str(&report::over_http::behind(&all));
            fs::write(&page, &text)?;
        }
        if has("writers") {
            let all =
                system.block_on(writers::run(&mut databases, &peers, effort.rounds, effort.additions))?;
            budgets.extend(report::budgets::writers(&all));
            text.push_str(&report::over_http::writers(&all, &folder)?);
            fs::write(&page, &text)?;
        }
        cores.use_all()?;
    }
    if has("compile") {
        text.push_str(&compile::section(effort.compile_rounds, &mut budgets)?);
    }
    text.push_str(&report::budgets::section(&budgets));
    print!("{text}");
    fs::write(&page, text)?;
    println!("written to {}", page.display());
    Ok(())
}

const HEAD: &str = "\
# What a request costs

Written by `cargo run --release -p session-bench`, which measures everything on this page in one run: each round runs every case once,
and a ratio is taken within a round. It needs Redis, PostgreSQL, wrk and valgrind; what is not installed is left out by name.

";

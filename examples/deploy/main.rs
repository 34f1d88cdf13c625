//! A deploy, forward and back, under traffic: four releases of one shop, whose servers share their sessions.
//!
//! ```text
//! $ cargo build -p session-examples --bins && cargo run -p session-examples --bin deploy
//! servers   requests  reads checked
//! 1 1            ...
//! 30 clients, 4210 requests, 2103 reads checked: no login and no field was lost
//! ```
//!
//! `v1.rs` to `v4.rs` are the releases, as one would write them. Servers are replaced one by one while clients edit, on any server,
//! whatever its release shows; each client knows what it has told the shop, and checks everything it reads.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a program for the terminal: this is how it speaks

mod client;
mod fleet;
mod http;
mod model;

use std::{
    fmt, mem,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use lexopt::prelude::*;
use rand::{TryRng, rngs::SysRng};

use self::{
    client::{Client, Count},
    fleet::{Fleet, Release},
};

const HELP: &str = "\
Rolls four releases of one shop forward and back under traffic, and checks that no login and no field is lost.
It starts the programs deploy-v1 to deploy-v4 that are built beside it:

  cargo build -p session-examples --bins && cargo run -p session-examples --bin deploy

Usage: deploy [--store URL] [--clients N] [--requests N]

  --store URL    where the sessions are, as for the shop (default: a SQLite file for this run); not memory:
  --clients N    browsers at once (default: 30)
  --requests N   what each of them asks at least in each phase (default: 8)
  --help         this text
";

struct Phase {
    servers: [Release; 2],
    /// Started beside by mistake: it can no longer read these sessions.
    stray: Option<Release>,
    what: &'static str,
}

const fn phase(servers: [Release; 2], what: &'static str) -> Phase {
    Phase { servers, stray: None, what }
}

const fn skipped(servers: [Release; 2], stray: Release, what: &'static str) -> Phase {
    Phase { servers, stray: Some(stray), what }
}

const PLAN: [Phase; 15] = [
    phase([1, 1], "the first release"),
    phase([1, 2], "release 2 comes: adds a field, removes one, renames one"),
    phase([2, 2], "and is everywhere"),
    phase([2, 1], "back"),
    phase([1, 1], "to where we were; the theme that release 2 does not know is there"),
    phase([1, 2], "and forward"),
    phase([2, 2], "again"),
    phase([2, 3], "release 3 comes: quantities in the cart, the name in two"),
    phase([2, 2], "back; release 2 edits what release 3 wrote"),
    phase([3, 3], "forward again"),
    skipped([3, 3], 1, "a forgotten server of release 1 refuses"),
    phase([3, 4], "release 4 comes: writes nothing for release 2 any more"),
    phase([3, 3], "back to 3"),
    phase([4, 4], "and forward"),
    skipped([4, 4], 2, "a forgotten server of release 2 refuses"),
];

struct Options {
    store: Option<String>,
    clients: u64,
    requests: u64,
}

fn main() -> ExitCode {
    match parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => match run(&options) {
            Ok(total) => {
                println!("{} clients, {total}: no login and no field was lost", options.clients);
                return ExitCode::SUCCESS;
            }
            Err(error) => eprintln!("deploy: {error}"),
        },
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => eprintln!("deploy: {error}; see --help"),
    }
    ExitCode::FAILURE
}

fn parse(mut arguments: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options { store: None, clients: 30, requests: 8 };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("store") => options.store = Some(arguments.value()?.string()?),
            Long("clients") => options.clients = arguments.value()?.parse()?,
            Long("requests") => options.requests = arguments.value()?.parse()?,
            Long("help") | Short('h') => return Ok(None),
            _ => return Err("unknown argument".into()), // which may be a URL with a password
        }
    }
    Ok(Some(options))
}

fn run(options: &Options) -> Result<Count, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = || format!("sqlite:{}", folder.path().join("deploy.db").display());
    let store = options.store.clone().unwrap_or_else(file);
    if store.starts_with("memory:") {
        return Err("each server has a memory of its own; choose a store that they share".to_owned());
    }
    let mut key = [0; 32];
    SysRng.try_fill_bytes(&mut key).map_err(|error| error.to_string())?;
    let fleet = Fleet::new(&store, &STANDARD.encode(key));

    let mut clients: Vec<Client> = (1..=options.clients).map(Client::new).collect();
    // One client more, whose requests are under way when a server is told to stop.
    let mut last = Client::new(0);
    for place in 0..2 {
        fleet.replace(place, 1)?;
    }
    for client in clients.iter_mut().chain([&mut last]) {
        client.sign_in(&fleet)?;
    }
    let mut total = Count::default();
    for phase in &PLAN {
        walk(phase, &fleet, &mut clients, &mut last, options.requests)
            .map_err(|error| format!("{phase}: {error}"))?;
        let mut count = Count::default();
        clients.iter_mut().for_each(|client| count += mem::take(&mut client.count));
        println!("{phase}: {count}");
        total += count;
    }
    Ok(total)
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.servers;
        write!(f, "{first} {second}  {}", self.what)
    }
}

/// Replaces servers under traffic, and lets the clients go on for a while.
fn walk(
    phase: &Phase,
    fleet: &Fleet,
    clients: &mut [Client],
    last: &mut Client,
    requests: u64,
) -> Result<(), String> {
    let stray = phase.stray.map(|release| fleet.start(release)).transpose()?;
    let rolling = AtomicBool::new(true);
    thread::scope(|scope| {
        let running: Vec<_> = clients
            .iter_mut()
            .map(|client| scope.spawn(|| client.run(fleet, stray.as_ref(), &rolling, requests)))
            .collect();
        let rolled = roll(fleet, phase.servers, last);
        rolling.store(false, Ordering::Release);
        for (n, client) in running.into_iter().enumerate() {
            let ran = client.join().map_err(|_| "a client panicked")?;
            ran.map_err(|error| format!("client {}: {error}", n + 1))?;
        }
        rolled
    })
}

fn roll(fleet: &Fleet, servers: [Release; 2], last: &mut Client) -> Result<(), String> {
    for (place, release) in servers.into_iter().enumerate() {
        if let Some(old) = fleet.replace(place, release)? {
            last.edit_while_it_stops(&old, fleet)?;
        }
    }
    Ok(())
}

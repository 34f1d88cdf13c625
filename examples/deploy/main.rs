//! A deploy under traffic: rolls four releases of a shop, whose servers share their sessions, forward and back.
//!
//! ```text
//! $ cargo build -p session-examples --bins && cargo run -p session-examples --bin deploy
//! 1 1    296 requests    149 reads checked  the first release
//! 1 2    391 requests    210 reads checked  release 2 rolls out: adds a field, removes one, renames one
//! ...
//! 30 clients, 6262 requests, 3207 reads checked: no login and no field was lost
//! ```
//!
//! `v1.rs` to `v4.rs` are the releases, written as in a real project. Servers are replaced one by one while clients send edits to any
//! server whose release supports them. Each client knows the edits it has made, and checks everything it reads against them.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a command-line program

mod client;
mod fleet;
mod http;
mod model;

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use lexopt::prelude::*;
use rand::{TryRng, rngs::SysRng};

use self::{
    client::{Client, Count},
    fleet::{Fleet, Release, Server},
};

const HELP: &str = "\
Rolls four releases of a shop forward and back under traffic, and checks that no login and no field is lost.
It starts the programs deploy-v1 to deploy-v4, which must be built beside it:

  cargo build -p session-examples --bins && cargo run -p session-examples --bin deploy

Usage: deploy [--store URL] [--clients N] [--requests N]

  --store URL    the session store, as for the shop, except memory: (default: a SQLite file for this run)
  --clients N    the number of simultaneous browsers (default: 30)
  --requests N   the fewest requests that each browser sends in each phase (default: 8)
  --help         print this help
";

/// The releases of the two servers, the release of a third that was forgotten and still runs, and a description.
type Phase = ([Release; 2], Option<Release>, &'static str);

const PLAN: [Phase; 15] = [
    ([1, 1], None, "the first release"),
    ([1, 2], None, "release 2 rolls out: adds a field, removes one, renames one"),
    ([2, 2], None, "release 2 on all servers"),
    ([2, 1], None, "release 2 is rolled back"),
    ([1, 1], None, "release 1 on all servers; the theme, which release 2 does not know, is still there"),
    ([1, 2], None, "release 2 rolls out again"),
    ([2, 2], None, "release 2 on all servers"),
    ([2, 3], None, "release 3 rolls out: adds quantities to the cart, splits the name in two"),
    ([2, 2], None, "release 3 is rolled back; release 2 edits the data it wrote"),
    ([3, 3], None, "release 3 rolls out again"),
    ([3, 3], Some(1), "a forgotten server of release 1 refuses every session"),
    ([3, 4], None, "release 4 rolls out: no longer writes the forms that release 2 reads"),
    ([4, 4], None, "release 4 on all servers"),
    ([3, 3], Some(2), "release 4 is rolled back; a forgotten server of release 2 refuses every session"),
    ([4, 4], None, "release 4 rolls out again"),
];

struct Options {
    store: Option<String>,
    clients: u64,
    requests: u64,
}

fn main() -> ExitCode {
    let options = match parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("deploy: {error}; see --help");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(total) => {
            println!("{} clients, {total}: no login and no field was lost", options.clients);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("deploy: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options { store: None, clients: 30, requests: 8 };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("store") => options.store = Some(arguments.value()?.string()?),
            Long("clients") => options.clients = arguments.value()?.parse()?,
            Long("requests") => options.requests = arguments.value()?.parse()?,
            Long("help") | Short('h') => return Ok(None),
            _ => return Err("unknown argument".into()), // not shown, because it may be a URL with a password
        }
    }
    Ok(Some(options))
}

fn run(options: &Options) -> Result<Count, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = || format!("sqlite:{}", folder.path().join("deploy.db").display());
    let store = options.store.clone().unwrap_or_else(file);
    if store.starts_with("memory:") {
        return Err("`memory:` is not shared between servers; choose a store that they share".to_owned());
    }
    let mut key = [0; 32];
    SysRng.try_fill_bytes(&mut key).map_err(|error| error.to_string())?;
    let mut deploy = Deploy {
        fleet: Fleet::new(&store, &STANDARD.encode(key)),
        clients: (1..=options.clients).map(Client::new).collect(),
        last: Client::new(0),
        stopped: Vec::new(),
    };
    deploy.begin()?;
    let mut total = Count::default();
    for phase in &PLAN {
        let ([first, second], _, what) = phase;
        let count = deploy.walk(phase, options.requests);
        let count = count.map_err(|error| format!("servers {first} and {second}, {what}: {error}"))?;
        let Count { requests, reads } = count;
        println!("{first} {second} {requests:6} requests {reads:6} reads checked  {what}");
        total += count;
    }
    print!("{}", deploy.fleet.census(4)?);
    deploy.stopped.iter().try_for_each(|server| server.ended())?;
    Ok(total)
}

struct Deploy {
    fleet: Fleet,
    clients: Vec<Client>,
    /// Another client, which has a request under way whenever a server is stopped.
    last: Client,
    /// The servers that were asked to stop and are finishing their last requests.
    stopped: Vec<Arc<Server>>,
}

impl Deploy {
    /// Starts the first release, and signs every client in.
    fn begin(&mut self) -> Result<(), String> {
        self.fleet.replace(0, 1)?;
        self.fleet.replace(1, 1)?;
        self.clients.iter_mut().chain([&mut self.last]).try_for_each(|client| client.sign_in(&self.fleet))
    }

    /// Replaces servers one by one under traffic, and lets the clients go on for a while.
    fn walk(&mut self, phase: &Phase, requests: u64) -> Result<Count, String> {
        let Self { fleet, clients, last, stopped } = self;
        let fleet = &*fleet;
        let (servers, stray, _) = *phase;
        let stray = stray.map(|release| fleet.start(release)).transpose()?;
        let rolling = AtomicBool::new(true);
        thread::scope(|scope| {
            let running: Vec<_> = clients
                .iter_mut()
                .map(|client| scope.spawn(|| client.run(fleet, stray.as_ref(), &rolling, requests)))
                .collect();
            let rolled = servers.into_iter().enumerate().try_for_each(|(place, release)| {
                let Some(old) = fleet.replace(place, release)? else { return Ok(()) };
                last.edit_while_it_stops(&old, fleet)?;
                stopped.push(old);
                Ok(())
            });
            rolling.store(false, Ordering::Release);
            let mut count = Count::default();
            for (n, client) in running.into_iter().enumerate() {
                let ran = client.join().map_err(|_| "a client panicked")?;
                count += ran.map_err(|error| format!("client {}: {error}", n + 1))?;
            }
            rolled.map(|()| count)
        })
    }
}

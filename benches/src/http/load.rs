//! Requests per second at full load, of every server and every kind of request, in turn.

use std::{error::Error, time::Duration};

use super::wrk;
use crate::{
    servers::{
        Databases,
        apps::{App, Peers, Server},
    },
    size::{SIZES, Size, USUAL},
    stats::Spread,
};

/// Answers of one kind by one server.
pub(crate) struct Case {
    pub(crate) app: App,
    /// What the sessions are stored in.
    pub(crate) store: &'static str,
    pub(crate) size: Size,
    pub(crate) kind: &'static str,
    /// Requests per second, one value for each round.
    pub(crate) rates: Vec<f64>,
    /// Microseconds of CPU time that the server took for each request.
    pub(crate) cpu: Vec<f64>,
}

impl Case {
    pub(crate) fn rate(&self) -> Spread {
        Spread::of(self.rates.iter().copied())
    }

    /// The microseconds of CPU time over a request to `bare`.
    pub(crate) fn overhead(&self, bare: &Self) -> Spread {
        Spread::of(self.cpu.iter().zip(&bare.cpu).map(|(cpu, bare)| cpu - bare))
    }

    /// How many times as many requests as `other`.
    pub(crate) fn ratio(&self, other: &Self) -> Spread {
        Spread::of_ratios(&self.rates, &other.rates)
    }
}

/// The kinds of requests, and their answers. `read` answers the length of the text.
fn answer(kind: &str, size: Size) -> String {
    match kind {
        "untouched" => "untouched".to_owned(),
        "read" => size.bytes.to_string(),
        "set" => "set".to_owned(),
        "update" => "updated".to_owned(),
        _ => "created".to_owned(),
    }
}

struct Running {
    server: Server,
    app: App,
    store: &'static str,
    size: Size,
    kinds: &'static [&'static str],
}

/// How many sessions the requests belong to, in turn: requests that overlap in one of them would measure how writers wait for one
/// another, which has a table of its own.
const SESSIONS: usize = 64;

const OURS: &[&str] = &["untouched", "read", "set", "update"];
const THEIRS: &[&str] = &["untouched", "read", "set"];

/// Every server at the usual size, and those on Redis at the other sizes.
pub(crate) async fn run(
    databases: &mut Databases,
    peers: &Peers,
    rounds: u32,
    time: Duration,
) -> Result<Vec<Case>, Box<dyn Error>> {
    let mut plan: Vec<(App, &'static str, Size, &'static [&'static str])> = vec![
        (App::BareActix, "", USUAL, &["untouched"]),
        (App::Ours, "memory", USUAL, OURS),
        (App::Ours, "SQLite", USUAL, OURS),
        (App::Ours, "PostgreSQL", USUAL, OURS),
        (App::Ours, "Redis", USUAL, &["untouched", "read", "set", "update", "create"]),
        (App::ActixSessionRedis, "Redis", USUAL, &["untouched", "read", "set", "update", "create"]),
        (App::ActixSessionCookie, "cookie", USUAL, THEIRS),
        (App::BareAxum, "", USUAL, &["untouched"]),
        (App::TowerMemory, "memory", USUAL, THEIRS),
        (App::TowerRedis, "Redis", USUAL, THEIRS),
        (App::TowerPostgres, "PostgreSQL", USUAL, THEIRS),
    ];
    for size in SIZES.into_iter().filter(|size| *size != USUAL) {
        plan.push((App::Ours, "Redis", size, &["read", "set"]));
        plan.push((App::ActixSessionRedis, "Redis", size, &["read", "set"]));
    }
    let mut running = Vec::new();
    for (app, store, size, kinds) in plan {
        let Some(url) = databases.url(store).await? else { continue };
        running.push(Running { server: databases.serve(peers, app, &url, size)?, app, store, size, kinds });
    }
    let mut cases: Vec<Case> = Vec::new();
    for round in 0..rounds {
        let mut at = 0;
        for Running { server, app, store, size, kinds } in &running {
            for kind in *kinds {
                let (rate, cpu) = one(server, *app, kind, *size, time).await?;
                if round == 0 {
                    cases.push(Case {
                        app: *app,
                        store,
                        size: *size,
                        kind,
                        rates: Vec::new(),
                        cpu: Vec::new(),
                    });
                }
                cases[at].rates.push(rate);
                cases[at].cpu.push(cpu);
                at += 1;
            }
        }
        println!("load: round {} of {rounds}", round + 1);
    }
    Ok(cases)
}

/// Checks what the server answers, loads it, and checks once more.
async fn one(
    server: &Server,
    app: App,
    kind: &str,
    size: Size,
    time: Duration,
) -> Result<(f64, f64), Box<dyn Error>> {
    let (path, expected) = (format!("/{kind}"), answer(kind, size));
    let has_session = !matches!(app, App::BareActix | App::BareAxum) && kind != "create";
    let client = async || if has_session { server.client().await } else { server.stranger().await };
    let mut cookies = Vec::new();
    for _ in 0..if has_session { SESSIONS } else { 1 } {
        let mut before = client().await?;
        cookies.extend(Some(before.cookie.clone()).filter(|cookie| !cookie.is_empty()));
        before.expect(&path, &expected).await?;
    }
    let begun = server.cpu()?;
    let load = wrk::load(server.port, &path, &cookies, time)?;
    let cpu = server.cpu()?.saturating_sub(begun);
    let mut after = client().await?;
    after.expect(&path, &expected).await?;
    Ok((load.rate, cpu.as_secs_f64() * 1e6 / load.requests))
}

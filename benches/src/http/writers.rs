//! Many writers of one session, and of as many sessions.
//!
//! Each writer adds one to a number in the session, over a connection of its own, one request after the other. Out: how many requests
//! a second that makes, how many of the additions are kept, and how often a request calls the store.

use std::{error::Error, time::Instant};

use crate::{
    servers::{
        Databases,
        apps::{App, Peers, Server},
    },
    size::USUAL,
    stats::Spread,
};

pub(crate) const WRITERS: [u32; 3] = [1, 8, 64];

pub(crate) struct Writers {
    pub(crate) app: App,
    pub(crate) store: &'static str,
    /// How many.
    pub(crate) count: u32,
    /// All in one session, or each in its own.
    pub(crate) together: bool,
    pub(crate) rates: Vec<f64>,
    /// The least share of the additions that was kept.
    pub(crate) kept: f64,
    /// Store calls for each request, the most of all rounds.
    pub(crate) calls: Option<f64>,
}

impl Writers {
    pub(crate) fn rate(&self) -> Spread {
        Spread::of(self.rates.iter().copied())
    }
}

const PLAN: [(App, &str); 7] = [
    (App::Ours, "memory"),
    (App::Ours, "SQLite"),
    (App::Ours, "PostgreSQL"),
    (App::Ours, "Redis"),
    (App::ActixSessionRedis, "Redis"),
    (App::TowerRedis, "Redis"),
    (App::TowerPostgres, "PostgreSQL"),
];

pub(crate) async fn run(
    databases: &mut Databases,
    peers: &Peers,
    rounds: u32,
    requests: u32,
) -> Result<Vec<Writers>, Box<dyn Error>> {
    let mut servers = Vec::new();
    for (app, store) in PLAN {
        if let Some(url) = databases.url(store).await? {
            servers.push((app, store, databases.serve(peers, app, &url, USUAL)?));
        }
    }
    let mut all: Vec<Writers> = Vec::new();
    for round in 0..rounds {
        let mut at = 0;
        for (app, store, server) in &servers {
            for writers in WRITERS {
                for together in [true, false] {
                    let one = one(server, *app, writers, together, requests / writers).await?;
                    if round == 0 {
                        let (rates, kept, count) = (Vec::new(), 1.0, writers);
                        all.push(Writers { app: *app, store, count, together, rates, kept, calls: None });
                    }
                    all[at].rates.push(one.rate);
                    all[at].kept = all[at].kept.min(one.kept);
                    all[at].calls = one.calls.map(|calls| all[at].calls.unwrap_or_default().max(calls));
                    at += 1;
                }
            }
        }
        println!("writers: round {} of {rounds}", round + 1);
    }
    Ok(all)
}

struct One {
    rate: f64,
    kept: f64,
    calls: Option<f64>,
}

async fn one(
    server: &Server,
    app: App,
    writers: u32,
    together: bool,
    each: u32,
) -> Result<One, Box<dyn Error>> {
    let mut shared = server.client().await?;
    // So that the number is there before two writers could begin with it at once.
    shared.expect("/add", "added").await?;
    let mut clients = Vec::new();
    for _ in 0..writers {
        let mut client = server.client().await?;
        if together {
            client.cookie.clone_from(&shared.cookie);
        } else {
            client.expect("/add", "added").await?;
        }
        clients.push(client);
    }
    let calls_before = calls(server, app).await?;
    let begun = Instant::now();
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            actix_web::rt::spawn(async move {
                for _ in 0..each {
                    client.expect("/add", "added").await.map_err(|error| error.to_string())?;
                }
                Ok::<_, String>(client)
            })
        })
        .collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await??);
    }
    let (took, calls_after) = (begun.elapsed(), calls(server, app).await?);
    let mut sum = 0;
    for client in done.iter_mut().take(if together { 1 } else { usize::MAX }) {
        sum += client.get("/sum").await?.parse::<u32>()? - 1;
    }
    let added = writers * each;
    if app == App::Ours && sum != added {
        return Err(format!("{sum} of {added} additions were kept").into());
    }
    let added = f64::from(added);
    Ok(One {
        rate: added / took.as_secs_f64(),
        kept: f64::from(sum) / added,
        calls: calls_before.zip(calls_after).map(|(before, after)| (after - before) / added),
    })
}

/// How often this library's server has called its store.
async fn calls(server: &Server, app: App) -> Result<Option<f64>, Box<dyn Error>> {
    if app != App::Ours {
        return Ok(None);
    }
    Ok(Some(server.stranger().await?.get("/calls").await?.parse()?))
}

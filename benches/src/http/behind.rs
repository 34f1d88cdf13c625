//! What one request costs behind the server: on the wire to the database, and in the database.
//!
//! In: requests through a counting proxy, one at a time; for what Redis takes, some at a time without one. Out: round trips and bytes; for
//! Redis the time in the server and the bytes sent to a replica, for PostgreSQL the bytes of the write-ahead log.

use std::error::Error;

use actix_typed_session::{
    change::{CellWrite, Change, NewRecord},
    id::{Selector, VerifierHash},
    record::{Json, Limits},
    store::{PostgresStore, RedisStore, SessionStore},
};
use actix_web::rt::spawn;
use sqlx::PgConnection;

use super::{client::Client, proxy::Proxy};
use crate::{
    servers::{
        Databases,
        apps::{App, Peers, Server},
        postgres::Postgres,
        redis::Redis,
    },
    size::{SIZES, Size, USUAL, text},
};

/// The averages of many requests.
pub(crate) struct Behind {
    pub(crate) app: App,
    pub(crate) store: &'static str,
    pub(crate) size: Size,
    pub(crate) kind: &'static str,
    pub(crate) round_trips: f64,
    pub(crate) sent: f64,
    pub(crate) received: f64,
    /// Microseconds in Redis, of the script if there is one.
    pub(crate) busy: Option<f64>,
    /// Bytes to a replica of Redis.
    pub(crate) replicated: Option<f64>,
    /// Bytes in the write-ahead log of PostgreSQL.
    pub(crate) logged: Option<f64>,
}

/// How many requests are under way while the time in Redis is taken: a server that waits between two commands takes longer for each.
const AT_ONCE: u32 = 16;

const KINDS: [&str; 2] = ["read", "set"];
const REDIS: [Size; 3] = [USUAL, SIZES[3], SIZES[5]];
const POSTGRES: [Size; 2] = [USUAL, SIZES[5]];

pub(crate) async fn run(
    databases: &mut Databases,
    peers: &Peers,
    requests: u32,
) -> Result<Vec<Behind>, Box<dyn Error>> {
    let mut all = Vec::new();
    if databases.redis.is_some() {
        let redis_apps = [App::Ours, App::ActixSessionRedis, App::TowerRedis];
        let each = || REDIS.into_iter().flat_map(|size| redis_apps.map(|app| (app, size)));
        let mut times = Vec::new();
        for (app, size) in each() {
            times.extend(in_redis(databases, peers, app, size, requests).await?);
        }
        // Only from here on: a replica costs a server that is loaded something.
        let mut replica = Redis::start()?;
        if let Some(primary) = &databases.redis {
            replica.follow(primary)?;
        }
        for (app, size) in each() {
            on_redis(databases, peers, app, size, requests, &mut all).await?;
        }
        for (case, busy) in all.iter_mut().zip(times) {
            case.busy = Some(busy);
        }
        if let Some(redis) = &mut databases.redis {
            let store = RedisStore::open(&redis.url()).await?;
            let selector = new_record(&store, SIZES[5]).await?;
            let before = redis.replicated()?;
            redis.reset()?;
            touch(&store, &selector, requests).await?;
            all.push(Behind {
                busy: Some(redis.busy_writing()? / f64::from(requests)),
                replicated: Some(per(redis.replicated()? - before, requests)),
                ..nothing(App::Ours, "Redis", SIZES[5], "touch")
            });
        }
    }
    if databases.postgres.is_some() {
        for size in POSTGRES {
            for app in [App::Ours, App::TowerPostgres] {
                on_postgres(databases, peers, app, size, requests, &mut all).await?;
            }
        }
        let url = databases.url("PostgreSQL").await?.unwrap_or_default();
        let store = PostgresStore::options(&url)?.sweep_every(None).open().await?;
        let mut outside = <PgConnection as sqlx::Connection>::connect(&url).await?;
        let selector = new_record(&store, SIZES[5]).await?;
        let before = Postgres::log_position(&mut outside).await?;
        touch(&store, &selector, requests).await?;
        let logged = Postgres::log_position(&mut outside).await? - before;
        all.push(Behind {
            logged: Some(per(logged.cast_unsigned(), requests)),
            ..nothing(App::Ours, "PostgreSQL", SIZES[5], "touch")
        });
    }
    Ok(all)
}

const fn nothing(app: App, store: &'static str, size: Size, kind: &'static str) -> Behind {
    let (round_trips, sent, received) = (f64::NAN, f64::NAN, f64::NAN);
    Behind { app, store, size, kind, round_trips, sent, received, busy: None, replicated: None, logged: None }
}

#[allow(clippy::cast_precision_loss)] // bytes of one run
fn per(count: u64, requests: u32) -> f64 {
    count as f64 / f64::from(requests)
}

async fn get(client: &mut Client, path: &str, times: u32) -> Result<(), Box<dyn Error>> {
    for _ in 0..times {
        client.get(path).await?;
    }
    Ok(())
}

/// About as many requests, one of each client under way at any time; returns how many.
async fn at_once(clients: Vec<Client>, path: String, requests: u32) -> Result<u32, Box<dyn Error>> {
    let each = requests.div_ceil(AT_ONCE);
    let ask = |mut client: Client| {
        let path = path.clone();
        spawn(async move { get(&mut client, &path, each).await.map_err(|error| error.to_string()) })
    };
    for asked in clients.into_iter().map(ask).collect::<Vec<_>>() {
        asked.await??;
    }
    Ok(each * AT_ONCE)
}

/// The requests on the wire, one at a time.
async fn on_wire(
    server: &Server,
    proxy: &Proxy,
    kind: &str,
    requests: u32,
) -> Result<(f64, f64, f64), Box<dyn Error>> {
    let (path, mut client) = (format!("/{kind}"), server.client().await?);
    // What the first request of a connection does, such as preparing statements, is not part of it.
    get(&mut client, &path, 20).await?;
    let before = proxy.passed();
    get(&mut client, &path, requests).await?;
    let after = proxy.passed();
    Ok((
        per(after.round_trips - before.round_trips, requests),
        per(after.sent - before.sent, requests),
        per(after.received - before.received, requests),
    ))
}

async fn on_redis(
    databases: &mut Databases,
    peers: &Peers,
    app: App,
    size: Size,
    requests: u32,
    all: &mut Vec<Behind>,
) -> Result<(), Box<dyn Error>> {
    let Some(port) = databases.redis.as_ref().map(|redis| redis.port) else { return Ok(()) };
    let proxy = Proxy::to(port)?;
    let server = databases.serve(peers, app, &format!("redis://127.0.0.1:{}", proxy.port), size)?;
    let Some(redis) = &mut databases.redis else { return Ok(()) };
    for kind in KINDS {
        // Twice: the warm-up of the wire would be counted in the server.
        let (round_trips, sent, received) = on_wire(&server, &proxy, kind, requests).await?;
        let (path, mut client) = (format!("/{kind}"), server.client().await?);
        let before = redis.replicated()?;
        get(&mut client, &path, requests).await?;
        all.push(Behind {
            round_trips,
            sent,
            received,
            replicated: Some(per(redis.replicated()? - before, requests)),
            ..nothing(app, "Redis", size, kind)
        });
    }
    Ok(())
}

/// The microseconds that Redis takes for each kind of request, while it has its core for itself: it measures by the clock, so the time in
/// which another process had the core would be in them.
async fn in_redis(
    databases: &mut Databases,
    peers: &Peers,
    app: App,
    size: Size,
    requests: u32,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let Some(url) = databases.redis.as_ref().map(Redis::url) else { return Ok(Vec::new()) };
    let (server, cores) = (databases.serve(peers, app, &url, size)?, databases.cores);
    let Some(redis) = &mut databases.redis else { return Ok(Vec::new()) };
    cores.join_server()?;
    let mut times = Vec::new();
    for kind in KINDS {
        let path = format!("/{kind}");
        let mut clients = Vec::new();
        for _ in 0..AT_ONCE {
            clients.push(server.client().await?);
        }
        redis.reset()?;
        let requests = at_once(clients, path, requests).await?;
        let busy = if kind == "read" { redis.busy()? } else { redis.busy_writing()? };
        times.push(busy / f64::from(requests));
    }
    cores.leave_server_alone()?;
    Ok(times)
}

async fn on_postgres(
    databases: &mut Databases,
    peers: &Peers,
    app: App,
    size: Size,
    requests: u32,
    all: &mut Vec<Behind>,
) -> Result<(), Box<dyn Error>> {
    let Some(url) = databases.url("PostgreSQL").await? else { return Ok(()) };
    let Some(port) = databases.postgres.as_ref().map(Postgres::port) else { return Ok(()) };
    let proxy = Proxy::to(port)?;
    let database = url.rsplit('/').next().and_then(|end| end.split('?').next()).unwrap_or_default();
    let server = databases.serve(peers, app, &Postgres::url(proxy.port, database), size)?;
    let mut outside = <PgConnection as sqlx::Connection>::connect(&url).await?;
    for kind in KINDS {
        let (round_trips, sent, received) = on_wire(&server, &proxy, kind, requests).await?;
        let (path, mut client) = (format!("/{kind}"), server.client().await?);
        get(&mut client, &path, 1).await?;
        let before = Postgres::log_position(&mut outside).await?;
        get(&mut client, &path, requests).await?;
        let logged = Postgres::log_position(&mut outside).await? - before;
        all.push(Behind {
            round_trips,
            sent,
            received,
            logged: Some(per(logged.cast_unsigned(), requests)),
            ..nothing(app, "PostgreSQL", size, kind)
        });
    }
    Ok(())
}

/// A record of this size, made without a request: a request touches only when a touch is due.
async fn new_record(store: &impl SessionStore, size: Size) -> Result<Selector, Box<dyn Error>> {
    let (selector, day) = (Selector::from_bytes([9; 16]), std::time::Duration::from_hours(24));
    let mut new = NewRecord::new(VerifierHash::from_bytes([1; 32]), Limits::new(day, day));
    let json = || Json::from_store(&format!("\"{}\"", text(size.bytes)));
    new.cells = (0..size.fields).map(|field| CellWrite::new(format!("of.f{field}").into(), json())).collect();
    store.create(&selector, &new).await?;
    Ok(selector)
}

async fn touch(store: &impl SessionStore, selector: &Selector, times: u32) -> Result<(), Box<dyn Error>> {
    let mut change = Change::default();
    change.touch = true;
    for _ in 0..times {
        store.update(selector, &change).await?;
    }
    Ok(())
}

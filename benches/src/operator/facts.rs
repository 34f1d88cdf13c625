//! Single figures about one store each.

use std::{
    error::Error,
    fs,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use actix_typed_session::{
    change::{CellWrite, MaxSessions, NewRecord, WhenFull},
    id::VerifierHash,
    record::{Json, Limits},
    store::{AnyStore, Created, MemoryStore, PrincipalIndex, RedisStore, SessionStore, SqliteStore},
};
use actix_web::rt::System;
use sqlx::{Connection as _, SqliteConnection};

use super::{
    milliseconds,
    user::{fill, principal, selector, signed_in},
    watch::Watch,
};
use crate::{
    servers::redis::Redis,
    size::{USUAL, text},
};

/// What is measured, and the figure.
pub(super) type Fact = Vec<String>;

fn fact(what: impl Into<String>, figure: impl Into<String>) -> Fact {
    vec![what.into(), figure.into()]
}

/// Figures, and the one by which a wish is judged.
pub(super) struct Judged<T> {
    pub(super) facts: Vec<Fact>,
    pub(super) figure: T,
}

/// The bound of the memory store.
pub(super) const MEBIBYTES: usize = 256;

/// Memory that is full of anonymous sessions, to which users sign in.
pub(super) async fn memory() -> Result<Judged<u64>, Box<dyn Error>> {
    let store = MemoryStore::with_max_bytes(MEBIBYTES << 20);
    let (before, mut sessions) = (resident()?, 0_u32);
    while let Ok(created) = store.create(&selector(sessions), &anonymous()).await {
        assert_eq!(created, Created::Created);
        sessions += 1;
    }
    let grown = resident()?.saturating_sub(before) / 1024;
    let mut slowest = 0.0_f64;
    for user in 0..1_000 {
        let begun = Instant::now();
        let new = signed_in(&user.to_string(), None);
        assert_eq!(store.create(&selector(sessions + user), &new).await?, Created::Created);
        slowest = slowest.max(milliseconds(begun));
    }
    let facts = vec![
        fact(format!("memory, bound to {MEBIBYTES} MiB: sessions of {USUAL} that fit"), sessions.to_string()),
        fact("memory, full: MiB by which the process has grown", grown.to_string()),
        fact(
            "memory, full: the slowest of 1,000 sign-ins, each of which ends an anonymous session if it must",
            format!("{slowest:.2} ms"),
        ),
    ];
    Ok(Judged { facts, figure: grown })
}

fn anonymous() -> NewRecord {
    let day = Duration::from_hours(24);
    let mut new = NewRecord::new(VerifierHash::from_bytes([1; 32]), Limits::new(day, day));
    new.cells = (0..USUAL.fields)
        .map(|field| {
            let json = Json::from_store(&format!("\"{}\"", text(USUAL.bytes)));
            CellWrite::new(format!("shop.f{field}").into(), json)
        })
        .collect();
    new
}

/// The KiB of this process that are in memory, on Linux.
fn resident() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// The connections of a process with more workers than connections.
pub(super) async fn connections(redis: &mut Redis) -> Result<Judged<usize>, Box<dyn Error>> {
    const WORKERS: usize = 32;
    let store = RedisStore::open(&redis.url()).await?;
    let (all, counted) = (Barrier::new(WORKERS + 1), Barrier::new(WORKERS + 1));
    let clients = thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                System::new().block_on(async {
                    for n in 0..20 {
                        assert!(store.load(&selector(n)).await.is_ok());
                    }
                    all.wait();
                    counted.wait();
                });
            });
        }
        all.wait();
        let clients = redis.ask("CLIENT LIST");
        counted.wait();
        clients
    })?;
    // Without the one that asks.
    let connections = clients.lines().count().saturating_sub(1);
    let what = format!("Redis: connections of a process with {WORKERS} workers");
    Ok(Judged { facts: vec![fact(what, connections.to_string())], figure: connections })
}

/// A hundred overlapping sign-ins of one user, of whom two sessions are left.
pub(super) async fn sign_ins(name: &str, store: &AnyStore) -> Result<Judged<f64>, Box<dyn Error>> {
    let max = Some(MaxSessions::new(2.try_into()?, WhenFull::EvictOldest));
    let (watch, begun) = (Watch::begin(store), Instant::now());
    let calls: Vec<_> = (0..100)
        .map(|n| {
            let store = store.clone();
            actix_web::rt::spawn(async move {
                let begun = Instant::now();
                let created = store.create(&selector(n), &signed_in("2", max)).await;
                (created, milliseconds(begun))
            })
        })
        .collect();
    let mut longest = 0.0_f64;
    for call in calls {
        let (created, took) = call.await?;
        assert_eq!(created?, Created::Created);
        longest = longest.max(took);
    }
    let (all, others) = (milliseconds(begun), watch.end()?);
    let facts = vec![
        fact(
            format!("{name}: 100 overlapping sign-ins of one user with a maximum"),
            format!("{all:.0} ms, the longest {longest:.0} ms"),
        ),
        fact(
            format!("{name}: the longest load, write or sign-in of another user meanwhile"),
            format!("{others:.1} ms"),
        ),
    ];
    Ok(Judged { facts, figure: others })
}

/// Very many sessions of one user end, in an index that no script may read as a whole. The figure is the longest script.
pub(super) async fn doomed(
    redis: &mut Redis,
    store: &AnyStore,
    sessions: u32,
) -> Result<Judged<f64>, Box<dyn Error>> {
    fill(store, sessions).await?;
    redis.keep_times()?;
    let (watch, begun) = (Watch::begin(store), Instant::now());
    assert_eq!(store.delete_all(&principal("1"), None).await?, u64::from(sessions));
    let (took, others) = (milliseconds(begun) / 1e3, watch.end()?);
    let longest = redis.longest()?;
    let facts = vec![
        fact(format!("Redis: {sessions} sessions of one user end"), format!("{took:.0} s")),
        fact("Redis: the longest script or command meanwhile", format!("{longest:.1} ms")),
        fact(
            "Redis: the longest load, write or sign-in of another user meanwhile",
            format!("{others:.1} ms"),
        ),
    ];
    Ok(Judged { facts, figure: longest })
}

/// Files of SQLite as other releases leave them. The figure is whether each is opened or refused as it should be.
pub(super) async fn releases() -> Result<Judged<bool>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("sessions.db");
    let somebody = selector(1);
    SqliteStore::open(&path).await?.create(&somebody, &anonymous()).await?;
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await?;
    let (mut facts, mut as_it_should) = (Vec::new(), true);
    for (what, sql, opens) in [
        ("of the first layout", "DROP INDEX session_by_sign_in; PRAGMA user_version = 1", true),
        (
            "of a later layout that this release can use",
            "ALTER TABLE session ADD COLUMN more TEXT NOT NULL DEFAULT 'new'; PRAGMA user_version = 0x20009",
            true,
        ),
        ("of a later layout that it cannot use", "PRAGMA user_version = 0x90009", false),
    ] {
        sqlx::raw_sql(sql).execute(&mut connection).await?;
        let (opened, figure) = match SqliteStore::open(&path).await {
            Ok(store) => (store.load(&somebody).await?.is_some(), "opened, with its sessions".to_owned()),
            Err(error) => (false, format!("refused: {error}")),
        };
        as_it_should &= opened == opens;
        facts.push(fact(format!("SQLite: a file {what}"), figure));
    }
    Ok(Judged { facts, figure: as_it_should })
}

//! What the PostgreSQL store promises: the contract, one round trip, its own tables, and no loss by faults.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use actix_typed_session::{
    change::{CellWrite, Change, Guard, MaxSessions, NewRecord, WhenFull},
    id::{Selector, VerifierHash},
    record::{Json, Limits, Principal},
    store::{
        Created, PostgresStore, PrincipalIndex, Scan, SessionStore, StoreError, StoreErrorKind, Sweep,
        Updated,
    },
};
use sqlx::{Connection as _, PgConnection};

use crate::servers::{
    PgBouncer, Postgres,
    proxy::{Command, Mode, Proxy},
    shared_postgres, until,
};

mod contract;
mod faults;
mod hosts;
mod layout;
mod many;
mod pooled;
mod restart;
mod runtimes;
mod sweep;
mod tls;
mod turns;
mod wire;

const SELECTOR: Selector = Selector::from_bytes([7; 16]);
const DAY: Duration = Duration::from_hours(24);
/// Longer than anything takes without a fault.
const BOUND: Duration = Duration::from_secs(30);

fn selector(n: u16) -> Selector {
    let mut bytes = [9; 16];
    bytes[..2].copy_from_slice(&n.to_be_bytes());
    Selector::from_bytes(bytes)
}

fn new_record() -> NewRecord {
    let mut new = NewRecord::new(VerifierHash::from_bytes([1; 32]), Limits::new(DAY, DAY));
    new.cells = vec![CellWrite::new("shop.visits".into(), Json::encode(&0).unwrap())];
    new
}

fn write(wire_key: &str, json: &str) -> Change {
    let mut change = Change::default();
    change.write = vec![CellWrite::new(wire_key.into(), Json::from_store(json))];
    change
}

fn touch() -> Change {
    let mut change = Change::default();
    change.touch = true;
    change
}

fn increment(from: u64, revision: Option<u64>) -> Change {
    let mut change = write("shop.visits", &(from + 1).to_string());
    change.guards = vec![Guard::new("shop.visits".into(), revision)];
    change
}

/// Increments the record's counter, as a request with a closure does.
async fn count(store: &PostgresStore, selector: &Selector) -> Result<(), StoreError> {
    let mut record = store.load(selector).await?.expect("it is there").record;
    loop {
        let cell = record.cell("shop.visits").unwrap();
        let from = cell.json.as_str().parse().unwrap();
        match store.update(selector, &increment(from, Some(cell.revision))).await? {
            Updated::Done { .. } => return Ok(()),
            Updated::Conflict(current) => record = current.record,
            other => panic!("{other:?}"),
        }
    }
}

async fn text(store: &PostgresStore, selector: &Selector, cell: &str) -> Option<String> {
    let loaded = store.load(selector).await.unwrap()?;
    Some(loaded.record.cell(cell)?.json.as_str().to_owned())
}

async fn visits(store: &PostgresStore, selector: &Selector) -> u64 {
    text(store, selector, "shop.visits").await.unwrap().parse().unwrap()
}

fn kind<T: std::fmt::Debug>(result: Result<T, StoreError>) -> StoreErrorKind {
    result.unwrap_err().kind()
}

async fn open(url: &str) -> PostgresStore {
    PostgresStore::options(url).unwrap().sweep_every(None).open().await.unwrap()
}

/// A store on a new database of the shared server, and that database.
async fn fresh() -> Option<(&'static Postgres, String, PostgresStore)> {
    let server = shared_postgres().await?;
    let database = server.database().await;
    let store = open(&server.url(&database)).await;
    Some((server, database, store))
}

/// Runs a statement, and returns its only value.
async fn ask<T>(connection: &mut PgConnection, sql: &'static str) -> T
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

/// Locks the row of `selector` until the connection ends its transaction.
async fn hold(connection: &mut PgConnection, selector: &Selector) {
    sqlx::query("BEGIN").execute(&mut *connection).await.unwrap();
    let lock = sqlx::query("SELECT 1 FROM typed_session WHERE selector = $1 FOR UPDATE");
    lock.bind(selector.as_bytes().to_vec()).fetch_one(connection).await.unwrap();
}

/// How many other connections the database has.
const OTHERS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
/// How many connections wait for a lock.
const BLOCKED: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";

/// Waits until the only value of a statement is this one, and panics after a time that only a fault takes.
async fn until_is(connection: &mut PgConnection, sql: &'static str, expected: i64) {
    let deadline = Instant::now() + BOUND;
    loop {
        let seen = ask::<i64>(connection, sql).await;
        if seen == expected {
            return;
        }
        assert!(Instant::now() < deadline, "still {seen}, not {expected}: {sql}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

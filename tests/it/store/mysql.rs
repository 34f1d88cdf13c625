//! What the MySQL store promises: the contract, as few round trips as can be had, its own table, and no loss by faults.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use actix_typed_session::{
    change::{CellWrite, Change, Guard, MaxSessions, NewRecord, WhenFull},
    id::{Selector, VerifierHash},
    record::{Json, Limits, Principal},
    store::{Created, MySqlStore, PrincipalIndex, SessionStore, StoreError, StoreErrorKind, Sweep, Updated},
};
use sqlx::{Connection as _, MySqlConnection};

use crate::servers::{
    MariaDb,
    proxy::{Mode, Proxy},
    shared_mariadb, until,
};

mod contract;
mod faults;
mod layout;
mod many;
mod restart;
mod startup;
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

fn principal(name: &str) -> Principal {
    Principal::new("shop.user", &Json::from_store(name))
}

fn at_most(n: u32, when_full: WhenFull) -> MaxSessions {
    MaxSessions::new(NonZeroU32::new(n).unwrap(), when_full)
}

fn signed_in(name: &str, max: Option<MaxSessions>) -> NewRecord {
    let mut new = new_record();
    (new.principal, new.authenticated, new.max_sessions) = (Some(principal(name)), true, max);
    new
}

fn sign_in(name: &str, max: Option<MaxSessions>) -> Change {
    let mut change = touch();
    (change.principal, change.authenticated, change.max_sessions) = (Some(Some(principal(name))), true, max);
    change
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
async fn count(store: &MySqlStore, selector: &Selector) -> Result<(), StoreError> {
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

async fn visits(store: &MySqlStore, selector: &Selector) -> u64 {
    let loaded = store.load(selector).await.unwrap().unwrap();
    loaded.record.cell("shop.visits").unwrap().json.as_str().parse().unwrap()
}

fn kind<T: std::fmt::Debug>(result: Result<T, StoreError>) -> StoreErrorKind {
    result.unwrap_err().kind()
}

async fn open(url: &str) -> MySqlStore {
    MySqlStore::options(url).unwrap().sweep_every(None).open().await.unwrap()
}

/// A store on a new database of the shared server, and that database.
async fn fresh() -> Option<(&'static MariaDb, String, MySqlStore)> {
    let server = shared_mariadb().await?;
    let database = server.database().await;
    let store = open(&server.url(&database)).await;
    Some((server, database, store))
}

/// Runs a statement, and returns its only value.
async fn ask<T>(connection: &mut MySqlConnection, sql: &'static str) -> T
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::MySql> + sqlx::Type<sqlx::MySql>,
{
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

/// Locks the row of `selector` until the connection ends its transaction.
async fn hold(connection: &mut MySqlConnection, selector: &Selector) {
    sqlx::raw_sql("BEGIN").execute(&mut *connection).await.unwrap();
    let lock = sqlx::query("SELECT 1 FROM typed_session WHERE selector = ? FOR UPDATE");
    lock.bind(selector.as_bytes().to_vec()).fetch_one(connection).await.unwrap();
}

async fn run(connection: &mut MySqlConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}

/// How many other connections the database has.
const OTHERS: &str =
    "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id <> connection_id()";
/// How many connections wait for a row. (What the server lists as waiting is refreshed only when nobody asks for a while.)
const BLOCKED: &str = "SELECT count(*) FROM information_schema.processlist WHERE command = 'Query' AND state <> 'User lock' \
    AND time_ms > 50 AND db = database() AND id <> connection_id()";
/// How many connections wait for their turn.
const QUEUED: &str =
    "SELECT count(*) FROM information_schema.processlist WHERE state = 'User lock' AND db = database()";

/// Waits until the only value of a statement is this one, and panics after a time that only a fault takes.
async fn until_is(connection: &mut MySqlConnection, sql: &'static str, expected: i64) {
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

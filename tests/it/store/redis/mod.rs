//! What the Redis store promises: the contract, one script per call, an index that repairs itself, and honest outcomes.

use std::{num::NonZeroU32, time::Duration};

use ::redis::aio::MultiplexedConnection;
use actix_typed_session::{
    change::{CellWrite, Change, Guard, MaxSessions, NewRecord, WhenFull},
    id::{PublicId, Selector, VerifierHash},
    record::{Json, Limits, Principal},
    store::{
        Created, PrincipalIndex, RedisStore, SessionStore, StoreError, StoreErrorKind, Updated,
        redis::RedisOptions,
    },
};

use crate::servers::{Redis, shared_redis, unique_name, until};

mod connections;
mod contract;
mod durable;
mod faults;
mod fleet;
mod full;
mod index;
mod layout;
mod many;
mod repair;
mod roles;
mod startup;
mod tls;

const SELECTOR: Selector = Selector::from_bytes([7; 16]);
const DAY: Duration = Duration::from_hours(24);

fn selector(n: u8) -> Selector {
    Selector::from_bytes([n; 16])
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

fn principal(name: &str) -> Principal {
    Principal::new("shop.user", &Json::from_store(name))
}

fn signed_in(name: &str) -> NewRecord {
    let mut new = new_record();
    new.principal = Some(principal(name));
    new.authenticated = true;
    new
}

fn sign_in(name: &str, max: Option<MaxSessions>) -> Change {
    let mut change = Change::default();
    change.principal = Some(Some(principal(name)));
    change.authenticated = true;
    change.limits = Some(Limits::new(DAY, DAY));
    change.touch = true;
    change.max_sessions = max;
    change
}

fn at_most(most: u32, when_full: WhenFull) -> MaxSessions {
    MaxSessions::new(NonZeroU32::new(most).unwrap(), when_full)
}

fn kind<T: std::fmt::Debug>(result: Result<T, StoreError>) -> StoreErrorKind {
    result.unwrap_err().kind()
}

async fn text(store: &RedisStore, selector: &Selector, cell: &str) -> Option<String> {
    let loaded = store.load(selector).await.unwrap()?;
    Some(loaded.record.cell(cell)?.json.as_str().to_owned())
}

async fn load(store: &RedisStore) -> Result<bool, StoreErrorKind> {
    let loaded = store.load(&SELECTOR).await;
    loaded.map(|loaded| loaded.is_some()).map_err(|error| error.kind())
}

async fn lives(store: &RedisStore, selector: &Selector) -> bool {
    store.load(selector).await.unwrap().is_some()
}

/// A store on the shared server, the prefix of its Redis keys, and a connection that does not belong to the store.
async fn shared() -> Option<(RedisStore, String, MultiplexedConnection)> {
    let redis = shared_redis().await?;
    let prefix = format!("{}:", unique_name());
    let store = RedisStore::options(&redis.url()).unwrap().prefix(&prefix).open().await.unwrap();
    Some((store, prefix, redis.connection().await))
}

async fn keys(connection: &mut MultiplexedConnection, pattern: String) -> Vec<String> {
    ::redis::cmd("KEYS").arg(pattern).query_async(connection).await.unwrap()
}

fn record_key(prefix: &str, selector: &Selector) -> String {
    let shown = format!("{selector:?}");
    let selector = shown.strip_prefix("Selector(").and_then(|text| text.strip_suffix(')')).unwrap();
    assert!(selector.parse::<PublicId>().is_ok());
    format!("{prefix}s:{selector}")
}

//! What the SQLite store promises: the contract, several processes on one file, and no loss by a kill or a full disk.

use std::{
    future::Future,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use actix_typed_session::{
    change::{CellWrite, Change, Guard, MaxSessions, NewRecord, WhenFull},
    id::{Selector, VerifierHash},
    record::{Json, Limits, Principal},
    store::{
        Created, ManualClock, PrincipalIndex, SessionStore, SqliteStore, StoreError, StoreErrorKind, Updated,
        sqlite::Synchronous,
    },
};
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use super::conformance::{BEGIN, block_on};
use crate::servers::until;

mod contract;
mod disk;
mod file;
mod many;
mod processes;

const SELECTOR: Selector = Selector::from_bytes([7; 16]);
const DAY: Duration = Duration::from_hours(24);

fn new_record() -> NewRecord {
    let mut new = NewRecord::new(VerifierHash::from_bytes([1; 32]), Limits::new(DAY, DAY));
    new.cells = vec![CellWrite::new("shop.visits".into(), Json::encode(&0).unwrap())];
    new
}

fn user() -> Principal {
    Principal::from_store("shop.user=1")
}

/// A session of the user, who may have at most so many; the oldest ends.
fn signed_in(most: Option<u32>) -> NewRecord {
    let mut new = new_record();
    (new.principal, new.authenticated) = (Some(user()), true);
    let most = most.and_then(NonZeroU32::new);
    new.max_sessions = most.map(|most| MaxSessions::new(most, WhenFull::EvictOldest));
    new
}

/// The user's sessions, the oldest first.
async fn theirs(store: &SqliteStore) -> Vec<Selector> {
    store.sessions_of(&user()).await.unwrap().into_iter().map(|listed| listed.selector).collect()
}

fn write(wire_key: &str, json: &str) -> Change {
    let mut change = Change::default();
    change.write = vec![CellWrite::new(wire_key.into(), Json::from_store(json))];
    change
}

fn increment(from: u64, revision: Option<u64>) -> Change {
    let mut change = write("shop.visits", &(from + 1).to_string());
    change.guards = vec![Guard::new("shop.visits".into(), revision)];
    change
}

async fn text(store: &SqliteStore, selector: &Selector, cell: &str) -> Option<String> {
    let loaded = store.load(selector).await.unwrap()?;
    Some(loaded.record.cell(cell)?.json.as_str().to_owned())
}

fn kind<T: std::fmt::Debug>(result: Result<T, StoreError>) -> StoreErrorKind {
    result.unwrap_err().kind()
}

/// A connection that does not belong to the store, for looking and for doing damage.
async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_secs(10)).connect().await.unwrap()
}

#[tokio::test]
async fn a_busy_file_is_an_error_in_time_and_then_recovers() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::options(&path).busy_timeout(Duration::from_millis(100)).open().await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let mut other = raw(&path).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();

    let bound = Duration::from_secs(10);
    let writes = async {
        assert_eq!(
            kind(store.update(&SELECTOR, &write("shop.cart", "[]")).await),
            StoreErrorKind::Unavailable
        );
        assert_eq!(
            kind(store.create(&Selector::from_bytes([8; 16]), &new_record()).await),
            StoreErrorKind::Unavailable
        );
        assert_eq!(kind(store.delete(&SELECTOR, None).await), StoreErrorKind::Unavailable);
    };
    tokio::time::timeout(bound, writes).await.expect("bounded");
    // Calls that queue behind it in this process do not wait longer either.
    let many: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { kind(store.update(&SELECTOR, &write("shop.cart", "[]")).await) })
        })
        .collect();
    let all = async {
        for one in many {
            assert_eq!(one.await.unwrap(), StoreErrorKind::Unavailable);
        }
    };
    tokio::time::timeout(bound, all).await.expect("bounded");
    // Reads never wait for a writer.
    assert_eq!(text(&store, &SELECTOR, "shop.visits").await.as_deref(), Some("0"));

    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(
        store.update(&SELECTOR, &write("shop.cart", "[]")).await.unwrap(),
        Updated::Done { revision: 2 }
    );
}

/// Polls a future several times and drops it, as at a deadline or when a client leaves.
async fn abandon<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = Box::pin(future);
    let mut polled = 0;
    std::future::poll_fn(|context| {
        if polled == polls {
            return std::task::Poll::Ready(None);
        }
        polled += 1;
        let poll = future.as_mut().poll(context);
        poll.map(Some)
    })
    .await
}

/// A session that expired while a writer waited for the file stays expired, however early that writer came.
#[tokio::test]
async fn a_write_uses_the_time_at_which_it_got_its_lock() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    let clock = ManualClock::at(BEGIN);
    let options = SqliteStore::options(&path).busy_timeout(Duration::from_mins(1)).clock(clock.clone());
    let store = options.open().await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let mut other = raw(&path).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let mut touch = Change::default();
    touch.touch = true;
    // The update is polled first, so it waits for the lock before the clock moves.
    let (answer, ()) = tokio::join!(store.update(&SELECTOR, &touch), async {
        clock.advance(DAY);
        assert!(store.load(&SELECTOR).await.unwrap().is_none());
        sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    });
    assert_eq!(answer.unwrap(), Updated::Gone);
    assert!(store.load(&SELECTOR).await.unwrap().is_none());
}

/// Runs `sql` without using the store.
async fn harm(path: &Path, sql: &[&'static str]) {
    let mut connection = raw(path).await;
    for sql in sql {
        sqlx::query(*sql).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

#[tokio::test]
async fn an_error_in_the_middle_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let before = store.load(&SELECTOR).await.unwrap().unwrap().record;
    // At that point, meta and one of two cells have been written.
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON cell WHEN NEW.wire_key = 'shop.z' BEGIN SELECT RAISE(ABORT, 'no'); END";
    harm(&path, &[refuse]).await;
    let mut change = write("shop.cart", "[]");
    change.write.extend(write("shop.z", "1").write);
    for _ in 0..3 {
        assert_eq!(kind(store.update(&SELECTOR, &change).await), StoreErrorKind::Unavailable);
        assert_eq!(store.load(&SELECTOR).await.unwrap().unwrap().record, before);
    }
    assert_eq!(
        store.update(&SELECTOR, &write("shop.cart", "[]")).await.unwrap(),
        Updated::Done { revision: 2 }
    );
}

#[tokio::test]
async fn a_commit_that_fails_is_an_unknown_outcome_and_is_not_sent_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    // A constraint that is checked at COMMIT, and counts how often.
    harm(
        &path,
        &[
            "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
            "CREATE TABLE child (id REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
            "CREATE TRIGGER orphan AFTER UPDATE ON session BEGIN INSERT INTO child VALUES (1); END",
        ],
    )
    .await;
    for _ in 0..3 {
        assert_eq!(
            kind(store.update(&SELECTOR, &write("shop.cart", "[]")).await),
            StoreErrorKind::UnknownOutcome
        );
    }
    harm(&path, &["DROP TRIGGER orphan"]).await;
    assert_eq!(
        store.update(&SELECTOR, &write("shop.cart", "[]")).await.unwrap(),
        Updated::Done { revision: 2 }
    );
}

#[tokio::test]
async fn a_dropped_future_leaves_no_transaction_open() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::options(&path).busy_timeout(Duration::from_secs(10)).open().await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let (mut done, mut dropped) = (0, 0);
    for polls in (1..40).cycle().take(400) {
        let change = write("shop.cart", &format!("[{}]", "0,".repeat(200) + "0"));
        match abandon(store.update(&SELECTOR, &change), polls).await {
            Some(answer) => {
                answer.unwrap();
                done += 1;
            }
            None => dropped += 1,
        }
        // No connection holds the file: another one gets its lock, and sees only whole records.
        if polls % 8 == 0 {
            let mut other = raw(&path).await;
            sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
            sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
        }
    }
    assert!(dropped > 50 && done > 50, "{done} done, {dropped} dropped: both must happen");
    let record = store.load(&SELECTOR).await.unwrap().unwrap().record;
    let revision = record.meta().revision;
    // A dropped update may have been applied or not, but at most once, and as a whole.
    assert!((1 + done..=1 + done + dropped).contains(&revision), "{revision}");
    assert_eq!(record.revision_of("shop.cart"), Some(revision));
    assert_eq!(
        store.update(&SELECTOR, &Change::default()).await.unwrap(),
        Updated::Done { revision: revision + 1 }
    );
}

/// OWASP ASVS 5.0 14.2.7.
#[tokio::test]
async fn creates_sweep_expired_records_in_batches() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    let clock = ManualClock::at(BEGIN);
    let store = SqliteStore::options(&path)
        .synchronous(Synchronous::Normal)
        .clock(clock.clone())
        .open()
        .await
        .unwrap();
    let mut short = new_record();
    short.limits.idle = Duration::from_secs(1);
    for n in 0..100u8 {
        store.create(&Selector::from_bytes([n; 16]), &short).await.unwrap();
    }
    store.create(&Selector::from_bytes([200; 16]), &new_record()).await.unwrap();
    let mut touch = Change::default();
    touch.touch = true;
    clock.advance(Duration::from_millis(999));
    store.update(&Selector::from_bytes([50; 16]), &touch).await.unwrap();
    clock.advance(Duration::from_millis(1));
    let mut connection = raw(&path).await;
    let mut left = Vec::new();
    for n in 201..206u8 {
        store.create(&Selector::from_bytes([n; 16]), &new_record()).await.unwrap();
        let count = "SELECT (SELECT count(*) FROM session), (SELECT count(DISTINCT session) FROM cell)";
        let (sessions, with_cells): (i64, i64) =
            sqlx::query_as(count).fetch_one(&mut connection).await.unwrap();
        assert_eq!(sessions, with_cells, "cells go with their session");
        left.push(sessions);
    }
    // 101 records and a new one, minus 32 per write, until only the touched one and the long ones remain.
    assert_eq!(left, [70, 39, 8, 6, 7].map(|n| n), "{left:?}");
    assert!(text(&store, &Selector::from_bytes([50; 16]), "shop.visits").await.is_some());
}

/// Without any writes, expired sessions leave the file too.
#[tokio::test]
async fn a_task_of_the_store_sweeps_until_the_last_clone_is_gone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    let clock = ManualClock::at(BEGIN);
    let options = || SqliteStore::options(&path).clock(clock.clone());
    let store = options().sweep_every(Some(Duration::from_millis(5))).open().await.unwrap();
    let left = async || {
        let mut outside = raw(&path).await;
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM session").fetch_one(&mut outside).await.unwrap();
        count
    };
    store.create(&SELECTOR, &new_record()).await.unwrap();
    clock.advance(2 * DAY);
    until("it is swept", async || left().await == 0).await;

    store.create(&SELECTOR, &new_record()).await.unwrap();
    drop(store);
    clock.advance(2 * DAY);
    // A task that went on would have swept within this many of its pauses.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(left().await, 1);
    }
}

#[tokio::test]
async fn an_update_writes_only_what_changed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let mut new = new_record();
    new.cells.extend((0..20).map(|n| CellWrite::new(format!("shop.f{n}").into(), Json::encode(&n).unwrap())));
    store.create(&SELECTOR, &new).await.unwrap();
    let mut connection = raw(&path).await;
    for sql in [
        "CREATE TABLE written (wire_key)",
        "CREATE TRIGGER seen_i AFTER INSERT ON cell BEGIN INSERT INTO written VALUES (NEW.wire_key); END",
        "CREATE TRIGGER seen_u AFTER UPDATE ON cell BEGIN INSERT INTO written VALUES (NEW.wire_key); END",
        "CREATE TRIGGER seen_d AFTER DELETE ON cell BEGIN INSERT INTO written VALUES (OLD.wire_key); END",
    ] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
    let mut change = write("shop.f7", "70");
    change.delete = vec!["shop.f9".into(), "shop.absent".into()];
    store.update(&SELECTOR, &change).await.unwrap();
    let written: Vec<String> = sqlx::query_scalar("SELECT wire_key FROM written ORDER BY 1")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert_eq!(written, ["shop.f7", "shop.f9"]);
}

#[tokio::test]
async fn a_huge_value_is_unreadable_and_its_session_can_be_deleted() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let mut connection = raw(&path).await;
    let huge = "UPDATE cell SET cell = '1 ' || CAST(zeroblob(20000000) AS TEXT)";
    sqlx::query(huge).execute(&mut connection).await.unwrap();
    assert_eq!(kind(store.load(&SELECTOR).await), StoreErrorKind::Unreadable);
    assert_eq!(kind(store.update(&SELECTOR, &write("shop.cart", "[]")).await), StoreErrorKind::Unreadable);
    store.delete(&SELECTOR, None).await.unwrap();
    assert!(store.load(&SELECTOR).await.unwrap().is_none());
}

#[tokio::test]
async fn errors_and_debug_show_no_value() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let mut new = new_record();
    new.cells = vec![CellWrite::new("shop.secret".into(), Json::from_store("\"s3cr3t\""))];
    store.create(&SELECTOR, &new).await.unwrap();
    let mut connection = raw(&path).await;
    let mut shown = format!("{store:?}");
    for harm in [
        "UPDATE cell SET cell = 's3cr3t' || cell",
        "UPDATE session SET meta = 's3cr3t' || meta",
        "UPDATE session SET meta = CAST(x'733363723374ff' AS TEXT)",
        "DROP TABLE cell",
    ] {
        sqlx::query(harm).execute(&mut connection).await.unwrap();
        let error = store.load(&SELECTOR).await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        shown = format!("{shown}\n{error} {error:?} {source}");
    }
    assert!(!shown.contains("s3cr3t") && !shown.contains("BwcHBw"), "{shown}");
}

#[test]
fn a_clone_in_another_runtime_shares_the_connections() {
    let folder = TempDir::new().unwrap();
    // Runtimes come and go, as those of actix-web's workers do; connections belong to none of them.
    let store = block_on(SqliteStore::open(folder.path().join("sessions.db"))).unwrap();
    block_on(store.create(&SELECTOR, &new_record())).unwrap();
    let other = store.clone();
    let revision = std::thread::spawn(move || block_on(other.update(&SELECTOR, &write("shop.cart", "[]"))))
        .join()
        .unwrap();
    assert_eq!(revision.unwrap(), Updated::Done { revision: 2 });
    assert_eq!(block_on(text(&store, &SELECTOR, "shop.cart")).as_deref(), Some("[]"));
}

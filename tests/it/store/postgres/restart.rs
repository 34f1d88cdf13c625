//! A server that stops, starts, freezes, or is a standby.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use actix_typed_session::store::postgres::OpenError;

use super::*;

/// Ends every connection except the one that asks.
const END_ALL: &str = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
    WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";

/// A server for this test alone, and a store on it.
async fn own() -> Option<(Postgres, PostgresStore)> {
    let server = Postgres::start().await?;
    let store = open(&server.url("postgres")).await;
    Some((server, store))
}

/// Fills the pool with this many calls at once, each on its own connection.
async fn use_all(server: &Postgres, store: &PostgresStore, connections: u16) {
    let mut other = server.connection("postgres").await;
    sqlx::raw_sql("BEGIN; LOCK TABLE typed_session").execute(&mut other).await.unwrap();
    let calls: Vec<_> = (0..connections)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.load(&selector(n)).await })
        })
        .collect();
    until_is(&mut server.connection("postgres").await, BLOCKED, i64::from(connections)).await;
    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

/// No request fails because idle connections have ended.
#[tokio::test]
async fn idle_connections_that_a_restart_ended_fail_no_request() {
    let Some((server, store)) = own().await else { return };
    for n in 0..8 {
        store.create(&selector(n), &new_record()).await.unwrap();
    }
    for immediate in [true, false, true] {
        use_all(&server, &store, 8).await;
        if immediate {
            server.stop_immediate().await;
        } else {
            server.stop_fast().await;
        }
        server.restart().await;
        let calls: Vec<_> = (0..8)
            .map(|n| {
                let store = store.clone();
                tokio::spawn(async move { store.update(&selector(n), &touch()).await })
            })
            .collect();
        for call in calls {
            assert!(matches!(call.await.unwrap().unwrap(), Updated::Done { .. }));
        }
    }
}

/// The same for connections that the server ends one by one, as an administrator does.
#[tokio::test]
async fn terminated_connections_fail_no_request() {
    let Some((server, store)) = own().await else { return };
    for n in 0..4 {
        store.create(&selector(n), &new_record()).await.unwrap();
    }
    use_all(&server, &store, 4).await;
    let mut connection = server.connection("postgres").await;
    assert!(ask::<i64>(&mut connection, END_ALL).await >= 4);
    for n in 0..4 {
        assert!(matches!(store.update(&selector(n), &touch()).await.unwrap(), Updated::Done { .. }));
    }
}

/// Nothing that was acknowledged is lost, nothing is done twice, and the store recovers by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_under_load_loses_nothing() {
    let Some((server, store)) = own().await else { return };
    for n in 0..4 {
        store.create(&selector(n), &new_record()).await.unwrap();
    }
    let ended = Arc::new(AtomicBool::new(false));
    let counts: Arc<[[AtomicU64; 2]; 4]> = Arc::default();
    let users: Vec<_> = (0..12_u16)
        .map(|n| {
            let (store, ended, counts, n) = (store.clone(), ended.clone(), counts.clone(), n % 4);
            tokio::spawn(async move {
                while !ended.load(Ordering::SeqCst) {
                    let [acknowledged, unknown] = &counts[usize::from(n)];
                    match count(&store, &selector(n)).await {
                        Ok(()) => acknowledged.fetch_add(1, Ordering::SeqCst),
                        Err(error) if error.kind() == StoreErrorKind::UnknownOutcome => {
                            unknown.fetch_add(1, Ordering::SeqCst)
                        }
                        Err(error) => {
                            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
                            0
                        }
                    };
                }
            })
        })
        .collect();
    let all = |which: usize| counts.iter().map(|of| of[which].load(Ordering::SeqCst)).sum::<u64>();
    for round in 0..4 {
        let before = all(0);
        until("requests are served", async || all(0) > before + 50).await;
        match round {
            0 | 2 => server.stop_immediate().await,
            1 => server.stop_fast().await,
            _ => server.kill().await,
        }
        server.restart().await;
    }
    let before = all(0);
    until("requests are served again", async || all(0) > before + 50).await;
    ended.store(true, Ordering::SeqCst);
    for user in users {
        user.await.unwrap();
    }
    for n in 0..4 {
        let [acknowledged, unknown] = &counts[usize::from(n)];
        let (acknowledged, unknown) = (acknowledged.load(Ordering::SeqCst), unknown.load(Ordering::SeqCst));
        let visits = visits(&store, &selector(n)).await;
        assert!(
            (acknowledged..=acknowledged + unknown).contains(&visits),
            "{visits}: {acknowledged} + {unknown}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_an_error_in_time() {
    let Some((server, store)) = own().await else { return };
    store.create(&SELECTOR, &new_record()).await.unwrap();
    server.stop_fast().await;
    let begun = Instant::now();
    assert_eq!(kind(store.load(&SELECTOR).await), StoreErrorKind::Unavailable);
    assert_eq!(kind(store.update(&SELECTOR, &touch()).await), StoreErrorKind::Unavailable);
    assert_eq!(kind(store.create(&selector(1), &new_record()).await), StoreErrorKind::Unavailable);
    assert_eq!(kind(store.delete(&SELECTOR, None).await), StoreErrorKind::Unavailable);
    assert!(begun.elapsed() < Duration::from_secs(8));
    assert!(matches!(PostgresStore::open(&server.url("postgres")).await, Err(OpenError::Unreachable(_))));
    server.restart().await;
    assert_eq!(store.update(&SELECTOR, &touch()).await.unwrap(), Updated::Done { revision: 2 });
}

/// A call to a server that does not answer fails, and the outcome of the write is unknown.
#[tokio::test]
async fn a_server_that_does_not_answer_is_an_error_in_time() {
    let Some((server, store)) = own().await else { return };
    store.create(&SELECTOR, &new_record()).await.unwrap();
    server.freeze().await;
    let begun = Instant::now();
    let (load, update) = tokio::join!(async { store.load(&SELECTOR).await }, async {
        store.update(&SELECTOR, &touch()).await
    });
    assert!(begun.elapsed() < Duration::from_secs(6));
    assert_eq!(kind(load), StoreErrorKind::Unavailable);
    // One of the calls had the existing connection.
    let update = kind(update);
    assert!(matches!(update, StoreErrorKind::UnknownOutcome | StoreErrorKind::Unavailable));
    server.thaw();
    let loaded = store.load(&SELECTOR).await.unwrap().unwrap();
    assert!((1..=2).contains(&loaded.record.meta().revision));
    count(&store, &SELECTOR).await.unwrap();
}

/// A standby lags behind and may still have sessions that were signed out, so it is not used at all.
#[tokio::test]
async fn a_standby_is_not_used() {
    let Some((server, store)) = own().await else { return };
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let folder: String = ask(&mut server.connection("postgres").await, "SHOW data_directory").await;
    let signal = std::path::Path::new(&folder).join("standby.signal");
    server.stop_fast().await;
    std::fs::write(&signal, "").unwrap();
    server.restart().await;
    assert_eq!(kind(store.load(&SELECTOR).await), StoreErrorKind::Unavailable);
    assert_eq!(kind(store.update(&SELECTOR, &touch()).await), StoreErrorKind::Unavailable);
    assert!(matches!(PostgresStore::open(&server.url("postgres")).await, Err(OpenError::Standby)));
    server.stop_fast().await;
    std::fs::remove_file(&signal).unwrap();
    server.restart().await;
    assert_eq!(store.update(&SELECTOR, &touch()).await.unwrap(), Updated::Done { revision: 2 });
}

/// A primary that was read-only for a while: all connections that still think so cost one failed request together, not one each.
#[tokio::test]
async fn a_server_that_was_read_only_is_asked_again() {
    let Some((server, store)) = own().await else { return };
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let mut connection = server.connection("postgres").await;
    server.execute("postgres", "ALTER DATABASE postgres SET default_transaction_read_only = on").await;
    ask::<i64>(&mut connection, END_ALL).await;
    use_all(&server, &store, 4).await;
    let writable = "ALTER DATABASE postgres RESET default_transaction_read_only";
    sqlx::raw_sql(writable).execute(&mut connection).await.unwrap();
    assert_eq!(kind(store.update(&SELECTOR, &touch()).await), StoreErrorKind::Unavailable);
    assert_eq!(store.update(&SELECTOR, &touch()).await.unwrap(), Updated::Done { revision: 2 });
}

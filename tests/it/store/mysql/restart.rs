//! A server that stops, starts, freezes, or is read-only.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use actix_typed_session::store::mysql::OpenError;

use super::*;

/// A server for this test alone, a database on it, and a store on that.
async fn own() -> Option<(MariaDb, String, MySqlStore)> {
    let server = MariaDb::start().await?;
    let database = server.database().await;
    let store = open(&server.url(&database)).await;
    Some((server, database, store))
}

/// Fills the pool with this many calls at once, each on its own connection.
async fn use_all(server: &MariaDb, database: &str, store: &MySqlStore, connections: u16) {
    let mut other = server.connection(database).await;
    run(&mut other, "LOCK TABLE typed_session WRITE").await;
    let calls: Vec<_> = (0..connections)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.load(&selector(n)).await })
        })
        .collect();
    let waiting = "SELECT count(*) FROM information_schema.processlist \
        WHERE state = 'Waiting for table metadata lock' AND db = database()";
    until_is(&mut server.connection(database).await, waiting, i64::from(connections)).await;
    run(&mut other, "UNLOCK TABLES").await;
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

/// No request fails because idle connections have ended.
#[tokio::test]
async fn idle_connections_that_a_restart_ended_fail_no_request() {
    let Some((server, database, store)) = own().await else { return };
    for n in 0..8 {
        store.create(&selector(n), &new_record()).await.unwrap();
    }
    for kills in [true, false] {
        use_all(&server, &database, &store, 8).await;
        if kills {
            server.kill().await;
        } else {
            server.stop().await;
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
    let Some((server, database, store)) = own().await else { return };
    for n in 0..4 {
        store.create(&selector(n), &new_record()).await.unwrap();
    }
    use_all(&server, &database, &store, 4).await;
    let mut connection = server.connection(&database).await;
    let others = OTHERS.replace("count(*)", "id");
    let others: Vec<i64> =
        sqlx::query_scalar(sqlx::AssertSqlSafe(others)).fetch_all(&mut connection).await.unwrap();
    assert!(others.len() >= 4);
    for other in others {
        server.execute(&database, &format!("KILL {other}")).await;
    }
    for n in 0..4 {
        assert!(matches!(store.update(&selector(n), &touch()).await.unwrap(), Updated::Done { .. }));
    }
}

/// Nothing that was acknowledged is lost, nothing is done twice, and the store recovers by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_under_load_loses_nothing() {
    let Some((server, _, store)) = own().await else { return };
    for n in 0..4 {
        store.create(&selector(n), &new_record()).await.unwrap();
    }
    let ended = Arc::new(AtomicBool::new(false));
    let counts: Arc<[[AtomicU64; 2]; 4]> = Arc::default();
    let users: Vec<_> = (0..4)
        .map(|n| {
            let (store, ended, counts) = (store.clone(), ended.clone(), counts.clone());
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
    for kills in [true, false, true] {
        let before = all(0);
        until("requests are served", async || all(0) > before + 50).await;
        if kills {
            server.kill().await;
        } else {
            server.stop().await;
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
    let Some((server, database, store)) = own().await else { return };
    store.create(&SELECTOR, &new_record()).await.unwrap();
    server.stop().await;
    let begun = Instant::now();
    assert_eq!(kind(store.load(&SELECTOR).await), StoreErrorKind::Unavailable);
    assert_eq!(kind(store.update(&SELECTOR, &touch()).await), StoreErrorKind::Unavailable);
    assert_eq!(kind(store.create(&selector(1), &new_record()).await), StoreErrorKind::Unavailable);
    assert_eq!(kind(store.delete(&SELECTOR, None).await), StoreErrorKind::Unavailable);
    assert!(begun.elapsed() < Duration::from_secs(8));
    assert!(matches!(MySqlStore::open(&server.url(&database)).await, Err(OpenError::Unreachable(_))));
    server.restart().await;
    assert_eq!(store.update(&SELECTOR, &touch()).await.unwrap(), Updated::Done { revision: 2 });
}

/// A call to a server that does not answer fails; a write had not come to its commit, so nothing was changed.
#[tokio::test]
async fn a_server_that_does_not_answer_is_an_error_in_time() {
    let Some((server, _, store)) = own().await else { return };
    store.create(&SELECTOR, &new_record()).await.unwrap();
    server.freeze().await;
    let begun = Instant::now();
    let (load, update) = tokio::join!(async { store.load(&SELECTOR).await }, async {
        store.update(&SELECTOR, &touch()).await
    });
    assert!(begun.elapsed() < Duration::from_secs(6));
    assert_eq!(kind(load), StoreErrorKind::Unavailable);
    assert_eq!(kind(update), StoreErrorKind::Unavailable);
    server.thaw();
    assert_eq!(store.update(&SELECTOR, &touch()).await.unwrap(), Updated::Done { revision: 2 });
}

/// A replica lags behind and may still have sessions that were signed out, so it is not used at all.
#[tokio::test]
async fn a_server_that_is_read_only_is_not_used_until_it_writes_again() {
    let Some((server, database, store)) = own().await else { return };
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let (url, user) = (server.url(&database).replace("root@", "shop@"), "shop@127.0.0.1");
    server.execute(&database, &format!("CREATE USER {user}; GRANT ALL ON {database}.* TO {user}")).await;
    // An administrator may write all the same.
    let store = open(&url).await;
    use_all(&server, &database, &store, 4).await;
    server.execute(&database, "SET GLOBAL read_only = 1").await;
    assert!(matches!(MySqlStore::open(&url).await, Err(OpenError::ReadOnly)));
    // Connections from before cost one failed request together, not one each.
    assert_eq!(kind(store.update(&SELECTOR, &touch()).await), StoreErrorKind::Unavailable);
    assert_eq!(kind(store.load(&SELECTOR).await), StoreErrorKind::Unavailable);
    server.execute(&database, "SET GLOBAL read_only = 0").await;
    assert_eq!(store.update(&SELECTOR, &touch()).await.unwrap(), Updated::Done { revision: 2 });
}

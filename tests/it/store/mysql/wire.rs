//! What goes over the wire, and what the server does with it.

use std::future::Future;

use super::*;

/// How often a call waits for the server.
async fn trips<T>(proxy: &Proxy, call: impl Future<Output = Result<T, StoreError>>) -> usize {
    proxy.reset_counts();
    call.await.unwrap();
    proxy.round_trips()
}

#[tokio::test]
async fn a_read_is_one_round_trip_and_a_write_two() {
    let Some(server) = shared_mariadb().await else { return };
    let proxy = Proxy::mariadb(server.port());
    let store = open(&proxy.url(&server.database().await)).await;
    let (most, connections) = (Some(at_most(1, WhenFull::EvictOldest)), proxy.connections());
    let seen = [
        trips(&proxy, store.create(&SELECTOR, &new_record())).await,
        trips(&proxy, store.load(&SELECTOR)).await,
        trips(&proxy, store.update(&SELECTOR, &touch())).await,
        trips(&proxy, store.update(&SELECTOR, &increment(0, Some(99)))).await,
        trips(&proxy, store.update(&SELECTOR, &sign_in("7", most))).await,
        trips(&proxy, store.create(&selector(1), &signed_in("7", most))).await,
        trips(&proxy, store.sessions_of(&principal("7"))).await,
        trips(&proxy, store.sessions_page(&principal("7"), None, 10)).await,
        trips(&proxy, store.count_of(&principal("7"))).await,
        trips(&proxy, store.delete_all(&principal("7"), None)).await,
        trips(&proxy, store.delete(&SELECTOR, None)).await,
        trips(&proxy, store.delete(&SELECTOR, Some(&principal("7")))).await,
        trips(&proxy, store.sweep(10)).await,
    ];
    assert_eq!(seen, [2, 1, 2, 2, 2, 2, 1, 1, 1, 2, 1, 2, 2]);
    assert_eq!(proxy.connections(), connections, "one after the other, they need one connection");
}

#[tokio::test]
async fn nothing_is_open_between_calls() {
    let Some((server, database, store)) = fresh().await else { return };
    let most = Some(at_most(1, WhenFull::RejectNew));
    store.create(&SELECTOR, &new_record()).await.unwrap();
    store.create(&selector(1), &new_record()).await.unwrap();
    assert!(matches!(store.update(&SELECTOR, &sign_in("7", most)).await.unwrap(), Updated::Done { .. }));
    assert_eq!(store.update(&selector(1), &sign_in("7", most)).await.unwrap(), Updated::TooMany);
    assert!(matches!(store.update(&SELECTOR, &increment(0, Some(9))).await.unwrap(), Updated::Conflict(_)));
    store.delete(&SELECTOR, Some(&principal("8"))).await.unwrap();
    store.load(&SELECTOR).await.unwrap();
    // As while a handler runs.
    let mut connection = server.connection(&database).await;
    run(&mut connection, "LOCK TABLE typed_session WRITE NOWAIT").await;
}

/// The defaults of a server may be anything: each of these would change what the store's statements do.
#[tokio::test]
async fn the_defaults_of_the_server_do_not_matter() {
    let Some(server) = MariaDb::start().await else { return };
    let database = server.database().await;
    server
        .execute(
            &database,
            "SET GLOBAL tx_isolation = 'SERIALIZABLE', sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES', autocommit = 0, completion_type = 2,
                time_zone = '+09:30', sql_safe_updates = 1, max_statement_time = 0, innodb_lock_wait_timeout = 50,
                character_set_server = 'latin1', character_set_client = 'latin1', collation_connection = 'latin1_german1_ci'",
        )
        .await;
    let store = open(&server.url(&database)).await;
    let mut new = new_record();
    new.label = Some("Grüße, \u{1f980} 'x' \\ \"".into());
    store.create(&SELECTOR, &new).await.unwrap();
    let all: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..20 {
                    count(&store, &SELECTOR).await.unwrap();
                }
            })
        })
        .collect();
    for one in all {
        one.await.unwrap();
    }
    assert_eq!(visits(&store, &SELECTOR).await, 160);
    let loaded = store.load(&SELECTOR).await.unwrap().unwrap();
    assert_eq!(loaded.record.meta().label, new.label);
    let here = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let apart = here.abs_diff(Duration::from_millis(loaded.now.as_millis()));
    assert!(apart < Duration::from_mins(1), "{apart:?}");
    // This is not only because what was rolled back is sent again.
    server
        .execute(
            &database,
            "CREATE TABLE seen (level text); CREATE TRIGGER look BEFORE UPDATE ON typed_session FOR EACH ROW
                INSERT INTO seen VALUES (concat_ws(' ', @@tx_isolation, @@time_zone, @@max_statement_time))",
        )
        .await;
    count(&store, &SELECTOR).await.unwrap();
    let seen: String = ask(&mut server.connection(&database).await, "SELECT level FROM seen").await;
    assert_eq!(seen, "READ-COMMITTED +00:00 3.000000");
}

/// Among many sessions, every call finds its own by an index.
#[tokio::test]
async fn no_call_reads_the_whole_table() {
    let Some((server, database, store)) = fresh().await else { return };
    let many = "INSERT INTO typed_session (selector, expires, principal, meta, cells)
            SELECT UNHEX(MD5(seq)), UNIX_TIMESTAMP() * 1000 + 1e9, UNHEX(SHA2(seq DIV 3, 256)), '{}', '{}' FROM seq_1_to_20000;
        ANALYZE TABLE typed_session";
    server.execute(&database, many).await;
    let mut connection = server.connection(&database).await;
    let most = Some(at_most(1, WhenFull::EvictOldest));
    // From now on, the server counts the rows that it reads.
    run(&mut connection, "SET GLOBAL userstat = 1").await;
    let read = "SELECT CAST(COALESCE(SUM(rows_read), 0) AS SIGNED) FROM information_schema.table_statistics \
        WHERE table_schema = database() AND table_name = 'typed_session'";
    let before: i64 = ask(&mut connection, read).await;
    for n in 0..20 {
        store.create(&selector(n), &new_record()).await.unwrap();
        store.load(&selector(n)).await.unwrap();
        count(&store, &selector(n)).await.unwrap();
        store.update(&selector(n), &sign_in("7", most)).await.unwrap();
        store.create(&selector(1000 + n), &signed_in("7", most)).await.unwrap();
        assert_eq!(store.sessions_of(&principal("7")).await.unwrap().len(), 1);
        assert_eq!(store.sessions_page(&principal("7"), None, 5).await.unwrap().sessions.len(), 1);
        assert_eq!(store.count_of(&principal("7")).await.unwrap(), 1);
        store.delete(&selector(n), Some(&principal("7"))).await.unwrap();
        store.delete(&selector(n), None).await.unwrap();
        store.delete_all(&principal("7"), None).await.unwrap();
        store.sweep(100).await.unwrap();
    }
    drop(store);
    until_is(&mut connection, OTHERS, 0).await;
    let rows = ask::<i64>(&mut connection, read).await - before;
    assert!((100..2000).contains(&rows), "{rows} rows were read");
}

/// A session that expired while a writer waited for its row stays expired, however early that writer came.
#[tokio::test]
async fn a_write_uses_the_time_at_which_it_got_its_lock() {
    let Some((server, database, store)) = fresh().await else { return };
    let mut new = new_record();
    new.limits.idle = Duration::from_millis(700);
    store.create(&SELECTOR, &new).await.unwrap();
    let (mut other, mut watch) = (server.connection(&database).await, server.connection(&database).await);
    hold(&mut other, &SELECTOR).await;
    let touch = touch();
    let (answer, ()) = tokio::join!(store.update(&SELECTOR, &touch), async {
        until_is(&mut watch, BLOCKED, 1).await;
        until("the session has ended", async || store.load(&SELECTOR).await.unwrap().is_none()).await;
        run(&mut other, "ROLLBACK").await;
    });
    assert_eq!(answer.unwrap(), Updated::Gone);
    assert!(store.load(&SELECTOR).await.unwrap().is_none());
}

/// A conflict shows what an earlier writer has committed, even if both were under way at once.
#[tokio::test]
async fn a_conflict_after_a_wait_shows_the_row_that_was_committed() {
    let Some((server, database, store)) = fresh().await else { return };
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let (mut other, mut watch) = (server.connection(&database).await, server.connection(&database).await);
    hold(&mut other, &SELECTOR).await;
    run(&mut other, r#"UPDATE typed_session SET cells = '{"shop.visits": "2 41"}'"#).await;
    let guarded = increment(0, Some(1));
    let (answer, ()) = tokio::join!(store.update(&SELECTOR, &guarded), async {
        until_is(&mut watch, BLOCKED, 1).await;
        run(&mut other, "COMMIT").await;
    });
    let Updated::Conflict(current) = answer.unwrap() else { panic!("the guard does not hold") };
    assert_eq!(current.record.cell("shop.visits").unwrap().to_text(), "2 41");
}

/// Large cells are stored apart from their row, and only a change of cells writes them.
#[tokio::test]
async fn a_touch_leaves_the_cells_alone() {
    let Some(server) = shared_mariadb().await else { return };
    let proxy = Proxy::mariadb(server.port());
    let store = open(&proxy.url(&server.database().await)).await;
    let mut new = new_record();
    new.cells.push(CellWrite::new("shop.text".into(), Json::encode(&"x".repeat(60_000)).unwrap()));
    store.create(&SELECTOR, &new).await.unwrap();
    let sent = async |change: Change| {
        proxy.reset_counts();
        assert!(matches!(store.update(&SELECTOR, &change).await, Ok(Updated::Done { .. })));
        proxy.commands().iter().map(|command| command.bytes).max().unwrap()
    };
    let mut label = touch();
    label.label = Some(Some("laptop".into()));
    for change in [touch(), label] {
        assert!(sent(change).await < 5_000);
    }
    assert!(sent(write("shop.visits", "1")).await > 60_000, "a write of a cell does write them");
}

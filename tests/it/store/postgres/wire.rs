//! What goes over the wire, and what the server does with it.

use std::future::Future;

use super::*;

fn principal() -> Principal {
    Principal::new("shop.user", &Json::from_store("7"))
}

fn sign_in(max: Option<MaxSessions>) -> Change {
    let mut change = touch();
    change.principal = Some(Some(principal()));
    change.max_sessions = max;
    change
}

/// How often a call waits for the server.
async fn trips<T>(proxy: &Proxy, call: impl Future<Output = Result<T, StoreError>>) -> usize {
    proxy.reset_counts();
    call.await.unwrap();
    proxy.round_trips()
}

#[tokio::test]
async fn every_call_for_one_session_is_one_round_trip() {
    let Some(server) = shared_postgres().await else { return };
    let proxy = Proxy::postgres(server.port());
    let store = open(&proxy.url(&server.database().await)).await;
    let most = Some(MaxSessions::new(NonZeroU32::MIN, WhenFull::EvictOldest));
    let mut seen = [0; 10];
    // The first calls prepare the statements.
    for _ in 0..2 {
        seen = [
            trips(&proxy, store.create(&SELECTOR, &new_record())).await,
            trips(&proxy, store.load(&SELECTOR)).await,
            trips(&proxy, store.update(&SELECTOR, &touch())).await,
            trips(&proxy, store.update(&SELECTOR, &increment(0, Some(99)))).await,
            trips(&proxy, store.update(&SELECTOR, &sign_in(None))).await,
            trips(&proxy, store.sessions_of(&principal())).await,
            trips(&proxy, store.delete_all(&principal(), None)).await,
            trips(&proxy, store.delete(&SELECTOR, None)).await,
            trips(&proxy, store.delete(&SELECTOR, Some(&principal()))).await,
            trips(&proxy, store.sweep(10)).await,
        ];
    }
    // Those that may end very many sessions are planned anew each time.
    assert_eq!(seen, [1, 1, 1, 1, 1, 1, 2, 1, 1, 2]);
    store.create(&SELECTOR, &new_record()).await.unwrap();
    // Only here, a lock and a transaction are added. The first one prepares the statement.
    store.update(&SELECTOR, &sign_in(most)).await.unwrap();
    assert_eq!(trips(&proxy, store.update(&SELECTOR, &sign_in(most))).await, 3);
    assert_eq!(
        proxy.connections(),
        2,
        "one after the other, they need one connection; the first looked whether anybody listens"
    );
}

/// OWASP ASVS 5.0 15.4.3.
#[tokio::test]
async fn nothing_is_open_between_calls() {
    let Some((server, database, store)) = fresh().await else { return };
    let most = Some(MaxSessions::new(NonZeroU32::MIN, WhenFull::RejectNew));
    store.create(&SELECTOR, &new_record()).await.unwrap();
    store.create(&selector(1), &new_record()).await.unwrap();
    assert!(matches!(store.update(&SELECTOR, &sign_in(most)).await.unwrap(), Updated::Done { .. }));
    assert_eq!(store.update(&selector(1), &sign_in(most)).await.unwrap(), Updated::TooMany);
    assert!(matches!(store.update(&SELECTOR, &increment(0, Some(9))).await.unwrap(), Updated::Conflict(_)));
    store.load(&SELECTOR).await.unwrap();
    // As while a handler runs.
    let mut connection = server.connection(&database).await;
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
        AND (xact_start IS NOT NULL OR state <> 'idle')";
    assert_eq!(ask::<i64>(&mut connection, open).await, 0);
    let locks = "SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid() \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(ask::<i64>(&mut connection, locks).await, 0);
}

#[tokio::test]
async fn a_database_that_is_serializable_by_default_changes_nothing() {
    let Some(server) = shared_postgres().await else { return };
    let database = server.database().await;
    let alter = format!("ALTER DATABASE {database} SET default_transaction_isolation = 'serializable'");
    server.execute("postgres", &alter).await;
    let store = open(&server.url(&database)).await;
    store.create(&SELECTOR, &new_record()).await.unwrap();
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
    // This is not only because a failed statement is sent again.
    let look = "CREATE TABLE seen (level text);
        CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO public.seen VALUES (current_setting('transaction_isolation')); RETURN NEW; END $$;
        CREATE TRIGGER look BEFORE UPDATE ON typed_session FOR EACH ROW EXECUTE FUNCTION look()";
    server.execute(&database, look).await;
    count(&store, &SELECTOR).await.unwrap();
    let seen: String =
        ask(&mut server.connection(&database).await, "SELECT string_agg(level, ',') FROM seen").await;
    assert_eq!(seen, "read committed");
}

/// Among many sessions, every call finds its own by an index, even with plans that were made for any values.
#[tokio::test]
async fn no_call_reads_the_whole_table() {
    let Some((server, database, store)) = fresh().await else { return };
    let many = "INSERT INTO typed_session SELECT sha256(n::text::bytea), 1, sha256('v'), 1, 1, now, now, now, now, 1,
            1e9, 1e9, false, 'shop.user=' || n / 3, NULL, '{}', now + 1e9
        FROM generate_series(1, 20000) n, (SELECT floor(extract(epoch FROM now()) * 1000)::bigint AS now) clock;
        ANALYZE typed_session";
    server.execute(&database, many).await;
    let mut connection = server.connection(&database).await;
    let scans = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'typed_session'";
    let most = Some(MaxSessions::new(NonZeroU32::MIN, WhenFull::EvictOldest));
    // The server adds up a connection's scans when the connection ends. The scans of the first one created the indexes.
    drop(store);
    until_is(&mut connection, OTHERS, 0).await;
    let before: i64 = ask(&mut connection, scans).await;
    let store = open(&server.url(&database)).await;
    for n in 0..20 {
        store.create(&selector(n), &new_record()).await.unwrap();
        store.load(&selector(n)).await.unwrap();
        count(&store, &selector(n)).await.unwrap();
        store.update(&selector(n), &sign_in(most)).await.unwrap();
        let mut new = new_record();
        (new.principal, new.max_sessions) = (Some(principal()), most);
        store.create(&selector(1000 + n), &new).await.unwrap();
        assert_eq!(store.sessions_of(&principal()).await.unwrap().len(), 1);
        store.delete(&selector(n), Some(&principal())).await.unwrap();
        store.delete(&selector(n), None).await.unwrap();
        store.delete_all(&principal(), None).await.unwrap();
        store.sweep(100).await.unwrap();
    }
    drop(store);
    until_is(&mut connection, OTHERS, 0).await;
    assert_eq!(ask::<i64>(&mut connection, scans).await, before);
    let found = "SELECT (SELECT idx_scan FROM pg_stat_user_tables WHERE relname = 'typed_session') > 100";
    assert!(ask::<bool>(&mut connection, found).await, "nothing was counted");
}

/// A session that expired while a writer waited for its row stays expired, however early that writer came.
/// Large cells are stored apart from their row. The transactions that wrote them tell whether that happened again.
#[tokio::test]
async fn a_touch_leaves_the_cells_alone() {
    let Some((server, database, store)) = fresh().await else { return };
    let mut new = new_record();
    // Of many different characters, so that it is not compressed to a few bytes.
    let text = (1..6_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_string());
    let text = text.collect::<Vec<_>>().concat();
    new.cells.push(CellWrite::new("shop.text".into(), Json::encode(&text).unwrap()));
    store.create(&SELECTOR, &new).await.unwrap();
    let mut connection = server.connection(&database).await;
    let toast = "SELECT reltoastrelid::regclass::text FROM pg_class WHERE oid = 'typed_session'::regclass";
    let toast: String = ask(&mut connection, toast).await;
    let written = format!("SELECT string_agg(xmin::text, ',' ORDER BY chunk_id, chunk_seq) FROM {toast}");
    let before: String =
        sqlx::query_scalar(sqlx::AssertSqlSafe(written.clone())).fetch_one(&mut connection).await.unwrap();
    assert!(!before.is_empty());
    for change in [touch(), {
        let mut renews = touch();
        renews.label = Some(Some("laptop".into()));
        renews
    }] {
        assert!(matches!(store.update(&SELECTOR, &change).await, Ok(Updated::Done { .. })));
        let after: String = sqlx::query_scalar(sqlx::AssertSqlSafe(written.clone()))
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(after, before);
    }
    count(&store, &SELECTOR).await.unwrap();
    let after: String =
        sqlx::query_scalar(sqlx::AssertSqlSafe(written)).fetch_one(&mut connection).await.unwrap();
    assert_ne!(after, before, "a write of a cell does write them");
}

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
        sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
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
    let first = r#"UPDATE typed_session SET revision = 2, cells = '{"shop.visits": "2 41"}'"#;
    sqlx::query(first).execute(&mut other).await.unwrap();
    let guarded = increment(0, Some(1));
    let (answer, ()) = tokio::join!(store.update(&SELECTOR, &guarded), async {
        until_is(&mut watch, BLOCKED, 1).await;
        sqlx::query("COMMIT").execute(&mut other).await.unwrap();
    });
    let Updated::Conflict(current) = answer.unwrap() else { panic!("the guard does not hold") };
    assert_eq!(current.record.cell("shop.visits").unwrap().to_text(), "2 41");
}

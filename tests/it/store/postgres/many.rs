//! A user with very many sessions: how much the server reads, not how long it takes.

use super::*;

const MANY: i64 = 20_000;

fn user() -> Principal {
    Principal::from_store("shop.user=1")
}

fn signed_in(most: u32, when_full: WhenFull) -> NewRecord {
    let mut new = new_record();
    (new.principal, new.authenticated) = (Some(user()), true);
    new.max_sessions = Some(MaxSessions::new(NonZeroU32::new(most).unwrap(), when_full));
    new
}

/// Copies the session that signed in last, each copy signed in a millisecond later, and all an hour before it.
fn copies() -> String {
    format!(
        "INSERT INTO typed_session SELECT decode(md5(random()::text), 'hex'), format, verifier, generation, revision,
            created - 3600000 + n, touched, renewed, authenticated - 3600000 + n, signed_in, idle, absolute, persistent,
            principal, label, cells, expires
        FROM (SELECT * FROM typed_session WHERE principal IS NOT NULL ORDER BY authenticated DESC LIMIT 1) AS latest,
            generate_series(1, {MANY}) AS n"
    )
}

async fn fill(server: &Postgres, database: &str) {
    server.execute(database, &copies()).await;
    server.execute(database, "VACUUM ANALYZE typed_session").await;
}

/// How many entries of indexes, rows of whole tables, and pages of the table the server has read.
async fn read(connection: &mut PgConnection) -> [i64; 2] {
    // A connection tells what it has read when it ends.
    until_is(connection, OTHERS, 0).await;
    let entries =
        "SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'typed_session')::bigint
        + (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'typed_session')";
    let pages =
        "SELECT heap_blks_read + heap_blks_hit FROM pg_statio_user_tables WHERE relname = 'typed_session'";
    [ask(connection, entries).await, ask(connection, pages).await]
}

#[tokio::test]
async fn a_page_and_a_sign_in_read_what_they_need() {
    let Some((server, database, store)) = fresh().await else { return };
    let mut connection = server.connection(&database).await;
    store.create(&selector(0), &signed_in(1, WhenFull::EvictOldest)).await.unwrap();
    drop(store);
    fill(server, &database).await;
    // Other users have fewer sessions, so the planner expects fewer of any user.
    let others = "INSERT INTO typed_session SELECT decode(md5(random()::text), 'hex'), format, verifier, generation, revision, created,
            touched, renewed, authenticated, signed_in, idle, absolute, persistent, 'shop.user=' || (10 + n % 20), label, cells, expires
        FROM (SELECT * FROM typed_session LIMIT 1) AS one, generate_series(1, 2000) AS n";
    server.execute(&database, others).await;
    server.execute(&database, "VACUUM ANALYZE typed_session").await;
    let url = server.url(&database);
    let middle = Selector::from_bytes([0x80; 16]);
    let last = Selector::from_bytes([0xff; 16]);
    for (after, most) in [(None, 60), (Some(middle), 60), (Some(last), 5)] {
        let before = read(&mut connection).await;
        let store = open(&url).await;
        store.sessions_page(&user(), after.as_ref(), 50).await.unwrap();
        drop(store);
        let after = read(&mut connection).await;
        assert!(after[0] - before[0] <= most && after[1] - before[1] <= 60, "{before:?} {after:?}");
    }

    // Each page of the table once, however many rows are in it.
    let size: i64 =
        ask(&mut connection, "SELECT relpages::bigint FROM pg_class WHERE relname = 'typed_session'").await;
    let before = read(&mut connection).await;
    let store = open(&url).await;
    assert_eq!(store.count_of(&user()).await.unwrap(), MANY.unsigned_abs() + 1);
    drop(store);
    let after = read(&mut connection).await;
    assert!(after[1] - before[1] <= 2 * size, "{size} pages: {before:?} {after:?}");

    // As many as may stay, and those that must go, also by a plan that is made for any values: it cannot know how few those are.
    let generic = format!("ALTER DATABASE {database} SET plan_cache_mode = force_generic_plan");
    server.execute("postgres", &generic).await;
    let refused = signed_in(20, WhenFull::RejectNew);
    let evicting = signed_in(u32::try_from(MANY).unwrap() - 5, WhenFull::EvictOldest);
    for (new, answer, most) in [(refused, Created::TooMany, 12 * 25), (evicting, Created::Created, MANY + 50)]
    {
        let before = read(&mut connection).await;
        let store = open(&url).await;
        for n in 0..if answer == Created::TooMany { 12 } else { 1 } {
            assert_eq!(store.create(&selector(n + 1), &new).await.unwrap(), answer);
        }
        drop(store);
        let after = read(&mut connection).await;
        assert!(after[0] - before[0] <= most, "{before:?} {after:?}");
    }
}

#[tokio::test]
async fn the_sessions_that_are_too_many_end_some_at_a_time() {
    let Some((server, database, store)) = fresh().await else { return };
    let mut connection = server.connection(&database).await;
    store.create(&selector(0), &signed_in(1, WhenFull::EvictOldest)).await.unwrap();
    fill(server, &database).await;
    // One that waits for a row of an older session: what came before it is done all the same.
    let oldest = "SELECT selector FROM typed_session ORDER BY authenticated LIMIT 1";
    let oldest: Vec<u8> = ask(&mut connection, oldest).await;
    let oldest = Selector::from_bytes(oldest.try_into().unwrap());
    let mut holder = server.connection(&database).await;
    hold(&mut holder, &oldest).await;
    let signing_in = {
        let store = store.clone();
        tokio::spawn(async move { store.create(&selector(1), &signed_in(3, WhenFull::EvictOldest)).await })
    };
    until_is(&mut connection, BLOCKED, 1).await;
    let left: i64 = ask(&mut connection, "SELECT count(*) FROM typed_session").await;
    assert!(left < MANY / 2, "{left} left");
    drop(holder);
    assert_eq!(signing_in.await.unwrap().unwrap(), Created::Created);
    let left = store.sessions_of(&user()).await.unwrap();
    let left: Vec<_> = left.into_iter().map(|listed| listed.selector).collect();
    assert_eq!((left.len(), &left[1..]), (3, &[selector(0), selector(1)][..]), "the latest sign-ins");

    // An update does the same.
    fill(server, &database).await;
    store.create(&selector(2), &new_record()).await.unwrap();
    let mut change = Change::default();
    (change.principal, change.authenticated) = (Some(Some(user())), true);
    change.max_sessions = signed_in(2, WhenFull::EvictOldest).max_sessions;
    assert!(matches!(store.update(&selector(2), &change).await.unwrap(), Updated::Done { .. }));
    let left = store.sessions_of(&user()).await.unwrap();
    assert_eq!(left.iter().map(|listed| listed.selector).collect::<Vec<_>>(), [selector(1), selector(2)]);

    fill(server, &database).await;
    assert_eq!(store.delete_all(&user(), Some(&selector(1))).await.unwrap(), MANY.unsigned_abs() + 1);
    assert_eq!(store.sessions_of(&user()).await.unwrap().len(), 1);
}

/// Each statement once, for a user with few sessions.
async fn ask_everything(store: &PostgresStore) {
    let other = Principal::from_store("shop.user=2");
    let mut sign_in = Change::default();
    (sign_in.principal, sign_in.authenticated) = (Some(Some(other.clone())), true);
    let mut limited = sign_in.clone();
    limited.max_sessions = signed_in(3, WhenFull::EvictOldest).max_sessions;
    let mut signed_in = signed_in(3, WhenFull::EvictOldest);
    signed_in.principal = Some(other.clone());
    for n in [60_001, 60_002] {
        assert_eq!(store.create(&selector(n), &new_record()).await.unwrap(), Created::Created);
        assert!(store.load(&selector(n)).await.unwrap().is_some());
        for change in [&write("shop.visits", "1"), &sign_in, &limited] {
            assert!(matches!(store.update(&selector(n), change).await.unwrap(), Updated::Done { .. }));
        }
    }
    assert_eq!(store.create(&selector(60_003), &signed_in).await.unwrap(), Created::Created);
    assert_eq!(store.count_of(&other).await.unwrap(), 3);
    assert_eq!(store.sessions_of(&other).await.unwrap().len(), 3);
    assert_eq!(store.sessions_page(&other, None, 2).await.unwrap().sessions.len(), 2);
    assert!(!store.scan(None, 2).await.unwrap().selectors.is_empty());
    assert_eq!(store.sweep(2).await.unwrap(), 0);
    store.delete(&selector(60_001), Some(&other)).await.unwrap();
    store.delete(&selector(60_002), None).await.unwrap();
    assert_eq!(store.delete_all(&other, None).await.unwrap(), 1);
}

/// A server that has not analyzed a table yet plans for one of a few rows, and may keep the plan of a statement until it does.
#[tokio::test]
async fn a_statement_that_was_planned_for_an_empty_table_does_not_read_all_of_a_full_one() {
    let Some((server, database, store)) = fresh().await else { return };
    let mut connection = server.connection(&database).await;
    drop(store);
    server.execute(&database, "ALTER TABLE typed_session SET (autovacuum_enabled = false)").await;
    let store = PostgresStore::options(&server.url(&database)).unwrap().max_connections(1).sweep_every(None);
    let store = store.open().await.unwrap();
    for _ in 0..12 {
        ask_everything(&store).await;
    }
    store.create(&selector(0), &signed_in(1, WhenFull::EvictOldest)).await.unwrap();
    server.execute(&database, &copies()).await;
    ask_everything(&store).await;
    drop(store);
    let [entries, _] = read(&mut connection).await;
    assert!(entries < MANY / 2, "{entries} entries and rows, of {MANY}");
}

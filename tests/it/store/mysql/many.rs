//! A user with very many sessions: how much the server reads, not how long it takes.

use super::*;

const MANY: u32 = 5_000;

/// A server of this test's own, because it counts for all of its connections; with messages of 256 KiB at most.
async fn server() -> Option<(MariaDb, String, MySqlStore)> {
    let server = MariaDb::start_with(|_| vec!["--max-allowed-packet=256K".to_owned()]).await?;
    let database = server.database().await;
    let store = open(&server.url(&database)).await;
    Some((server, database, store))
}

/// Copies the session that signed in last, each copy signed in a millisecond later, and all an hour before it.
async fn fill(server: &MariaDb, database: &str) {
    let copy = format!(
        "INSERT INTO typed_session (selector, expires, principal, meta, cells)
        SELECT UNHEX(MD5(CONCAT(seq, RAND()))), expires, principal,
            JSON_SET(meta, '$.authenticated', JSON_EXTRACT(meta, '$.authenticated') - 3600000 + seq), cells
        FROM (SELECT * FROM typed_session WHERE principal IS NOT NULL ORDER BY since DESC LIMIT 1) AS latest, seq_1_to_{MANY}"
    );
    server.execute(database, &copy).await;
    server.execute(database, "ANALYZE TABLE typed_session").await;
}

/// How many entries and rows the server has read.
async fn read(connection: &mut MySqlConnection) -> u64 {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SHOW GLOBAL STATUS LIKE 'Handler_read_%'").fetch_all(connection).await.unwrap();
    rows.iter().map(|(_, number)| number.parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn a_page_and_a_sign_in_read_what_they_need() {
    let Some((server, database, store)) = server().await else { return };
    let mut connection = server.connection(&database).await;
    store.create(&selector(0), &signed_in("1", None)).await.unwrap();
    fill(&server, &database).await;
    let (middle, last) = (Selector::from_bytes([0x80; 16]), Selector::from_bytes([0xff; 16]));
    for (after, most) in [(None, 70), (Some(middle), 70), (Some(last), 20)] {
        let before = read(&mut connection).await;
        store.sessions_page(&principal("1"), after.as_ref(), 50).await.unwrap();
        let read = read(&mut connection).await - before;
        assert!(read <= most, "{read} read for a page");
    }
    let before = read(&mut connection).await;
    let refused = signed_in("1", Some(at_most(20, WhenFull::RejectNew)));
    assert_eq!(store.create(&selector(1), &refused).await.unwrap(), Created::TooMany);
    let read = read(&mut connection).await - before;
    assert!(read <= 60, "{read} read for a sign-in");
}

#[tokio::test]
async fn the_sessions_that_are_too_many_end_some_at_a_time() {
    let Some((server, database, store)) = server().await else { return };
    store.create(&selector(0), &signed_in("1", None)).await.unwrap();
    fill(&server, &database).await;
    // In one message, they would be more than the server accepts.
    let new = signed_in("1", Some(at_most(3, WhenFull::EvictOldest)));
    assert_eq!(store.create(&selector(1), &new).await.unwrap(), Created::Created);
    let left = store.sessions_of(&principal("1")).await.unwrap();
    let left: Vec<_> = left.into_iter().map(|listed| listed.selector).collect();
    assert_eq!((left.len(), &left[1..]), (3, &[selector(0), selector(1)][..]), "the latest sign-ins");

    // An update does the same.
    fill(&server, &database).await;
    store.create(&selector(2), &new_record()).await.unwrap();
    let change = sign_in("1", Some(at_most(2, WhenFull::EvictOldest)));
    assert!(matches!(store.update(&selector(2), &change).await.unwrap(), Updated::Done { .. }));
    let left = store.sessions_of(&principal("1")).await.unwrap();
    assert_eq!(left.iter().map(|listed| listed.selector).collect::<Vec<_>>(), [selector(1), selector(2)]);

    fill(&server, &database).await;
    assert_eq!(store.delete_all(&principal("1"), Some(&selector(1))).await.unwrap(), u64::from(MANY) + 1);
    assert_eq!(store.sessions_of(&principal("1")).await.unwrap().len(), 1);
}

//! A user with very many sessions. How much is read is tested beside the statements, by the plans of SQLite.

use super::*;

/// Copies the session that signed in last, each copy signed in a millisecond later, and all an hour before it.
async fn fill(path: &Path, sessions: u32) {
    let copy = format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {sessions})
        INSERT INTO session (selector, meta, expires, principal)
        SELECT randomblob(16), json_set(meta, '$.authenticated', (meta ->> 'authenticated') - 3600000 + n), expires, principal
        FROM (SELECT * FROM session WHERE principal IS NOT NULL ORDER BY meta ->> 'authenticated' DESC LIMIT 1), n"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(copy)).execute(&mut raw(path).await).await.unwrap();
}

#[tokio::test]
async fn the_sessions_that_are_too_many_end_some_at_a_time() {
    const MANY: u32 = 3_000;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::options(&path).sweep_every(None).open().await.unwrap();
    let name = |n| Selector::from_bytes([n; 16]);
    store.create(&name(1), &signed_in(None)).await.unwrap();
    fill(&path, MANY).await;
    // Given up after some time, it has ended some of them, and the next one goes on.
    let mut polls = 64;
    while theirs(&store).await.len() > 2_900 {
        abandon(store.create(&name(2), &signed_in(Some(3))), polls).await;
        polls *= 2;
    }
    let left = theirs(&store).await;
    assert!(left.len() > 3 && left.contains(&name(1)) && !left.contains(&name(2)), "{}", left.len());
    assert_eq!(store.create(&name(2), &signed_in(Some(3))).await.unwrap(), Created::Created);
    let left = theirs(&store).await;
    assert_eq!((left.len(), &left[1..]), (3, &[name(1), name(2)][..]), "the latest sign-ins");

    // An update does the same.
    fill(&path, MANY).await;
    store.create(&name(3), &new_record()).await.unwrap();
    let mut change = Change::default();
    (change.principal, change.authenticated) = (Some(Some(user())), true);
    change.max_sessions = signed_in(Some(2)).max_sessions;
    assert!(matches!(store.update(&name(3), &change).await.unwrap(), Updated::Done { .. }));
    assert_eq!(theirs(&store).await, [name(2), name(3)]);
}

//! Expired sessions leave the tables, and do no harm before that.

use super::*;

async fn expired(store: &PostgresStore, keys: std::ops::Range<u16>) {
    for n in keys {
        let mut new = new_record();
        new.limits.idle = Duration::from_millis(1);
        store.create(&selector(n), &new).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
}

const ROWS: &str = "SELECT count(*) FROM typed_session";

/// OWASP ASVS 5.0 14.2.7; spring-session #93.
#[tokio::test]
async fn a_sweep_removes_what_has_ended_and_nothing_else() {
    let Some((server, database, store)) = fresh().await else { return };
    let mut connection = server.connection(&database).await;
    expired(&store, 0..10).await;
    store.create(&SELECTOR, &new_record()).await.unwrap();
    assert_eq!(store.sweep(4).await.unwrap(), 4);
    // A session that cannot be read is removed with the others.
    let harm = "UPDATE typed_session SET format = 60000, cells = '[]'";
    sqlx::query(harm).execute(&mut connection).await.unwrap();
    assert_eq!(store.sweep(100).await.unwrap(), 6);
    assert_eq!(store.sweep(100).await.unwrap(), 0);
    assert_eq!(ask::<i64>(&mut connection, ROWS).await, 1);
}

/// A row that is locked is left for the next sweep, and delays nothing.
#[tokio::test]
async fn a_sweep_waits_for_no_lock() {
    let Some((server, database, store)) = fresh().await else { return };
    let (mut other, mut connection) =
        (server.connection(&database).await, server.connection(&database).await);
    expired(&store, 0..10).await;
    hold(&mut other, &selector(3)).await;
    let swept =
        tokio::time::timeout(Duration::from_secs(2), store.sweep(100)).await.expect("it does not wait");
    assert_eq!(swept.unwrap(), 9);
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(store.sweep(100).await.unwrap(), 1);
    assert_eq!(ask::<i64>(&mut connection, ROWS).await, 0);
}

#[tokio::test]
async fn two_nodes_sweep_side_by_side() {
    let Some((server, database, store)) = fresh().await else { return };
    let second = open(&server.url(&database)).await;
    expired(&store, 0..200).await;
    let sweep = async |store: &PostgresStore| {
        let mut swept = 0;
        for _ in 0..20 {
            swept += store.sweep(25).await.unwrap();
        }
        swept
    };
    let (one, other) = tokio::join!(sweep(&store), sweep(&second));
    assert_eq!(one + other, 200);
}

#[tokio::test]
async fn a_store_sweeps_by_itself_until_its_last_clone_is_gone() {
    let Some((server, database, _)) = fresh().await else { return };
    let every = Some(Duration::from_millis(50));
    let options = PostgresStore::options(&server.url(&database)).unwrap().sweep_every(every);
    let store = options.open().await.unwrap();
    let mut connection = server.connection(&database).await;
    expired(&store, 0..3).await;
    let clone = store.clone();
    drop(store);
    until_is(&mut connection, ROWS, 0).await;
    drop(clone);
    until_is(&mut connection, OTHERS, 0).await;
}

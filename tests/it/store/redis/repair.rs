//! Keeping the index right, and small.

use std::time::Instant;

use ::redis::AsyncTypedCommands as _;
use tokio::time::sleep;

use super::{
    index::{entry, index_key, listed},
    *,
};

fn touch() -> Change {
    let mut touch = Change::default();
    touch.touch = true;
    touch
}

#[tokio::test]
async fn a_session_that_writes_often_gets_its_entry_back_too() {
    let Some((store, prefix, mut connection)) = shared().await else { return };
    let mut new = signed_in("1");
    new.limits.idle = Duration::from_secs(5);
    store.create(&SELECTOR, &new).await.unwrap();
    let index = index_key(&mut connection, &prefix).await;
    connection.del(&index).await.unwrap();
    let begun = Instant::now();
    while begun.elapsed() < new.limits.idle / 5 {
        store.update(&SELECTOR, &touch()).await.unwrap();
        sleep(new.limits.idle / 50).await;
    }
    until("its entry is there again", async || listed(&store, "1").await == [SELECTOR]).await;
}

#[tokio::test]
async fn a_late_second_sign_in_evicts_no_session() {
    let Some((store, prefix, mut connection)) = shared().await else { return };
    store.create(&SELECTOR, &signed_in("1")).await.unwrap();
    let index = index_key(&mut connection, &prefix).await;
    // As when its time to live ends.
    connection.del(record_key(&prefix, &SELECTOR)).await.unwrap();
    assert_eq!(store.update(&SELECTOR, &sign_in("1", None)).await.unwrap(), Updated::Gone);
    assert_eq!(entry(&mut connection, &index, &SELECTOR).await, None);
    let mut new = signed_in("1");
    new.max_sessions = Some(at_most(1, WhenFull::RejectNew));
    assert_eq!(store.create(&selector(1), &new).await.unwrap(), Created::Created);
}

#[tokio::test]
async fn an_index_expires_even_if_its_sessions_never_do() {
    let Some((store, prefix, mut connection)) = shared().await else { return };
    let mut new = signed_in("1");
    new.limits = Limits::new(Duration::from_millis(400), Duration::MAX);
    store.create(&SELECTOR, &new).await.unwrap();
    let index = index_key(&mut connection, &prefix).await;
    connection.del(&index).await.unwrap();
    sleep(Duration::from_millis(60)).await;
    store.update(&SELECTOR, &touch()).await.unwrap();
    until("its entry is there again", async || connection.clone().exists(&index).await.unwrap()).await;
    let ttl: i64 = ::redis::cmd("PTTL").arg(&index).query_async(&mut connection).await.unwrap();
    assert!(ttl > 0, "{ttl}");
}

/// OWASP ASVS 5.0 14.2.7.
#[tokio::test]
async fn sign_ins_clear_away_what_expired_sessions_left() {
    let Some((store, prefix, mut connection)) = shared().await else { return };
    let mut new = signed_in("1");
    new.limits.idle = Duration::from_millis(300);
    for n in 0..60 {
        store.create(&selector(n), &new).await.unwrap();
    }
    let index = index_key(&mut connection, &prefix).await;
    assert_eq!(connection.zcard(&index).await.unwrap(), 60, "those that live stay");
    let ended = async || {
        let (mut connection, prefix) = (connection.clone(), prefix.clone());
        keys(&mut connection, format!("{prefix}s:*")).await.is_empty()
    };
    until("the sessions have expired", ended).await;
    let mut live = 0;
    while live < 40 {
        live += 1;
        let created = store.create(&selector(100 + live), &signed_in("1")).await.unwrap();
        assert_eq!(created, Created::Created);
    }
    until("the index is small again", async || connection.clone().zcard(&index).await.unwrap() <= 40 + 8)
        .await;
    assert_eq!(listed(&store, "1").await.len(), 40);
}

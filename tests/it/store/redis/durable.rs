//! Writes that count only once replicas have them.

use super::*;
use crate::servers::Replicated;

/// A failover loses writes, a logout included, unless the store waits for replicas; then the logout reports that it may not last.
#[tokio::test]
async fn a_failover_undoes_a_logout_that_no_replica_has_and_wait_reports_it() {
    let Some(servers) = Replicated::start().await else { return };
    let options = RedisStore::options(&servers.url()).unwrap();
    let store = options.clone().open().await.unwrap();
    let waiting = options.wait(1, Duration::from_millis(200)).open().await.unwrap();
    let (quiet, told) = (selector(1), selector(2));
    for selector in [quiet, told] {
        store.create(&selector, &new_record()).await.unwrap();
    }
    let replica = servers.replica().await;
    until("the replica has both", async || replica.command::<u64>(&["DBSIZE"]).await.unwrap() == 2).await;
    // Nothing listens at this address: the replica keeps what it has, and gets nothing more.
    replica.command::<()>(&["REPLICAOF", "127.0.0.1", "1"]).await.unwrap();
    store.delete(&quiet, None).await.unwrap();
    assert_eq!(kind(waiting.delete(&told, None).await), StoreErrorKind::UnknownOutcome);
    assert_eq!([lives(&store, &quiet).await, lives(&store, &told).await], [false, false]);
    let dead = servers.kill_primary().await;
    servers.until_failed_over(dead).await;
    until("the new primary answers", async || store.load(&quiet).await.is_ok()).await;
    assert!(lives(&store, &quiet).await, "acknowledged, and undone");
    assert!(lives(&store, &told).await, "undone too, but it was never acknowledged");
}

/// How often the server was asked to wait for replicas.
async fn waits(redis: &Redis) -> u64 {
    let stats: String = redis.command(&["INFO", "commandstats"]).await.unwrap();
    let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_wait:calls="));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

/// A stolen account can be closed, however many sessions it has and however far away the replicas are.
#[tokio::test]
async fn ending_many_sessions_waits_for_replicas_now_and_then_and_goes_on_when_nobody_waits() {
    const MANY: u8 = 120;
    let Some(servers) = Replicated::start().await else { return };
    let store = RedisStore::options(&servers.url()).unwrap();
    let store = store.wait(1, Duration::from_secs(2)).open().await.unwrap();
    let user = principal("1");
    let sign_in = async |from: u8| {
        for n in from..from + MANY {
            store.create(&selector(n), &signed_in("1")).await.unwrap();
        }
    };
    sign_in(0).await;
    let primary = servers.primary().await;
    let before = waits(primary).await;
    assert_eq!(store.delete_all(&user, None).await.unwrap(), u64::from(MANY));
    let asked = waits(primary).await - before;
    assert!((1..=2).contains(&asked), "{asked} waits for {MANY} sessions");
    // A caller whose deadline comes in the middle: the rest ends all the same.
    sign_in(MANY).await;
    let _ = tokio::time::timeout(Duration::from_millis(1), store.delete_all(&user, None)).await;
    let ended = async || {
        for n in MANY..2 * MANY {
            if lives(&store, &selector(n)).await {
                return false;
            }
        }
        true
    };
    if !store.sessions_of(&user).await.unwrap().is_empty() {
        // It gave up before the server was asked.
        store.delete_all(&user, None).await.unwrap();
    }
    until("all have ended", ended).await;
}

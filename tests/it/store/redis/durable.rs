//! Writes that count only once replicas have them.

use super::*;
use crate::servers::Replicated;

/// A failover loses writes, a logout included, unless the store waits for replicas; then the logout reports that it may not last.
#[tokio::test]
async fn a_failover_undoes_a_logout_that_no_replica_has_and_wait_reports_it() {
    let Some(servers) = Replicated::start().await else { return };
    let options = RedisStore::options(&servers.url()).unwrap();
    let store = options.clone().connect().await.unwrap();
    let waiting = options.wait(1, Duration::from_millis(200)).connect().await.unwrap();
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

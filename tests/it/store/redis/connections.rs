//! How many connections there are, whoever uses the store.

use std::thread;

use tokio::{
    sync::{Barrier, Mutex},
    time::{sleep, timeout},
};

use super::*;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// How many connections a user of the server has.
async fn of_user(redis: &Redis, user: &str) -> usize {
    let list: String = redis.command(&["CLIENT", "LIST"]).await.unwrap();
    list.lines().filter(|line| line.contains(&format!(" user={user} "))).count()
}

async fn until_has(redis: &Redis, user: &str, connections: usize) {
    while of_user(redis, user).await != connections {
        sleep(Duration::from_millis(2)).await;
    }
}

/// Actix workers: each is a thread with a runtime of its own.
/// OWASP ASVS 5.0 13.1.2.
#[test]
fn workers_come_to_no_more_connections_than_the_maximum_and_survive_each_other() {
    let main = runtime();
    let Some(redis) = main.block_on(Redis::start()) else { return };
    let cases = [("few", 3, 3, false), ("late", 3, 3, true), ("one", 1, 1, false), ("many", 16, 12, false)];
    for (user, most, expected, one_by_one) in cases {
        let allowed = ["ACL", "SETUSER", user, "on", ">p", "~*", "+@all"];
        main.block_on(redis.command::<()>(&allowed)).unwrap();
        let url = redis.url().replace("redis://", &format!("redis://{user}:p@"));
        let options = RedisStore::options(&url).unwrap().prefix(format!("{user}:")).max_connections(most);
        // The runtime that connects ends before the workers begin.
        let store = runtime().block_on(options.open()).unwrap();
        let (turn, begun, seen) = (Mutex::new(()), Barrier::new(13), Barrier::new(13));
        thread::scope(|scope| {
            for worker in 0..12_u8 {
                let (store, turn, begun, seen) = (&store, &turn, &begun, &seen);
                scope.spawn(move || {
                    let runtime = runtime();
                    // A worker's runtime goes on while it waits, or it could not close a connection that another took the place of.
                    runtime.block_on(async {
                        let waited = if one_by_one { Some(turn.lock().await) } else { None };
                        store.create(&selector(worker), &new_record()).await.unwrap();
                        store.load(&selector(worker)).await.unwrap();
                        drop(waited);
                        begun.wait().await;
                        seen.wait().await;
                    });
                    if worker < 6 {
                        return; // Half of the runtimes end, and take their own connections with them.
                    }
                    for _ in 0..20 {
                        let done =
                            runtime.block_on(store.update(&selector(worker), &write("shop.cart", "[]")));
                        assert!(matches!(done.unwrap(), Updated::Done { .. }));
                    }
                });
            }
            let settled = main.block_on(async {
                begun.wait().await;
                let settled = timeout(Duration::from_secs(20), until_has(&redis, user, expected)).await;
                // First, or the workers would wait for ever after a failure.
                seen.wait().await;
                settled
            });
            assert!(settled.is_ok(), "{user}: there are never {expected} connections");
        });
        main.block_on(until("there are not too many", async || of_user(&redis, user).await <= expected));
        drop(store);
        main.block_on(until("the connections are closed", async || of_user(&redis, user).await == 0));
    }
}

//! How many connections there are, whoever uses the store.

use std::{sync::Barrier, thread};

use super::*;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// How many connections a user of the server has.
async fn of_user(redis: &Redis, user: &str) -> usize {
    let list: String = redis.command(&["CLIENT", "LIST"]).await.unwrap();
    list.lines().filter(|line| line.contains(&format!(" user={user} "))).count()
}

/// Actix workers: each is a thread with a runtime of its own.
/// OWASP ASVS 5.0 13.1.2.
#[test]
fn workers_never_have_more_connections_than_the_maximum_and_survive_each_other() {
    let main = runtime();
    let Some(redis) = main.block_on(Redis::start()) else { return };
    for (user, most, expected) in [("few", 3, 3), ("one", 1, 1), ("many", 16, 12)] {
        let allowed = ["ACL", "SETUSER", user, "on", ">p", "~*", "+@all"];
        main.block_on(redis.command::<()>(&allowed)).unwrap();
        let url = redis.url().replace("redis://", &format!("redis://{user}:p@"));
        let options = RedisStore::options(&url).unwrap().prefix(format!("{user}:")).max_connections(most);
        // The runtime that connects ends before the workers begin.
        let store = runtime().block_on(options.open()).unwrap();
        let (begun, seen) = (Barrier::new(13), Barrier::new(13));
        thread::scope(|scope| {
            for worker in 0..12_u8 {
                let (store, begun, seen) = (&store, &begun, &seen);
                scope.spawn(move || {
                    let runtime = runtime();
                    runtime.block_on(store.create(&selector(worker), &new_record())).unwrap();
                    runtime.block_on(store.load(&selector(worker))).unwrap();
                    begun.wait();
                    seen.wait();
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
            begun.wait();
            let connections = main.block_on(of_user(&redis, user));
            // First, or the workers would wait for ever after a failure.
            seen.wait();
            assert_eq!(connections, expected, "{user}");
        });
        assert!(main.block_on(of_user(&redis, user)) <= expected, "{user}");
        drop(store);
        main.block_on(until("the connections are closed", || async { of_user(&redis, user).await == 0 }));
    }
}

//! Connecting to a server that is not there yet, and with a password that changes.

use std::sync::{Arc, Mutex};

use super::*;

#[tokio::test]
async fn a_server_that_comes_up_later_is_waited_for() {
    let Some(redis) = Redis::start().await else { return };
    redis.kill().await;
    RedisStore::open(&redis.url()).await.unwrap_err();
    let connect = RedisStore::options(&redis.url()).unwrap().startup_timeout(Duration::from_secs(30)).open();
    let (store, ()) = tokio::join!(connect, redis.restart());
    store.unwrap().create(&SELECTOR, &new_record()).await.unwrap();
}

#[tokio::test]
async fn each_connection_asks_for_the_password_of_the_moment() {
    let Some(redis) = Redis::start().await else { return };
    redis.command::<()>(&["ACL", "SETUSER", "shop", "on", ">one", "~*", "+@all"]).await.unwrap();
    let url = redis.url().replace("redis://", "redis://shop:none@");
    let password = Arc::new(Mutex::new("one".to_owned()));
    let options = || {
        let password = Arc::clone(&password);
        let ask = move || std::future::ready(Ok::<_, StoreError>(password.lock().unwrap().clone()));
        RedisStore::options(&url).unwrap().password_with(ask)
    };
    let store = options().open().await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    redis.command::<()>(&["ACL", "SETUSER", "shop", "resetpass", ">two"]).await.unwrap();
    redis.command::<u64>(&["CLIENT", "KILL", "USER", "shop"]).await.unwrap();
    until("the connection is gone", || async { store.load(&SELECTOR).await.is_err() }).await;
    // Waiting would not help against a wrong password.
    let refused = options().startup_timeout(DAY).open().await.unwrap_err();
    assert!(refused.to_string().contains("WRONGPASS"), "{refused}");
    "two".clone_into(&mut password.lock().unwrap());
    assert!(load(&store).await.unwrap());
    assert!(!format!("{:?}", options()).contains("two"));
}

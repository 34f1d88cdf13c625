//! Which server a connection is to, when there are several or none yet, and with which password.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use actix_typed_session::store::postgres::OpenError;

use super::*;

/// Restarts a server as a standby or as a primary.
async fn becomes(server: &Postgres, standby: bool) {
    let folder: String = ask(&mut server.connection("postgres").await, "SHOW data_directory").await;
    let signal = Path::new(&folder).join("standby.signal");
    if standby {
        fs::write(&signal, "").unwrap();
    } else {
        fs::remove_file(&signal).unwrap();
    }
    server.stop_fast().await;
    server.restart().await;
}

/// Two servers that were one: each has the tables.
async fn two() -> Option<[Postgres; 2]> {
    let servers = [Postgres::start().await?, Postgres::start().await?];
    for server in &servers {
        drop(open(&server.url("postgres")).await);
    }
    Some(servers)
}

#[tokio::test]
async fn of_several_hosts_the_primary_is_used_also_after_another_one_has_become_it() {
    let Some([one, two]) = two().await else { return };
    becomes(&one, true).await;
    let url = format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres?target_session_attrs=read-write",
        one.port(),
        two.port()
    );
    let store = open(&url).await;
    store.create(&SELECTOR, &new_record()).await.unwrap();
    assert_eq!(rows(&two).await, 1);
    becomes(&two, true).await;
    becomes(&one, false).await;
    until("the other one is found", || async { store.create(&SELECTOR, &new_record()).await.is_ok() }).await;
    assert_eq!(rows(&one).await, 1);
    // One that does not answer at all is passed over.
    two.freeze().await;
    drop(store);
    let store = PostgresStore::options(&url).unwrap().connect_timeout(BOUND).open().await.unwrap();
    assert!(store.load(&SELECTOR).await.unwrap().is_some());
    two.thaw();
    becomes(&one, true).await;
    assert!(matches!(PostgresStore::open(&url).await, Err(OpenError::Standby)));
}

async fn rows(server: &Postgres) -> i64 {
    ask(&mut server.connection("postgres").await, "SELECT count(*) FROM typed_session").await
}

#[tokio::test]
async fn each_connection_asks_for_the_password_of_the_moment() {
    let Some(server) = Postgres::start().await else { return };
    let mut connection = server.connection("postgres").await;
    server
        .execute("postgres", "CREATE ROLE shop LOGIN PASSWORD 'one'; GRANT ALL ON SCHEMA public TO shop")
        .await;
    let hba: String = ask(&mut connection, "SHOW hba_file").await;
    let lines = fs::read_to_string(&hba).unwrap();
    fs::write(&hba, format!("host all shop 127.0.0.1/32 scram-sha-256\n{lines}")).unwrap();
    server.execute("postgres", "SELECT pg_reload_conf()").await;
    let url = server.url("postgres").replace("postgres@", "shop:none@");
    until("the server asks for a password", || async { PostgresStore::open(&url).await.is_err() }).await;

    let password = Arc::new(Mutex::new("one".to_owned()));
    let options = || {
        let password = Arc::clone(&password);
        let ask = move || std::future::ready(Ok::<_, StoreError>(password.lock().unwrap().clone()));
        PostgresStore::options(&url).unwrap().sweep_every(None).password_with(ask)
    };
    let store = options().open().await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    server.execute("postgres", "ALTER ROLE shop PASSWORD 'two'").await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'";
    server.execute("postgres", end).await;
    until("the connection is gone", || async { store.load(&SELECTOR).await.is_err() }).await;
    // Waiting would not help against a wrong password.
    let refused = options().startup_timeout(DAY).open().await.unwrap_err();
    assert!(refused.to_string().contains("28P01"), "{refused}");
    "two".clone_into(&mut password.lock().unwrap());
    assert!(store.load(&SELECTOR).await.unwrap().is_some());
    assert!(!format!("{:?}", options()).contains("two"));
}

#[tokio::test]
async fn a_server_that_comes_up_later_is_waited_for() {
    let Some(server) = Postgres::start().await else { return };
    let url = server.url("postgres");
    server.stop_fast().await;
    assert!(matches!(PostgresStore::open(&url).await, Err(OpenError::Unreachable(_))));
    let url = format!("{url}?startup_timeout=30");
    let (store, ()) = tokio::join!(PostgresStore::open(&url), server.restart());
    store.unwrap().create(&SELECTOR, &new_record()).await.unwrap();
}

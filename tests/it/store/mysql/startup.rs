//! Servers that are not there yet, and passwords that change.

use std::sync::{Arc, Mutex};

use actix_typed_session::store::mysql::OpenError;

use super::*;

#[tokio::test]
async fn each_connection_asks_for_the_password_of_the_moment() {
    let Some(server) = shared_mariadb().await else { return };
    let database = server.database().await;
    // The accounts of a server are those of all tests.
    let user = format!("'{database}'@'127.0.0.1'");
    let create = format!("CREATE USER {user} IDENTIFIED BY 'one'; GRANT ALL ON {database}.* TO {user}");
    server.execute(&database, &create).await;
    let url = server.url(&database).replace("root@", &format!("{database}:none@"));

    let password = Arc::new(Mutex::new("one".to_owned()));
    let options = || {
        let password = Arc::clone(&password);
        let ask = move || std::future::ready(Ok::<_, StoreError>(password.lock().unwrap().clone()));
        MySqlStore::options(&url).unwrap().sweep_every(None).password_with(ask)
    };
    let store = options().open().await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    server.execute(&database, &format!("SET PASSWORD FOR {user} = PASSWORD('two')")).await;
    server.execute(&database, &format!("KILL USER {user}")).await;
    until("the connection is gone", || async { store.load(&SELECTOR).await.is_err() }).await;
    // Waiting would not help against a wrong password.
    let refused = options().startup_timeout(DAY).open().await.unwrap_err();
    assert!(refused.to_string().contains("1045"), "{refused}");
    "two".clone_into(&mut password.lock().unwrap());
    assert!(store.load(&SELECTOR).await.unwrap().is_some());
    assert!(!format!("{:?}", options()).contains("two"));
}

#[tokio::test]
async fn a_server_that_comes_up_later_is_waited_for() {
    let Some(server) = MariaDb::start().await else { return };
    let url = server.url(&server.database().await);
    server.stop().await;
    assert!(matches!(MySqlStore::open(&url).await, Err(OpenError::Unreachable(_))));
    let url = format!("{url}?startup_timeout=30");
    let (store, ()) = tokio::join!(MySqlStore::open(&url), server.restart());
    store.unwrap().create(&SELECTOR, &new_record()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_still_read_only_is_waited_for() {
    let Some(server) = MariaDb::start().await else { return };
    let database = server.database().await;
    // An administrator may write all the same.
    let grant = format!("CREATE USER shop@127.0.0.1; GRANT ALL ON {database}.* TO shop@127.0.0.1");
    server.execute(&database, &grant).await;
    server.execute(&database, "SET GLOBAL read_only = 1").await;
    let url = server.url(&database).replace("root@", "shop@");
    let opened = tokio::spawn(MySqlStore::options(&url).unwrap().startup_timeout(BOUND).open());
    let mut connection = server.connection(&database).await;
    // The second attempt shows that the first one did not end it.
    let attempts = "SELECT CAST(variable_value AS SIGNED) FROM information_schema.global_status \
        WHERE variable_name = 'CONNECTIONS'";
    let before = ask::<i64>(&mut connection, attempts).await;
    let enough = attempts.replace(" FROM", &format!(" > {} FROM", before + 4));
    until_is(&mut connection, enough.leak(), 1).await;
    server.execute(&database, "SET GLOBAL read_only = 0").await;
    opened.await.unwrap().unwrap().create(&SELECTOR, &new_record()).await.unwrap();
}

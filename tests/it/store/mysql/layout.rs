//! The table: created once, and left alone when it holds something else.

use actix_typed_session::store::{PostgresStore, mysql::OpenError};

use super::*;
use crate::flow::logged::Logged;

async fn fails(url: &str) -> OpenError {
    MySqlStore::open(url).await.expect_err("it cannot be opened")
}

/// The contents of the table, in any order.
const DUMP: &str =
    "SELECT COALESCE(GROUP_CONCAT(HEX(selector), meta, cells, expires), '') FROM typed_session";

#[tokio::test]
async fn processes_that_open_an_empty_database_at_once_all_succeed() {
    let Some(server) = shared_mariadb().await else { return };
    for _ in 0..5 {
        let url = server.url(&server.database().await);
        // Each store has its own thread for its connections.
        let all: Vec<_> = (0..8).map(|_| tokio::spawn(open_owned(url.clone()))).collect();
        for one in all {
            one.await.unwrap().create(&SELECTOR, &new_record()).await.unwrap();
        }
    }
}

async fn open_owned(url: String) -> MySqlStore {
    open(&url).await
}

#[tokio::test]
async fn a_table_of_a_later_release_is_left_alone() {
    let Some((server, database, store)) = fresh().await else { return };
    let url = server.url(&database);
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let mark = |readable_from: u32| {
        format!(
            "ALTER TABLE typed_session COMMENT = 'actix-typed-session layout 9, readable from {readable_from}'"
        )
    };
    server.execute(&database, &mark(9)).await;
    let mut connection = server.connection(&database).await;
    let before: String = ask(&mut connection, DUMP).await;
    assert!(matches!(fails(&url).await, OpenError::TooNew { found: 9, supported: 2 }));
    assert_eq!(ask::<String>(&mut connection, DUMP).await, before);
    // A later layout that this release can use, and a column that it added.
    let later = "ALTER TABLE typed_session ADD COLUMN more VARCHAR(10) NOT NULL DEFAULT 'new';
        UPDATE typed_session SET more = 'kept'";
    server.execute(&database, &format!("{}; {later}", mark(1))).await;
    let again = open(&url).await;
    // With and without connections from before the column was added.
    for (store, n) in [(&store, 1), (&again, 2)] {
        count(store, &SELECTOR).await.unwrap();
        store.create(&selector(n), &new_record()).await.unwrap();
    }
    assert_eq!(visits(&again, &SELECTOR).await, 2);
    let more = "SELECT GROUP_CONCAT(more ORDER BY selector) FROM typed_session";
    assert_eq!(ask::<String>(&mut connection, more).await, "new,new,kept");
}

#[tokio::test]
async fn a_table_of_an_earlier_release_is_migrated_while_it_goes_on() {
    let Some((server, database, earlier)) = fresh().await else { return };
    let back = "ALTER TABLE typed_session DROP KEY by_sign_in, DROP COLUMN since,
        COMMENT = 'actix-typed-session layout 1, readable from 1'";
    server.execute(&database, back).await;
    for n in 1..=2 {
        earlier.create(&selector(n), &signed_in("1", None)).await.unwrap();
    }
    // What is damaged is carried along.
    earlier.create(&selector(3), &new_record()).await.unwrap();
    server.execute(&database, "UPDATE typed_session SET meta = '{' WHERE principal IS NULL").await;
    let store = open(&server.url(&database)).await;
    assert_eq!(kind(store.load(&selector(3)).await), StoreErrorKind::Unreadable);
    // Both write, and the order of sign-ins is right for both.
    assert!(matches!(earlier.update(&selector(1), &sign_in("1", None)).await.unwrap(), Updated::Done { .. }));
    let max = Some(at_most(2, WhenFull::EvictOldest));
    store.create(&selector(4), &signed_in("1", max)).await.unwrap();
    let left = store.sessions_of(&principal("1")).await.unwrap();
    assert_eq!(left.iter().map(|one| one.selector).collect::<Vec<_>>(), [selector(1), selector(4)]);
}

#[tokio::test]
async fn a_table_that_holds_something_else_is_left_alone() {
    let Some(server) = shared_mariadb().await else { return };
    for sql in [
        "CREATE TABLE typed_session (id int)",
        "CREATE TABLE typed_session (id int) COMMENT = 'actix-typed-session layout one, readable from 1'",
        "CREATE VIEW typed_session AS SELECT 5",
    ] {
        let database = server.database().await;
        server.execute(&database, sql).await;
        let error = fails(&server.url(&database)).await;
        assert!(matches!(&error, OpenError::NotSessions(_)), "{sql}: {error}");
        let mut connection = server.connection(&database).await;
        let columns = "SELECT count(*) FROM information_schema.columns WHERE table_schema = database()";
        assert_eq!(ask::<i64>(&mut connection, columns).await, 1);
    }
}

#[tokio::test]
async fn the_name_is_the_users_choice() {
    let Some(server) = shared_mariadb().await else { return };
    let url = server.url(&server.database().await);
    let options = || MySqlStore::options(&url).unwrap().sweep_every(None);
    for table in ["Sessions", "select", &"a".repeat(50)] {
        let store = options().table(table).open().await.unwrap();
        assert_eq!(store.create(&SELECTOR, &new_record()).await.unwrap(), Created::Created);
        // The table is found again.
        let again = options().table(table).open().await.unwrap();
        assert_eq!(again.create(&SELECTOR, &new_record()).await.unwrap(), Created::Exists);
    }
    assert!(open(&url).await.load(&SELECTOR).await.unwrap().is_none());
    // It can be in the URL, and the number of connections.
    let more = if url.contains('?') { '&' } else { '?' };
    let options_in_url =
        MySqlStore::options(&format!("{url}{more}table=Sessions&max_connections=3")).unwrap();
    assert!(format!("{options_in_url:?}").contains("max_connections: 3"), "{options_in_url:?}");
    let store = options_in_url.sweep_every(None).open().await.unwrap();
    assert!(store.load(&SELECTOR).await.unwrap().is_some());
    for wrong in ["max_connections=0", "max_connections=s3cret"] {
        let error = MySqlStore::options(&format!("{url}{more}{wrong}")).unwrap_err();
        assert!(matches!(error, OpenError::Value(name) if name == "max_connections"));
    }
    for name in ["", "a b", "a`b", "1a", "s;", "sch\u{e9}ma", &"a".repeat(51)] {
        let opened = options().table(name).open().await;
        assert!(matches!(opened, Err(OpenError::Name(wrong)) if wrong == name), "{name}");
    }
}

#[tokio::test]
async fn a_user_without_the_rights_learns_which_are_missing() {
    let Some(server) = shared_mariadb().await else { return };
    let database = server.database().await;
    // The name needs quotes.
    let user = format!("'{database}''s'@'127.0.0.1'");
    server
        .execute(&database, &format!("CREATE USER {user}; GRANT SHOW VIEW ON {database}.* TO {user}"))
        .await;
    let url = server.url(&database).replace("root@", &format!("{database}%27s@"));
    let options = || MySqlStore::options(&url).unwrap().sweep_every(None);
    let error = options().open().await.unwrap_err();
    let OpenError::NotAllowed { statement, .. } = &error else { panic!("{error}") };
    assert!(error.to_string().contains(&format!("run `{statement}`")), "{error}");
    server.execute(&database, statement).await;
    options().open().await.unwrap();
    // The rights that the documentation lists are enough when the table is there.
    server.execute(&database, &format!("REVOKE CREATE ON {database}.typed_session FROM {user}")).await;
    // Missing rights are told now, and not at the first sign-in.
    for right in ["INSERT", "UPDATE", "DELETE", "SELECT"] {
        server.execute(&database, &format!("REVOKE {right} ON {database}.typed_session FROM {user}")).await;
        let error = options().open().await.expect_err(right);
        let OpenError::Rights { missing, statement, .. } = &error else { panic!("{error}") };
        assert_eq!(missing, right);
        assert!(error.to_string().contains(&format!("run `{statement}`")), "{error}");
        server.execute(&database, statement).await;
        options().open().await.unwrap();
    }
    let store = options().open().await.unwrap();
    let max = Some(at_most(1, WhenFull::EvictOldest));
    store.create(&SELECTOR, &signed_in("7", max)).await.unwrap();
    store.create(&selector(1), &signed_in("7", max)).await.unwrap();
    count(&store, &selector(1)).await.unwrap();
    assert_eq!(store.sweep(10).await.unwrap(), 0);
    store.delete(&SELECTOR, None).await.unwrap();
}

#[test]
fn a_url_that_cannot_be_used_says_what_to_write() {
    let says = |url: &str| MySqlStore::options(url).unwrap_err().to_string();
    assert_eq!(
        says("mariadb://u@127.0.0.1/d?ssl-mode=requir"),
        "invalid value for `ssl-mode` in the MySQL URL; use one of disabled, preferred, required, verify_ca, verify_identity"
    );
    assert_eq!(
        says("mysql://u@127.0.0.1"),
        "the MySQL URL names no database; write mysql://user:password@host:port/database"
    );
    assert_eq!(
        says("mysql://u@127.0.0.1/d?timezone=x"),
        "unknown parameter \"timezone\" in the MySQL URL; the parameters are max_connections, socket, ssl-ca, ssl-cert, \
         ssl-key, ssl-mode, sslca, sslcert, sslkey, sslmode, startup_timeout, table"
    );
}

#[test]
fn a_part_of_a_password_is_no_parameter() {
    for url in
        ["mysql://shop:a?hunter2=x@db/shop", "mysql://shop:a?hunter2@db/shop", "mysql://u:p@hunter2@db/shop"]
    {
        // `main` prints this form of an error that it returns.
        let said = format!("{:?}", MySqlStore::options(url).unwrap_err());
        assert!(
            said.starts_with("the MySQL URL has") && said.contains("`?` as %3F") && !said.contains("hunter2"),
            "{said}"
        );
        let postgres = url.replace("mysql", "postgres");
        let said = PostgresStore::options(&postgres).unwrap_err().to_string();
        assert!(said.contains("`?` as %3F") && !said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn no_message_shows_the_password() {
    let Some(server) = shared_mariadb().await else { return };
    let secret = "hunter2";
    let (logged, _listening) = Logged::here();
    let here = server.url("no_such_database").replace("root@", &format!("root:{secret}@"));
    let mut said = Vec::new();
    for url in [
        here.clone(),
        format!("mysql://u:{secret}@127.0.0.1:1/d"),
        format!("mysql://u:{secret}@127.0.0.1:x/d"),
        format!("mysql://u:{secret}@[/d"),
        format!("mysql://u:{secret}@127.0.0.1"),
        format!("mysql://u:{secret}@127.0.0.1/d?ssl-mode={secret}"),
        format!("mysql://u@127.0.0.1/d?passwrod={secret}"),
        format!("mysql://u@127.0.0.1/d?{secret}"),
        format!("postgres://u:{secret}@127.0.0.1/d"),
        secret.to_owned(),
    ] {
        let error = fails(&url).await;
        let mut source: Option<&dyn std::error::Error> = Some(&error);
        said.push(format!("{error:?}"));
        while let Some(one) = source {
            said.push(format!("{one} {one:?}"));
            source = one.source();
        }
    }
    said.push(format!("{:?}", MySqlStore::options(&here).unwrap()));
    said.push(format!("{:?}", open(&server.url(&server.database().await)).await));
    said.push(logged.text());
    for one in said {
        assert!(!one.contains(secret), "{one}");
    }
    assert!(matches!(fails(&here).await, OpenError::Unreachable(_)));
}

/// A value that cannot be stored is not shown either, nor the statement that it is in.
#[tokio::test]
async fn no_message_shows_a_value() {
    let Some((server, database, store)) = fresh().await else { return };
    let (logged, _listening) = Logged::here();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    for (state, number) in [("22001", 1406), ("23000", 1062), ("42000", 1064), ("HY000", 1366)] {
        let refuse = format!(
            "CREATE OR REPLACE TRIGGER refuse BEFORE UPDATE ON typed_session FOR EACH ROW
                SIGNAL SQLSTATE '{state}' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'near secret'"
        );
        server.execute(&database, &refuse).await;
        let error = store.update(&SELECTOR, &touch()).await.unwrap_err();
        assert!(format!("{error} {error:?}").contains(&number.to_string()), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
    assert_eq!(logged.text(), "");
}

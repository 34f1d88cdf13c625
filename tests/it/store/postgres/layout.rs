//! The tables: created once, and left alone when they hold something else.

use actix_typed_session::store::postgres::OpenError;

use super::*;
use crate::flow::logged::Logged;

async fn fails(url: &str) -> OpenError {
    PostgresStore::open(url).await.expect_err("it cannot be opened")
}

/// The contents of the tables, in any order.
async fn dump(connection: &mut PgConnection, table: &str) -> String {
    let sql = format!("SELECT coalesce(string_agg(t::text, ';' ORDER BY t::text), '') FROM {table} t");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn processes_that_open_an_empty_database_at_once_all_succeed() {
    let Some(server) = shared_postgres().await else { return };
    for _ in 0..5 {
        let database = server.database().await;
        let url = server.url(&database);
        // Each store has its own thread for its connections.
        let all: Vec<_> = (0..8).map(|_| tokio::spawn(open_owned(url.clone()))).collect();
        for one in all {
            let store = one.await.unwrap();
            store.create(&SELECTOR, &new_record()).await.unwrap();
        }
        let mut connection = server.connection(&database).await;
        assert_eq!(dump(&mut connection, "typed_session_layout").await, "(2,1)");
    }
}

async fn open_owned(url: String) -> PostgresStore {
    open(&url).await
}

#[tokio::test]
async fn tables_of_a_later_release_are_left_alone() {
    let Some((server, database, store)) = fresh().await else { return };
    let url = server.url(&database);
    store.create(&SELECTOR, &new_record()).await.unwrap();
    server.execute(&database, "UPDATE typed_session_layout SET layout = 9, readable_from = 9").await;
    let mut connection = server.connection(&database).await;
    let before = dump(&mut connection, "typed_session").await;
    assert!(matches!(fails(&url).await, OpenError::TooNew { found: 9, supported: 2 }));
    assert_eq!(dump(&mut connection, "typed_session").await, before);
    // A later layout that this release can use, and a column that it added.
    let later = "UPDATE typed_session_layout SET readable_from = 1;
        ALTER TABLE typed_session ADD COLUMN more text NOT NULL DEFAULT 'new';
        UPDATE typed_session SET more = 'kept'";
    server.execute(&database, later).await;
    let again = open(&url).await;
    // With and without statements that were prepared before the column was added.
    for (store, n) in [(&store, 1), (&again, 2)] {
        count(store, &SELECTOR).await.unwrap();
        store.create(&selector(n), &new_record()).await.unwrap();
    }
    assert_eq!(visits(&again, &SELECTOR).await, 2);
    let more = "SELECT string_agg(more, ',' ORDER BY selector) FROM typed_session";
    assert_eq!(ask::<String>(&mut connection, more).await, "new,new,kept");
    assert_eq!(dump(&mut connection, "typed_session_layout").await, "(9,1)");
}

#[tokio::test]
async fn tables_of_an_earlier_release_are_migrated_while_it_goes_on() {
    let Some((server, database, earlier)) = fresh().await else { return };
    server
        .execute(&database, "DROP INDEX typed_session_sign_ins; UPDATE typed_session_layout SET layout = 1")
        .await;
    earlier.create(&SELECTOR, &new_record()).await.unwrap();
    let store = open(&server.url(&database)).await;
    let mut connection = server.connection(&database).await;
    assert_eq!(dump(&mut connection, "typed_session_layout").await, "(2,1)");
    let indexes = "SELECT count(*) FROM pg_indexes WHERE indexname = 'typed_session_sign_ins'";
    assert_eq!(ask::<i64>(&mut connection, indexes).await, 1);
    count(&earlier, &SELECTOR).await.unwrap();
    assert_eq!(visits(&store, &SELECTOR).await, 1);
    // An index that was made beforehand, while others write, is taken as it is.
    let made = "DROP INDEX typed_session_sign_ins; UPDATE typed_session_layout SET layout = 1;
        CREATE INDEX typed_session_sign_ins ON typed_session (hashtextextended(principal, 0), coalesce(authenticated, created), selector)
        WHERE principal IS NOT NULL; COMMENT ON INDEX typed_session_sign_ins IS 'made beforehand'";
    server.execute(&database, made).await;
    open(&server.url(&database)).await;
    let comment = "SELECT obj_description('typed_session_sign_ins'::regclass)";
    assert_eq!(ask::<String>(&mut connection, comment).await, "made beforehand");
}

#[tokio::test]
async fn tables_that_hold_something_else_are_left_alone() {
    let Some(server) = shared_postgres().await else { return };
    for sql in [
        "CREATE TABLE typed_session (id int); INSERT INTO typed_session VALUES (5)",
        "CREATE TABLE typed_session_layout (id int); CREATE VIEW typed_session AS SELECT 5",
        "CREATE VIEW typed_session AS SELECT 5",
    ] {
        let database = server.database().await;
        server.execute(&database, sql).await;
        assert!(matches!(fails(&server.url(&database)).await, OpenError::NotSessions(_)), "{sql}");
        let mut connection = server.connection(&database).await;
        let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
        assert_eq!(ask::<i64>(&mut connection, tables).await, if sql.contains("layout") { 2 } else { 1 });
    }
}

#[tokio::test]
async fn names_are_the_users_choice() {
    let Some(server) = shared_postgres().await else { return };
    let database = server.database().await;
    server.execute(&database, r#"CREATE SCHEMA "Shop"; CREATE SCHEMA other"#).await;
    let url = server.url(&database);
    let options = || PostgresStore::options(&url).unwrap().sweep_every(None);
    let mut stores = vec![open(&url).await];
    for (schema, table) in
        [("Shop", "Sessions"), ("Shop", "sessions"), ("other", "select"), ("other", "typed_session")]
    {
        stores.push(options().schema(schema).table(table).open().await.unwrap());
        // The tables are found again.
        stores.push(options().schema(schema).table(table).open().await.unwrap());
    }
    for (n, pair) in stores[1..].chunks(2).enumerate() {
        assert_eq!(pair[0].create(&SELECTOR, &new_record()).await.unwrap(), Created::Created);
        assert_eq!(pair[1].create(&SELECTOR, &new_record()).await.unwrap(), Created::Exists);
        pair[1].update(&SELECTOR, &write("shop.visits", &n.to_string())).await.unwrap();
    }
    for (n, pair) in stores[1..].chunks(2).enumerate() {
        assert_eq!(visits(&pair[0], &SELECTOR).await, u64::try_from(n).unwrap());
    }
    assert!(stores[0].load(&SELECTOR).await.unwrap().is_none());
    // They can be in the URL, and the number of connections.
    let more = if url.contains('?') { '&' } else { '?' };
    let options_in_url =
        PostgresStore::options(&format!("{url}{more}schema=Shop&table=Sessions&max_connections=3")).unwrap();
    assert!(format!("{options_in_url:?}").contains("max_connections: 3"), "{options_in_url:?}");
    assert_eq!(visits(&options_in_url.sweep_every(None).open().await.unwrap(), &SELECTOR).await, 0);
    for wrong in ["max_connections=0", "max_connections=s3cret"] {
        let error = PostgresStore::options(&format!("{url}{more}{wrong}")).unwrap_err();
        assert!(matches!(error, OpenError::Value(name) if name == "max_connections"));
    }

    for name in ["", "a b", "a\"b", "1a", "s;", "sch\u{e9}ma", &"a".repeat(51)] {
        for options in [options().schema(name), options().table(name)] {
            assert!(matches!(options.open().await, Err(OpenError::Name(wrong)) if wrong == name), "{name}");
        }
    }
    let longest = "a".repeat(50);
    options().table(&longest).open().await.unwrap();
    assert!(matches!(
        options().schema("missing").open().await,
        Err(OpenError::NoSchema(schema)) if schema == "missing"
    ));
}

#[tokio::test]
async fn a_user_without_the_rights_learns_which_are_missing() {
    let Some(server) = shared_postgres().await else { return };
    let database = server.database().await;
    let user = format!("{database}_user");
    server
        .execute(&database, &format!("CREATE ROLE {user} LOGIN; REVOKE ALL ON SCHEMA public FROM public"))
        .await;
    let url = server.url(&database).replace("postgres@", &format!("{user}@"));
    let options = || PostgresStore::options(&url).unwrap().schema("public").sweep_every(None);
    assert!(matches!(options().open().await, Err(OpenError::NoSchema(_))));
    server.execute(&database, &format!("GRANT USAGE ON SCHEMA public TO {user}")).await;
    assert!(matches!(options().open().await, Err(OpenError::NotAllowed(_))));
    // The permissions that the documentation lists.
    open(&server.url(&database)).await;
    let grant = format!(
        "GRANT SELECT ON typed_session_layout TO {user};
        GRANT SELECT, INSERT, UPDATE, DELETE ON typed_session TO {user}"
    );
    // Missing rights are told now, and not at the first sign-in.
    for right in ["INSERT", "UPDATE", "DELETE", "SELECT"] {
        server.execute(&database, &format!("{grant}; REVOKE {right} ON typed_session FROM {user}")).await;
        let error = options().open().await.expect_err(right);
        let OpenError::Rights { missing, statement, .. } = &error else { panic!("{error}") };
        assert_eq!(missing, right);
        assert!(error.to_string().contains(&format!("run `{statement}`")), "{error}");
        server.execute(&database, statement).await;
        options().open().await.unwrap();
    }
    server.execute(&database, &format!("{grant}; REVOKE SELECT ON typed_session_layout FROM {user}")).await;
    let error = options().open().await.unwrap_err();
    let OpenError::Rights { statement, .. } = &error else { panic!("{error}") };
    server.execute(&database, statement).await;
    // Tables of an earlier release are migrated by their owner.
    let earlier = "DROP INDEX typed_session_sign_ins; UPDATE typed_session_layout SET layout = 1";
    server.execute(&database, earlier).await;
    assert!(matches!(options().open().await, Err(OpenError::NotOwner(_))));
    open(&server.url(&database)).await;
    let store = options().open().await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    count(&store, &SELECTOR).await.unwrap();
    assert_eq!(store.sweep(10).await.unwrap(), 0);
    store.delete(&SELECTOR, None).await.unwrap();
}

/// Whoever may create a function in the schema of the tables must not run as the application (CVE-2018-1058).
#[tokio::test]
async fn nobody_elses_functions_or_operators_are_called() {
    let Some(server) = shared_postgres().await else { return };
    let database = server.database().await;
    let traps = [
        ("concat", "text, text, text, text"),
        ("concat", "bigint, text, text, text"),
        ("to_regclass", "varchar"),
        ("quote_ident", "varchar"),
        ("pg_is_in_recovery", ""),
        ("current_schema", ""),
        ("current_setting", "text"),
        ("octet_length", "varchar"),
        ("has_table_privilege", "regclass, text"),
        ("pg_advisory_xact_lock", "bigint"),
        ("clock_timestamp", ""),
        ("now", ""),
    ];
    let traps: Vec<_> = traps
        .iter()
        .map(|(name, takes)| {
            format!(
                "CREATE FUNCTION public.{name}({takes}) RETURNS text LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'hijacked by {name}'; END $$;"
            )
        })
        .collect();
    let operator = "CREATE FUNCTION public.trap(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'hijacked by an operator'; END $$;
        CREATE OPERATOR public.<= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = public.trap);";
    let before = open(&server.url(&database)).await;
    server.execute(&database, &(traps.concat() + operator)).await;
    server
        .execute(&database, &format!("ALTER DATABASE {database} SET search_path = public, pg_catalog"))
        .await;
    // A process that opens calls nothing of theirs, and neither does one that was there already.
    let after = open(&server.url(&database)).await;
    for (store, name) in [(before, selector(8)), (after, selector(9))] {
        store.create(&name, &new_record()).await.unwrap();
        count(&store, &name).await.unwrap();
        assert!(store.load(&name).await.unwrap().is_some());
        store.delete(&name, None).await.unwrap();
        assert_eq!(store.sweep(10).await.unwrap(), 0);
        let user = Principal::from_store("shop.user=4");
        assert_eq!(store.sessions_of(&user).await.unwrap().len(), 0);
        assert_eq!(store.delete_all(&user, None).await.unwrap(), 0);
    }
}

/// A trigger on a table runs as whoever writes to it.
#[tokio::test]
async fn tables_of_an_untrusted_owner_are_not_used() {
    let Some(server) = shared_postgres().await else { return };
    let database = server.database().await;
    open(&server.url(&database)).await;
    let (user, stranger) = (format!("{database}_user"), format!("{database}_stranger"));
    let planted = format!(
        "CREATE ROLE {user} LOGIN; CREATE ROLE {stranger};
        ALTER TABLE typed_session OWNER TO {stranger}; ALTER TABLE typed_session_layout OWNER TO {stranger};
        GRANT ALL ON typed_session, typed_session_layout TO {user}"
    );
    server.execute(&database, &planted).await;
    let url = server.url(&database).replace("postgres@", &format!("{user}@"));
    let error = fails(&url).await;
    assert!(matches!(&error, OpenError::Owner { owner, .. } if *owner == stranger), "{error}");
    // What the message says is enough, for one table after the other.
    for table in ["public.typed_session", "public.typed_session_layout"] {
        let error = fails(&url).await;
        let OpenError::Owner { statement, .. } = &error else { panic!("{error}") };
        assert!(statement.starts_with(&format!("ALTER TABLE {table} OWNER TO ")), "{error}");
        assert!(error.to_string().contains(&format!("run `{statement}`")), "{error}");
        server.execute(&database, statement).await;
    }
    open(&url).await;
    server.execute(&database, &planted[planted.find("ALTER").unwrap()..]).await;
    // Who may act as the owner trusts it; so does everybody if it owns the schema.
    server.execute(&database, &format!("GRANT {stranger} TO {user}")).await;
    open(&url).await;
    server
        .execute(
            &database,
            &format!("REVOKE {stranger} FROM {user}; ALTER SCHEMA public OWNER TO {stranger}"),
        )
        .await;
    server.execute(&database, &format!("GRANT USAGE ON SCHEMA public TO {user}")).await;
    open(&url).await;
}

#[tokio::test]
async fn a_database_that_cannot_hold_all_text_is_refused() {
    let Some(server) = shared_postgres().await else { return };
    let database = format!("{}_latin", server.database().await);
    let create = format!(
        "CREATE DATABASE {database} ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    );
    server.execute("postgres", &create).await;
    assert!(
        matches!(fails(&server.url(&database)).await, OpenError::Encoding(encoding) if encoding == "LATIN1")
    );
}

#[test]
fn an_invalid_value_is_named() {
    let says = |url: &str| PostgresStore::options(url).unwrap_err().to_string();
    assert_eq!(
        says("postgres://u@127.0.0.1/d?application_name=shop&sslmode=requir"),
        "invalid value for `sslmode` in the PostgreSQL URL; use one of disable, allow, prefer, require, \
         verify-ca, verify-full"
    );
    assert_eq!(says("postgres://u@127.0.0.1/d?port=many"), "invalid value for `port` in the PostgreSQL URL");
}

#[tokio::test]
async fn no_message_shows_the_password() {
    let Some(server) = shared_postgres().await else { return };
    let secret = "hunter2";
    let (logged, _listening) = Logged::here();
    let here = server.url("no_such_database").replace("postgres@", &format!("postgres:{secret}@"));
    let mut said = Vec::new();
    for url in [
        here.clone(),
        format!("postgres://u:{secret}@127.0.0.1:1/d"),
        format!("postgres://u:{secret}@127.0.0.1:x/d"),
        format!("postgres://u:{secret}@[/d"),
        format!("postgres://u:{secret}@127.0.0.1/d?sslmode={secret}"),
        format!("postgres://u@127.0.0.1/d?passwrod={secret}"),
        format!("postgres://u@127.0.0.1/d?{secret}"),
        format!("postgres://u@127.0.0.1/d?sslpassword={secret}&sslmode=disable"),
        format!("mysql://u:{secret}@127.0.0.1/d"),
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
    said.push(format!("{:?}", PostgresStore::options(&here).unwrap()));
    said.push(format!("{:?}", open(&server.url(&server.database().await)).await));
    said.push(logged.text());
    for one in said {
        assert!(!one.contains(secret), "{one}");
    }
    assert!(matches!(fails(&here).await, OpenError::Unreachable(_)));
}

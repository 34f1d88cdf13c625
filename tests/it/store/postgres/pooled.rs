//! Behind PgBouncer in transaction mode, where nothing that is set on a connection may be relied on, and nothing may stay set.

use super::*;

/// What a trigger sees while the store writes.
const LOOK: &str = "CREATE TABLE seen (settings text);
    CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.seen VALUES (concat_ws(' / ', current_setting('search_path'),
            current_setting('transaction_isolation'), current_setting('statement_timeout'))); RETURN NEW; END $$;
    CREATE TRIGGER look BEFORE UPDATE ON typed_session FOR EACH ROW EXECUTE FUNCTION look()";

/// What a client sees that is given the same connection of the server.
const LEFT: &str = "SELECT concat_ws(' / ', current_setting('search_path'), current_setting('default_transaction_isolation'), \
    current_setting('statement_timeout'), (SELECT count(*) FROM pg_prepared_statements WHERE from_sql = false AND name <> ''))";

fn signed_in() -> NewRecord {
    let mut new = new_record();
    new.principal = Some(Principal::new("shop.user", &Json::from_store("7")));
    new.max_sessions = Some(MaxSessions::new(NonZeroU32::MIN, WhenFull::EvictOldest));
    new
}

#[tokio::test]
async fn the_settings_of_a_call_are_in_force_and_none_of_them_stays() {
    let Some(server) = shared_postgres().await else { return };
    // One connection to the server, which the store and the other client use by turns.
    for lines in ["default_pool_size = 1", "default_pool_size = 1\nignore_startup_parameters = options"] {
        let Some(pooler) = PgBouncer::before(server, lines).await else { return };
        let database = server.database().await;
        let alter = format!("ALTER DATABASE {database} SET default_transaction_isolation = 'serializable'");
        server.execute("postgres", &alter).await;
        let store = open(&pooler.url(&database)).await;
        server.execute(&database, LOOK).await;
        store.create(&SELECTOR, &new_record()).await.unwrap();
        count(&store, &SELECTOR).await.unwrap();
        store.create(&selector(1), &signed_in()).await.unwrap();
        store.create(&selector(2), &signed_in()).await.unwrap();
        assert!(store.load(&selector(1)).await.unwrap().is_none(), "the older one made room");
        let seen: String =
            ask(&mut server.connection(&database).await, "SELECT string_agg(settings, ',') FROM seen").await;
        assert_eq!(seen, "pg_catalog, pg_temp / read committed / 3s");

        let mut other = pooler.connection(&database).await;
        let left: String =
            sqlx::query_scalar(LEFT).persistent(false).fetch_one(begun(&mut other).await).await.unwrap();
        assert_eq!(left, "\"$user\", public / serializable / 0 / 0");
    }
}

/// A transaction, in which a statement is prepared and run on the same connection of the server.
async fn begun(connection: &mut PgConnection) -> &mut PgConnection {
    sqlx::raw_sql("BEGIN").execute(&mut *connection).await.unwrap();
    connection
}

/// Who may create functions in a schema of the search path may not run as the application (CVE-2018-1058).
#[tokio::test]
async fn a_function_with_the_name_of_one_of_postgresql_is_not_called() {
    let Some(server) = shared_postgres().await else { return };
    let Some(pooler) = PgBouncer::before(server, "").await else { return };
    let database = server.database().await;
    let store = open(&pooler.url(&database)).await;
    // Closer to how the store calls it than the function of PostgreSQL, whose arguments may be of any type.
    let overload = "CREATE TABLE called (by text);
        CREATE FUNCTION public.concat(text, text, text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO public.called VALUES (current_user); RETURN pg_catalog.concat($1, $2, $3, $4); END $$";
    server.execute(&database, overload).await;
    let mut connection = server.connection(&database).await;
    let reached = "SELECT concat('1'::text, NULL::text, ' '::text, 'x'::text)";
    ask::<String>(&mut connection, reached).await;
    assert_eq!(ask::<i64>(&mut connection, "SELECT count(*) FROM called").await, 1, "it would be called");
    store.create(&SELECTOR, &new_record()).await.unwrap();
    count(&store, &SELECTOR).await.unwrap();
    assert_eq!(ask::<i64>(&mut connection, "SELECT count(*) FROM called").await, 1);
}

#[tokio::test]
async fn a_call_is_four_round_trips() {
    let Some(server) = shared_postgres().await else { return };
    let Some(pooler) = PgBouncer::before(server, "").await else { return };
    let proxy = Proxy::postgres(pooler.port());
    let store = open(&proxy.url(&server.database().await)).await;
    store.create(&SELECTOR, &new_record()).await.unwrap();
    for _ in 0..2 {
        proxy.reset_counts();
        store.load(&SELECTOR).await.unwrap();
        assert_eq!(proxy.round_trips(), 4);
    }
}

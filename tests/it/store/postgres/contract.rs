//! The conformance suite on PostgreSQL, with two stores on every database, one of them behind a proxy.

use std::{future::Future, sync::Mutex};

use actix_typed_session::store::conformance::{Damage, Harness, check_all};

use super::*;

struct Shared {
    runtime: tokio::runtime::Runtime,
    server: &'static Postgres,
    /// In front of the server, or of a pooler before it.
    proxy: Proxy,
    pooler: Option<PgBouncer>,
    /// The database of the store under test.
    database: Mutex<String>,
}

impl Shared {
    /// `None` without PostgreSQL.
    fn direct() -> Option<Self> {
        Self::with(|_, _| Some(None))
    }

    /// `None` without PostgreSQL or PgBouncer.
    fn behind_a_pooler() -> Option<Self> {
        Self::with(|runtime, server| runtime.block_on(PgBouncer::before(server, "")).map(Some))
    }

    fn with(
        pooler: impl FnOnce(&tokio::runtime::Runtime, &Postgres) -> Option<Option<PgBouncer>>,
    ) -> Option<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = runtime.block_on(shared_postgres())?;
        let pooler = pooler(&runtime, server)?;
        let proxy = Proxy::postgres(pooler.as_ref().map_or(server.port(), PgBouncer::port));
        Some(Self { runtime, server, proxy, pooler, database: Mutex::default() })
    }

    fn database(&self) -> String {
        self.database.lock().unwrap().clone()
    }

    async fn open(&self, url: &str) -> PostgresStore {
        let options = PostgresStore::options(url).unwrap().sweep_every(None);
        // Room for eight writers at once, beside other tests.
        options.max_connections(4).connect_timeout(Duration::from_secs(20)).open().await.unwrap()
    }

    /// Runs `sql` without using the store, with the selector and `bytes` as values.
    async fn harm(&self, sql: &'static str, selector: &Selector, bytes: Vec<u8>) {
        let mut connection = self.server.connection(&self.database()).await;
        let harm = sqlx::query(sql).bind(selector.as_bytes().to_vec()).bind(bytes);
        assert_eq!(harm.execute(&mut connection).await.unwrap().rows_affected(), 1);
        connection.close().await.unwrap();
    }
}

impl Harness for Shared {
    type Store = PostgresStore;

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    async fn store(&self) -> PostgresStore {
        let database = self.server.database().await;
        self.database.lock().unwrap().clone_from(&database);
        self.open(&self.proxy.url(&database)).await
    }

    async fn pass(&self, _: &PostgresStore, by: Duration) {
        tokio::time::sleep(by).await;
    }

    fn stands_still(&self) -> bool {
        false
    }

    async fn sibling(&self, _: &PostgresStore) -> Option<PostgresStore> {
        Some(self.open(&self.server.url(&self.database())).await)
    }

    async fn damage(&self, _: &PostgresStore, selector: &Selector, damage: Damage) -> bool {
        let sql = match damage {
            Damage::Meta | Damage::TruncatedMeta | Damage::MetaNotText => {
                "UPDATE typed_session SET verifier = $2 WHERE selector = $1"
            }
            Damage::NewerLayout => {
                "UPDATE typed_session SET format = 60000 WHERE selector = $1 AND $2 IS NOT NULL"
            }
            Damage::Cell => {
                "UPDATE typed_session SET cells = jsonb_set(cells, '{shop.cart}', to_jsonb(convert_from($2, 'UTF8'))) \
                 WHERE selector = $1"
            }
            Damage::WrongType => {
                "UPDATE typed_session SET cells = jsonb_set(cells, '{shop.cart}', '[7]') \
                 WHERE selector = $1 AND $2 IS NOT NULL"
            }
            // A row cannot lack its meta, and the engine refuses what is not text.
            _ => return false,
        };
        self.harm(sql, selector, damage.bytes().to_vec()).await;
        true
    }

    async fn add_later(&self, _: &PostgresStore, selector: &Selector) -> Option<Vec<u8>> {
        let mut connection = self.server.connection(&self.database()).await;
        let add = "ALTER TABLE typed_session ADD COLUMN later bytea";
        sqlx::query(add).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        self.harm("UPDATE typed_session SET later = $2 WHERE selector = $1", selector, b"added".to_vec())
            .await;
        Some(br"\x6164646564".to_vec())
    }

    async fn raw(&self, _: &PostgresStore, selector: &Selector) -> Option<Vec<u8>> {
        let mut connection = self.server.connection(&self.database()).await;
        let sql = "SELECT coalesce(string_agg(t::text, ';'), '') FROM typed_session t WHERE selector = $1";
        let text: String = sqlx::query_scalar(sql)
            .bind(selector.as_bytes().to_vec())
            .fetch_one(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        Some(text.into_bytes())
    }

    async fn cut_reply(&self, _: &PostgresStore) -> bool {
        // Behind a pooler, a statement is not done before its transaction is.
        let pooled = self.pooler.is_some();
        let is_run = move |command: &Command| {
            if pooled {
                return command.name == "COMMIT";
            }
            command.name.contains("typed_session") && !command.name.starts_with("prepare ")
        };
        self.proxy.on_command(0, is_run, Mode::CutAfterForward);
        true
    }
}

actix_typed_session::conformance_tests!(match Shared::direct() {
    Some(shared) => shared,
    None => return,
});

mod behind_a_pooler {
    use super::Shared;

    actix_typed_session::conformance_tests!(match Shared::behind_a_pooler() {
        Some(shared) => shared,
        None => return,
    });
}

#[test]
fn every_rule_is_checked() {
    for shared in [Shared::direct(), Shared::behind_a_pooler()].into_iter().flatten() {
        assert_eq!(check_all(&shared), [""; 0]);
    }
}

//! The conformance suite on MariaDB, with two stores on every database, one of them behind a proxy; and the same through `connect`.

use std::{future::Future, sync::Mutex};

use actix_typed_session::store::{
    AnyStore,
    conformance::{Damage, Harness, check_all},
};

use super::*;

struct Shared<S> {
    runtime: tokio::runtime::Runtime,
    server: &'static MariaDb,
    proxy: Proxy,
    /// The database of the store under test.
    database: Mutex<String>,
    make: fn(MySqlStore) -> S,
}

impl<S> Shared<S> {
    /// `None` without MariaDB.
    fn new(make: fn(MySqlStore) -> S) -> Option<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = runtime.block_on(shared_mariadb())?;
        let proxy = Proxy::mariadb(server.port());
        Some(Self { runtime, server, proxy, database: Mutex::default(), make })
    }

    fn database(&self) -> String {
        self.database.lock().unwrap().clone()
    }

    async fn open(&self, url: &str) -> S {
        let options = MySqlStore::options(url).unwrap().sweep_every(None);
        // Room for eight writers at once, beside other tests.
        let options = options.max_connections(4).connect_timeout(Duration::from_secs(20));
        (self.make)(options.open().await.unwrap())
    }

    /// Runs `sql` without using the store, with `bytes` and the selector as values.
    async fn harm(&self, sql: &'static str, selector: &Selector, bytes: Vec<u8>) {
        let mut connection = self.server.connection(&self.database()).await;
        let harm = sqlx::query(sql).bind(bytes).bind(selector.as_bytes().to_vec());
        assert_eq!(harm.execute(&mut connection).await.unwrap().rows_affected(), 1);
        connection.close().await.unwrap();
    }
}

impl<S: SessionStore> Harness for Shared<S> {
    type Store = S;

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    async fn store(&self) -> S {
        let database = self.server.database().await;
        self.database.lock().unwrap().clone_from(&database);
        self.open(&self.proxy.url(&database)).await
    }

    async fn pass(&self, _: &S, by: Duration) {
        tokio::time::sleep(by).await;
    }

    fn stands_still(&self) -> bool {
        false
    }

    async fn sibling(&self, _: &S) -> Option<S> {
        Some(self.open(&self.server.url(&self.database())).await)
    }

    async fn damage(&self, _: &S, selector: &Selector, damage: Damage) -> bool {
        let sql = match damage {
            Damage::Meta | Damage::TruncatedMeta | Damage::NewerLayout => {
                "UPDATE typed_session SET meta = CONVERT(? USING utf8mb4) WHERE selector = ?"
            }
            Damage::Cell => {
                "UPDATE typed_session SET cells = JSON_SET(cells, '$.\"shop.cart\"', CONVERT(? USING utf8mb4)) \
                 WHERE selector = ?"
            }
            Damage::WrongType => {
                "UPDATE typed_session SET cells = '{\"shop.cart\": [7]}' WHERE ? IS NOT NULL AND selector = ?"
            }
            // A row cannot lack its meta, and the server refuses what is not text.
            _ => return false,
        };
        self.harm(sql, selector, damage.bytes().to_vec()).await;
        true
    }

    async fn add_later(&self, _: &S, selector: &Selector) -> Option<Vec<u8>> {
        let added = br#"{"later":"added","#;
        let sql = "UPDATE typed_session SET meta = CONCAT(?, SUBSTR(meta, 2)) WHERE selector = ?";
        self.harm(sql, selector, added.to_vec()).await;
        Some(br#""later":"added""#.to_vec())
    }

    async fn raw(&self, _: &S, selector: &Selector) -> Option<Vec<u8>> {
        let mut connection = self.server.connection(&self.database()).await;
        let sql = "SELECT CAST(COALESCE(GROUP_CONCAT(meta, cells, expires, COALESCE(HEX(principal), '-')), '') AS BINARY) \
            FROM typed_session WHERE selector = ?";
        let bytes: Vec<u8> = sqlx::query_scalar(sql)
            .bind(selector.as_bytes().to_vec())
            .fetch_one(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        Some(bytes)
    }

    async fn cut_reply(&self, _: &S) -> bool {
        self.proxy.on_command(0, |command| command.name.contains("COMMIT"), Mode::CutAfterForward);
        true
    }
}

actix_typed_session::conformance_tests!(match Shared::new(|store| store) {
    Some(shared) => shared,
    None => return,
});

mod any {
    use super::*;
    actix_typed_session::conformance_tests!(match Shared::new(AnyStore::new) {
        Some(shared) => shared,
        None => return,
    });
}

#[test]
fn every_rule_is_checked() {
    let Some(shared) = Shared::new(|store| store) else { return };
    assert_eq!(check_all(&shared), [""; 0]);
}

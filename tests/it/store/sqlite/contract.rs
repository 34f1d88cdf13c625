//! The conformance suite on SQLite, with two handles on every file.

use std::sync::Mutex;

use actix_typed_session::{
    record::Timestamp,
    store::{
        Clock,
        conformance::{Damage, Harness},
    },
};

use super::*;

struct Sqlite {
    clock: ManualClock,
    runtime: tokio::runtime::Runtime,
    files: Mutex<Vec<TempDir>>,
}

impl Sqlite {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        Self { clock: ManualClock::at(BEGIN), runtime, files: Mutex::default() }
    }

    fn path(&self) -> PathBuf {
        self.files.lock().unwrap().last().unwrap().path().join("sessions.db")
    }

    async fn open(&self) -> SqliteStore {
        // The rules wait for hundreds of writes, and none is about a power cut.
        let options = SqliteStore::options(self.path()).synchronous(Synchronous::Normal);
        options.busy_timeout(Duration::from_secs(20)).clock(self.clock.clone()).open().await.unwrap()
    }
}

impl Harness for Sqlite {
    type Store = SqliteStore;

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    async fn store(&self) -> SqliteStore {
        self.files.lock().unwrap().push(TempDir::new().unwrap());
        self.open().await
    }

    async fn pass(&self, _: &SqliteStore, by: Duration) {
        self.clock.advance(by);
    }

    async fn step_back(&self, _: &SqliteStore, by: Duration) -> bool {
        let millis = u64::try_from(by.as_millis()).unwrap();
        self.clock.set(Timestamp::from_millis(self.clock.now().as_millis() - millis));
        true
    }

    async fn sibling(&self, _: &SqliteStore) -> Option<SqliteStore> {
        Some(self.open().await)
    }

    async fn damage(&self, _: &SqliteStore, selector: &Selector, damage: Damage) -> bool {
        let sql = match damage {
            // TEXT columns of strict tables hold text, but SQLite does not check that it is UTF-8.
            Damage::Meta | Damage::TruncatedMeta | Damage::MetaNotText | Damage::NewerLayout => {
                "UPDATE session SET meta = CAST(?2 AS TEXT) WHERE selector = ?1"
            }
            Damage::Cell | Damage::CellNotText => {
                "UPDATE cell SET cell = CAST(?2 AS TEXT) WHERE session = ?1 AND wire_key = 'shop.cart'"
            }
            // Without the trigger that keeps meta and cells together.
            Damage::NoMeta => "DELETE FROM session WHERE selector = ?1 AND ?2 IS NOT NULL",
            _ => return false,
        };
        let mut connection = raw(&self.path()).await;
        let drop = "DROP TRIGGER session_ends";
        if damage == Damage::NoMeta {
            sqlx::query(drop).execute(&mut connection).await.unwrap();
        }
        let harm = sqlx::query(sql).bind(selector.as_bytes().to_vec()).bind(damage.bytes().to_vec());
        assert_eq!(harm.execute(&mut connection).await.unwrap().rows_affected(), 1);
        if damage == Damage::NoMeta {
            let again = "CREATE TRIGGER session_ends AFTER DELETE ON session \
                BEGIN DELETE FROM cell WHERE session = OLD.selector; END";
            sqlx::query(again).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
        true
    }

    async fn add_later(&self, _: &SqliteStore, selector: &Selector) -> Option<Vec<u8>> {
        let sql = "UPDATE session SET meta = json_insert(meta, '$.later', 'added') WHERE selector = ?1";
        let mut connection = raw(&self.path()).await;
        let add = sqlx::query(sql).bind(selector.as_bytes().to_vec());
        assert_eq!(add.execute(&mut connection).await.unwrap().rows_affected(), 1);
        connection.close().await.unwrap();
        let hex = r#""later":"added""#.bytes().map(|byte| format!("{byte:02X}"));
        Some(hex.collect::<String>().into_bytes())
    }

    async fn raw(&self, _: &SqliteStore, selector: &Selector) -> Option<Vec<u8>> {
        let all = "SELECT CAST(group_concat(row, x'00') AS BLOB) FROM (
            SELECT hex(meta) || expires || coalesce(principal, '') AS row FROM session WHERE selector = ?1
            UNION ALL SELECT hex(wire_key) || hex(cell) FROM cell WHERE session = ?1)";
        let mut connection = raw(&self.path()).await;
        let bytes = sqlx::query_scalar(all)
            .bind(selector.as_bytes().to_vec())
            .fetch_one(&mut connection)
            .await
            .unwrap();
        Some(bytes)
    }
}

actix_typed_session::conformance_tests!(Sqlite::new());

#[test]
fn every_rule_is_checked_except_lost_replies() {
    assert_eq!(
        actix_typed_session::store::conformance::check_all(&Sqlite::new()),
        ["an_unknown_outcome_is_never_sent_again"]
    );
}

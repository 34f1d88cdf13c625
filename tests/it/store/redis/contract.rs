//! The conformance suite on Redis, through a proxy that can lose a reply.

use std::{future::Future, sync::Mutex};

use actix_typed_session::store::{
    AnyStore, MemoryStore,
    conformance::{Damage, Harness},
};
use tokio::runtime::Runtime;

use super::*;
use crate::servers::proxy::{Mode, Proxy};

struct OnRedis {
    runtime: Runtime,
    /// `None` without a Redis server. The suite then runs on another store, and a message says that Redis was skipped.
    current: Mutex<Option<(Proxy, String)>>,
}

impl OnRedis {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { runtime, current: Mutex::default() }
    }

    async fn open(&self) -> Option<AnyStore> {
        let options = {
            let current = self.current.lock().unwrap();
            let (proxy, prefix) = current.as_ref()?;
            RedisStore::options(&proxy.url("")).unwrap().prefix(prefix)
        };
        Some(AnyStore::new(options.open().await.unwrap()))
    }

    fn record_key(&self, selector: &Selector) -> Option<String> {
        Some(record_key(&self.current.lock().unwrap().as_ref()?.1, selector))
    }
}

impl Harness for OnRedis {
    type Store = AnyStore;

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    async fn store(&self) -> AnyStore {
        if let Some(redis) = shared_redis().await {
            let current = (Proxy::redis(redis.port()), format!("{}:", unique_name()));
            *self.current.lock().unwrap() = Some(current);
        }
        self.open().await.unwrap_or_else(|| AnyStore::new(MemoryStore::unbounded()))
    }

    async fn pass(&self, _: &AnyStore, by: Duration) {
        tokio::time::sleep(by).await;
    }

    fn stands_still(&self) -> bool {
        false
    }

    async fn sibling(&self, _: &AnyStore) -> Option<AnyStore> {
        self.open().await
    }

    async fn damage(&self, _: &AnyStore, selector: &Selector, damage: Damage) -> bool {
        let Some(key) = self.record_key(selector) else { return false };
        let mut connection = shared_redis().await.unwrap().connection().await;
        let mut commands = ::redis::pipe();
        let (field, value): (&str, &[u8]) = match damage {
            Damage::Meta => ("@m", damage.bytes()),
            Damage::TruncatedMeta => ("@h", b""),
            Damage::MetaNotText => ("@l", damage.bytes()),
            Damage::Cell | Damage::CellNotText => ("shop.cart", damage.bytes()),
            Damage::NewerLayout => ("@h", b"60000 later"),
            Damage::NoMeta => {
                commands
                    .cmd("HDEL")
                    .arg(&key)
                    .arg(&["@h", "@m", "@v", "@p", "@l"])
                    .exec_async(&mut connection)
                    .await
                    .unwrap();
                return true;
            }
            Damage::WrongType => {
                commands.del(&key).rpush(&key, "shop.cart").exec_async(&mut connection).await.unwrap();
                return true;
            }
            _ => return false,
        };
        commands.hset(&key, field, value).exec_async(&mut connection).await.unwrap();
        true
    }

    async fn add_later(&self, _: &AnyStore, selector: &Selector) -> Option<Vec<u8>> {
        let key = self.record_key(selector)?;
        let mut connection = shared_redis().await?.connection().await;
        let known: String =
            ::redis::cmd("HGET").arg(&key).arg("@m").query_async(&mut connection).await.unwrap();
        let add = format!("{known} later-7");
        ::redis::cmd("HSET").arg(&key).arg("@m").arg(add).exec_async(&mut connection).await.unwrap();
        Some(b" later-7".to_vec())
    }

    async fn raw(&self, _: &AnyStore, selector: &Selector) -> Option<Vec<u8>> {
        let key = self.record_key(selector)?;
        let mut connection = shared_redis().await?.connection().await;
        let fields = ::redis::cmd("HGETALL").arg(&key).query_async::<Vec<Vec<u8>>>(&mut connection).await;
        match fields {
            Ok(fields) => Some(fields.join(&0)),
            // A key of another type.
            Err(_) => ::redis::cmd("DUMP").arg(&key).query_async(&mut connection).await.unwrap(),
        }
    }

    async fn cut_reply(&self, _: &AnyStore) -> bool {
        let current = self.current.lock().unwrap();
        let Some((proxy, _)) = current.as_ref() else { return false };
        proxy.on_command(0, |command| command.name.starts_with("EVAL"), Mode::CutAfterForward);
        true
    }
}

actix_typed_session::conformance_tests!(OnRedis::new());

#[test]
fn every_rule_is_checked_except_a_sweep() {
    let harness = OnRedis::new();
    if harness.block_on(shared_redis()).is_some() {
        // Redis removes what has expired by itself.
        assert_eq!(
            actix_typed_session::store::conformance::check_all(&harness),
            ["a_sweep_removes_the_expired_and_nothing_else"]
        );
    }
}

#[tokio::test]
async fn the_store_can_be_named_by_a_url() {
    let Some(redis) = shared_redis().await else { return };
    let url = format!("{}/0?prefix={}", redis.url(), unique_name());
    let store = actix_typed_session::store::open(&url).await.unwrap();
    assert_eq!(store.create(&SELECTOR, &new_record()).await.unwrap(), Created::Created);
    assert!(store.abilities().has_index());
    let nobody = actix_typed_session::store::open("redis://:s3cret@127.0.0.1:1").await.unwrap_err();
    assert!(!format!("{nobody} {nobody:?}").contains("s3cret"), "{nobody}");
}

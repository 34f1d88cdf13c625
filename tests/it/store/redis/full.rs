//! A server whose memory is full, and a server that evicts.

use super::*;
use crate::servers::RedisCluster;

/// So little memory that nothing more fits, on a server for this test alone.
async fn fill(redis: &Redis) {
    redis.config_set("maxmemory", "1").await;
}

/// actix-session 0.11.
#[tokio::test]
async fn a_full_server_keeps_what_it_has_and_lets_sessions_end() {
    let Some(redis) = Redis::start().await else { return };
    let store = RedisStore::open(&redis.url()).await.unwrap();
    for n in 1..=4 {
        store.create(&selector(n), &signed_in("1")).await.unwrap();
    }
    let before = store.load(&selector(1)).await.unwrap().unwrap().record;
    fill(&redis).await;
    let mut change = write("shop.cart", "[]");
    change.delete = vec!["shop.visits".into()];
    assert_eq!(kind(store.update(&selector(1), &change).await), StoreErrorKind::Full);
    assert_eq!(kind(store.update(&selector(1), &sign_in("2", None)).await), StoreErrorKind::Full);
    assert_eq!(kind(store.create(&selector(9), &new_record()).await), StoreErrorKind::Full);
    assert_eq!(kind(store.create(&selector(9), &signed_in("1")).await), StoreErrorKind::Full);
    let after = store.load(&selector(1)).await.unwrap().unwrap().record;
    assert_eq!(after, before);
    // On a full server, sessions can still be ended.
    store.delete(&selector(4), None).await.unwrap();
    assert!(!lives(&store, &selector(4)).await);
    assert_eq!(store.delete_all(&principal("1"), Some(&selector(1))).await.unwrap(), 2);
    assert_eq!(
        [
            lives(&store, &selector(1)).await,
            lives(&store, &selector(2)).await,
            lives(&store, &selector(3)).await
        ],
        [true, false, false]
    );
    assert_eq!(store.sessions_of(&principal("1")).await.unwrap().len(), 1);
    redis.config_set("maxmemory", "0").await;
    assert_eq!(store.update(&selector(1), &change).await.unwrap(), Updated::Done { revision: 2 });
}

mod warned {
    use std::{
        fmt::Write as _,
        sync::{Arc, Mutex},
    };

    use tracing::{
        Event, Metadata, Subscriber,
        field::{Field, Visit},
        span::{Attributes, Id, Record},
        subscriber::DefaultGuard,
    };

    /// Collects the log messages of this thread while it exists.
    pub(super) struct Said(Arc<Mutex<String>>, #[allow(dead_code)] DefaultGuard);

    impl Said {
        pub(super) fn from_here() -> Self {
            let said = Arc::<Mutex<String>>::default();
            let guard = tracing::subscriber::set_default(Listener(said.clone()));
            Self(said, guard)
        }

        pub(super) fn all(&self) -> String {
            self.0.lock().unwrap().clone()
        }
    }

    struct Listener(Arc<Mutex<String>>);

    struct Text<'a>(&'a mut String);

    impl Visit for Text<'_> {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            let _ = write!(self.0, " {field}={value:?}");
        }
    }

    impl Subscriber for Listener {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            let mut said = self.0.lock().unwrap();
            said.push_str(event.metadata().level().as_str());
            event.record(&mut Text(&mut said));
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }
}

#[tokio::test]
async fn a_server_that_evicts_is_warned_about() {
    let Some(redis) = Redis::start().await else { return };
    let said = warned::Said::from_here();
    RedisStore::open(&redis.url()).await.unwrap();
    assert!(!said.all().contains("WARN"), "{}", said.all());
    redis.config_set("maxmemory-policy", "allkeys-lru").await;
    RedisStore::open(&redis.url()).await.unwrap();
    let all = said.all();
    assert!(
        all.contains("WARN") && all.contains("allkeys-lru") && all.contains("maxmemory-policy noeviction"),
        "{all}"
    );
}

#[tokio::test]
async fn the_settings_of_every_server_of_a_cluster_are_checked() {
    let Some(cluster) = RedisCluster::start().await else { return };
    for node in 0..3 {
        let said = warned::Said::from_here();
        cluster.node(node).config_set("maxmemory-policy", "allkeys-lru").await;
        RedisStore::open(&cluster.url()).await.unwrap();
        let warned = said.all();
        assert_eq!(warned.matches("may evict sessions").count(), node + 1, "{warned}");
    }
}

#[tokio::test]
async fn a_server_without_an_append_only_file_is_warned_about() {
    let Some(redis) = Redis::start().await else { return };
    let said = warned::Said::from_here();
    redis.config_set("save", "3600 1").await;
    RedisStore::open(&redis.url()).await.unwrap();
    assert!(said.all().contains("WARN") && said.all().contains("appendonly yes"), "{}", said.all());
}

#[tokio::test]
async fn a_server_that_hides_its_settings_is_no_error() {
    let options = ["--rename-command", "CONFIG", ""];
    let Some(redis) = Redis::with_options(&options).await else { return };
    let said = warned::Said::from_here();
    let store = RedisStore::open(&redis.url()).await.unwrap();
    assert!(!said.all().contains("WARN") && said.all().contains("INFO"), "{}", said.all());
    store.create(&SELECTOR, &new_record()).await.unwrap();
    // INFO tells of both dangers.
    let options =
        [&options[..], &["--maxmemory-policy", "allkeys-lru", "--save", "3600 1", "--appendonly", "no"]]
            .concat();
    let Some(redis) = Redis::with_options(&options).await else { return };
    redis.command::<()>(&["SAVE"]).await.unwrap();
    let said = warned::Said::from_here();
    RedisStore::open(&redis.url()).await.unwrap();
    let all = said.all();
    assert!(all.contains("may evict sessions") && all.contains("allkeys-lru"), "{all}");
    assert!(all.contains("no append-only file"), "{all}");
}

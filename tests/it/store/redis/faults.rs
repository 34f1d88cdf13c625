//! Connections that break, and servers that are frozen, killed, emptied or demoted.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use futures_util::future::join_all;
use tokio::time::timeout;

use actix_typed_session::store::{Scan as _, redis::OpenError};

use super::*;
use crate::servers::proxy::{Mode, Proxy};

async fn through(proxy: &Proxy) -> RedisStore {
    let prefix = format!("{}:", unique_name());
    RedisStore::options(&proxy.url("")).unwrap().prefix(prefix).open().await.unwrap()
}

fn is_script(command: &crate::servers::proxy::Command) -> bool {
    command.name.starts_with("EVAL")
}

#[tokio::test]
async fn what_is_not_sent_is_unavailable_and_what_is_lost_is_unknown() {
    let Some(redis) = Redis::start().await else { return };
    let proxy = Proxy::redis(redis.port());
    let store = through(&proxy).await;
    store.create(&SELECTOR, &new_record()).await.unwrap();
    for mode in
        [Mode::CutBeforeForward, Mode::CutAfterForward, Mode::Garbage(b"?\r\n".to_vec()), Mode::Truncate(1)]
    {
        proxy.on_command(0, is_script, mode.clone());
        let lost = store.update(&SELECTOR, &write("shop.cart", "[]")).await;
        assert_eq!(kind(lost), StoreErrorKind::UnknownOutcome, "{mode:?}");
        proxy.on_command(0, is_script, mode.clone());
        assert_eq!(kind(store.create(&selector(1), &new_record()).await), StoreErrorKind::UnknownOutcome);
        proxy.on_command(0, is_script, mode.clone());
        assert_eq!(kind(store.delete(&selector(1), None).await), StoreErrorKind::UnknownOutcome);
        proxy.on_command(0, |command| command.name == "HGETALL", mode.clone());
        assert_eq!(kind(store.load(&SELECTOR).await), StoreErrorKind::Unavailable);
        assert!(lives(&store, &SELECTOR).await, "the next call has a new connection");
    }
    // The connection is known to be dead before the command is sent, as after an idle server was restarted.
    let connections = proxy.connections();
    proxy.reset();
    until("the store's connection has ended", || async {
        store.update(&SELECTOR, &write("shop.cart", "[]")).await.is_ok() && proxy.connections() > connections
    })
    .await;
    redis.kill().await;
    assert_eq!(kind(store.load(&SELECTOR).await), StoreErrorKind::Unavailable);
    assert_eq!(kind(store.update(&SELECTOR, &write("shop.cart", "[]")).await), StoreErrorKind::Unavailable);
    assert_eq!(kind(store.create(&SELECTOR, &new_record()).await), StoreErrorKind::Unavailable);
    assert_eq!(kind(store.sessions_of(&principal("1")).await), StoreErrorKind::Unavailable);
    redis.restart().await;
    let recovering = Instant::now();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    assert!(recovering.elapsed() < Duration::from_secs(5));
}

/// A reply that no script gives to this call leaves the outcome unknown.
#[tokio::test]
async fn a_reply_to_something_else_is_an_unknown_outcome() {
    let Some(redis) = shared_redis().await else { return };
    let proxy = Proxy::redis(redis.port());
    for reply in ["+OK\r\n", ":1\r\n", "*0\r\n", "*1\r\n:9\r\n", "*1\r\n:5\r\n"] {
        let store = through(&proxy).await;
        store.create(&SELECTOR, &new_record()).await.unwrap();
        proxy.on_command(0, is_script, Mode::Garbage(reply.into()));
        let told = store.update(&SELECTOR, &write("shop.cart", "[]")).await;
        assert_eq!(kind(told), StoreErrorKind::UnknownOutcome, "{reply:?}");
    }
}

/// For every n, the reply to the n-th command of a sign-in is lost.
#[tokio::test]
async fn a_sign_in_that_loses_a_reply_is_stored_or_not_and_reports_it() {
    let Some(redis) = shared_redis().await else { return };
    let proxy = Proxy::redis(redis.port());
    let store = through(&proxy).await;
    let mut kinds = Vec::new();
    // The server then knows all scripts.
    for n in 0..2 {
        let mut new = signed_in("");
        new.max_sessions = Some(at_most(1, WhenFull::EvictOldest));
        store.create(&selector(200 + n), &new).await.unwrap();
    }
    for evict in [false, true] {
        for nth in 0..8 {
            let name = format!("{evict}{nth}");
            let mut new = signed_in(&name);
            if evict {
                store.create(&selector(100 + nth), &new).await.unwrap();
                new.max_sessions = Some(at_most(1, WhenFull::EvictOldest));
            }
            proxy.on_command(nth.into(), is_script, Mode::CutAfterForward);
            let selector = selector(if evict { 20 } else { 1 } + nth);
            let answer = store.create(&selector, &new).await;
            proxy.heal();
            let live = lives(&store, &selector).await;
            match answer.map_err(|error| error.kind()) {
                Ok(created) => assert!(live && created == Created::Created, "{name}"),
                Err(kind) => {
                    assert!(!live || kind == StoreErrorKind::UnknownOutcome, "{name}");
                    kinds.push(kind);
                }
            }
            // Whatever the outcome was, the end is final.
            store.delete_all(&principal(&name), None).await.unwrap();
            assert!(
                !lives(&store, &selector).await && !lives(&store, &self::selector(100 + nth)).await,
                "{name}"
            );
            assert_eq!(store.sessions_of(&principal(&name)).await.unwrap(), []);
        }
    }
    let count = |kind| kinds.iter().filter(|seen| **seen == kind).count();
    // Reserve, write, confirm. With an eviction: reserve twice, delete, clear, write, confirm.
    assert_eq!((count(StoreErrorKind::Unavailable), count(StoreErrorKind::UnknownOutcome)), (1 + 4, 2 + 2));
}

/// A server that is starting, or a cluster that has lost a slot, is asked again for a moment and no longer.
#[tokio::test]
async fn calls_that_are_refused_for_the_moment_are_repeated_in_time() {
    let Some(redis) = shared_redis().await else { return };
    let proxy = Proxy::redis(redis.port());
    let store = through(&proxy).await;
    store.create(&SELECTOR, &new_record()).await.unwrap();
    for reply in
        ["-LOADING Redis is loading", "-CLUSTERDOWN Hash slot not served", "-TRYAGAIN x", "-MASTERDOWN x"]
    {
        let reply = Mode::Garbage(format!("{reply}\r\n").into_bytes());
        // For loads only, because the proxy forwards what it answers in place of the server.
        for _ in 0..3 {
            proxy.on_command(0, |command| command.name == "HGETALL", reply.clone());
        }
        assert!(lives(&store, &SELECTOR).await, "{reply:?}");
        proxy.on_each(|command| command.name == "HGETALL", reply.clone());
        let begun = Instant::now();
        assert_eq!(load(&store).await, Err(StoreErrorKind::Unavailable));
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        proxy.heal();
    }
}

#[tokio::test]
async fn a_primary_that_misses_its_replicas_refuses_and_nothing_changes() {
    let Some(redis) = Redis::start().await else { return };
    let store = RedisStore::open(&redis.url()).await.unwrap();
    store.create(&SELECTOR, &signed_in("1")).await.unwrap();
    redis.config_set("min-replicas-to-write", "1").await;
    assert_eq!(kind(store.update(&SELECTOR, &write("shop.cart", "[]")).await), StoreErrorKind::Unavailable);
    assert_eq!(kind(store.create(&selector(1), &new_record()).await), StoreErrorKind::Unavailable);
    assert_eq!(kind(store.create(&selector(1), &signed_in("1")).await), StoreErrorKind::Unavailable);
    assert_eq!(kind(store.delete(&SELECTOR, None).await), StoreErrorKind::Unavailable);
    assert_eq!(kind(store.delete_all(&principal("1"), None).await), StoreErrorKind::Unavailable);
    assert!(lives(&store, &SELECTOR).await);
    redis.config_set("min-replicas-to-write", "0").await;
    assert_eq!(
        store.update(&SELECTOR, &write("shop.cart", "[]")).await.unwrap(),
        Updated::Done { revision: 2 }
    );
    assert_eq!(store.delete_all(&principal("1"), None).await.unwrap(), 1);
}

#[tokio::test]
async fn a_connection_that_went_silent_is_replaced() {
    let Some(redis) = shared_redis().await else { return };
    let proxy = Proxy::redis(redis.port());
    let store = through(&proxy).await;
    store.create(&SELECTOR, &new_record()).await.unwrap();
    proxy.set(Mode::BlackHole);
    // A caller with a deadline leaves early.
    timeout(Duration::from_millis(100), load(&store)).await.unwrap_err();
    proxy.heal();
    let silent = Instant::now();
    until("the silent connection is replaced", || async {
        timeout(Duration::from_millis(100), load(&store)).await.is_ok_and(|loaded| loaded.is_ok())
    })
    .await;
    assert!(silent.elapsed() < Duration::from_secs(5));
    // A caller without a deadline gets an error.
    proxy.on_command(0, is_script, Mode::SwallowReply);
    let write =
        timeout(Duration::from_secs(20), store.update(&SELECTOR, &write("shop.cart", "[]"))).await.unwrap();
    assert_eq!(kind(write), StoreErrorKind::UnknownOutcome);
    assert!(lives(&store, &SELECTOR).await);
}

#[tokio::test]
async fn calls_to_a_frozen_server_end_in_time_and_its_return_is_noticed() {
    let Some(redis) = Redis::start().await else { return };
    let store = RedisStore::open(&redis.url()).await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    redis.freeze().await;
    let begun = Instant::now();
    let many = join_all((0..50).map(|_| load(&store))).await;
    assert!(many.iter().all(|loaded| *loaded == Err(StoreErrorKind::Unavailable)));
    // All waiting callers share one failed attempt to connect.
    let many = join_all((0..50).map(|_| load(&store))).await;
    assert!(many.iter().all(Result::is_err));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    redis.thaw();
    let thawed = Instant::now();
    until("the server is used again", async || store.load(&SELECTOR).await.is_ok()).await;
    assert!(thawed.elapsed() < Duration::from_secs(5));
}

/// Futures are dropped at every stage of a call, and each record is still answered with its own values.
/// CVE-2023-28858.
#[tokio::test]
async fn a_dropped_future_mixes_up_no_replies() {
    let Some((store, _, _)) = shared().await else { return };
    for n in 0..20 {
        let mut new = new_record();
        new.cells = write("shop.owner", &n.to_string()).write;
        store.create(&selector(n), &new).await.unwrap();
    }
    let dropped = AtomicBool::new(false);
    for round in 0..40_u64 {
        join_all((0..20_u8).map(|n| {
            let (store, dropped) = (&store, &dropped);
            async move {
                let patience = Duration::from_micros((round * 37 + u64::from(n) * 53) % 700);
                let selector = selector(n);
                let loaded = timeout(patience, text(store, &selector, "shop.owner")).await;
                match loaded {
                    Ok(owner) => assert_eq!(owner, Some(n.to_string())),
                    Err(_) => dropped.store(true, Ordering::SeqCst),
                }
                assert_eq!(text(store, &selector, "shop.owner").await, Some(n.to_string()));
            }
        }))
        .await;
    }
    assert!(dropped.load(Ordering::SeqCst));
}

#[tokio::test]
async fn nothing_comes_back_after_flushall() {
    let Some(redis) = Redis::start().await else { return };
    let store = RedisStore::open(&redis.url()).await.unwrap();
    let mut connection = redis.connection().await;
    for _ in 0..10 {
        for n in 0..8 {
            store.create(&selector(n), &new_record()).await.unwrap();
        }
        let flushed = AtomicBool::new(false);
        let writers = join_all((0..8_u8).map(|n| {
            let (store, flushed) = (&store, &flushed);
            async move {
                let mut after = 0;
                let selector = selector(n);
                let mut change = write("shop.late", "1");
                change.touch = true;
                while after < 3 {
                    let is_after = flushed.load(Ordering::SeqCst);
                    let answer = store.update(&selector, &change).await.unwrap();
                    assert!(!is_after || answer == Updated::Gone);
                    after += u8::from(is_after);
                }
            }
        }));
        let flush = async {
            tokio::task::yield_now().await;
            redis.command::<()>(&["FLUSHALL"]).await.unwrap();
            flushed.store(true, Ordering::SeqCst);
        };
        tokio::join!(writers, flush);
        assert_eq!(keys(&mut connection, "*".into()).await, Vec::<String>::new());
    }
}

/// One name for two servers, as with a load balancer or a DNS name.
#[tokio::test]
async fn a_demoted_server_is_no_longer_used() {
    let (Some(old), Some(new)) = (Redis::start().await, Redis::start().await) else { return };
    let proxy = Proxy::redis(old.port());
    let store = through(&proxy).await;
    store.create(&SELECTOR, &new_record()).await.unwrap();
    old.command::<()>(&["REPLICAOF", "127.0.0.1", &new.port().to_string()]).await.unwrap();
    // No server behind the name accepts writes.
    assert_eq!(kind(store.create(&selector(1), &new_record()).await), StoreErrorKind::Unavailable);
    // The sockets to the old server stay open.
    proxy.point_to(new.port());
    assert_eq!(store.create(&selector(1), &new_record()).await.unwrap(), Created::Created);
    assert!(lives(&store, &selector(1)).await);
    old.command::<()>(&["REPLICAOF", "NO", "ONE"]).await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_an_error_without_the_password() {
    let Some(redis) = Redis::start().await else { return };
    redis.config_set("requirepass", "s3cret").await;
    let address = redis.url().replace("redis://", "");
    for wrong in ["redis://:wr0ng@", "redis://"] {
        let error = RedisStore::open(&format!("{wrong}{address}")).await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap();
        let shown = format!("{error} {error:?} {source} {source:?}");
        assert!(!shown.contains("wr0ng"), "{shown}");
    }
    let store = RedisStore::open(&format!("redis://:s3cret@{address}")).await.unwrap();
    assert!(!format!("{store:?}").contains("s3cret"));
    store.create(&SELECTOR, &new_record()).await.unwrap();
}

/// The command in `docs/operations.md` that gives a user the permissions.
fn documented_permissions() -> Vec<&'static str> {
    let documented = include_str!("../../../../docs/operations.md");
    let command = &documented[documented.find("ACL SETUSER sessions on >secret").unwrap()..];
    command[..command.find("```").unwrap()].split_whitespace().collect()
}

/// With a database that is not the first.
#[tokio::test]
async fn the_documented_permissions_are_enough() {
    let Some(redis) = Redis::start().await else { return };
    let words = documented_permissions();
    redis.command::<()>(&words).await.unwrap();
    let url = redis.url().replace("redis://", "redis://sessions:secret@");
    let store = RedisStore::open(&format!("{url}/3")).await.unwrap();
    let mut new = signed_in("1");
    new.max_sessions = Some(at_most(1, WhenFull::EvictOldest));
    for n in 1..=3 {
        assert_eq!(store.create(&selector(n), &new).await.unwrap(), Created::Created);
    }
    assert_eq!(store.sessions_of(&principal("1")).await.unwrap().len(), 1);
    assert_eq!(store.sessions_page(&principal("1"), None, 5).await.unwrap().sessions.len(), 1);
    assert_eq!(store.count_of(&principal("1")).await.unwrap(), 1);
    assert_eq!(store.scan(None, 100).await.unwrap().selectors, [selector(3)]);
    let mut change = write("shop.cart", "[]");
    change.touch = true;
    change.delete = vec!["shop.visits".into()];
    assert_eq!(store.update(&selector(3), &change).await.unwrap(), Updated::Done { revision: 2 });
    assert_eq!(store.delete_all(&principal("1"), None).await.unwrap(), 1);
    let denied: Vec<String> = redis
        .command(&["ACL", "LOG"])
        .await
        .map(|log: Vec<::redis::Value>| log.iter().map(|entry| format!("{entry:?}")).collect())
        .unwrap();
    assert_eq!(denied, Vec::<String>::new(), "what it did in passing was allowed too");
}

/// A user who lacks one of the documented rights would be told so by the first sign-in that needs it.
#[tokio::test]
async fn rights_that_are_missing_are_told_when_the_store_is_opened() {
    let Some(redis) = Redis::start().await else { return };
    let words = documented_permissions();
    let url = redis.url().replace("redis://", "redis://sessions:secret@");
    // Connecting needs some, and what the others are for does without, or says so.
    let elsewhere = ["+ping", "+select", "+asking", "+cluster|slots", "+config|get", "+scan"];
    let (user, rights) = words.split_at(5);
    let needed: Vec<_> = rights.iter().copied().filter(|word| !elsewhere.contains(word)).collect();
    assert_eq!((needed[0], needed.len()), ("~session:*", 23));
    // Redis refuses a pattern where there is one for all keys.
    for all_keys in [false, true] {
        for left_out in needed.iter().skip(usize::from(all_keys)) {
            let pattern = if all_keys { "~*" } else { needed[0] };
            let others = rights[1..].iter().chain([&pattern]).filter(|word| *word != left_out);
            let less: Vec<_> = user.iter().chain(others).copied().collect();
            redis.command::<()>(&["ACL", "DELUSER", "sessions"]).await.unwrap();
            redis.command::<()>(&less).await.unwrap();
            redis.command::<()>(&["SCRIPT", "FLUSH"]).await.unwrap();
            let open = || {
                let options = RedisStore::options(&url).unwrap().wait(1, Duration::from_millis(1));
                options.open()
            };
            let refused = open().await.expect_err(left_out);
            let OpenError::Rights { user, rights } = &refused else { panic!("{left_out}: {refused}") };
            assert_eq!((user.as_str(), rights.as_str()), ("sessions", *left_out));
            // What it says is enough.
            let statement = format!("ACL SETUSER sessions {rights}");
            assert!(refused.to_string().contains(&format!("run `{statement}`")), "{refused}");
            redis.command::<()>(&statement.split(' ').collect::<Vec<_>>()).await.unwrap();
            open().await.unwrap();
        }
    }
    // A prefix is no pattern.
    let options = RedisStore::options(&url).unwrap().prefix("shop[1]:");
    redis.command::<()>(&["ACL", "SETUSER", "sessions", "resetkeys"]).await.unwrap();
    let refused = options.clone().open().await.unwrap_err();
    let OpenError::Rights { rights, .. } = &refused else { panic!("{refused}") };
    redis.command::<()>(&["ACL", "SETUSER", "sessions", rights]).await.unwrap();
    options.open().await.unwrap();
    let keys: Vec<String> = redis.command(&["KEYS", "*"]).await.unwrap();
    assert_eq!(keys, Vec::<String>::new(), "nothing was written");
}

#[tokio::test]
async fn a_runtime_that_ends_takes_only_its_own_connection() {
    let Some((store, _, _)) = shared().await else { return };
    store.create(&SELECTOR, &new_record()).await.unwrap();
    for revision in 2..6 {
        let other = store.clone();
        let answer = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(other.update(&SELECTOR, &write("shop.cart", "[]"))).unwrap()
        });
        assert_eq!(answer.join().unwrap(), Updated::Done { revision });
        assert!(lives(&store, &SELECTOR).await);
    }
}

#[tokio::test]
async fn durable_writes_need_replicas() {
    let Some(redis) = Redis::start().await else { return };
    let patience = Duration::from_millis(50);
    let options = RedisStore::options(&redis.url()).unwrap().wait(1, patience);
    let store = options.open().await.unwrap();
    store.create(&SELECTOR, &signed_in("1")).await.unwrap();
    assert_eq!(
        store.update(&SELECTOR, &write("shop.cart", "[]")).await.unwrap(),
        Updated::Done { revision: 2 }
    );
    let mut renew = Change::default();
    renew.renewal = Some(actix_typed_session::change::Renewal::new(VerifierHash::from_bytes([2; 32])));
    assert_eq!(kind(store.update(&SELECTOR, &renew).await), StoreErrorKind::UnknownOutcome);
    assert_eq!(kind(store.delete_all(&principal("1"), None).await), StoreErrorKind::UnknownOutcome);
    // The write was executed here but not on the replica; repeating it does not change that.
    for _ in 0..2 {
        assert_eq!(kind(store.delete(&SELECTOR, None).await), StoreErrorKind::UnknownOutcome);
        assert!(!lives(&store, &SELECTOR).await);
    }
    let Some(replica) = Redis::start().await else { return };
    replica.command::<()>(&["REPLICAOF", "127.0.0.1", &redis.port().to_string()]).await.unwrap();
    until("the replica follows", async || store.delete(&SELECTOR, None).await.is_ok()).await;
    // A replica on a busy machine may take longer to connect than this takes to see that there is none.
    let patient = RedisStore::options(&redis.url()).unwrap().wait(1, Duration::from_secs(10));
    let patient = patient.open().await.unwrap();
    patient.create(&SELECTOR, &signed_in("1")).await.unwrap();
    assert_eq!(patient.update(&SELECTOR, &renew).await.unwrap(), Updated::Done { revision: 2 });
    patient.delete(&SELECTOR, None).await.unwrap();
    // The replica exists but no longer follows. A connection without writes of its own must not report success.
    replica.freeze().await;
    let other = RedisStore::options(&redis.url()).unwrap().wait(1, patience).open().await.unwrap();
    assert_eq!(kind(other.delete(&SELECTOR, None).await), StoreErrorKind::UnknownOutcome);
    replica.thaw();
}

//! Records as hashes, and scripts by their hashes.

use std::sync::atomic::{AtomicBool, Ordering};

use ::redis::AsyncTypedCommands as _;
use actix_typed_session::{change::Renewal, record::Record};

use super::*;
use crate::servers::proxy::Proxy;

/// 20 fields of 100 bytes.
fn two_kilobytes() -> NewRecord {
    let mut new = new_record();
    let value = format!("\"{}\"", "x".repeat(90));
    let cell = |n| CellWrite::new(format!("shop.field{n}").into(), Json::from_store(&value));
    new.cells.extend((0..20).map(cell));
    new
}

#[tokio::test]
async fn a_call_is_one_round_trip_and_a_small_change_is_a_small_command() {
    let Some(redis) = shared_redis().await else { return };
    let proxy = Proxy::redis(redis.port());
    let options = RedisStore::options(&proxy.url("")).unwrap().prefix(format!("{}:", unique_name()));
    let store = options.open().await.unwrap();
    store.create(&SELECTOR, &two_kilobytes()).await.unwrap();
    let mut change = write("shop.field7", "\"another\"");
    change.expected_generation = Some(1);
    change.touch = true;
    change.guards = vec![Guard::new("shop.field7".into(), Some(1))];
    // The first call on this server had to send the scripts.
    store.load(&SELECTOR).await.unwrap();
    store.update(&SELECTOR, &Change::default()).await.unwrap();
    store.delete(&selector(1), None).await.unwrap();

    proxy.reset_counts();
    store.load(&SELECTOR).await.unwrap().unwrap();
    assert_eq!(proxy.round_trips(), 1);
    assert_eq!(store.update(&SELECTOR, &change).await.unwrap(), Updated::Done { revision: 3 });
    let commands = proxy.commands();
    assert_eq!((proxy.round_trips(), commands.len()), (2, 3));
    assert!(commands[2].bytes < 220, "{} bytes", commands[2].bytes);
    assert!(commands[2].reply_bytes < 50, "{} bytes", commands[2].reply_bytes);
    // A conflict returns the whole record, in the same round trip.
    let Updated::Conflict(current) = store.update(&SELECTOR, &change).await.unwrap() else {
        panic!("no conflict")
    };
    assert_eq!(current.record.cells().len(), 21);
    assert_eq!(proxy.round_trips(), 3);
    store.delete(&SELECTOR, None).await.unwrap();
    assert_eq!(proxy.round_trips(), 4);
}

#[tokio::test]
async fn scripts_that_a_server_forgot_are_sent_again() {
    // A server for this test alone, because other tests would send the scripts first.
    let Some(redis) = Redis::start().await else { return };
    let store = RedisStore::open(&redis.url()).await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let done = AtomicBool::new(false);
    let flush = async {
        while !done.load(Ordering::SeqCst) {
            redis.command::<()>(&["SCRIPT", "FLUSH"]).await.unwrap();
        }
    };
    let work = async {
        for revision in 2..200 {
            let answer = store.update(&SELECTOR, &write("shop.cart", "[]")).await.unwrap();
            assert_eq!(answer, Updated::Done { revision });
            assert!(lives(&store, &SELECTOR).await);
            store.create(&selector(1), &signed_in("1")).await.unwrap();
            assert_eq!(store.delete_all(&principal("1"), None).await.unwrap(), 1);
        }
        done.store(true, Ordering::SeqCst);
    };
    tokio::join!(flush, work);
}

/// OWASP ASVS 5.0 14.2.7; CVE-2011-4136.
#[tokio::test]
async fn every_redis_key_expires_and_has_the_prefix() {
    let Some(redis) = Redis::start().await else { return };
    let store = RedisStore::options(&redis.url()).unwrap().prefix("shop:").open().await.unwrap();
    let endless = Limits::new(Duration::MAX, Duration::MAX);
    for (n, limits) in (1..).zip([Limits::new(DAY, DAY), endless]) {
        let mut new = signed_in(&n.to_string());
        new.limits = limits;
        store.create(&selector(n), &new).await.unwrap();
        new.principal = None;
        store.create(&selector(10 + n), &new).await.unwrap();
        let mut change = sign_in(&format!("1{n}"), Some(at_most(3, WhenFull::EvictOldest)));
        change.limits = Some(limits);
        assert_eq!(store.update(&selector(10 + n), &change).await.unwrap(), Updated::Done { revision: 2 });
        change.limits = None;
        store.update(&selector(10 + n), &change).await.unwrap();
    }
    let mut connection = redis.connection().await;
    let all = keys(&mut connection, "*".into()).await;
    assert_eq!(all.len(), 8, "{all:?}");
    for key in &all {
        let ttl: i64 = ::redis::cmd("PTTL").arg(key).query_async(&mut connection).await.unwrap();
        assert!(key.starts_with("shop:") && ttl > 0, "{key} {ttl}");
    }
    // The record expires at its end, to the millisecond, and an index outlives it.
    let end = store.load(&selector(1)).await.unwrap().unwrap().record.meta().expires();
    let (earliest, latest) = ends(&mut connection, &record_key("shop:", &selector(1))).await;
    assert!((earliest..=latest).contains(&end.as_millis()), "{earliest} {end:?} {latest}");
    for index in keys(&mut connection, "shop:i:*".into()).await {
        let (earliest, _) = ends(&mut connection, &index).await;
        assert!(earliest > end.as_millis() + 3_000_000, "{earliest} {end:?}");
    }
}

/// The earliest and the latest time at which a Redis key expires, by the server's clock.
async fn ends(connection: &mut MultiplexedConnection, key: &str) -> (u64, u64) {
    let mut commands = ::redis::pipe();
    commands.cmd("TIME").pttl(key).cmd("TIME");
    let (before, ttl, after): ((u64, u64), u64, (u64, u64)) = commands.query_async(connection).await.unwrap();
    let at = |(seconds, micros): (u64, u64)| seconds * 1000 + micros / 1000 + ttl;
    (at(before), at(after))
}

#[tokio::test]
async fn what_a_later_release_added_stays() {
    let Some((store, prefix, mut connection)) = shared().await else { return };
    store.create(&SELECTOR, &signed_in("1")).await.unwrap();
    let selector = record_key(&prefix, &SELECTOR);
    connection.hset(&selector, "@z", "\u{1}new").await.unwrap();
    for field in ["@h", "@m"] {
        let known = connection.hget(&selector, field).await.unwrap().unwrap();
        connection.hset(&selector, field, format!("{known} later 7")).await.unwrap();
    }
    let mut change = sign_in("2", None);
    change.renewal = Some(Renewal::new(VerifierHash::from_bytes([2; 32])));
    change.write = write("shop.cart", "[]").write;
    change.delete = vec!["shop.visits".into()];
    store.update(&SELECTOR, &change).await.unwrap();
    assert_eq!(connection.hget(&selector, "@z").await.unwrap().as_deref(), Some("\u{1}new"));
    for field in ["@h", "@m"] {
        let words = connection.hget(&selector, field).await.unwrap().unwrap();
        assert!(words.ends_with(" later 7"), "{words}");
    }
    assert_eq!(store.load(&SELECTOR).await.unwrap().unwrap().record.cells().len(), 1);
}

#[tokio::test]
async fn a_wire_key_cannot_be_taken_for_meta() {
    let Some((store, _, _)) = shared().await else { return };
    store.create(&SELECTOR, &new_record()).await.unwrap();
    assert_eq!(
        kind(store.update(&SELECTOR, &write("@p", "\"somebody\"")).await),
        StoreErrorKind::Unavailable
    );
    let mut new = new_record();
    new.cells = write("@f", "2").write;
    assert_eq!(kind(store.create(&selector(1), &new).await), StoreErrorKind::Unavailable);
    assert_eq!(store.update(&SELECTOR, &Change::default()).await.unwrap(), Updated::Done { revision: 2 });
}

/// More than fits on Lua's stack at once.
#[tokio::test]
async fn a_record_may_have_thousands_of_cells() {
    let Some((store, _, _)) = shared().await else { return };
    let cells = |json: &str| -> Vec<_> {
        (0..9000).map(|n| CellWrite::new(format!("c{n}").into(), Json::from_store(json))).collect()
    };
    let mut new = new_record();
    new.cells = cells("0");
    store.create(&SELECTOR, &new).await.unwrap();
    let mut change = Change::default();
    change.write = cells("1");
    store.update(&SELECTOR, &change).await.unwrap();
    let record = store.load(&SELECTOR).await.unwrap().unwrap().record;
    assert!(record.cells().len() == 9000 && record.cells().iter().all(|(_, cell)| cell.revision == 2));
    let mut change = Change::default();
    change.delete = record.cells().iter().map(|(selector, _)| selector.clone()).collect();
    store.update(&SELECTOR, &change).await.unwrap();
    let record = store.load(&SELECTOR).await.unwrap().unwrap().record;
    assert_eq!((record.cells().len(), record.meta().revision), (0, 3));
}

/// Numbers that doubles cannot represent exactly.
#[tokio::test]
async fn numbers_are_exact_up_to_the_largest() {
    let Some((store, prefix, mut connection)) = shared().await else { return };
    let ttls = [1, 9_999_999_999, 1 << 53, (1 << 53) + 1, 1 << 60, u64::MAX - 2_000_000_000_000, u64::MAX];
    let mut new = new_record();
    new.limits = Limits::new(Duration::MAX, Duration::from_millis((1 << 60) + 1));
    new.cells = ttls
        .map(|ttl| {
            let mut cell = CellWrite::new(format!("c{ttl}").into(), Json::null());
            cell.ttl = Some(Duration::from_millis(ttl));
            cell
        })
        .to_vec();
    store.create(&SELECTOR, &new).await.unwrap();
    let record = store.load(&SELECTOR).await.unwrap().unwrap().record;
    assert_eq!(*record, Record::create(&new, record.meta().created));
    let mut change = Change::default();
    change.renewal = Some(Renewal::new(VerifierHash::from_bytes([2; 32])));
    for (before, after) in
        [((1 << 53) - 1, 1 << 53), (1 << 53, (1 << 53) + 1), (u64::MAX - 1, u64::MAX), (u64::MAX, u64::MAX)]
    {
        let touched = record.meta().touched.as_millis();
        let hot = format!("1 {before} {before} {touched} {} {}", u64::MAX, u64::MAX);
        connection.hset(record_key(&prefix, &SELECTOR), "@h", hot).await.unwrap();
        assert_eq!(store.update(&SELECTOR, &change).await.unwrap(), Updated::Done { revision: after });
        let meta = store.load(&SELECTOR).await.unwrap().unwrap().record.meta().clone();
        assert_eq!((meta.revision, meta.generation), (after, after));
    }
}

/// Every byte that is not valid in UTF-8, anywhere in a cell that the change does not name.
#[tokio::test]
async fn what_is_not_utf_8_is_found_before_anything_is_written() {
    let Some((store, prefix, mut connection)) = shared().await else { return };
    let selector = record_key(&prefix, &SELECTOR);
    let bad: [&[u8]; 10] = [
        b"\x80",
        b"\xc0\x80",
        b"\xc3",
        b"\xc3\xa9\xa9",
        b"\xe0\x9f\xbf",
        b"\xed\xa0\x80",
        b"\xe2\x82",
        b"\xf0\x8f\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xff",
    ];
    for bad in bad {
        assert!(std::str::from_utf8(bad).is_err());
        let bad = [b"1 \"", bad, b"\""].concat();
        store.delete(&SELECTOR, None).await.unwrap();
        store.create(&SELECTOR, &new_record()).await.unwrap();
        connection.hset(&selector, "shop.cart", &bad).await.unwrap();
        assert_eq!(kind(store.load(&SELECTOR).await), StoreErrorKind::Unreadable);
        assert_eq!(
            kind(store.update(&SELECTOR, &write("shop.cart", "[]")).await),
            StoreErrorKind::Unreadable
        );
        let kept: Vec<u8> =
            ::redis::cmd("HGET").arg(&selector).arg("shop.cart").query_async(&mut connection).await.unwrap();
        assert_eq!(kept, bad);
    }
    let good = "\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}";
    connection.hset(&selector, "shop.cart", format!("1 \"{good}\"")).await.unwrap();
    assert_eq!(
        store.update(&SELECTOR, &write("shop.visits", "1")).await.unwrap(),
        Updated::Done { revision: 2 }
    );
}

/// The scripts look at the time in the record, in case the Redis key lost its own, as when it was restored from a dump without one.
#[tokio::test]
async fn a_record_whose_time_is_over_is_gone_though_its_redis_key_is_there() {
    let Some((store, prefix, mut connection)) = shared().await else { return };
    let key = record_key(&prefix, &SELECTOR);
    let mut new = new_record();
    new.limits.idle = Duration::from_millis(500);
    store.create(&SELECTOR, &new).await.unwrap();
    ::redis::cmd("PERSIST").arg(&key).exec_async(&mut connection).await.unwrap();
    until("the time is over", async || !lives(&store, &SELECTOR).await).await;
    assert_eq!(store.update(&SELECTOR, &write("shop.visits", "1")).await.unwrap(), Updated::Gone);
    assert_eq!(keys(&mut connection, key).await, Vec::<String>::new());
}

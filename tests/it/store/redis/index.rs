//! The index of a principal: repaired, not trusted.

use ::redis::AsyncTypedCommands as _;
use actix_typed_session::record::Timestamp;
use futures_util::future::join_all;

use super::*;

pub(super) async fn listed(store: &RedisStore, name: &str) -> Vec<Selector> {
    store.sessions_of(&principal(name)).await.unwrap().into_iter().map(|listed| listed.selector).collect()
}

/// The Redis key of the only index under this prefix.
pub(super) async fn index_key(connection: &mut MultiplexedConnection, prefix: &str) -> String {
    let keys = keys(connection, format!("{prefix}i:*")).await;
    assert_eq!(keys.len(), 1, "{keys:?}");
    keys[0].clone()
}

fn public_id(selector: &Selector) -> String {
    record_key("", selector)[2..].to_owned()
}

/// Sets the entry of `selector` to this state, so many seconds ago.
async fn set(
    connection: &mut MultiplexedConnection,
    index: &str,
    selector: &Selector,
    state: char,
    ago: u64,
) {
    let now: (u64, u64) = ::redis::cmd("TIME").query_async(connection).await.unwrap();
    // Added first: a set that is empty for a moment forgets when it expires.
    let before = state_and_time(connection, index, selector).await;
    let id = public_id(selector);
    let after = format!("{state}{}", (now.0 - ago) * 1000);
    connection.zadd(index, format!("{id}:{after}"), 0).await.unwrap();
    if let Some(before) = before.filter(|before| *before != after) {
        connection.zrem(index, format!("{id}:{before}")).await.unwrap();
    }
}

/// The state and the time of the entry of `selector`.
async fn state_and_time(
    connection: &mut MultiplexedConnection,
    index: &str,
    selector: &Selector,
) -> Option<String> {
    let id = public_id(selector);
    let entries: Vec<String> = ::redis::cmd("ZRANGEBYLEX")
        .arg(&[index, &format!("[{id}:"), &format!("({id};")])
        .query_async(connection)
        .await
        .unwrap();
    assert!(entries.len() <= 1, "{entries:?}");
    entries.first().map(|entry| entry[id.len() + 1..].to_owned())
}

pub(super) async fn entry(
    connection: &mut MultiplexedConnection,
    index: &str,
    selector: &Selector,
) -> Option<char> {
    state_and_time(connection, index, selector).await?.chars().next()
}

#[tokio::test]
async fn twenty_sign_ins_from_two_nodes_keep_to_the_maximum() {
    let Some(redis) = shared_redis().await else { return };
    for (round, when_full) in
        [WhenFull::RejectNew, WhenFull::EvictOldest].into_iter().cycle().take(10).enumerate()
    {
        let options = RedisStore::options(&redis.url()).unwrap().prefix(format!("{}:", unique_name()));
        let nodes = [options.clone().open().await.unwrap(), options.open().await.unwrap()];
        let max = Some(at_most(3, when_full));
        for n in (1..20).step_by(2) {
            nodes[0].create(&selector(n), &new_record()).await.unwrap();
        }
        let tasks = (0..20_u8).map(|n| {
            let store = nodes[usize::from(n / 2 % 2)].clone();
            tokio::spawn(async move {
                if n % 2 == 1 {
                    return matches!(
                        store.update(&selector(n), &sign_in("1", max)).await.unwrap(),
                        Updated::Done { .. }
                    );
                }
                let mut new = signed_in("1");
                new.max_sessions = max;
                store.create(&selector(n), &new).await.unwrap() == Created::Created
            })
        });
        let admitted: Vec<bool> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
        let mut live = Vec::new();
        for n in 0..20 {
            let loaded = nodes[0].load(&selector(n)).await.unwrap();
            if loaded.is_some_and(|loaded| loaded.record.meta().principal.is_some()) {
                assert!(admitted[usize::from(n)], "round {round}: a session that was refused is signed in");
                live.push(selector(n));
            }
        }
        let expected = if when_full == WhenFull::RejectNew { 3 } else { 20 };
        assert_eq!(admitted.iter().filter(|admitted| **admitted).count(), expected, "round {round}");
        assert_eq!(live.len(), 3, "round {round}, {when_full:?}");
        let mut listed = listed(&nodes[1], "1").await;
        listed.sort_unstable();
        assert_eq!(listed, live);
    }
}

#[tokio::test]
async fn a_crash_after_dooming_is_finished_by_the_next_call() {
    let Some((store, prefix, mut connection)) = shared().await else { return };
    let all = [selector(1), selector(2), selector(3)];
    for (round, finish) in ["list", "delete_all", "sign in"].into_iter().enumerate() {
        for selector in &all {
            store.delete(selector, None).await.unwrap();
            store.create(selector, &signed_in("1")).await.unwrap();
        }
        let index = index_key(&mut connection, &prefix).await;
        // An eviction, and a revocation of a sign-in in flight, that both ended before they deleted anything.
        set(&mut connection, &index, &selector(1), 'x', 1).await;
        set(&mut connection, &index, &selector(2), 'y', 61).await;
        match finish {
            "list" => assert_eq!(listed(&store, "1").await, [selector(3)]),
            "delete_all" => {
                assert_eq!(store.delete_all(&principal("1"), Some(&selector(3))).await.unwrap(), 2);
            }
            _ => {
                let mut new = signed_in("1");
                new.max_sessions = Some(at_most(2, WhenFull::RejectNew));
                assert_eq!(
                    store.create(&selector(4), &new).await.unwrap(),
                    Created::Created,
                    "the doomed do not count"
                );
                store.delete(&selector(4), None).await.unwrap();
            }
        }
        let left: Vec<bool> = vec![
            lives(&store, &selector(1)).await,
            lives(&store, &selector(2)).await,
            lives(&store, &selector(3)).await,
        ];
        assert_eq!(left, [false, false, true], "round {round}");
        for gone in &all[..2] {
            assert_eq!(entry(&mut connection, &index, gone).await, None, "round {round}");
        }
    }
}

#[tokio::test]
async fn a_reservation_counts_until_it_is_too_old_to_be_in_flight() {
    let Some((store, prefix, mut connection)) = shared().await else { return };
    store.create(&selector(1), &signed_in("1")).await.unwrap();
    let index = index_key(&mut connection, &prefix).await;
    let mut new = signed_in("1");
    new.max_sessions = Some(at_most(2, WhenFull::RejectNew));
    set(&mut connection, &index, &selector(2), 'r', 0).await;
    assert_eq!(store.create(&selector(3), &new).await.unwrap(), Created::TooMany);
    assert_eq!(listed(&store, "1").await, [selector(1)]);
    assert_eq!(entry(&mut connection, &index, &selector(2)).await, Some('r'), "a sign-in may be in flight");
    assert_eq!(
        entry(&mut connection, &index, &selector(3)).await,
        None,
        "who was refused leaves nothing behind"
    );
    set(&mut connection, &index, &selector(2), 'r', 61).await;
    assert_eq!(store.create(&selector(3), &new).await.unwrap(), Created::Created);
    assert_eq!(entry(&mut connection, &index, &selector(2)).await, None);
    // A session that ended without a call, as by its time to live, does not count at all.
    connection.del(record_key(&prefix, &selector(1))).await.unwrap();
    assert_eq!(store.create(&selector(4), &new).await.unwrap(), Created::Created);
    assert_eq!(listed(&store, "1").await, [selector(3), selector(4)]);
}

#[tokio::test]
async fn an_entry_that_was_lost_comes_back_when_its_session_is_seen() {
    let Some((store, prefix, mut connection)) = shared().await else { return };
    let mut new = signed_in("1");
    new.limits.idle = Duration::from_millis(400);
    let (mut touch, before) = (Change::default(), store.create(&SELECTOR, &new).await.unwrap());
    touch.touch = true;
    assert_eq!(before, Created::Created);
    let index = index_key(&mut connection, &prefix).await;
    let since = store.load(&SELECTOR).await.unwrap().unwrap().record.meta().created;
    connection.del(&index).await.unwrap();
    assert_eq!(listed(&store, "1").await, []);
    // A touch soon after the last one does not update the index.
    tokio::time::sleep(Duration::from_millis(60)).await;
    store.update(&SELECTOR, &touch).await.unwrap();
    until("the index has its entry again", async || listed(&store, "1").await == [SELECTOR]).await;
    let value = state_and_time(&mut connection, &index, &SELECTOR).await.unwrap();
    let at = Timestamp::from_millis(value[1..].parse().unwrap());
    assert_eq!((&value[..1], at), ("c", since), "in its place among the others");
    let ttl: i64 = ::redis::cmd("PTTL").arg(&index).query_async(&mut connection).await.unwrap();
    assert!(ttl > 24 * 3_600_000, "{ttl}");
    assert_eq!(store.delete_all(&principal("1"), None).await.unwrap(), 1);
    // A doomed entry stays doomed. The index's time to live shows that it was updated.
    store.create(&selector(1), &new).await.unwrap();
    set(&mut connection, &index, &selector(1), 'x', 0).await;
    connection.pexpire(&index, 60_000).await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    store.update(&selector(1), &touch).await.unwrap();
    let looked = || {
        let (mut connection, index) = (connection.clone(), index.clone());
        async move { ::redis::cmd("PTTL").arg(index).query_async::<i64>(&mut connection).await.unwrap() > 60_000 }
    };
    until("the index has been looked after", looked).await;
    assert_eq!(entry(&mut connection, &index, &selector(1)).await, Some('x'));
    assert_eq!(listed(&store, "1").await, []);
    assert!(!lives(&store, &selector(1)).await);
}

#[tokio::test]
async fn ordinary_writes_leave_the_index_alone() {
    let Some((store, prefix, mut connection)) = shared().await else { return };
    store.create(&SELECTOR, &signed_in("1")).await.unwrap();
    let index = index_key(&mut connection, &prefix).await;
    connection.del(&index).await.unwrap();
    let mut change = write("shop.cart", "[]");
    change.touch = true;
    for _ in 0..20 {
        store.update(&SELECTOR, &change).await.unwrap();
    }
    assert_eq!(keys(&mut connection, format!("{prefix}i:*")).await, Vec::<String>::new());
    // A user who signs in again gets an entry again, and is never refused.
    store.create(&selector(1), &signed_in("1")).await.unwrap();
    let again = sign_in("1", Some(at_most(1, WhenFull::RejectNew)));
    assert!(matches!(store.update(&SELECTOR, &again).await.unwrap(), Updated::Done { .. }));
    assert_eq!(listed(&store, "1").await, [selector(1), SELECTOR]);
}

#[tokio::test]
async fn a_sign_in_that_is_not_stored_takes_back_its_reservation() {
    let Some((store, prefix, mut connection)) = shared().await else { return };
    let max = Some(at_most(2, WhenFull::RejectNew));
    let mut new = signed_in("1");
    new.max_sessions = max;
    store.create(&selector(1), &new).await.unwrap();
    let index = index_key(&mut connection, &prefix).await;
    store.create(&selector(2), &new_record()).await.unwrap();
    assert_eq!(store.create(&selector(2), &new).await.unwrap(), Created::Exists);
    assert_eq!(entry(&mut connection, &index, &selector(2)).await, None);
    assert_eq!(store.update(&selector(9), &sign_in("1", max)).await.unwrap(), Updated::Gone);
    let mut stale = sign_in("1", max);
    stale.expected_generation = Some(7);
    assert!(matches!(store.update(&selector(2), &stale).await.unwrap(), Updated::Conflict(_)));
    stale.max_sessions = None;
    assert!(matches!(store.update(&selector(2), &stale).await.unwrap(), Updated::Conflict(_)));
    assert_eq!(store.update(&selector(9), &sign_in("1", None)).await.unwrap(), Updated::Gone);
    assert_eq!(connection.zcard(&index).await.unwrap(), 1);
    // A conflict does not remove the entry of a session that already had one.
    store.update(&selector(2), &sign_in("1", max)).await.unwrap();
    assert!(matches!(store.update(&selector(2), &stale).await.unwrap(), Updated::Conflict(_)));
    assert_eq!(listed(&store, "1").await, [selector(1), selector(2)]);
}

#[tokio::test]
async fn a_session_that_leaves_its_principal_loses_its_entry() {
    let Some((store, prefix, mut connection)) = shared().await else { return };
    for n in 1..=3 {
        store.create(&selector(n), &signed_in("1")).await.unwrap();
    }
    let index = index_key(&mut connection, &prefix).await;
    store.delete(&selector(1), None).await.unwrap();
    let mut out = Change::default();
    out.principal = Some(None);
    store.update(&selector(2), &out).await.unwrap();
    store.update(&selector(3), &sign_in("2", None)).await.unwrap();
    let gone = || {
        let mut connection = connection.clone();
        let index = index.clone();
        async move { !connection.exists(index).await.unwrap() }
    };
    until("the first index is empty", gone).await;
    assert_eq!(listed(&store, "2").await, [selector(3)]);
}

/// A damaged session is not listed, does not hide other sessions, and is ended with them.
#[tokio::test]
async fn a_damaged_session_does_not_hide_the_others() {
    let Some((store, prefix, mut connection)) = shared().await else { return };
    for n in 1..=3 {
        store.create(&selector(n), &signed_in("1")).await.unwrap();
    }
    connection.hset(record_key(&prefix, &selector(1)), "shop.visits", "damaged").await.unwrap();
    connection.hset(record_key(&prefix, &selector(2)), "@h", "9 later").await.unwrap();
    assert_eq!(listed(&store, "1").await, [selector(3)]);
    assert_eq!(store.delete_all(&principal("1"), None).await.unwrap(), 3);
    for n in 1..=3 {
        assert!(!lives(&store, &selector(n)).await);
    }
}

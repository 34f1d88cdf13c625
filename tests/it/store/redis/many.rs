//! A user with very many sessions: which commands the server executes, and how much they read.

use futures_util::future::join_all;

use super::{index::listed, *};

fn many(n: u16) -> Selector {
    let mut bytes = [7; 16];
    // Not in their order.
    bytes[..2].copy_from_slice(&n.wrapping_mul(40_503).to_le_bytes());
    Selector::from_bytes(bytes)
}

/// Signs in some at a time, so that the earlier ones are older.
async fn fill(store: &RedisStore, sessions: u16) {
    for some in (0..sessions).collect::<Vec<_>>().chunks(50) {
        let created = some.iter().map(|n| async { store.create(&many(*n), &signed_in("1")).await.unwrap() });
        join_all(created).await;
    }
}

/// How often a server of the test's own has executed a command since the last `CONFIG RESETSTAT`.
async fn calls(redis: &Redis, command: &str) -> usize {
    let stats: String = redis.command(&["INFO", "commandstats"]).await.unwrap();
    let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

/// A server answers nobody else while a script runs, so none goes through all entries. And a page reads no more than it shows.
#[tokio::test]
async fn many_sessions_are_read_and_ended_some_at_a_time() {
    let Some(redis) = Redis::start().await else { return };
    let store = RedisStore::open(&redis.url()).await.unwrap();
    fill(&store, 600).await;
    redis.command::<()>(&["CONFIG", "RESETSTAT"]).await.unwrap();
    let page = store.sessions_page(&principal("1"), Some(&many(300)), 20).await.unwrap();
    assert_eq!(page.sessions.len(), 20);
    assert_eq!((calls(&redis, "zrangebylex").await, calls(&redis, "hgetall").await), (1, 20));
    assert_eq!(store.count_of(&principal("1")).await.unwrap(), 600);

    redis.command::<()>(&["CONFIG", "RESETSTAT"]).await.unwrap();
    assert_eq!(store.delete_all(&principal("1"), Some(&many(300))).await.unwrap(), 599);
    assert_eq!(calls(&redis, "zrangebylex").await, 10, "64 entries at a time");
    assert_eq!(listed(&store, "1").await, [many(300)]);
}

/// While a script runs, the server answers nobody else. So none reads an index that has grown without a maximum, whatever is asked of it.
#[tokio::test]
async fn no_script_reads_a_large_index() {
    let Some(redis) = Redis::start().await else { return };
    let store = RedisStore::open(&redis.url()).await.unwrap();
    let mut connection = redis.connection().await;
    let most = |n| Some(at_most(n, WhenFull::EvictOldest));
    store.create(&selector(1), &signed_in("7")).await.unwrap();
    let key = keys(&mut connection, "session:i:*".into()).await.remove(0);
    // Entries as sign-ins leave them whose sessions have expired.
    let fill = "for n = 1, 100000 do redis.call('ZADD', KEYS[1], 0, string.format('%022d:c%d', n, n)) end";
    let fill = ::redis::Script::new(fill);
    fill.key(&key).invoke_async::<()>(&mut connection).await.unwrap();
    redis.command::<()>(&["CONFIG", "RESETSTAT"]).await.unwrap();
    let read = async |connection: &mut MultiplexedConnection| {
        // Per call of a command, as the server counts them: what a script calls is counted too.
        let info: String = ::redis::cmd("INFO").arg("commandstats").query_async(connection).await.unwrap();
        info.lines().filter(|line| line.starts_with("cmdstat_zrange:")).count()
    };

    // With a maximum that leaves room, without one, and for a session that is signed in already.
    let mut new = signed_in("7");
    new.max_sessions = most(200_000);
    assert_eq!(store.create(&selector(2), &new).await.unwrap(), Created::Created);
    store.create(&selector(3), &signed_in("7")).await.unwrap();
    store.update(&selector(3), &sign_in("7", most(200_000))).await.unwrap();
    assert_eq!(read(&mut connection).await, 0, "no script reads all entries");

    // With one that does not, the oldest sessions are ended in pieces first.
    new.max_sessions = most(2);
    assert_eq!(store.create(&selector(4), &new).await.unwrap(), Created::Created);
    assert_eq!(store.sessions_of(&principal("7")).await.unwrap().len(), 2);
    assert!(lives(&store, &selector(3)).await && lives(&store, &selector(4)).await);
    assert!(!lives(&store, &selector(1)).await);

    fill.key(&key).invoke_async::<()>(&mut connection).await.unwrap();
    new.max_sessions = Some(at_most(2, WhenFull::RejectNew));
    assert_eq!(store.create(&selector(5), &new).await.unwrap(), Created::TooMany);
    new.max_sessions = Some(at_most(3, WhenFull::RejectNew));
    assert_eq!(store.create(&selector(5), &new).await.unwrap(), Created::Created);
    assert_eq!(store.sessions_of(&principal("7")).await.unwrap().len(), 3);
}

/// Few sessions may stay of many: only records of sessions that may stay are loaded. What is given up meanwhile is done as far as it came.
#[tokio::test]
async fn a_sign_in_looks_only_at_the_sessions_that_may_stay() {
    let Some(redis) = Redis::start().await else { return };
    let store = RedisStore::open(&redis.url()).await.unwrap();
    fill(&store, 2_500).await;
    let mut new = signed_in("1");
    new.max_sessions = Some(at_most(3, WhenFull::RejectNew));
    redis.command::<()>(&["CONFIG", "RESETSTAT"]).await.unwrap();
    assert_eq!(store.create(&selector(1), &new).await.unwrap(), Created::TooMany);
    let loads = calls(&redis, "hgetall").await;
    assert!(loads <= 150, "{loads} loads to refuse a sign-in");

    new.max_sessions = Some(at_most(3, WhenFull::EvictOldest));
    redis.command::<()>(&["CONFIG", "RESETSTAT"]).await.unwrap();
    assert_eq!(store.create(&selector(1), &new).await.unwrap(), Created::Created);
    let loads = calls(&redis, "hgetall").await;
    assert!(loads <= 300, "{loads} loads of 2,500 sessions");
    let left = listed(&store, "1").await;
    assert_eq!(left.len(), 3);
    assert!(
        left[..2].iter().all(|one| (2_450..2_500).any(|n| many(n) == *one)) && left[2] == selector(1),
        "{left:?}"
    );
}

#[tokio::test]
async fn a_large_maximum_checks_a_sample() {
    let Some(redis) = Redis::start().await else { return };
    let store = RedisStore::open(&redis.url()).await.unwrap();
    fill(&store, 1_300).await;
    let mut new = signed_in("1");
    for (max, answer) in [
        (at_most(1_300, WhenFull::RejectNew), Created::TooMany),
        (at_most(1_250, WhenFull::EvictOldest), Created::Created),
    ] {
        new.max_sessions = Some(max);
        redis.command::<()>(&["CONFIG", "RESETSTAT"]).await.unwrap();
        assert_eq!(store.create(&selector(1), &new).await.unwrap(), answer);
        let loads = calls(&redis, "hgetall").await;
        assert!(loads <= 100, "{loads} loads for {max:?}");
    }
    let left = listed(&store, "1").await;
    assert_eq!(left.len(), 1_250);
    assert!(left.contains(&selector(1)));
    // The first fifty came together; of the next ones, none was among the oldest.
    assert!((100..1_300).all(|n| left.contains(&many(n))), "the oldest have ended");
    assert!((0..50).all(|n| !left.contains(&many(n))), "the oldest have ended");
}

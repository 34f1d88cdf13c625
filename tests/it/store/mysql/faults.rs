//! Errors of the server, lost replies, and callers that leave.

use std::future::Future;

use super::*;

/// Makes every update of a session fail with this error.
fn refuse_with(number: u16) -> String {
    format!(
        "CREATE OR REPLACE TRIGGER refuse BEFORE UPDATE ON typed_session FOR EACH ROW
            SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'no'"
    )
}

#[tokio::test]
async fn what_the_server_refuses_is_not_done() {
    let Some((server, database, store)) = fresh().await else { return };
    store.create(&SELECTOR, &new_record()).await.unwrap();
    for (number, expected) in [
        (1021, StoreErrorKind::Full),
        (1114, StoreErrorKind::Full),
        (1406, StoreErrorKind::Full),
        (1644, StoreErrorKind::Unavailable),
        (1290, StoreErrorKind::Unavailable),
        (1317, StoreErrorKind::Unavailable),
        (1712, StoreErrorKind::Unreadable),
        // The statements are sent again until the deadline.
        (1205, StoreErrorKind::Unavailable),
        (1213, StoreErrorKind::Unavailable),
    ] {
        server.execute(&database, &refuse_with(number)).await;
        let begun = Instant::now();
        let error = store.update(&SELECTOR, &touch()).await.unwrap_err();
        assert_eq!(error.kind(), expected, "{number}");
        assert!(begun.elapsed() < Duration::from_secs(3), "{number}");
        assert!(format!("{error:?}").contains(&number.to_string()), "{error:?}");
        let revision = store.load(&SELECTOR).await.unwrap().unwrap().record.meta().revision;
        assert_eq!(revision, 1, "{number}");
    }
    server.execute(&database, "DROP TRIGGER refuse").await;
    assert_eq!(store.update(&SELECTOR, &touch()).await.unwrap(), Updated::Done { revision: 2 });
}

#[tokio::test]
async fn what_was_rolled_back_is_sent_again() {
    let Some((server, database, store)) = fresh().await else { return };
    store.create(&SELECTOR, &new_record()).await.unwrap();
    // A sequence is not rolled back, so it counts the attempts.
    let twice = "CREATE SEQUENCE tries;
        CREATE TRIGGER passes BEFORE UPDATE ON typed_session FOR EACH ROW
            IF NEXT VALUE FOR tries < 3 THEN SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213; END IF";
    server.execute(&database, twice).await;
    assert_eq!(store.update(&SELECTOR, &touch()).await.unwrap(), Updated::Done { revision: 2 });
    let mut connection = server.connection(&database).await;
    assert_eq!(ask::<i64>(&mut connection, "SELECT NEXT VALUE FOR tries").await, 4);
}

/// For every n, the reply to the n-th command is lost. The counter is what was acknowledged, or that and what was unknown.
#[tokio::test]
async fn a_lost_reply_is_never_counted_twice() {
    let Some(server) = shared_mariadb().await else { return };
    for mode in [
        Mode::CutAfterForward,
        Mode::CutBeforeForward,
        Mode::Truncate(3),
        // An empty packet.
        Mode::Garbage(b"\0\0\0\x01".to_vec()),
    ] {
        let proxy = Proxy::mariadb(server.port());
        let store = open(&proxy.url(&server.database().await)).await;
        store.create(&SELECTOR, &new_record()).await.unwrap();
        let (mut acknowledged, mut unknown, mut expected) = (0, 0, 0);
        for n in 0..16 {
            proxy.on_command(n, |_| true, mode.clone());
            for _ in 0..4 {
                match count(&store, &SELECTOR).await {
                    Ok(()) => acknowledged += 1,
                    Err(error) if error.kind() == StoreErrorKind::UnknownOutcome => unknown += 1,
                    Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable),
                }
                expected += 1;
            }
            proxy.heal();
        }
        let visits = visits(&store, &SELECTOR).await;
        assert!(
            (acknowledged..=acknowledged + unknown).contains(&visits),
            "{visits}: {acknowledged} + {unknown}"
        );
        assert!(unknown > 0, "{mode:?} met no commit");
        // What was lost before a commit was repeated.
        assert!(acknowledged >= expected - 6, "{mode:?}: {acknowledged} of {expected}");
    }
}

/// Loads, deletions and the first half of a write change nothing, or nothing more the second time, so the caller hears of no lost reply.
#[tokio::test]
async fn only_the_lost_reply_to_a_commit_is_told() {
    let Some(server) = shared_mariadb().await else { return };
    let proxy = Proxy::mariadb(server.port());
    let store = open(&proxy.url(&server.database().await)).await;
    store.create(&SELECTOR, &signed_in("7", None)).await.unwrap();
    let cut = |n| proxy.on_command(n, |_| true, Mode::CutAfterForward);
    cut(0);
    assert!(store.load(&SELECTOR).await.unwrap().is_some());
    cut(0);
    assert_eq!(store.update(&SELECTOR, &touch()).await.unwrap(), Updated::Done { revision: 2 });
    cut(1);
    assert_eq!(kind(store.update(&SELECTOR, &touch()).await), StoreErrorKind::UnknownOutcome);
    proxy.heal();
    assert_eq!(store.load(&SELECTOR).await.unwrap().unwrap().record.meta().revision, 3);
    cut(0);
    store.delete(&SELECTOR, None).await.unwrap();
    cut(1);
    store.delete_all(&principal("7"), None).await.unwrap();
}

/// The same for a sign-in with a maximum.
#[tokio::test]
async fn a_sign_in_with_a_lost_reply_is_done_or_not() {
    let Some(server) = shared_mariadb().await else { return };
    for (n, expected) in [Ok(Created::Created), Err(StoreErrorKind::UnknownOutcome)].into_iter().enumerate() {
        let proxy = Proxy::mariadb(server.port());
        let store = open(&proxy.url(&server.database().await)).await;
        let new = signed_in("7", Some(at_most(1, WhenFull::EvictOldest)));
        store.create(&selector(1), &new).await.unwrap();
        proxy.on_command(n, |_| true, Mode::CutAfterForward);
        let answer = store.create(&selector(2), &new).await;
        assert_eq!(answer.map_err(|error| error.kind()), expected, "command {n}");
        proxy.heal();
        let sessions = store.sessions_of(&principal("7")).await.unwrap();
        assert_eq!(sessions.iter().map(|one| one.selector).collect::<Vec<_>>(), [selector(2)]);
    }
}

/// Drops a future after other tasks had this many turns, as at a deadline or when a client leaves.
async fn abandon<T>(future: impl Future<Output = T>, turns: usize) -> Option<T> {
    let leaves = async {
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        done = future => Some(done),
        () = leaves => None,
    }
}

/// Callers that leave at any point leave no connection behind that answers another caller's statements.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_future_does_no_harm() {
    let Some((server, database, store)) = fresh().await else { return };
    for n in 0..16 {
        let mut new = new_record();
        new.label = Some(n.to_string().into());
        store.create(&selector(n), &new).await.unwrap();
    }
    let users: Vec<_> = (0..16)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let (mut done, mut dropped) = (0, 0);
                for turn in 0..120_usize {
                    let change = write("shop.owner", &n.to_string());
                    let ended = match turn % 3 {
                        0 => abandon(store.update(&selector(n), &change), turn * 13 % 300).await.map(drop),
                        1 => abandon(store.load(&selector(n)), turn * 13 % 300).await.map(drop),
                        _ => {
                            let loaded = store.load(&selector(n)).await.unwrap().unwrap();
                            assert_eq!(loaded.record.meta().label.as_deref(), Some(&*n.to_string()));
                            Some(())
                        }
                    };
                    match ended {
                        Some(()) => done += 1,
                        None => dropped += 1,
                    }
                }
                assert!(done > 0 && dropped > 0, "{done} done, {dropped} dropped");
            })
        })
        .collect();
    for user in users {
        user.await.unwrap();
    }
    let mut connection = server.connection(&database).await;
    let connections = ask::<i64>(&mut connection, OTHERS).await;
    assert!(connections <= 10, "{connections} connections");
}

/// A call whose caller left while it waited for a connection is not executed.
#[tokio::test]
async fn a_write_whose_caller_has_left_is_not_started() {
    let Some((server, database, _)) = fresh().await else { return };
    let options = MySqlStore::options(&server.url(&database)).unwrap().sweep_every(None);
    let store = options.max_connections(1).connect_timeout(BOUND).open().await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    store.create(&selector(1), &new_record()).await.unwrap();
    let (mut other, mut watch) = (server.connection(&database).await, server.connection(&database).await);
    hold(&mut other, &SELECTOR).await;
    let blocked = tokio::spawn({
        let store = store.clone();
        async move { store.update(&SELECTOR, &touch()).await }
    });
    until_is(&mut watch, BLOCKED, 1).await;
    assert!(abandon(store.update(&selector(1), &touch()), 0).await.is_none());
    run(&mut other, "ROLLBACK").await;
    blocked.await.unwrap().unwrap();
    // Waiters are served in order, so this call comes after the one that left.
    let loaded = store.load(&selector(1)).await.unwrap().unwrap();
    assert_eq!(loaded.record.meta().revision, 1);
}

/// All connections wait for one row. Other calls fail in time, and then the store goes on.
#[tokio::test]
async fn an_exhausted_pool_is_an_error_in_time() {
    let Some((server, database, _)) = fresh().await else { return };
    let options = MySqlStore::options(&server.url(&database)).unwrap().sweep_every(None);
    let store = options.max_connections(2).connect_timeout(Duration::from_millis(200)).open().await.unwrap();
    store.create(&SELECTOR, &new_record()).await.unwrap();
    store.create(&selector(1), &new_record()).await.unwrap();
    let mut other = server.connection(&database).await;
    hold(&mut other, &SELECTOR).await;
    let blocked: Vec<_> = (0..2)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.update(&SELECTOR, &touch()).await })
        })
        .collect();
    let mut watch = server.connection(&database).await;
    until_is(&mut watch, BLOCKED, 2).await;
    let begun = Instant::now();
    assert_eq!(kind(store.load(&selector(1)).await), StoreErrorKind::Unavailable);
    assert!(begun.elapsed() < Duration::from_secs(2));
    // The server gives up on a statement whose caller has left; nothing was changed.
    for one in blocked {
        assert_eq!(kind(one.await.unwrap()), StoreErrorKind::Unavailable);
    }
    run(&mut other, "ROLLBACK").await;
    assert_eq!(store.update(&SELECTOR, &touch()).await.unwrap(), Updated::Done { revision: 2 });
    store.load(&selector(1)).await.unwrap();
}

/// A process that freezes between the halves of a write keeps the row locked for three seconds, and its write is not done.
/// OWASP ASVS 5.0 15.4.3.
#[tokio::test]
async fn a_process_that_freezes_does_not_hold_a_row_for_long() {
    let Some(server) = shared_mariadb().await else { return };
    let proxy = Proxy::mariadb(server.port());
    let database = server.database().await;
    let (frozen, other) = (open(&proxy.url(&database)).await, open(&server.url(&database)).await);
    other.create(&SELECTOR, &new_record()).await.unwrap();
    // The second half does not reach the server.
    proxy.on_command(0, |command| command.name.contains("COMMIT"), Mode::BlackHole);
    let write = tokio::spawn(async move { frozen.update(&SELECTOR, &touch()).await });
    until("the other one goes on", async || other.update(&SELECTOR, &touch()).await.is_ok()).await;
    let error = write.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::UnknownOutcome);
    // It was the server that ended the connection, and not the process, which may be frozen for ever.
    assert!(!error.to_string().contains("did not answer in time"), "{error}");
    assert_eq!(other.load(&SELECTOR).await.unwrap().unwrap().record.meta().revision, 2);
}

//! Errors of the server, lost replies, and callers that leave.

use std::future::Future;

use super::*;

/// Makes every update of a session fail with this error.
fn refuse_with(code: &str) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'no' USING ERRCODE = '{code}', DETAIL = 'secret'; END $$;
        CREATE OR REPLACE TRIGGER refuse BEFORE UPDATE ON typed_session FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
}

#[tokio::test]
async fn what_the_server_refuses_is_not_done() {
    let Some((server, database, store)) = fresh().await else { return };
    store.create(&SELECTOR, &new_record()).await.unwrap();
    for (code, expected) in [
        ("53100", StoreErrorKind::Full),
        ("53200", StoreErrorKind::Full),
        ("54000", StoreErrorKind::Full),
        ("57014", StoreErrorKind::Unavailable),
        ("55P03", StoreErrorKind::Unavailable),
        ("25006", StoreErrorKind::Unavailable),
        ("22P02", StoreErrorKind::Unavailable),
        ("P0001", StoreErrorKind::Unavailable),
        ("XX001", StoreErrorKind::Unreadable),
        // The statement is sent again until the deadline.
        ("40001", StoreErrorKind::Unavailable),
        ("40P01", StoreErrorKind::Unavailable),
    ] {
        server.execute(&database, &refuse_with(code)).await;
        let begun = Instant::now();
        let error = store.update(&SELECTOR, &touch()).await.unwrap_err();
        assert_eq!(error.kind(), expected, "{code}");
        assert!(begun.elapsed() < Duration::from_secs(3), "{code}");
        let said = format!("{error:?}");
        assert!(said.contains(code) && !said.contains("secret"), "{said}");
        let revision = store.load(&SELECTOR).await.unwrap().unwrap().record.meta().revision;
        assert_eq!(revision, 1, "{code}");
    }
    server.execute(&database, "DROP TRIGGER refuse ON typed_session").await;
    assert_eq!(store.update(&SELECTOR, &touch()).await.unwrap(), Updated::Done { revision: 2 });
}

#[tokio::test]
async fn statements_that_were_rolled_back_are_sent_again() {
    let Some((server, database, store)) = fresh().await else { return };
    store.create(&SELECTOR, &new_record()).await.unwrap();
    // A sequence is not rolled back, so it counts the attempts.
    let twice = "CREATE SEQUENCE tries;
        CREATE FUNCTION passes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('public.tries') < 3 THEN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END IF;
            RETURN NEW; END $$;
        CREATE TRIGGER passes BEFORE UPDATE ON typed_session FOR EACH ROW EXECUTE FUNCTION passes()";
    server.execute(&database, twice).await;
    assert_eq!(store.update(&SELECTOR, &touch()).await.unwrap(), Updated::Done { revision: 2 });
    let mut connection = server.connection(&database).await;
    assert_eq!(ask::<i64>(&mut connection, "SELECT last_value FROM tries").await, 3);
}

/// The rows of a statement come before its transaction ends, so answering with them could report something that does not become true.
#[tokio::test]
async fn an_answer_waits_for_the_end_of_the_transaction() {
    let Some((server, database, store)) = fresh().await else { return };
    store.create(&SELECTOR, &new_record()).await.unwrap();
    let at_the_end = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END $$;
        CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON typed_session DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION refuse()";
    server.execute(&database, at_the_end).await;
    assert_eq!(kind(store.update(&SELECTOR, &touch()).await), StoreErrorKind::Full);
    let revision = store.load(&SELECTOR).await.unwrap().unwrap().record.meta().revision;
    assert_eq!(revision, 1);
}

/// For every n, the reply to the n-th command is lost. The counter is what was acknowledged, or that and what was unknown.
#[tokio::test]
async fn a_lost_reply_is_never_counted_twice() {
    let Some(server) = shared_postgres().await else { return };
    for mode in [
        Mode::CutAfterForward,
        Mode::CutBeforeForward,
        Mode::Truncate(3),
        Mode::Garbage(b"!?!?!?!?".to_vec()),
    ] {
        let proxy = Proxy::postgres(server.port());
        let store = open(&proxy.url(&server.database().await)).await;
        store.create(&SELECTOR, &new_record()).await.unwrap();
        let (mut acknowledged, mut unknown, mut expected) = (0, 0, 0);
        for n in 0..12 {
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
        assert!(unknown > 0, "{mode:?} met no write");
        assert!(acknowledged >= expected - 12, "{mode:?}: each lost reply costs one request");
    }
}

/// The same for the statements of a sign-in with a maximum.
#[tokio::test]
async fn a_sign_in_with_a_lost_reply_is_done_or_not() {
    let Some(server) = shared_postgres().await else { return };
    let principal = Principal::new("shop.user", &Json::from_store("7"));
    for (n, expected) in
        [StoreErrorKind::Unavailable, StoreErrorKind::Unavailable, StoreErrorKind::UnknownOutcome]
            .into_iter()
            .enumerate()
    {
        let proxy = Proxy::postgres(server.port());
        let store = open(&proxy.url(&server.database().await)).await;
        let mut new = new_record();
        new.principal = Some(principal.clone());
        new.max_sessions = Some(MaxSessions::new(NonZeroU32::MIN, WhenFull::EvictOldest));
        store.create(&selector(1), &new).await.unwrap();
        proxy.on_command(n, |_| true, Mode::CutAfterForward);
        assert_eq!(kind(store.create(&selector(2), &new).await), expected, "command {n}");
        proxy.heal();
        let sessions = store.sessions_of(&principal).await.unwrap();
        // One of the two holds, never both or neither.
        let there = if expected == StoreErrorKind::UnknownOutcome { selector(2) } else { selector(1) };
        assert_eq!(sessions.iter().map(|one| one.selector).collect::<Vec<_>>(), [there], "command {n}");
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

/// Callers that leave at any point leave no connection behind that answers another caller's statement.
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
    let options = PostgresStore::options(&server.url(&database)).unwrap().sweep_every(None);
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
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    blocked.await.unwrap().unwrap();
    // Waiters are served in order, so this call comes after the one that left.
    let loaded = store.load(&selector(1)).await.unwrap().unwrap();
    assert_eq!(loaded.record.meta().revision, 1);
}

/// All connections wait for one row. Other calls fail in time, and then the store goes on.
/// OWASP ASVS 5.0 13.1.2.
#[tokio::test]
async fn an_exhausted_pool_is_an_error_in_time() {
    let Some((server, database, _)) = fresh().await else { return };
    let options = PostgresStore::options(&server.url(&database)).unwrap().sweep_every(None);
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
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(store.update(&SELECTOR, &touch()).await.unwrap(), Updated::Done { revision: 2 });
    store.load(&selector(1)).await.unwrap();
}

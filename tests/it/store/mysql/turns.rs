//! The maximum of sessions per user, from two nodes at once.

use std::future::Future;

use super::*;

/// Two nodes on one database.
async fn nodes() -> Option<[MySqlStore; 2]> {
    let (server, database, store) = fresh().await?;
    Some([store, open(&server.url(&database)).await])
}

/// Runs all calls at once, in turn on both nodes; returns their answers.
async fn race<T, F>(nodes: &[MySqlStore; 2], many: u16, each: impl Fn(MySqlStore, u16) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..many).map(|n| tokio::spawn(each(nodes[usize::from(n % 2)].clone(), n))).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn twenty_sign_ins_from_two_nodes_leave_three() {
    let Some(nodes) = nodes().await else { return };
    for (round, when_full) in (0..).zip([WhenFull::RejectNew, WhenFull::EvictOldest, WhenFull::RejectNew]) {
        let (name, max) = (round.to_string(), Some(at_most(3, when_full)));
        let keyed = move |n: u16| selector(round * 100 + n);
        // A third of the calls create a session, and the others sign in to an existing one.
        for n in (0..20).filter(|n: &u16| !n.is_multiple_of(3)) {
            nodes[0].create(&keyed(n), &new_record()).await.unwrap();
        }
        let signs_in = |store: MySqlStore, n: u16| {
            let name = name.clone();
            async move {
                let admitted = if n.is_multiple_of(3) {
                    store.create(&keyed(n), &signed_in(&name, max)).await.unwrap() == Created::Created
                } else {
                    let answer = store.update(&keyed(n), &sign_in(&name, max)).await.unwrap();
                    assert!(matches!(answer, Updated::Done { .. } | Updated::TooMany), "{answer:?}");
                    answer != Updated::TooMany
                };
                admitted.then(|| keyed(n))
            }
        };
        let admitted: Vec<_> = race(&nodes, 20, signs_in).await.into_iter().flatten().collect();
        assert_eq!(admitted.len(), if when_full == WhenFull::RejectNew { 3 } else { 20 });
        let listed = nodes[1].sessions_of(&principal(&name)).await.unwrap();
        assert_eq!(listed.len(), 3);
        assert!(listed.iter().all(|listed| admitted.contains(&listed.selector)));
    }
}

/// Calls that end several sessions at once wait for their rows. If they wait in a circle, the server rolls one back, and it is repeated.
#[tokio::test]
async fn sign_ins_and_delete_all_of_one_user_do_not_block_each_other() {
    let Some(nodes) = nodes().await else { return };
    let max = Some(at_most(2, WhenFull::EvictOldest));
    for round in 0..10 {
        // Far more sessions than a sign-in with a maximum leaves.
        race(&nodes, 60, |store, n| async move {
            store.create(&selector(n), &signed_in("7", None)).await.unwrap();
        })
        .await;
        let answers = race(&nodes, 8, |store, n| async move {
            if n % 4 < 2 {
                return store.delete_all(&principal("7"), None).await.map(|_| ());
            }
            store.create(&selector(1000 + round * 10 + n), &signed_in("7", max)).await.map(|_| ())
        });
        for answer in tokio::time::timeout(BOUND, answers).await.expect("bounded") {
            answer.unwrap();
        }
        assert!(nodes[0].sessions_of(&principal("7")).await.unwrap().len() <= 2);
    }
}

/// A sign-in waits for its turn before it locks any row, and others of the same user wait for theirs.
#[tokio::test]
async fn a_turn_comes_before_any_row_and_delays_no_other_user() {
    let Some((server, database, store)) = fresh().await else { return };
    // The calls of one process wait for each other without a connection.
    let elsewhere = open(&server.url(&database)).await;
    let max = Some(at_most(1, WhenFull::EvictOldest));
    store.create(&SELECTOR, &signed_in("7", None)).await.unwrap();
    let (mut other, mut watch) = (server.connection(&database).await, server.connection(&database).await);
    hold(&mut other, &SELECTOR).await;
    let begin = |store: &MySqlStore, n: u16| {
        let store = store.clone();
        tokio::spawn(async move { store.create(&selector(n), &signed_in("7", max)).await })
    };
    let evicts = begin(&store, 1);
    until_is(&mut watch, BLOCKED, 1).await;
    let waits = begin(&elsewhere, 2);
    until_is(&mut watch, QUEUED, 1).await;
    store.create(&selector(3), &signed_in("8", max)).await.unwrap();
    assert_eq!(store.delete_all(&principal("8"), None).await.unwrap(), 1);
    run(&mut other, "ROLLBACK").await;
    assert_eq!(evicts.await.unwrap().unwrap(), Created::Created);
    assert_eq!(waits.await.unwrap().unwrap(), Created::Created);
    let left = store.sessions_of(&principal("7")).await.unwrap();
    assert_eq!(left.iter().map(|one| one.selector).collect::<Vec<_>>(), [selector(2)]);
}

/// A turn ends with its call, whatever the answer is.
#[tokio::test]
async fn no_turn_is_kept() {
    let Some((server, database, store)) = fresh().await else { return };
    let max = Some(at_most(1, WhenFull::RejectNew));
    store.create(&selector(1), &signed_in("7", max)).await.unwrap();
    assert_eq!(store.create(&selector(1), &signed_in("7", max)).await.unwrap(), Created::Exists);
    assert_eq!(store.create(&selector(2), &signed_in("7", max)).await.unwrap(), Created::TooMany);
    assert_eq!(store.update(&selector(3), &sign_in("7", max)).await.unwrap(), Updated::Gone);
    let other = open(&server.url(&database)).await;
    assert_eq!(other.create(&selector(2), &signed_in("7", max)).await.unwrap(), Created::TooMany);
}

/// A sign-in that waits for its turn holds a connection. Those that wait behind it must not hold the others: nobody could read.
#[tokio::test]
async fn sign_ins_that_wait_leave_connections_to_everybody_else() {
    let Some((server, database, _)) = fresh().await else { return };
    let options = MySqlStore::options(&server.url(&database)).unwrap().sweep_every(None).max_connections(4);
    let store = options.open().await.unwrap();
    let max = Some(at_most(1, WhenFull::EvictOldest));
    let (mut other, mut watch) = (server.connection(&database).await, server.connection(&database).await);
    for n in 0..10 {
        store.create(&selector(n), &signed_in(&n.to_string(), None)).await.unwrap();
    }
    // To sign in, each of ten users has to end a session that somebody else has locked.
    run(&mut other, "BEGIN; SELECT 1 FROM typed_session FOR UPDATE").await;
    let signs_in = |n: u16| {
        let store = store.clone();
        tokio::spawn(async move {
            store.create(&selector(1000 + n), &signed_in(&(n % 10).to_string(), max)).await
        })
    };
    let first = signs_in(0);
    until_is(&mut watch, BLOCKED, 1).await;
    let same: Vec<_> = (100..150).map(|n| signs_in(n * 10)).collect();
    let others: Vec<_> = (1..50).map(signs_in).collect();
    until_is(&mut watch, BLOCKED, 2).await;
    for _ in 0..20 {
        assert!(store.load(&SELECTOR).await.unwrap().is_none());
    }
    assert_eq!(ask::<i64>(&mut watch, BLOCKED).await, 2, "half of the connections");
    run(&mut other, "ROLLBACK").await;
    assert_eq!(first.await.unwrap().unwrap(), Created::Created);
    for sign_in in same.into_iter().chain(others) {
        sign_in.await.unwrap().unwrap();
    }
    for n in 0..10 {
        assert_eq!(store.count_of(&principal(&n.to_string())).await.unwrap(), 1);
    }
}

/// Two sessions that swap their users each want to end the other: a deadlock, which the server detects and the store repeats.
#[tokio::test]
async fn a_call_that_met_a_deadlock_is_repeated() {
    let Some(nodes) = nodes().await else { return };
    let max = Some(at_most(1, WhenFull::EvictOldest));
    for round in 0..20 {
        let (left, right) = (selector(round * 2), selector(round * 2 + 1));
        nodes[0].create(&left, &signed_in("1", None)).await.unwrap();
        nodes[0].create(&right, &signed_in("2", None)).await.unwrap();
        let swap = |store: MySqlStore, n: u16| async move {
            let (selector, name) = if n == 0 { (left, "2") } else { (right, "1") };
            store.update(&selector, &sign_in(name, max)).await
        };
        let answers: Vec<_> = race(&nodes, 2, swap).await.into_iter().map(Result::unwrap).collect();
        // Each call either ends the other session, or does nothing if its own is gone already; at least one of them is applied.
        assert!(answers.iter().any(|answer| matches!(answer, Updated::Done { .. })), "{answers:?}");
        for name in ["1", "2"] {
            nodes[0].delete_all(&principal(name), None).await.unwrap();
        }
    }
}

//! Overlapping requests in one session, on two servers with one store: nothing acknowledged is lost, and a logout is final.

use tokio::task::JoinSet;

use super::{Client, Node, Place, on_every_store, signed_in};

on_every_store! {
    fields_set_concurrently_are_all_kept
    fields_set_on_one_loaded_record_are_all_kept
    closures_run_on_one_loaded_record_all_count
    a_thousand_increments_on_two_servers_are_a_thousand
    writers_of_one_session_need_three_store_calls_each
    a_slow_writer_does_not_bring_a_session_back
}

const CLIENTS: usize = 50;

/// `CLIENTS` tabs of one browser, spread over both servers.
fn tabs(nodes: &[Node; 2], client: &Client) -> Vec<Client> {
    (0..CLIENTS).map(|tab| nodes[tab % 2].client_as(client)).collect()
}

async fn fields_set_concurrently_are_all_kept(place: Place) {
    let nodes = [place.node(), place.node()];
    let mut client = signed_in(&nodes[0]).await;
    let mut tabs = tabs(&nodes, &client);
    for round in 0..3 {
        let mut requests = JoinSet::new();
        for (slot, mut tab) in tabs.drain(..).enumerate() {
            requests.spawn(async move {
                let value = 1000 * round + slot;
                tab.ok(&format!("/set/{slot}/{value}")).await;
                tab
            });
        }
        tabs = requests.join_all().await;
        let expected: Vec<_> = (0..CLIENTS).map(|slot| Some((1000 * round + slot) as u64)).collect();
        assert_eq!(client.read().await.slots, expected);
    }
}

/// All requests load the same full record before the first one writes. A library that writes back whole records would lose 49 fields.
/// OWASP ASVS 5.0 8.3.2; actix-session 0.11.
async fn fields_set_on_one_loaded_record_are_all_kept(place: Place) {
    let nodes = [place.node(), place.node()];
    let mut client = signed_in(&nodes[0]).await;
    for slot in 0..CLIENTS {
        client.ok(&format!("/set/{slot}/1")).await;
    }
    let mut requests = JoinSet::new();
    for (slot, mut tab) in tabs(&nodes, &client).into_iter().enumerate() {
        requests.spawn(async move { tab.ok(&format!("/slow-set/all/{slot}/{}", 1000 + slot)).await });
    }
    for node in &nodes {
        node.until_waiting_at("all", CLIENTS / 2).await;
    }
    for node in &nodes {
        node.open("all").await;
    }
    requests.join_all().await;
    let expected: Vec<_> = (0..CLIENTS).map(|slot| Some(1000 + slot as u64)).collect();
    let state = nodes[1].client_as(&client).read().await;
    assert_eq!((state.user, state.slots), (Some(7), expected));
}

/// The same with closures, which must run again on the results of the others.
async fn closures_run_on_one_loaded_record_all_count(place: Place) {
    let nodes = [place.node(), place.node()];
    let client = signed_in(&nodes[0]).await;
    let mut requests = JoinSet::new();
    for mut tab in tabs(&nodes, &client) {
        requests.spawn(async move { tab.ok("/slow/all/add").await });
    }
    for node in &nodes {
        node.until_waiting_at("all", CLIENTS / 2).await;
    }
    for node in &nodes {
        node.open("all").await;
    }
    requests.join_all().await;
    assert_eq!(nodes[1].client_as(&client).read().await.count, CLIENTS as u64);
}

async fn a_thousand_increments_on_two_servers_are_a_thousand(place: Place) {
    let nodes = [place.node(), place.node()];
    let mut client = signed_in(&nodes[0]).await;
    let mut requests = JoinSet::new();
    for (number, mut tab) in tabs(&nodes, &client).into_iter().enumerate() {
        requests.spawn(async move {
            let mut merged = Vec::new();
            for _ in 0..10 {
                tab.ok("/add").await;
                let path = if number % 5 == 0 { "/add-now" } else { "/add" };
                merged.extend(tab.ok(path).await.parse::<u64>());
            }
            merged
        });
    }
    let mut merged = requests.join_all().await.concat();
    assert_eq!(client.read().await.count, 1000);
    // Each request that asked for the merged value got a different one.
    assert_eq!(merged.len(), 100);
    merged.sort_unstable();
    merged.dedup();
    assert_eq!(merged.len(), 100);
    assert!(merged.iter().all(|count| (1..=1000).contains(count)));
}

/// Each writer makes at most three calls: the load, an update that conflicts, and an update of the record in the answer to it.
async fn writers_of_one_session_need_three_store_calls_each(place: Place) {
    const WRITERS: usize = 64;
    let node = place.node();
    let mut client = signed_in(&node).await;
    node.calls().await;
    let mut requests = JoinSet::new();
    for _ in 0..WRITERS {
        let mut tab = client.twin();
        requests.spawn(async move { tab.ok("/slow/all/add").await });
    }
    node.until_waiting_at("all", WRITERS).await;
    node.open("all").await;
    requests.join_all().await;
    let calls = node.calls().await;
    assert!(calls <= 3 * WRITERS, "{calls} store calls for {WRITERS} requests");
    assert_eq!(client.read().await.count, WRITERS as u64);
}

/// OWASP ASVS 5.0 7.4.1; CVE-2025-46336; actix-session 0.11.
async fn a_slow_writer_does_not_bring_a_session_back(place: Place) {
    const KINDS: [&str; 4] = ["set", "set-first", "add", "renew"];
    let nodes = [place.node(), place.node()];
    let mut client = signed_in(&nodes[0]).await;
    let mut slow = JoinSet::new();
    for (number, mut tab) in [tabs(&nodes, &client), tabs(&nodes, &client)].into_iter().flatten().enumerate()
    {
        let what = KINDS[number % KINDS.len()];
        slow.spawn(async move { (what, tab.ask(&format!("/slow/late/{what}")).await.unwrap()) });
    }
    for node in &nodes {
        node.until_waiting_at("late", CLIENTS).await;
    }
    let before = client.twin();
    client.ok("/out").await;
    assert!(client.jar.is_empty());
    assert_eq!(place.sessions().await, 0);
    for node in &nodes {
        node.open("late").await;
    }
    for (what, reply) in slow.join_all().await {
        assert_eq!((reply.status, reply.set_cookies), (200, vec![]), "{what}");
    }
    assert_eq!(place.sessions().await, 0);
    assert_eq!(nodes[1].client_as(&before).read().await.user, None);
}

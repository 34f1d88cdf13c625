//! A server that is killed: what it acknowledged is stored, and any other write is stored whole or not at all.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::task::{JoinHandle, JoinSet};

use super::{Client, Dice, Node, Place, on_every_store, signed_in, until};

on_every_store! {
    a_killed_server_has_stored_everything_it_acknowledged
    killing_one_server_does_not_affect_the_other
    a_server_that_is_asked_to_stop_stores_what_it_acknowledges
    a_logout_outlives_every_server
}

const TABS: usize = 8;

/// The numbers that one tab sent, and those that were acknowledged.
#[derive(Default)]
struct Sent {
    all: BTreeSet<u64>,
    acknowledged: BTreeSet<u64>,
    /// The last value sent for the tab's own field. The last one acknowledged is `acknowledged_slot`.
    slot: Option<u64>,
    acknowledged_slot: Option<u64>,
}

/// Writes the tab's own numbers until the server is gone.
async fn write_on(
    mut tab: Client,
    numbers: std::ops::Range<u64>,
    slot: usize,
    acks: Arc<AtomicUsize>,
    before: Option<u64>,
) -> Sent {
    let mut sent = Sent { slot: before, acknowledged_slot: before, ..Sent::default() };
    for number in numbers {
        sent.slot = Some(number);
        match tab.ask(&format!("/set/{slot}/{number}")).await {
            Ok(reply) => assert_eq!(reply.status, 200, "{reply:?}"),
            Err(_) => return sent,
        }
        sent.acknowledged_slot = Some(number);
        acks.fetch_add(1, Ordering::SeqCst);
        sent.all.insert(number);
        match tab.ask(&format!("/log/{number}")).await {
            Ok(reply) => assert_eq!(reply.status, 200, "{reply:?}"),
            Err(_) => return sent,
        }
        sent.acknowledged.insert(number);
        acks.fetch_add(1, Ordering::SeqCst);
    }
    sent
}

fn write_in_tabs(
    node: &Node,
    client: &Client,
    round: u64,
    each: u64,
    before: &[Option<u64>],
) -> (JoinSet<(usize, Sent)>, Arc<AtomicUsize>) {
    let acks = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for slot in 0..TABS {
        let (tab, acks) = (node.client_as(client), acks.clone());
        let first = round * 100_000 + slot as u64 * 1000;
        let before = before.get(slot).copied().flatten();
        writers.spawn(async move { (slot, write_on(tab, first..first + each, slot, acks, before).await) });
    }
    (writers, acks)
}

/// Compares what the tabs were told with what is stored, and returns the tabs' fields.
async fn check(
    node: &Node,
    client: &Client,
    sent: Vec<(usize, Sent)>,
    all: &mut BTreeSet<u64>,
) -> Vec<Option<u64>> {
    let state = node.client_as(client).read().await;
    assert_eq!(state.user, Some(7));
    let stored: BTreeSet<u64> = state.log.iter().copied().collect();
    assert_eq!(stored.len(), state.log.len(), "a closure was applied twice");
    for (slot, sent) in sent {
        let lost: Vec<_> = sent.acknowledged.difference(&stored).collect();
        assert!(lost.is_empty(), "acknowledged and not stored: {lost:?}");
        assert!(
            state.slots[slot] == sent.acknowledged_slot || state.slots[slot] == sent.slot,
            "{:?} is stored, {:?} was sent and {:?} acknowledged",
            state.slots[slot],
            sent.slot,
            sent.acknowledged_slot
        );
        all.extend(sent.all);
    }
    assert!(stored.is_subset(all), "stored and not sent");
    state.slots
}

async fn a_killed_server_has_stored_everything_it_acknowledged(place: Place) {
    let mut node = place.node();
    let client = signed_in(&node).await;
    let mut dice = Dice(0x5eed);
    let mut all = BTreeSet::new();
    let mut slots = Vec::new();
    for round in 1..=8 {
        let (writers, acks) = write_in_tabs(&node, &client, round, 1000, &slots);
        let moment = 1 + usize::try_from(dice.below(60)).unwrap();
        until("enough was acknowledged", async || acks.load(Ordering::SeqCst) >= moment).await;
        node.kill();
        let sent = writers.join_all().await;
        node = place.node();
        slots = check(&node, &client, sent, &mut all).await;
    }
    assert_eq!(place.sessions().await, 1);
}

/// The other server goes on without a pause and without a loss.
/// OWASP ASVS 5.0 15.4.3.
async fn killing_one_server_does_not_affect_the_other(place: Place) {
    let mut nodes = [place.node(), place.node()];
    let client = signed_in(&nodes[0]).await;
    let (dying, acks) = write_in_tabs(&nodes[0], &client, 1, 1000, &[]);
    let mut living = JoinSet::new();
    for _ in 0..4 {
        let mut tab = nodes[1].client_as(&client);
        living.spawn(async move {
            for _ in 0..25 {
                tab.ok("/add").await;
            }
        });
    }
    until("both write", async || acks.load(Ordering::SeqCst) >= 10).await;
    nodes[0].kill();
    let sent = dying.join_all().await;
    living.join_all().await;
    assert_eq!(nodes[1].client_as(&client).read().await.count, 100);
    check(&nodes[1], &client, sent, &mut BTreeSet::new()).await;
}

async fn a_server_that_is_asked_to_stop_stores_what_it_acknowledges(place: Place) {
    let mut node = place.node();
    let client = signed_in(&node).await;
    // Nine commits are in progress when the signal comes, and end after it.
    node.direct("/store/on/hang").await;
    let mut tab = client.twin();
    let commit: JoinHandle<_> = tokio::spawn(async move { tab.ask("/add").await.unwrap() });
    node.until_calls_wait(1).await;
    let (writers, _) = write_in_tabs(&node, &client, 1, 20, &[]);
    node.until_calls_wait(1 + TABS).await;
    node.ask_to_stop();
    until("no new connection is taken", async || node.client().ask("/none").await.is_err()).await;
    node.turn_store_on();
    assert_eq!(commit.await.unwrap().status, 200);
    let sent = writers.join_all().await;
    node.until_stopped().await;

    let node = place.node();
    assert_eq!(node.client_as(&client).read().await.count, 1);
    check(&node, &client, sent, &mut BTreeSet::new()).await;
}

/// All processes are killed as soon as the logouts are acknowledged, so nothing that only they know can refuse the cookies.
/// OWASP ASVS 5.0 7.4.1; CVE-2026-9802.
async fn a_logout_outlives_every_server(place: Place) {
    let mut nodes = [place.node(), place.node()];
    let mut leaving = signed_in(&nodes[0]).await;
    let (mut phone, laptop) = (signed_in(&nodes[0]).await, signed_in(&nodes[1]).await);
    let copies = [leaving.twin(), phone.twin(), laptop.twin()];
    leaving.ok("/out").await;
    assert_eq!(phone.ok("/out-everywhere").await, "2");
    nodes.iter_mut().for_each(Node::kill);
    let node = place.node();
    for copy in &copies {
        assert_eq!(node.client_as(copy).read().await.user, None);
    }
    assert_eq!(place.sessions().await, 0);
}

//! For every n: the n-th command of a few tabs that count, or its reply, is lost or damaged.

use tokio::task::JoinSet;

use super::{Behind, Client, Node, body_if_done, is_done, on_each_server, signed_in};
use crate::servers::proxy::Mode;

on_each_server! {
    increments_count_once_whichever_reply_is_lost
    increments_count_once_whichever_command_is_lost
    increments_count_once_whichever_reply_is_garbage
    increments_count_once_whichever_reply_is_truncated
}

async fn increments_count_once_whichever_reply_is_lost(server: Behind) {
    let doubtful = count_for_every_n(&server, |_| Mode::CutAfterForward).await;
    // A write was stored although it was answered with 503, because its outcome was unknown.
    assert!(doubtful > 0);
}

async fn increments_count_once_whichever_command_is_lost(server: Behind) {
    count_for_every_n(&server, |_| Mode::CutBeforeForward).await;
}

async fn increments_count_once_whichever_reply_is_garbage(server: Behind) {
    let garbage = server.garbage();
    count_for_every_n(&server, |nth| Mode::Garbage(garbage[nth % 3].to_vec())).await;
}

/// RUSTSEC-2024-0363.
async fn increments_count_once_whichever_reply_is_truncated(server: Behind) {
    count_for_every_n(&server, |nth| Mode::Truncate(1 + nth % 20)).await;
}

/// The answers to one tab.
#[derive(Default)]
struct Told {
    acknowledged: u64,
    refused: u64,
    /// The values in the answers to `/add-now`.
    values: Vec<u64>,
}

async fn count_in(mut tab: Client) -> Told {
    let mut told = Told::default();
    let mut count = async |path| {
        let body = body_if_done(&mut tab, path).await;
        *(if body.is_some() { &mut told.acknowledged } else { &mut told.refused }) += 1;
        told.values.extend(body.and_then(|body| body.parse::<u64>().ok()));
    };
    count("/add").await;
    count("/add-now").await;
    told
}

/// Returns the number of increments that were stored although they were answered with 503.
async fn count_for_every_n(server: &Behind, mode: impl Fn(usize) -> Mode) -> u64 {
    let nodes = [server.node_through(), server.node_through()];
    let client = signed_in(&nodes[0]).await;
    let (mut stored, mut doubtful, mut refused) = (0, 0, 0);
    for nth in 0.. {
        assert!(nth < 300, "there is no end of commands");
        // The proxy closes the connections, so that the commands that set up new ones are counted as well.
        server.proxy.reset();
        server.proxy.reset_counts();
        server.proxy.on_command(nth, |_| true, mode(nth));
        let mut tabs = JoinSet::new();
        for tab in 0..3 {
            tabs.spawn(count_in(nodes[tab % 2].client_as(&client)));
        }
        let told = tabs.join_all().await;
        let commands = server.proxy.commands().len();
        server.proxy.heal();

        let sum = |of: fn(&Told) -> u64| told.iter().map(of).sum::<u64>();
        let (acknowledged, unknown) = (sum(|told| told.acknowledged), sum(|told| told.refused));
        let state = next_request(&nodes, &client).await;
        assert!(
            (stored + acknowledged..=stored + acknowledged + unknown).contains(&state),
            "n = {nth}: {stored} became {state} by {acknowledged} increments and perhaps {unknown}"
        );
        let mut values: Vec<u64> = told.into_iter().flat_map(|told| told.values).collect();
        values.sort_unstable();
        assert!(values.iter().all(|value| (stored + 1..=state).contains(value)), "{values:?}");
        values.dedup();
        doubtful += state - stored - acknowledged;
        refused += unknown;
        stored = state;
        if commands <= nth {
            assert!(refused > 0, "no fault was ever noticed");
            return doubtful;
        }
    }
    unreachable!()
}

/// Checks that each server answers the next request and the user is still signed in, and returns the count.
async fn next_request(nodes: &[Node; 2], client: &Client) -> u64 {
    let mut counts = Vec::new();
    for node in nodes {
        let mut tab = node.client_as(client);
        let state = tab.read().await;
        assert_eq!(state.user, Some(7));
        assert!(is_done(&mut tab, "/set/0/1").await);
        counts.push(state.count);
    }
    assert_eq!(counts[0], counts[1]);
    counts[0]
}

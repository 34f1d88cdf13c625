//! A server that is too slow for its load: requests that cannot be served are refused in time.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{Behind, LONGEST, is_done, on_each_server, signed_in, until, users};
use crate::servers::proxy::Mode;

on_each_server! {
    two_hundred_requests_for_a_slow_server_are_all_answered_in_time_and_leave_no_queue
}

async fn two_hundred_requests_for_a_slow_server_are_all_answered_in_time_and_leave_no_queue(server: Behind) {
    let node = server.node_through_within(Duration::from_secs(2));
    let users = users(std::slice::from_ref(&node), 20).await;
    let probe = signed_in(&node).await;
    let (mut done, mut refused) = (vec![0; users.len()], vec![0; users.len()]);
    // The first delay is slow but possible, the second is too slow.
    for delay in [8, 60].map(Duration::from_millis) {
        server.proxy.set(Mode::Delay(delay));
        let begun = Instant::now();
        let mut requests = JoinSet::new();
        for request in 0..200 {
            let user = request % users.len();
            let mut tab = node.client_as(&users[user].1);
            requests.spawn(async move { (user, is_done(&mut tab, "/add").await) });
        }
        for (user, is_done) in requests.join_all().await {
            (if is_done { &mut done } else { &mut refused })[user] += 1;
        }
        // Each request takes at most `LONGEST`. In total it is not much more, so no request waits for all the others.
        assert!(begun.elapsed() < LONGEST * 2, "{delay:?}: {:?}", begun.elapsed());
    }
    let sum = |of: &[u64]| of.iter().sum::<u64>();
    assert!(sum(&done) > 0 && sum(&refused) > 0, "{done:?} {refused:?}");

    server.proxy.heal();
    // No call is left waiting, so the next request is answered as usual.
    until("it answers", async || is_done(&mut probe.twin(), "/add").await).await;
    until("no call waits", async || node.direct("/calls/waiting").await == "0").await;
    let (mut after, asked) = (probe.twin(), Instant::now());
    for _ in 0..5 {
        after.ok("/add").await;
    }
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    for (at, (user, client)) in users.iter().enumerate() {
        let state = node.client_as(client).read().await;
        assert_eq!(state.user, Some(*user));
        assert!((done[at]..=done[at] + refused[at]).contains(&state.count), "{}", state.count);
    }
}

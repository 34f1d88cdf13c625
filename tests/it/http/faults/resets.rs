//! Browsers that reset their connections, so that their requests are dropped at any moment of a store call.

use std::time::Duration;

use tokio::{task::JoinSet, time::sleep};

use super::{Behind, Client, Dice, on_each_server, users};
use crate::{http::client::reset, servers::proxy::Mode};

on_each_server! {
    no_user_sees_another_users_session_while_requests_are_dropped_at_random_moments
}

const ROUNDS: u64 = 15;

/// CVE-2023-28858; CVE-2021-43980.
async fn no_user_sees_another_users_session_while_requests_are_dropped_at_random_moments(server: Behind) {
    let nodes = [server.node_through(), server.node_through()];
    let users = users(&nodes, 20).await;
    server.proxy.set(Mode::Delay(Duration::from_micros(300)));
    let mut all = JoinSet::new();
    for (at, (user, client)) in users.into_iter().enumerate() {
        let mut other = nodes[(at + 1) % 2].client_as(&client);
        all.spawn(async move { drop_requests(user, client, &mut other).await });
    }
    all.join_all().await;
    for node in &nodes {
        assert!(node.direct("/dropped").await.parse::<u64>().unwrap() > 0, "no request was dropped");
    }
}

async fn drop_requests(user: u64, mut client: Client, other: &mut Client) {
    let mut dice = Dice(0x5eed + user);
    let (mut sent, mut acknowledged) = (0, 0);
    for round in 0..ROUNDS {
        let path = ["/read", "/add", "/add-now", "/log/1"][usize::try_from(dice.below(4)).unwrap()];
        sent += u64::from(path.starts_with("/add"));
        let stream = client.send_and_hold(path).await;
        sleep(Duration::from_micros(dice.below(6000))).await;
        reset(stream);
        let state = if round % 2 == 0 { client.read().await } else { other.read().await };
        assert_eq!(state.user, Some(user));
        assert!((acknowledged..=sent).contains(&state.count), "{} of {sent}", state.count);
        other.ok("/add").await;
        (sent, acknowledged) = (sent + 1, acknowledged + 1);
        other.ok(&format!("/set/0/{user}")).await;
        assert_eq!(client.read().await.slots[0], Some(user));
    }
}

//! A server that is killed or stopped and restarted, while two processes of the application write.

use super::{
    Behind, DEADLINE,
    behind::End,
    load::{Load, check, counts_exactly, recovers},
    on_each_server, users,
};

on_each_server! {
    nothing_acknowledged_is_lost_when_the_server_is_killed_under_load
    nothing_acknowledged_is_lost_when_the_server_is_stopped_under_load
    nothing_acknowledged_is_lost_when_the_server_is_stopped_at_once_under_load
}

async fn nothing_acknowledged_is_lost_when_the_server_is_killed_under_load(server: Behind) {
    goes_on_after(server, End::Kill).await;
}

async fn nothing_acknowledged_is_lost_when_the_server_is_stopped_under_load(server: Behind) {
    goes_on_after(server, End::Stop).await;
}

async fn nothing_acknowledged_is_lost_when_the_server_is_stopped_at_once_under_load(server: Behind) {
    goes_on_after(server, End::Immediate).await;
}

async fn goes_on_after(server: Behind, end: End) {
    let nodes = [server.node_within(DEADLINE), server.node_within(DEADLINE)];
    let users = users(&nodes, 4).await;
    let load = Load::begin(&nodes, &users);
    // A server that is back at once may go unnoticed.
    for at_once in [false, true] {
        load.until_all_progress(3).await;
        server.end(end).await;
        if !at_once {
            load.until_noticed().await;
        }
        server.restart().await;
        recovers(&load).await;
    }
    let sums = load.end(users.len()).await;
    check(&nodes, &users, &sums).await;
    counts_exactly(&nodes, &users).await;
}

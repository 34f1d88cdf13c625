//! The round trips of a request, counted on the wire.

use super::{Behind, on_each_server, signed_in};

on_each_server! {
    a_read_is_one_round_trip_a_write_as_few_as_can_be_had_and_a_page_without_a_session_none
}

async fn a_read_is_one_round_trip_a_write_as_few_as_can_be_had_and_a_page_without_a_session_none(
    server: Behind,
) {
    let node = server.node_through();
    let mut client = signed_in(&node).await;
    // The first request of each kind opens a connection and prepares its statement.
    for path in ["/read", "/add", "/set/0/1", "/log/1", "/renew"] {
        client.ok(path).await;
    }
    let write = 1 + server.trips_of_a_write();
    let costs = [
        ("/none", 0),
        // No touch is due.
        ("/read", 1),
        ("/add", write),
        ("/set/0/2", write),
        ("/log/2", write),
        ("/renew", write),
        ("/read", 1),
        // The field already has this value.
        ("/set/0/2", 1),
    ];
    for (path, expected) in costs {
        server.proxy.reset_counts();
        client.ok(path).await;
        let commands = server.proxy.commands();
        assert_eq!(server.proxy.round_trips(), expected, "{path}: {commands:?}");
    }
    server.proxy.reset_counts();
    assert_eq!(node.client().read().await.user, None);
    assert_eq!(server.proxy.round_trips(), 0, "who has no cookie costs nothing");
}

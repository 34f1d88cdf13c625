//! Clients that reset their connection, upon which actix drops the request. A commit that has begun is finished; one that has not does not
//! begin.

use super::{Place, client::reset, node::Runtime, on_every_store, place::PATIENT, signed_in, until};

const RUNTIMES: [Runtime; 2] = [Runtime::Actix, Runtime::Tokio];

on_every_store! {
    a_commit_that_has_begun_is_finished
    a_logout_that_has_begun_is_finished
    a_sign_in_whose_cookie_was_lost_can_be_repeated
    a_request_that_was_dropped_before_its_commit_stores_nothing
    a_server_that_stops_finishes_the_commits_of_clients_that_are_gone
}

async fn a_commit_that_has_begun_is_finished(place: Place) {
    for runtime in RUNTIMES {
        let node = place.node_under(runtime, PATIENT);
        let mut client = signed_in(&node).await;
        node.direct("/store/on/hang").await;
        let mut held = Vec::new();
        for (begun, path) in ["/set/0/5", "/add-now", "/set/1/6"].into_iter().enumerate() {
            held.push(client.send_and_hold(path).await);
            node.until_calls_wait(begun + 1).await;
        }
        for stream in held {
            reset(stream);
        }
        node.until_dropped(3).await;
        node.direct("/store/on/on").await;
        until("all three are stored", async || {
            let state = client.read().await;
            (state.slots[0], state.slots[1], state.count) == (Some(5), Some(6), 1)
        })
        .await;
    }
}

/// OWASP ASVS 5.0 7.4.1.
async fn a_logout_that_has_begun_is_finished(place: Place) {
    for runtime in RUNTIMES {
        let node = place.node_under(runtime, PATIENT);
        let mut client = signed_in(&node).await;
        node.direct("/store/on/hang").await;
        let stream = client.send_and_hold("/out").await;
        node.until_calls_wait(1).await;
        reset(stream);
        node.until_dropped(1).await;
        assert_eq!(client.read().await.user, Some(7));
        node.direct("/store/on/on").await;
        until("the session has ended", async || client.read().await.user.is_none()).await;
    }
}

/// The browser never receives its new id, and the old one is dead. The user can sign in again.
async fn a_sign_in_whose_cookie_was_lost_can_be_repeated(place: Place) {
    for runtime in RUNTIMES {
        let node = place.node_under(runtime, PATIENT);
        let mut client = node.client();
        client.ok("/set/0/1").await;
        node.direct("/store/on/hang").await;
        let stream = client.send_and_hold("/in/7").await;
        node.until_calls_wait(1).await;
        reset(stream);
        node.until_dropped(1).await;
        assert_eq!(client.read().await.slots[0], Some(1));
        node.direct("/store/on/on").await;
        until("the id has been renewed", async || client.read().await.slots[0].is_none()).await;
        assert_eq!(client.ask("/set/0/2").await.unwrap().status, 409);
        client.ok("/in/7").await;
        assert_eq!(client.read().await.user, Some(7));
        client.ok("/set/0/2").await;
    }
}

async fn a_request_that_was_dropped_before_its_commit_stores_nothing(place: Place) {
    for runtime in RUNTIMES {
        let node = place.node_under(runtime, PATIENT);
        let mut client = signed_in(&node).await;
        node.calls().await;
        // The first request has set its field already; the second would set its own after the gate.
        let held = [
            client.send_and_hold("/slow/never/set-first").await,
            client.send_and_hold("/slow/never/set").await,
        ];
        node.until_waiting_at("never", 2).await;
        for stream in held {
            reset(stream);
        }
        node.until_dropped(2).await;
        node.open("never").await;
        assert_eq!(client.read().await.slots[0], None);
        // A write of another client comes after anything that the server may still have been doing.
        client.ok("/set/1/1").await;
        let state = client.read().await;
        assert_eq!((state.slots[0], state.slots[1]), (None, Some(1)));
        // Two loads of the dropped requests, and three loads and one update of this client.
        assert_eq!(node.calls().await, 6);
    }
}

async fn a_server_that_stops_finishes_the_commits_of_clients_that_are_gone(place: Place) {
    for runtime in RUNTIMES {
        // An answer that comes to a worker's own connection is lost with the worker, which then waits until the deadline.
        let mut node = place.node_under(runtime, PATIENT / 2);
        let client = signed_in(&node).await;
        node.direct("/store/on/hang").await;
        let mut held = Vec::new();
        for (begun, path) in ["/set/0/5", "/add-now"].into_iter().enumerate() {
            held.push(client.send_and_hold(path).await);
            node.until_calls_wait(begun + 1).await;
        }
        for stream in held {
            reset(stream);
        }
        node.until_dropped(2).await;
        // No open connection keeps a worker from stopping.
        let client = client.twin();
        node.ask_to_stop();
        until("no new connection is taken", async || node.client().ask("/none").await.is_err()).await;
        node.turn_store_on();
        node.until_stopped().await;
        let node = place.node();
        let state = node.client_as(&client).read().await;
        assert_eq!((state.slots[0], state.count), (Some(5), 1));
    }
}

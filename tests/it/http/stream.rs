//! Bodies that use the session after the response head has been sent.

use http_body_util::BodyExt;
use hyper::{body::Incoming, header::SET_COOKIE};

use super::{Client, Node, Place, on_every_store, signed_in, until};

on_every_store! {
    a_stream_that_saves_is_stored
    a_late_write_without_a_save_is_reported_with_its_source_location
    an_operation_that_needs_a_cookie_is_too_late_after_the_head
    a_save_that_has_begun_is_finished_after_its_stream_is_dropped
}

/// The next chunk of a body.
async fn next(body: &mut Incoming) -> String {
    let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
    String::from_utf8(frame.to_vec()).unwrap()
}

/// Makes a stream do `what` after its head has been sent, and returns what it reports.
async fn late(node: &Node, client: &mut Client, gate: &str, what: &str) -> String {
    let head = client.head(&format!("/stream/{gate}/{what}")).await.unwrap();
    assert_eq!((head.status().as_u16(), head.headers().get(SET_COOKIE)), (200, None));
    let mut body = head.into_body();
    assert_eq!(next(&mut body).await, "data: begun\n\n");
    node.open(gate).await;
    let said = next(&mut body).await;
    assert!(body.frame().await.is_none());
    said.trim().trim_start_matches("data: ").to_owned()
}

async fn a_stream_that_saves_is_stored(place: Place) {
    let node = place.node();
    let mut client = signed_in(&node).await;
    let mut tab = client.twin();
    client.ok("/add").await;
    assert_eq!(late(&node, &mut tab, "one", "saved").await, "stored 2");
    // Writes of other requests between the head and the save are merged.
    let head = tab.head("/stream/two/saved").await.unwrap();
    let mut body = head.into_body();
    next(&mut body).await;
    client.ok("/add").await;
    node.open("two").await;
    assert_eq!(next(&mut body).await, "data: stored 4\n\n");
    assert_eq!(client.read().await.count, 4);
    assert_eq!(node.reports(), Vec::<String>::new());
}

async fn a_late_write_without_a_save_is_reported_with_its_source_location(place: Place) {
    let node = place.node();
    let mut client = signed_in(&node).await;
    let line = late(&node, &mut client, "lost", "unsaved").await;
    until("it is reported", async || !node.reports().is_empty()).await;
    let reports = node.reports();
    let report = &reports[0];
    assert_eq!(reports.len(), 1, "{reports:?}");
    for part in
        ["ERROR", "schema=\"visitor\"", "app/streams.rs\"", &format!(" line={line}"), "session.save()"]
    {
        assert!(report.contains(part), "no {part} in {report}");
    }
    assert!(!report.contains("99"), "a value is reported: {report}");
    assert_eq!(client.read().await.count, 0);
}

async fn an_operation_that_needs_a_cookie_is_too_late_after_the_head(place: Place) {
    let node = place.node();
    let mut stranger = node.client();
    assert_eq!(late(&node, &mut stranger, "begin", "saved").await, "TooLate");
    assert_eq!(late(&node, &mut stranger, "sign-in", "signed-in").await, "TooLate");
    assert_eq!(place.sessions().await, 0);

    let mut client = signed_in(&node).await;
    assert_eq!(late(&node, &mut client, "renew", "renewed").await, "TooLate");
    assert_eq!(client.read().await.user, Some(7));
    assert_eq!(place.sessions().await, 1);
}

/// The client resets the connection during a save of the stream. The save is finished like any other commit.
async fn a_save_that_has_begun_is_finished_after_its_stream_is_dropped(place: Place) {
    let node = place.node();
    let mut client = signed_in(&node).await;
    let stream = client.send_and_hold("/stream/cut/saved").await;
    node.until_waiting_at("cut", 1).await;
    node.direct("/store/on/hang").await;
    node.open("cut").await;
    node.until_calls_wait(1).await;
    super::client::reset(stream);
    until("the stream is gone", async || node.direct("/gate/cut/bodies").await == "0").await;
    node.direct("/store/on/on").await;
    until("it is stored", async || client.read().await.count == 1).await;
}

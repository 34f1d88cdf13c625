//! Connections to a server of the test's own, which answers every command alike.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test that cannot go on fails

use std::{net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{advance, pause, resume},
};

use super::*;
use crate::store::redis::{connection::LONGEST_IDLE, dial::Serves, endpoint::Credentials};

async fn pong(mut client: TcpStream) {
    while client.read(&mut [0; 256]).await.is_ok_and(|length| length > 0) {
        client.write_all(b"+PONG\r\n").await.unwrap();
    }
}

/// The links to a server, and where it listens.
async fn links() -> (Links, Endpoint) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let endpoint = Endpoint::tcp("127.0.0.1", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pong(client));
        }
    });
    let dialer = Dialer {
        credentials: Credentials::default(),
        passwords: None,
        database: 0,
        tls: None,
        connect_timeout: Duration::from_mins(10),
        response_timeout: Duration::from_mins(10),
        serves: Serves::Watch,
    };
    (Links::new(dialer, NonZeroUsize::MIN.saturating_add(1)), endpoint)
}

/// A firewall forgets a connection that was idle, and tells neither side: what is sent on it is lost.
#[tokio::test]
async fn a_connection_that_a_firewall_may_have_forgotten_is_not_used_again() {
    let (links, endpoint) = links().await;
    let connection = || links.to(&endpoint, Purpose::Commands);
    let first = connection().await.unwrap();
    first.ask(&["PING"]).await.unwrap();
    let idle_for_half_of_it = || async {
        pause();
        advance(LONGEST_IDLE / 2).await;
        resume();
    };
    idle_for_half_of_it().await;
    assert_eq!(
        connection().await.unwrap().opened(),
        first.opened(),
        "a connection that was used lately is kept"
    );
    idle_for_half_of_it().await;
    let second = connection().await.unwrap();
    assert!(!first.has_ended(), "neither side was told that the connection ended");
    assert_ne!(second.opened(), first.opened());
    second.ask(&["PING"]).await.unwrap();
    assert_eq!(connection().await.unwrap().opened(), second.opened());
}

/// The links that as many runtimes get, by whether they are their own.
fn links_of(group: &mut Group, runtimes: &[tokio::runtime::Runtime], most: usize) -> Vec<(Arc<Link>, bool)> {
    let links = runtimes.iter().map(|runtime| group.link(runtime.handle().id(), most));
    links.map(|(link, owner)| (link, owner == Owner::Runtime)).collect()
}

#[test]
fn few_runtimes_have_a_connection_each_and_more_share_one() {
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let runtimes: Vec<_> = (0..5).map(|_| runtime()).collect();
    let different = |links: &[(Arc<Link>, bool)]| {
        let links: std::collections::HashSet<_> = links.iter().map(|(link, _)| Arc::as_ptr(link)).collect();
        links.len()
    };
    let mut group = Group::default();
    let three = links_of(&mut group, &runtimes[..3], 3);
    assert!(three.iter().all(|(_, own)| *own), "as many as the maximum share none");
    assert_eq!(different(&three), 3);
    links_of(&mut group, &runtimes, 3);
    let all = links_of(&mut group, &runtimes, 3);
    assert_eq!(different(&all), 3, "more do not have more");
    assert_eq!(all.iter().filter(|(_, own)| *own).count(), 2);
    assert!(Arc::ptr_eq(&all[0].0, &three[0].0), "those that came first keep theirs");
    let mut group = Group::default();
    let all = (links_of(&mut group, &runtimes, 1), links_of(&mut group, &runtimes, 1)).1;
    assert_eq!((different(&all), all.iter().any(|(_, own)| *own)), (1, false));
}

//! What browsers see when the server behind the sessions fails: real servers, a proxy that does harm, and one or two processes
//! of the application.
//!
//! In: a server of one test alone. Out: 200 for what is true, 503 for what is not known, and never another user or a lost cookie.
//! Never: a fault that waits for luck; it is put at a command, at a gate, or at a process.

mod behind;
mod counts;
mod cut;
mod down;
mod emptied;
mod fleets;
mod frozen;
mod load;
mod replies;
mod resets;
mod restarts;
mod slow;

use std::time::{Duration, Instant};

use self::behind::{Behind, on_each_server};
use super::{Client, Dice, Node, State, signed_in, until};

/// What an application gives its store, in tests whose store fails.
const DEADLINE: Duration = Duration::from_secs(1);
/// Far more than the deadlines of a request that loads and saves, on a busy machine: what is asked is whether there are any.
const LONGEST: Duration = Duration::from_secs(5);
/// Within so long everything works again after a fault, without a restart of the application.
const RECOVERY: Duration = Duration::from_secs(5);

/// Asks for `path`. It is done, or refused as an outage; either in time, and an outage leaves the cookie alone.
async fn is_done(client: &mut Client, path: &str) -> bool {
    body_if_done(client, path).await.is_some()
}

async fn body_if_done(client: &mut Client, path: &str) -> Option<String> {
    let begun = Instant::now();
    let reply = client.ask(path).await.unwrap();
    assert!(begun.elapsed() < LONGEST, "{path}: {:?}", begun.elapsed());
    if reply.status == 200 {
        return Some(reply.body);
    }
    assert_eq!((reply.status, reply.retry_after), (503, true), "{path}: {reply:?}");
    assert_eq!(reply.set_cookies, Vec::<String>::new(), "{path}");
    None
}

async fn refused(client: &mut Client, path: &str) {
    assert!(!is_done(client, path).await, "{path} was answered");
}

/// Asks until there is an answer, which is soon; that answer.
async fn answers_again(client: &mut Client, path: &str) -> String {
    let (begun, mut body) = (Instant::now(), None);
    until("it answers again", async || {
        body = body_if_done(client, path).await;
        body.is_some()
    })
    .await;
    assert!(begun.elapsed() < RECOVERY, "{path}: {:?}", begun.elapsed());
    body.unwrap()
}

/// Reads the state as soon as it can be read.
async fn state_of(client: &mut Client) -> State {
    serde_json::from_str(&answers_again(client, "/read").await).unwrap()
}

/// A browser of each of so many users.
async fn users(nodes: &[Node], count: u64) -> Vec<(u64, Client)> {
    let mut users = Vec::new();
    for user in 0..count {
        let mut client = nodes[usize::try_from(user).unwrap() % nodes.len()].client();
        let path = format!("/in/{}", 100 + user);
        // On a busy machine it may take longer than the deadlines here; that is not what is tested.
        until("the user has signed in", async || {
            let reply = client.ask(&path).await.unwrap();
            reply.set_cookies.iter().for_each(|line| client.jar.take(line));
            reply.status == 200
        })
        .await;
        users.push((100 + user, client));
    }
    users
}

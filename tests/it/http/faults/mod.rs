//! Failures of the server behind the sessions, as browsers see them: real servers, a proxy that injects faults, and one or two processes
//! of the application.
//!
//! In: a server for one test alone. Out: 200 with the right data, or 503, and never another user's session or a lost cookie. Never:
//! depends on timing; a fault is placed at a command, at a gate, or at a process.

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
use super::{Client, Dice, Node, State, client::Reply, signed_in, until};

/// The deadline for store calls in tests whose store fails.
const DEADLINE: Duration = Duration::from_secs(1);
/// Much longer than the deadlines of a load and a save, even on a busy machine: the tests check only that there are deadlines.
const LONGEST: Duration = Duration::from_secs(5);
/// The time in which everything must work again after a fault, without a restart of the application.
const RECOVERY: Duration = Duration::from_secs(5);

/// Requests `path`, and returns whether it succeeded. Otherwise it must be refused as an outage, in time and without a new cookie.
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
    assert_refused(&reply);
    None
}

/// The answer is that of an outage, and leaves the browser its cookie.
fn assert_refused(reply: &Reply) {
    assert_eq!((reply.status, &*reply.set_cookies), (503, &[][..]), "{reply:?}");
}

async fn refused(client: &mut Client, path: &str) {
    assert!(!is_done(client, path).await, "{path} was answered");
}

/// Repeats a request until it succeeds, which must be soon, and returns the body.
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

/// Signs in `count` users, each with a browser of their own.
async fn users(nodes: &[Node], count: u64) -> Vec<(u64, Client)> {
    let mut users = Vec::new();
    for user in 0..count {
        let mut client = nodes[usize::try_from(user).unwrap() % nodes.len()].client();
        let path = format!("/in/{}", 100 + user);
        // A sign-in may miss the short deadline on a busy machine, which is not what is tested.
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

//! A server that is killed while users sign in and out: the list of a user's sessions contains live sessions and no dead ones.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use actix_typed_session::id::Selector;
use tokio::task::JoinSet;

use super::{Client, Dice, Node, Place, on_every_store, signed_in, until};
use crate::servers::shared_redis;

on_every_store! {
    a_kill_during_sign_ins_leaves_no_dead_session_in_the_list
}

const TABS: usize = 6;

/// The public ids of the stored sessions.
async fn stored(place: &Place) -> BTreeSet<String> {
    let keys: Vec<Vec<u8>> = match place {
        Place::Redis { prefix, .. } => {
            let server = shared_redis().await.unwrap();
            let pattern = format!("{prefix}:s:");
            let keys: Vec<String> = server.command(&["KEYS", &format!("{pattern}*")]).await.unwrap();
            return keys.iter().map(|key| key.strip_prefix(&pattern).unwrap().to_owned()).collect();
        }
        Place::Postgres { server, database } => {
            let mut connection = server.connection(database).await;
            sqlx::query_scalar("SELECT selector FROM typed_session").fetch_all(&mut connection).await.unwrap()
        }
        Place::MariaDb { server, database } => {
            let mut connection = server.connection(database).await;
            sqlx::query_scalar("SELECT selector FROM typed_session").fetch_all(&mut connection).await.unwrap()
        }
        Place::Sqlite(_) => sqlx::query_scalar("SELECT selector FROM session")
            .fetch_all(&mut place.file().await)
            .await
            .unwrap(),
    };
    let id = |key: Vec<u8>| {
        let shown = format!("{:?}", Selector::from_bytes(key.try_into().unwrap()));
        shown.strip_prefix("Selector(").and_then(|id| id.strip_suffix(')')).unwrap().to_owned()
    };
    keys.into_iter().map(id).collect()
}

/// Signs in, and every other time out again, until the server is gone. Returns the client of the last sign-in that was acknowledged,
/// unless a sign-out may have ended its session.
async fn come_and_go(node: Client, acknowledged: Arc<AtomicU64>) -> Option<Client> {
    for leaves in [false, true].into_iter().cycle() {
        let mut tab = node.twin();
        let reply = tab.ask("/in/7").await.ok()?;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.set_cookies.iter().for_each(|line| tab.jar.take(line));
        acknowledged.fetch_add(1, Ordering::SeqCst);
        let path = if leaves { "/out" } else { "/add" };
        match tab.ask(path).await {
            Ok(reply) => assert_eq!(reply.status, 200, "{reply:?}"),
            Err(_) if leaves => return None,
            Err(_) => return Some(tab),
        }
    }
    unreachable!()
}

async fn list(client: &mut Client) -> BTreeSet<String> {
    serde_json::from_str(&client.ok("/mine").await).unwrap()
}

async fn a_kill_during_sign_ins_leaves_no_dead_session_in_the_list(place: Place) {
    let living: Node = place.node();
    let mut observer = signed_in(&living).await;
    let mut dice = Dice(0x5eed);
    for round in 1..=5 {
        let mut dying = place.node();
        let acknowledged = Arc::new(AtomicU64::new(0));
        let mut tabs = JoinSet::new();
        for _ in 0..TABS {
            tabs.spawn(come_and_go(dying.client(), acknowledged.clone()));
        }
        let moment = 6 + dice.below(30);
        until("enough have signed in", async || acknowledged.load(Ordering::SeqCst) >= moment).await;
        dying.kill();
        let last = tabs.join_all().await;
        // The store may still be applying calls of the killed server.
        let mut listed = BTreeSet::new();
        until("the list holds no dead session", async || {
            listed = list(&mut observer).await;
            listed.is_subset(&stored(&place).await)
        })
        .await;
        // Only sign-ins without an acknowledgement may be missing from the list, at most one for each tab.
        let missing = stored(&place).await.difference(&listed).count();
        assert!(missing <= TABS * round, "{missing} besides {} that are listed", listed.len());
        for tab in last.iter().flatten() {
            assert_eq!(living.client_as(tab).read().await.user, Some(7));
        }
        let ended: usize = observer.ok("/out-everywhere").await.parse().unwrap();
        assert!(ended >= listed.len(), "{ended} of {}", listed.len());
        for tab in last.iter().flatten() {
            assert_eq!(
                living.client_as(tab).read().await.user,
                None,
                "acknowledged, and not ended with the others"
            );
        }
        observer.ok("/in/7").await;
    }
}

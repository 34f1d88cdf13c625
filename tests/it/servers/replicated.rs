//! A Redis primary with a replica, and three sentinels that make the replica the primary when it is gone.
//!
//! In: `redis-server`. Out: the URL that names the sentinels, and a hand on each process. Never: a promise that the replica has
//! what the primary acknowledged; that is what these tests are about.

use std::{fs, path::Path};

use tokio::sync::OnceCell;

use super::{Redis, free_port, until};

const SERVICE: &str = "sessions";
const SENTINELS: usize = 3;

pub(crate) struct Replicated {
    nodes: [Redis; 2],
    sentinels: Vec<Redis>,
}

/// One for all tests that do not harm it.
pub(crate) async fn shared_replicated() -> Option<&'static Replicated> {
    static SHARED: OnceCell<Option<Replicated>> = OnceCell::const_new();
    SHARED.get_or_init(Replicated::start).await.as_ref()
}

impl Replicated {
    pub(crate) async fn start() -> Option<Self> {
        let first = Redis::start().await?;
        let second = Redis::with_options(&["--replicaof", "127.0.0.1", &first.port().to_string()]).await?;
        // A sentinel asks for replicas once and then not for ten seconds, so the replica has to be there already.
        until("the replica follows", || async { follows(&second).await }).await;
        let (one, two, three) = tokio::join!(sentinel(&first), sentinel(&first), sentinel(&first));
        let replicated = Self { nodes: [first, second], sentinels: vec![one?, two?, three?] };
        let others = format!("slaves=1,sentinels={SENTINELS}");
        until("the sentinels know each other and the replica", || async {
            replicated.all_sentinels_see(&["status=ok", &others]).await
        })
        .await;
        Some(replicated)
    }

    async fn all_sentinels_see(&self, words: &[&str]) -> bool {
        for sentinel in &self.sentinels {
            let info: String = sentinel.command(&["INFO", "sentinel"]).await.unwrap();
            if !words.iter().all(|word| info.contains(word)) {
                return false;
            }
        }
        true
    }

    pub(crate) fn url(&self) -> String {
        let sentinels: Vec<_> =
            self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port())).collect();
        format!("redis-sentinel://{}/{SERVICE}", sentinels.join(","))
    }

    /// Whom the sentinels call the primary; the one that is dead until they have agreed on another one.
    pub(crate) async fn primary_port(&self) -> u16 {
        let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE];
        let (_, port): (String, u16) = self.sentinels[0].command(&words).await.unwrap();
        port
    }

    pub(crate) async fn primary(&self) -> &Redis {
        let port = self.primary_port().await;
        self.nodes.iter().find(|node| node.port() == port).unwrap()
    }

    /// The other one.
    pub(crate) async fn replica(&self) -> &Redis {
        let port = self.primary_port().await;
        self.nodes.iter().find(|node| node.port() != port).unwrap()
    }

    /// Returns the dead one, for [`until_failed_over`](Self::until_failed_over), and to start it again.
    pub(crate) async fn kill_primary(&self) -> &Redis {
        let primary = self.primary().await;
        primary.kill().await;
        primary
    }

    /// Has the replica take over while the primary lives, which then refuses writes on the connections that it has.
    pub(crate) async fn fail_over(&self) {
        let old = self.primary().await;
        self.sentinels[0].command::<()>(&["SENTINEL", "FAILOVER", SERVICE]).await.unwrap();
        let new = self.until_failed_over(old).await;
        // The sentinels would do this after eight seconds, and then end its connections.
        old.command::<()>(&["REPLICAOF", "127.0.0.1", &new.port().to_string()]).await.unwrap();
        until("the old primary follows", || async { follows(old).await }).await;
    }

    /// Waits until all sentinels name another primary than `old`, and it takes writes; returns that one.
    pub(crate) async fn until_failed_over(&self, old: &Redis) -> &Redis {
        let new = self.nodes.iter().find(|node| node.port() != old.port()).unwrap();
        let address = format!("address=127.0.0.1:{}", new.port());
        until("the replica is the primary", || async {
            self.all_sentinels_see(&[&address]).await && role(new).await == Some("master".into())
        })
        .await;
        new
    }
}

async fn sentinel(primary: &Redis) -> Option<Redis> {
    // It writes what it learns into its configuration, so it wants a file.
    let configure = |folder: &Path, port: u16| {
        let file = folder.join("sentinel.conf");
        let lines = [
            format!("port {port}"),
            "bind 127.0.0.1".into(),
            format!("dir {}", folder.display()),
            format!("sentinel monitor {SERVICE} 127.0.0.1 {} 2", primary.port()),
            format!("sentinel down-after-milliseconds {SERVICE} 500"),
            format!("sentinel failover-timeout {SERVICE} 5000"),
        ];
        fs::write(&file, lines.join("\n")).unwrap();
        vec![file.to_str().unwrap().to_owned(), "--sentinel".to_owned()]
    };
    Redis::launch(free_port, configure).await
}

async fn follows(replica: &Redis) -> bool {
    let info = replica.answers::<String>(&["INFO", "replication"]).await;
    info.is_some_and(|info| info.contains("master_link_status:up"))
}

async fn role(node: &Redis) -> Option<String> {
    let (role, ..): (String, redis::Value, redis::Value) = node.answers(&["ROLE"]).await?;
    Some(role)
}

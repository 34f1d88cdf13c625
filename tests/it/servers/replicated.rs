//! A Redis primary with a replica, and three Sentinels that promote the replica when the primary is gone.
//!
//! In: `redis-server`. Out: the URL that names the Sentinels, and control of each process. Never promises that the replica has what the primary
//! acknowledged; that is what these tests are about.

use std::{fs, path::Path};

use tokio::sync::OnceCell;

use super::{Redis, free_port, until};

const SERVICE: &str = "sessions";
const SENTINELS: usize = 3;

pub(crate) struct Replicated {
    nodes: [Redis; 2],
    sentinels: Vec<Redis>,
}

/// The servers of all tests that do not harm them.
pub(crate) async fn shared_replicated() -> Option<&'static Replicated> {
    static SHARED: OnceCell<Option<Replicated>> = OnceCell::const_new();
    SHARED.get_or_init(Replicated::start).await.as_ref()
}

impl Replicated {
    pub(crate) async fn start() -> Option<Self> {
        let first = Redis::start().await?;
        let second = Redis::with_options(&["--replicaof", "127.0.0.1", &first.port().to_string()]).await?;
        // A Sentinel asks for replicas once and then not again for ten seconds, so the replica must exist first.
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

    /// The node that the Sentinels call the primary, which may be dead until they agree on another one.
    pub(crate) async fn primary_port(&self) -> u16 {
        let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE];
        let (_, port): (String, u16) = self.sentinels[0].command(&words).await.unwrap();
        port
    }

    pub(crate) async fn primary(&self) -> &Redis {
        let port = self.primary_port().await;
        self.nodes.iter().find(|node| node.port() == port).unwrap()
    }

    /// The node that is not the primary.
    pub(crate) async fn replica(&self) -> &Redis {
        let port = self.primary_port().await;
        self.nodes.iter().find(|node| node.port() != port).unwrap()
    }

    /// Kills the primary and returns its number, for [`until_failed_over`](Self::until_failed_over) and for starting it again.
    pub(crate) async fn kill_primary(&self) -> &Redis {
        let primary = self.primary().await;
        primary.kill().await;
        primary
    }

    /// Lets the replica take over while the primary lives; the primary then refuses writes on the connections that it has.
    pub(crate) async fn fail_over(&self) {
        let old = self.primary().await;
        self.sentinels[0].command::<()>(&["SENTINEL", "FAILOVER", SERVICE]).await.unwrap();
        let new = self.until_failed_over(old).await;
        // The Sentinels would do this after eight seconds, and then end its connections.
        old.command::<()>(&["REPLICAOF", "127.0.0.1", &new.port().to_string()]).await.unwrap();
        until("the old primary follows", || async { follows(old).await }).await;
    }

    /// Waits until all Sentinels name another primary than `old` and it accepts writes; returns its number.
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
    // A Sentinel writes what it learns into its configuration, so it needs a file.
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

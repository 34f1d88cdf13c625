//! A real server for one test alone, behind a proxy.
//!
//! In: a kind of server. Out: URLs to the server directly and through the proxy, and control of the server. Never: uses a shared server.

use std::time::Duration;

use actix_typed_session::store::{self, AnyStore};

use crate::{
    http::node::Node,
    servers::{Postgres, Redis, proxy::Proxy},
};

/// Longer than any fault in a test that sets no deadline.
const PATIENT: Duration = Duration::from_secs(20);

enum Server {
    /// A Redis server that keeps everything it acknowledged.
    Redis(Redis),
    Postgres(Postgres, String),
}

pub(super) struct Behind {
    server: Server,
    pub(super) proxy: Proxy,
}

/// Ways to end a server.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// Kills every process at once, as `kill -9` or a crash of the machine does.
    Kill,
    /// Stops the server as an operator does. It tells its clients.
    Stop,
    /// Stops PostgreSQL in the mode `immediate`. Redis has no such mode and is stopped.
    Immediate,
}

impl Behind {
    pub(super) async fn redis() -> Option<Self> {
        let server = Redis::persistent().await?;
        let proxy = Proxy::redis(server.port());
        Some(Self { server: Server::Redis(server), proxy })
    }

    pub(super) async fn postgres() -> Option<Self> {
        let server = Postgres::start().await?;
        let database = server.database().await;
        let proxy = Proxy::postgres(server.port());
        Some(Self { server: Server::Postgres(server, database), proxy })
    }

    pub(super) fn url(&self) -> String {
        match &self.server {
            Server::Redis(server) => server.url(),
            Server::Postgres(server, database) => server.url(database),
        }
    }

    fn url_through_proxy(&self) -> String {
        match &self.server {
            Server::Redis(_) => self.proxy.url(""),
            Server::Postgres(_, database) => self.proxy.url(database),
        }
    }

    /// Stores in this process: one at the server, and one behind the proxy.
    pub(super) async fn stores(&self) -> (AnyStore, AnyStore) {
        let connect = async |url: String| store::connect(&url).await.unwrap();
        (connect(self.url()).await, connect(self.url_through_proxy()).await)
    }

    pub(super) fn node_within(&self, deadline: Duration) -> Node {
        Node::start(&self.url(), deadline)
    }

    /// An application that connects through the proxy.
    pub(super) fn node_through_within(&self, deadline: Duration) -> Node {
        Node::start(&self.url_through_proxy(), deadline)
    }

    pub(super) fn node_through(&self) -> Node {
        self.node_through_within(PATIENT)
    }

    pub(super) async fn freeze(&self) {
        match &self.server {
            Server::Redis(server) => server.freeze().await,
            Server::Postgres(server, _) => server.freeze().await,
        }
    }

    pub(super) fn thaw(&self) {
        match &self.server {
            Server::Redis(server) => server.thaw(),
            Server::Postgres(server, _) => server.thaw(),
        }
    }

    pub(super) async fn end(&self, end: End) {
        match (&self.server, end) {
            (Server::Redis(server), End::Kill) => server.kill().await,
            (Server::Redis(server), End::Stop | End::Immediate) => server.stop().await,
            (Server::Postgres(server, _), End::Kill) => server.kill().await,
            (Server::Postgres(server, _), End::Stop) => server.stop_fast().await,
            (Server::Postgres(server, _), End::Immediate) => server.stop_immediate().await,
        }
    }

    pub(super) async fn kill(&self) {
        self.end(End::Kill).await;
    }

    pub(super) async fn restart(&self) {
        match &self.server {
            Server::Redis(server) => server.restart().await,
            Server::Postgres(server, _) => server.restart().await,
        }
    }

    async fn number(server: &Postgres, database: &str, sql: &'static str) -> usize {
        let mut connection = server.connection(database).await;
        let number: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
        usize::try_from(number).unwrap()
    }

    /// The number of stored sessions.
    pub(super) async fn sessions(&self) -> usize {
        match &self.server {
            Server::Redis(server) => {
                server.command::<Vec<String>>(&["KEYS", "session:s:*"]).await.unwrap().len()
            }
            Server::Postgres(server, database) => {
                Self::number(server, database, "SELECT count(*) FROM typed_session").await
            }
        }
    }

    /// Deletes everything that is stored.
    pub(super) async fn empty(&self) {
        match &self.server {
            Server::Redis(server) => server.command::<()>(&["FLUSHALL"]).await.unwrap(),
            Server::Postgres(server, database) => server.execute(database, "TRUNCATE typed_session").await,
        }
    }

    /// The number of connections to the server, without the one that counts them.
    pub(super) async fn connections(&self) -> usize {
        match &self.server {
            Server::Redis(server) => {
                let clients: String = server.command(&["CLIENT", "LIST"]).await.unwrap();
                clients.lines().count() - 1
            }
            Server::Postgres(server, database) => {
                let others = "SELECT count(*) FROM pg_stat_activity \
                    WHERE datname = current_database() AND pid <> pg_backend_pid()";
                Self::number(server, database, others).await
            }
        }
    }
}

/// Makes a `#[test]` of each function for each kind of server. If a server is missing, the test says so and is skipped.
macro_rules! on_each_server {
    ($($test:ident)+) => {
        $crate::http::faults::behind::on_each_server! { @redis $($test)+ }
        $crate::http::faults::behind::on_each_server! { @postgres $($test)+ }
    };
    (@$kind:ident $($test:ident)+) => {
        mod $kind {
            $(#[actix_web::test]
            async fn $test() {
                if let Some(server) = $crate::http::faults::behind::Behind::$kind().await {
                    super::$test(server).await;
                }
            })+
        }
    };
}
pub(super) use on_each_server;

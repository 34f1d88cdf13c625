//! A real server for one test alone, behind a proxy.
//!
//! In: a kind of server. Out: URLs to the server directly and through the proxy, and control of the server. Never: uses a shared server.

use std::time::Duration;

use actix_typed_session::store::{self, AnyStore};

use crate::{
    http::node::Node,
    servers::{MariaDb, Postgres, Redis, proxy::Proxy},
};

/// Longer than any fault in a test that sets no deadline.
const PATIENT: Duration = Duration::from_secs(20);

enum Server {
    /// A Redis server that keeps everything it acknowledged.
    Redis(Redis),
    Postgres(Postgres, String),
    MariaDb(MariaDb, String),
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
    /// Stops PostgreSQL in the mode `immediate`. The others have no such mode and are stopped.
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

    pub(super) async fn mariadb() -> Option<Self> {
        let server = MariaDb::start().await?;
        let database = server.database().await;
        let proxy = Proxy::mariadb(server.port());
        Some(Self { server: Server::MariaDb(server, database), proxy })
    }

    pub(super) fn url(&self) -> String {
        match &self.server {
            Server::Redis(server) => server.url(),
            Server::Postgres(server, database) => server.url(database),
            Server::MariaDb(server, database) => server.url(database),
        }
    }

    fn url_through_proxy(&self) -> String {
        match &self.server {
            Server::Redis(_) => self.proxy.url(""),
            Server::Postgres(_, database) | Server::MariaDb(_, database) => self.proxy.url(database),
        }
    }

    /// Stores in this process: one at the server, and one behind the proxy.
    pub(super) async fn stores(&self) -> (AnyStore, AnyStore) {
        let connect = async |url: String| store::open(&url).await.unwrap();
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
            Server::MariaDb(server, _) => server.freeze().await,
        }
    }

    pub(super) fn thaw(&self) {
        match &self.server {
            Server::Redis(server) => server.thaw(),
            Server::Postgres(server, _) => server.thaw(),
            Server::MariaDb(server, _) => server.thaw(),
        }
    }

    pub(super) async fn end(&self, end: End) {
        match (&self.server, end) {
            (Server::Redis(server), End::Kill) => server.kill().await,
            (Server::Redis(server), End::Stop | End::Immediate) => server.stop().await,
            (Server::Postgres(server, _), End::Kill) => server.kill().await,
            (Server::Postgres(server, _), End::Stop) => server.stop_fast().await,
            (Server::Postgres(server, _), End::Immediate) => server.stop_immediate().await,
            (Server::MariaDb(server, _), End::Kill) => server.kill().await,
            (Server::MariaDb(server, _), End::Stop | End::Immediate) => server.stop().await,
        }
    }

    pub(super) async fn kill(&self) {
        self.end(End::Kill).await;
    }

    pub(super) async fn restart(&self) {
        match &self.server {
            Server::Redis(server) => server.restart().await,
            Server::Postgres(server, _) => server.restart().await,
            Server::MariaDb(server, _) => server.restart().await,
        }
    }

    /// The answer of a database to this statement.
    async fn number(&self, sql: &'static str) -> usize {
        let number: i64 = match &self.server {
            Server::Redis(_) => panic!("Redis speaks no SQL"),
            Server::Postgres(server, database) => {
                sqlx::query_scalar(sql).fetch_one(&mut server.connection(database).await).await.unwrap()
            }
            Server::MariaDb(server, database) => {
                sqlx::query_scalar(sql).fetch_one(&mut server.connection(database).await).await.unwrap()
            }
        };
        usize::try_from(number).unwrap()
    }

    /// How many round trips a store call that writes takes.
    pub(super) fn trips_of_a_write(&self) -> usize {
        match &self.server {
            Server::Redis(_) | Server::Postgres(..) => 1,
            Server::MariaDb(..) => 2,
        }
    }

    /// Replies that are none.
    pub(super) fn garbage(&self) -> [&'static [u8]; 3] {
        match &self.server {
            // A message of a type that neither protocol has; a wrong reply for Redis, which is none for PostgreSQL; random bytes.
            Server::Redis(_) | Server::Postgres(..) => [b"?\0\0\0\x04\r\n", b"+OK\r\n", b"\xff\xfe\0\0\0\0"],
            // Packets: an empty one, and two that end too early. The client would wait for the rest of anything else.
            Server::MariaDb(..) => [b"\0\0\0\x01", b"\x01\0\0\x01\0", b"\x01\0\0\x01\xfe"],
        }
    }

    /// The number of stored sessions.
    pub(super) async fn sessions(&self) -> usize {
        match &self.server {
            Server::Redis(server) => {
                server.command::<Vec<String>>(&["KEYS", "session:s:*"]).await.unwrap().len()
            }
            Server::Postgres(..) | Server::MariaDb(..) => {
                self.number("SELECT count(*) FROM typed_session").await
            }
        }
    }

    /// Deletes everything that is stored.
    pub(super) async fn empty(&self) {
        match &self.server {
            Server::Redis(server) => server.command::<()>(&["FLUSHALL"]).await.unwrap(),
            Server::Postgres(server, database) => server.execute(database, "TRUNCATE typed_session").await,
            Server::MariaDb(server, database) => server.execute(database, "TRUNCATE typed_session").await,
        }
    }

    /// The number of connections to the server, without the one that counts them.
    pub(super) async fn connections(&self) -> usize {
        match &self.server {
            Server::Redis(server) => {
                let clients: String = server.command(&["CLIENT", "LIST"]).await.unwrap();
                clients.lines().count() - 1
            }
            Server::Postgres(..) => {
                let others = "SELECT count(*) FROM pg_stat_activity \
                    WHERE datname = current_database() AND pid <> pg_backend_pid()";
                self.number(others).await
            }
            Server::MariaDb(..) => {
                let others = "SELECT count(*) FROM information_schema.processlist \
                    WHERE db = database() AND id <> connection_id()";
                self.number(others).await
            }
        }
    }
}

/// Makes a `#[test]` of each function for each kind of server. If a server is missing, the test says so and is skipped.
macro_rules! on_each_server {
    ($($test:ident)+) => {
        $crate::http::faults::behind::on_each_server! { @redis $($test)+ }
        $crate::http::faults::behind::on_each_server! { @postgres $($test)+ }
        $crate::http::faults::behind::on_each_server! { @mariadb $($test)+ }
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

//! PgBouncer in front of a PostgreSQL server, in transaction mode: each transaction may run on another of its connections.
//!
//! In: `pgbouncer`, and a server. Out: URLs. Never runs as root, which it refuses to.

use std::{fs, path::Path};

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};

use super::{
    Postgres, find, free_port,
    guarded::{Guarded, user_for},
    until,
};

pub(crate) struct PgBouncer {
    guarded: Guarded,
    port: u16,
}

impl PgBouncer {
    /// A pooler for this test alone, with these lines in its configuration.
    pub(crate) async fn before(server: &Postgres, lines: &str) -> Option<Self> {
        let program = find("pgbouncer", "pgbouncer", [Path::new("/usr/sbin").to_owned()])?;
        let (guarded, port) = (Guarded::new(user_for("postgres")), free_port());
        let file = guarded.folder().join("pgbouncer.ini");
        let configuration = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 6\nserver_idle_timeout = 2\n{lines}\n",
            server.port()
        );
        fs::write(&file, configuration).unwrap();
        guarded.spawn(&program, &[file.to_str().unwrap().to_owned()]);
        let pooler = Self { guarded, port };
        until("pgbouncer answers", || async {
            pooler.try_connection("postgres").await.is_ok() || pooler.guarded.has_ended()
        })
        .await;
        assert!(!pooler.guarded.has_ended(), "pgbouncer did not start: {}", pooler.guarded.log());
        Some(pooler)
    }

    async fn try_connection(&self, database: &str) -> sqlx::Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(self.port);
        let mut connection =
            options.username("postgres").database(database).extra_float_digits(None).connect().await?;
        connection.ping().await?;
        Ok(connection)
    }

    /// A connection that does not belong to the store.
    pub(crate) async fn connection(&self, database: &str) -> PgConnection {
        self.try_connection(database).await.unwrap()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

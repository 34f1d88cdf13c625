//! The store: its thread, its connections, and running statements on them.
//!
//! In: [`MySqlOptions`], then work on a connection. Out: [`MySqlStore`], then the result of the work. Never interprets a row.

use std::{fmt, sync::Arc};

use sqlx::mysql::MySqlRow;

use super::{
    connections::{Connections, Lease},
    failure::Failure,
    layout,
    open_error::OpenError,
    options::MySqlOptions,
    rows,
    statements::Statements,
    url::Target,
};
use crate::{
    events::Events,
    record::meta::Principal,
    store::{
        error::{StoreError, StoreErrorKind},
        home::Home,
        names,
        reach::NoLease,
    },
};

/// Sessions in a MySQL database, version 8.0 or later, or a MariaDB database, version 10.6 or later, shared by any number of machines.
///
/// ```no_run
/// use actix_typed_session::store::MySqlStore;
///
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MySqlStore::open("mysql://shop:secret@db.example.com/shop?ssl-mode=verify_identity").await?;
/// # let _ = store.clone();
/// # Ok(())
/// # }
/// ```
///
/// A read is one round trip. A write is two: the first one locks and reads the row, the second one writes and commits. No transaction is
/// open while a handler runs. Sessions expire by the server's clock. A task of the store removes expired sessions; see
/// [`sweep_every`](MySqlOptions::sweep_every).
///
/// **Table.** The store uses the table `typed_session` in the database of the URL; the name can be [set](MySqlOptions::table). It creates the
/// table, and migrates that of an earlier release, which needs `CREATE` and `ALTER` besides the `SELECT, INSERT, UPDATE, DELETE` that the user
/// needs anyway. The comment of the table says which layout it has, so it must stay.
///
/// **Connections.** They belong to a thread of the store, so a store can be used from any number of runtimes and outlive them. The server ends a
/// statement that reads, or waits for a lock, after 3 s, and the store waits for 4 s. The isolation level, the SQL mode, the character set and the time zone are set on each connection, so the server's
/// defaults do not matter. When the server ends an idle connection, no request fails. When it ends while a write is being committed,
/// the result is [`UnknownOutcome`](StoreErrorKind::UnknownOutcome). A server that is read-only is refused, because a session that was
/// signed out on the primary may still be live on a replica.
///
/// **Passwords.** Without TLS, an account with `caching_sha2_password`, which is MySQL's default, cannot log in to MySQL unless the server
/// remembers the password. MySQL speaks TLS unless it was told not to, and the store asks for it by default (`ssl-mode=preferred`).
///
/// **Clusters.** A maximum of sessions per user holds among the connections to one server. With Galera or group replication, let all
/// processes write to one node.
///
/// **Durability.** It is the server's. With `innodb_flush_log_at_trx_commit` other than 1, a crash may lose the last sign-outs, and so may a
/// failover to a replica that is not synchronous.
///
/// Clones share the connections. The connections and the task end with the last clone. The table holds only hashes of verifiers, so
/// reading it does not let anyone use a session.
#[derive(Clone)]
pub struct MySqlStore(pub(super) Arc<Inner>);

pub(super) struct Inner {
    home: Home<Connections>,
    pub(super) statements: Arc<Statements>,
    pub(super) events: Events,
}

impl MySqlOptions {
    /// Connects, and creates or migrates the table if needed.
    ///
    /// # Errors
    /// When the name is not valid, the server cannot be reached, or the table cannot be used or created; the message says what to do.
    pub async fn open(self) -> Result<MySqlStore, OpenError> {
        if !names::is_valid(&self.table) {
            return Err(OpenError::Name(self.table));
        }
        let Target { server, tls, .. } = self.target;
        let server = tls.apply(server)?;
        let connections =
            Connections::new(server, self.passwords, self.max_connections, self.connect_timeout);
        let home = Home::start(connections, self.max_connections).await.map_err(OpenError::Thread)?;
        let (connections, name) = (Arc::clone(&home.connections), self.table);
        let prepare = |lease: Result<Lease, NoLease>| async move {
            lease.map_err(layout::no_connection)?.give_back();
            layout::prepare(&connections, &name).await
        };
        let table = home.prepare(self.startup_timeout, prepare).await.map_err(OpenError::Engine)??;
        let statements = Arc::new(Statements::on(table));
        let events = Events::default();
        if let Some(every) = self.sweep_every {
            let (statements, events) = (Arc::clone(&statements), events.clone());
            home.keep_sweeping(every, move |lease, limit| {
                swept(lease, Arc::clone(&statements), events.clone(), limit)
            });
        }
        Ok(MySqlStore(Arc::new(Inner { home, statements, events })))
    }
}

impl MySqlStore {
    /// Connects with the default settings, and creates or migrates the table if needed.
    ///
    /// # Errors
    /// As [`options`](Self::options) and [`MySqlOptions::open`].
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Self::options(url)?.open().await
    }

    /// The settings for the database at `url`, `mysql://user:password@host:port/database`, or the same with `mariadb:`.
    /// `?socket=path` connects to a Unix socket.
    ///
    /// `?ssl-mode=verify_identity` encrypts the connection and verifies the server: its name, and its certificate against those of the operating
    /// system. `?ssl-ca=/etc/mysql/ca.pem` alone does the same, and also trusts the certificates in that file. `&ssl-cert=..&ssl-key=..` name
    /// the certificate of the client. As with MySQL's own clients, the default mode encrypts if the server can and verifies nothing. Without a feature for TLS,
    /// every address but that of a socket needs `?ssl-mode=disabled`.
    ///
    /// # Errors
    /// When the URL is not valid, names no database, or has an unknown parameter; the message says what to write.
    pub fn options(url: &str) -> Result<MySqlOptions, OpenError> {
        MySqlOptions::parse(url)
    }

    /// Runs one statement that changes nothing, or nothing more the second time.
    pub(super) async fn run_one(&self, sql: String) -> Result<Vec<MySqlRow>, StoreError> {
        let statement = Arc::new([sql]);
        let work = move |lease: Lease| {
            let statement = Arc::clone(&statement);
            async move { Ok(lease.run(&*statement).await?.pop().unwrap_or_default()) }
        };
        self.0.home.run(StoreErrorKind::Unavailable, None, work).await
    }

    /// Runs `work` on a connection. A principal's sign-ins with a maximum, and what ends all of its sessions, take turns.
    pub(super) async fn run<T, W, F>(&self, turn: Option<&Principal>, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: Fn(Lease) -> F + Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send,
    {
        let turn = turn.map(|principal| self.0.statements.turn(principal));
        self.0.home.run(StoreErrorKind::UnknownOutcome, turn, work).await
    }
}

/// Deletes up to `limit` expired rows, and returns how many.
pub(super) async fn swept(
    lease: Lease,
    statements: Arc<Statements>,
    events: Events,
    limit: u32,
) -> Result<u32, Failure> {
    let (transaction, mut answers) = lease.begin(None, vec![statements.hold_dead(limit)]).await?;
    let dead = rows::selectors(&answers.pop().unwrap_or_default());
    if dead.is_empty() {
        transaction.roll_back().await;
        return Ok(0);
    }
    transaction.commit(statements.delete_each(&dead)).await?;
    let swept = u32::try_from(dead.len()).unwrap_or(u32::MAX);
    events.swept(swept.into());
    Ok(swept)
}

impl fmt::Debug for MySqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MySqlStore").field("table", &self.0.statements.table()).finish_non_exhaustive()
    }
}

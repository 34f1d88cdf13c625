//! The store: its thread, its statements, and running them.
//!
//! In: [`PostgresOptions`], then statements with values. Out: [`PostgresStore`], then rows. Never interprets a row.

use std::{fmt, sync::Arc};

use sqlx::postgres::PgRow;

use super::{
    connections::{Call, Connections, Lease, STATEMENT, Statement},
    dial::Dial,
    failure::Failure,
    layout,
    names::Tables,
    open_error::OpenError,
    options::PostgresOptions,
    rows::{self, Values},
    statements::Statements,
    url::Target,
};
use crate::{
    events::Events,
    record::meta::Principal,
    store::{
        error::{StoreError, StoreErrorKind},
        home::Home,
        reach::NoLease,
    },
};

/// Sessions in a PostgreSQL database, version 12 or later, shared by any number of machines.
///
/// ```no_run
/// use actix_typed_session::store::PostgresStore;
///
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::open("postgres://shop:secret@db.example.com/shop?sslmode=verify-full").await?;
/// # let _ = store.clone();
/// # Ok(())
/// # }
/// ```
///
/// Without a pooler, every call is one statement and one round trip, except a sign-in with a maximum of sessions, which takes a short transaction, and
/// ending all sessions of a user, which is planned anew for the table as it is. No transaction is open while a handler runs. Sessions expire by the database's clock. A task of the store removes expired sessions;
/// see [`sweep_every`](PostgresOptions::sweep_every).
///
/// **Tables.** The store uses `typed_session` and `typed_session_layout` in the first schema of the user's `search_path`; schema and table
/// name can be [set](PostgresOptions). It creates the tables, and migrates those of an earlier release; processes that do so at
/// the same time take turns. This needs `CREATE` on the schema. Afterwards, the user needs `USAGE` on the schema, `SELECT` on
/// `typed_session_layout`, and `SELECT, INSERT, UPDATE, DELETE` on `typed_session`. So the owner of the schema can connect once, and again
/// with each release that changes the tables, and a user with fewer rights from then on.
///
/// **Connections.** They belong to a thread of the store, so a store can be used from any number of runtimes and outlive them. A statement
/// may take at most 3 s, after which the server ends it; the store waits for 4 s. The isolation level is READ COMMITTED, whatever the default of the database is. When the server ends an idle
/// connection, no request fails. When it ends while a write is under way, the result is
/// [`UnknownOutcome`](StoreErrorKind::UnknownOutcome). Standbys are refused, because a session that was signed out on the primary may
/// still be live there.
///
/// **Poolers.** A pooler such as PgBouncer may be in between, with any `pool_mode` that keeps transactions whole, and needs no setting. The
/// store finds out whether what it sets when it connects has arrived. If not, every call is a transaction that sets it again, and nothing
/// is left on a server's connection for its next client; a call is then four round trips to the pooler instead of one.
///
/// **Search path.** It is `pg_catalog, pg_temp` on every connection, so nobody who may create functions in a schema can overload one that
/// the store calls. A trigger on the tables must qualify the names that it uses, or set a search path of its own.
///
/// **Durability.** It is the server's. With `synchronous_commit = off`, a crash may lose the last sign-outs, and so may a failover to a
/// standby that is not synchronous.
///
/// Clones share the connections. The connections and the task end with the last clone. The tables hold only hashes of verifiers, so
/// reading them does not let anyone use a session.
#[derive(Clone)]
pub struct PostgresStore(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) home: Home<Connections>,
    pub(super) tables: Tables,
    pub(super) statements: Arc<Statements>,
    pub(super) events: Events,
}

impl PostgresOptions {
    /// Connects, and creates or migrates the tables if needed.
    ///
    /// # Errors
    /// When a name is not valid, the server cannot be reached, or the tables cannot be used or created; the message says what to do.
    pub async fn open(self) -> Result<PostgresStore, OpenError> {
        self.names.check().map_err(OpenError::Name)?;
        let Target { servers, tls, .. } = self.target;
        let servers = servers.into_iter().map(|server| tls.apply(server)).collect::<Result<_, _>>()?;
        let connections =
            Connections::new(Dial::new(servers, self.passwords), self.max_connections, self.connect_timeout);
        let home = Home::start(connections, self.max_connections).await.map_err(OpenError::Thread)?;
        let names = self.names;
        let prepare = |lease: Result<Lease, NoLease>| async move {
            layout::prepare(lease.map_err(layout::no_connection)?, names).await
        };
        let tables = home.prepare(self.startup_timeout, prepare).await.map_err(OpenError::Engine)??;
        let statements = Arc::new(Statements::on(&tables.table));
        let events = Events::default();
        if let Some(every) = self.sweep_every {
            let (statement, events) = (statements.sweep.clone(), events.clone());
            home.keep_sweeping(every, move |lease, limit| {
                swept(lease, statement.clone(), events.clone(), limit)
            });
        }
        Ok(PostgresStore(Arc::new(Inner { home, tables, statements, events })))
    }
}

impl PostgresStore {
    /// Connects with the default settings, and creates or migrates the tables if needed.
    ///
    /// # Errors
    /// As [`options`](Self::options) and [`PostgresOptions::open`].
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Self::options(url)?.open().await
    }

    /// The settings for the database at `url`, `postgres://user:password@host:port/database`. Parts that the URL leaves out are taken from
    /// libpq's environment variables (`PGHOST`, `PGPASSWORD`, ..). `postgres:///database?host=/run/postgresql` connects to a Unix socket.
    ///
    /// With several hosts, `postgres://user:password@host1,host2:port/database`, each connection is to the one that is the primary, as with
    /// `target_session_attrs=read-write` in libpq.
    ///
    /// `?sslmode=verify-full` encrypts the connection and verifies the server: its name, and its certificate against those of the operating
    /// system. `?sslrootcert=/etc/postgresql/ca.crt` alone does the same, and also trusts the certificates in that file.
    /// `&sslcert=..&sslkey=..` name the certificate of the client. As in libpq, the default mode encrypts if the server can and verifies
    /// nothing, and `require` verifies only with an `sslrootcert`. Without a feature for TLS, every mode but `disable` is refused.
    ///
    /// # Errors
    /// When the URL is not valid or has an unknown parameter; the message says what to write.
    pub fn options(url: &str) -> Result<PostgresOptions, OpenError> {
        PostgresOptions::parse(url)
    }

    /// Runs one statement that changes nothing.
    pub(super) async fn read(&self, statement: &Statement, values: Values) -> Result<Vec<PgRow>, StoreError> {
        let call = Call { statement: statement.clone(), arguments: values.done()? };
        let read = move |lease: Lease| {
            let call = call.clone();
            async { lease.run_alone(call).await.map_err(Failure::of_read) }
        };
        self.0.home.run(StoreErrorKind::Unavailable, None, read).await
    }

    /// Runs one statement that is its own transaction.
    pub(super) async fn write(
        &self,
        statement: &Statement,
        values: Values,
    ) -> Result<Vec<PgRow>, StoreError> {
        self.run(None, statement, values).await
    }

    /// Runs one statement that is its own transaction, and that takes this lock.
    pub(super) async fn run(
        &self,
        lock: Option<i64>,
        statement: &Statement,
        values: Values,
    ) -> Result<Vec<PgRow>, StoreError> {
        let call = Call { statement: statement.clone(), arguments: values.done()? };
        let work = move |lease: Lease| lease.run_alone(call.clone());
        self.0.home.run(StoreErrorKind::UnknownOutcome, lock, work).await
    }

    /// Runs one statement of a sign-in with a maximum, in a transaction that is the only one of this principal; again and again, if it ends
    /// very many sessions.
    pub(super) async fn write_in_turn(
        &self,
        principal: &Principal,
        statement: &Statement,
        values: Values,
    ) -> Result<Vec<PgRow>, StoreError> {
        let call = Call { statement: statement.clone(), arguments: values.done()? };
        let turn = self.0.turn(principal);
        // So the planner has one way to the sessions that must go: the index in the order of sign-ins, up to the maximum, and then a row each.
        // It cannot know how few that are, and would rather read all sessions of the user and sort them, or those of everybody.
        let lock = format!(
            "; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off; SELECT pg_advisory_xact_lock({turn})"
        );
        let work = move |mut lease: Lease| {
            let (lock, call) = (lock.clone(), call.clone());
            async move {
                // The lock is a statement of its own, because the statement that counts sessions must take its snapshot after the lock was
                // granted; otherwise it would miss a sign-in that was committed while it waited.
                //
                // Deadlocks: a principal's lock is taken before any row, and no transaction holds two of them. A circle is possible only
                // when two users swap sessions; PostgreSQL then ends one of the transactions, and it is repeated.
                lease.begin(&lock, STATEMENT).await?;
                lease.finish(call).await
            }
        };
        loop {
            let rows = self.0.home.run(StoreErrorKind::UnknownOutcome, Some(turn), work.clone()).await?;
            if !rows::is_unfinished(&rows) {
                return Ok(rows);
            }
        }
    }
}

impl Inner {
    /// The number of the advisory lock of a principal.
    pub(super) fn turn(&self, principal: &Principal) -> i64 {
        self.tables.lock(&["principal", principal.as_str()])
    }
}

/// Deletes up to `limit` expired rows, and returns how many.
pub(super) async fn swept(
    lease: Lease,
    statement: Statement,
    events: Events,
    limit: u32,
) -> Result<u32, Failure> {
    let arguments = Values::none().and(i64::from(limit)).done()?;
    let rows = lease.run_alone(Call { statement, arguments }).await?;
    let swept = u32::try_from(rows::only::<i64>(&rows)?).unwrap_or(u32::MAX);
    events.swept(swept.into());
    Ok(swept)
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("table", &self.0.tables.table).finish_non_exhaustive()
    }
}

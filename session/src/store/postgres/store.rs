//! The store: its thread, its statements, and how it asks.
//!
//! In: [`PostgresOptions`], and then statements with values. Out: [`PostgresStore`], and rows. Never: what a row means.

use std::{fmt, sync::Arc};

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr, postgres::PgRow};
use tokio::time::Instant;

use super::{
    connections::{Call, Connections, Lease, STATEMENT},
    failure::Failure,
    home::Home,
    names::Tables,
    open_error::OpenError,
    options::PostgresOptions,
    rows::{self, Values},
    statements::Statements,
};
use crate::{
    record::meta::Principal,
    store::{
        error::{StoreError, StoreErrorKind},
        sweep,
    },
};

/// Sessions in a PostgreSQL database, version 12 or later, shared by any number of machines.
///
/// ```no_run
/// use actix_typed_session::store::PostgresStore;
///
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::connect("postgres://shop:secret@db.example.com/shop?sslmode=verify-full").await?;
/// # let _ = store.clone();
/// # Ok(())
/// # }
/// ```
///
/// Every step is one statement and one round trip; only a sign-in with a maximum of sessions takes a short transaction. Nothing is
/// open while a handler runs. Time is the database's. Expired sessions are removed by a task of the store, see
/// [`sweep_every`](PostgresOptions::sweep_every).
///
/// **Tables.** `typed_session` and `typed_session_layout`, in the first schema of the user's `search_path`; both names can be
/// [chosen](PostgresOptions). They are created, and migrated when an earlier release wrote them; programs that do so at once take
/// turns. That needs `CREATE` on the schema. Later the user needs `USAGE` on the schema, `SELECT` on `typed_session_layout`, and
/// `SELECT, INSERT, UPDATE, DELETE` on `typed_session`; so the owner of the schema may connect once, and a lesser user from then on.
///
/// **Connections.** They belong to a thread of the store, so a store may be used from any number of runtimes and outlive them.
/// Each has at most 4 s for a statement, and READ COMMITTED as its isolation level, whatever the database's default is. A server
/// that ends an idle connection costs no request; a request that was under way when the server went answers
/// [`UnknownOutcome`](StoreErrorKind::UnknownOutcome), if it was a write. A standby is refused: who was signed out on the primary
/// may still be signed in there.
///
/// **Poolers.** Settings are sent as the startup parameter `options`, and statements are prepared: a pooler must keep a client on
/// one server connection for as long as it stays (PgBouncer: `pool_mode = session`, and the parameters that it does not know in
/// `ignore_startup_parameters`, whose settings then belong to the role: `ALTER ROLE .. SET statement_timeout = '3s'`).
///
/// **Durability** is the server's: with `synchronous_commit = off` a crash may forget the last sign-outs, and so does a failover to
/// a standby that is not synchronous.
///
/// Clones share the connections; with the last one they and the task end. Nobody who can read the tables can use a session: they
/// hold only hashes of verifiers.
#[derive(Clone)]
pub struct PostgresStore(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) home: Home,
    pub(super) tables: Tables,
    pub(super) statements: Arc<Statements>,
}

impl PostgresOptions {
    /// Connects; creates or migrates the tables first.
    ///
    /// # Errors
    /// When a name is none, the server cannot be reached, or the tables cannot be used or made; each says what to do.
    pub async fn open(self) -> Result<PostgresStore, OpenError> {
        self.names.check().map_err(OpenError::Name)?;
        let connections = Connections::new(self.connect, self.max_connections, self.connect_timeout);
        let home = Home::start(connections).await.map_err(OpenError::Thread)?;
        let tables = home.prepare(self.names).await?;
        let statements = Arc::new(Statements::on(&tables.table));
        if let Some(every) = self.sweep_every {
            let (connections, sql) = (Arc::clone(&home.connections), statements.sweep.clone());
            home.keep(sweep::keep_sweeping(every, move |limit| {
                let (connections, sql) = (Arc::clone(&connections), sql.clone());
                async move {
                    let lease = connections.lease(Instant::now() + connections.wait).await?;
                    Ok(swept(lease, sql, limit).await?)
                }
            }));
        }
        Ok(PostgresStore(Arc::new(Inner { home, tables, statements })))
    }
}

impl PostgresStore {
    /// Connects with the default settings; creates or migrates the tables first.
    ///
    /// # Errors
    /// As [`options`](Self::options) and [`PostgresOptions::open`].
    pub async fn connect(url: &str) -> Result<Self, OpenError> {
        Self::options(url)?.open().await
    }

    /// The settings for the database at `url`, `postgres://user:password@host:port/database`. What the URL does not say is taken
    /// from libpq's environment variables (`PGHOST`, `PGPASSWORD`, ..). `?sslmode=verify-full` encrypts and checks the
    /// server's certificate, against those of the operating system or `&sslrootcert=file`.
    ///
    /// # Errors
    /// When it is no such URL, or says something that does not exist; the message says what to write.
    pub fn options(url: &str) -> Result<PostgresOptions, OpenError> {
        PostgresOptions::parse(url)
    }

    /// One statement that changes nothing.
    pub(super) async fn read(&self, sql: &SqlStr, values: Values) -> Result<Vec<PgRow>, StoreError> {
        let call = Call { sql: sql.clone(), arguments: values.done()? };
        let read = move |lease: Lease| {
            let call = call.clone();
            async { lease.one(call).await.map_err(Failure::of_read) }
        };
        self.0.home.run(StoreErrorKind::Unavailable, read).await
    }

    /// One statement that is its own transaction.
    pub(super) async fn write(&self, sql: &SqlStr, values: Values) -> Result<Vec<PgRow>, StoreError> {
        let call = Call { sql: sql.clone(), arguments: values.done()? };
        self.0.home.run(StoreErrorKind::UnknownOutcome, move |lease| lease.one(call.clone())).await
    }

    /// A write that is `alone` in its principal's name, if it must be.
    pub(super) async fn write_in_turn(
        &self,
        alone: Option<&Principal>,
        sql: &SqlStr,
        values: Values,
    ) -> Result<Vec<PgRow>, StoreError> {
        let Some(principal) = alone else { return self.write(sql, values).await };
        let call = Call { sql: sql.clone(), arguments: values.done()? };
        let begin = format!("BEGIN; SELECT pg_advisory_xact_lock({})", self.0.turn(principal));
        let begin = AssertSqlSafe(begin).into_sql_str();
        let work = move |mut lease: Lease| {
            let (begin, call) = (begin.clone(), call.clone());
            async move {
                // A statement of its own: the one that counts must begin, and look, when it is its turn. Whoever takes a
                // principal's turn does so before any row, and holds no other turn; so turns and rows never wait in a circle
                // but when users swap sessions, and then PostgreSQL ends one of them and it tries again.
                lease.plain(begin, STATEMENT).await.map_err(Failure::of_read)?;
                let rows = lease.step(call, STATEMENT).await.map_err(Failure::of_read)?;
                lease.plain("COMMIT".into_sql_str(), STATEMENT).await.map_err(Failure::of_commit)?;
                lease.give_back();
                Ok(rows)
            }
        };
        self.0.home.run(StoreErrorKind::UnknownOutcome, work).await
    }
}

impl Inner {
    pub(super) fn turn(&self, principal: &Principal) -> i64 {
        self.tables.lock(&["principal", principal.as_str()])
    }
}

pub(super) async fn swept(lease: Lease, sql: SqlStr, limit: u32) -> Result<u32, Failure> {
    let arguments = Values::none().and(i64::from(limit)).done()?;
    let rows = lease.one(Call { sql, arguments }).await?;
    Ok(u32::try_from(rows::only::<i64>(&rows)?).unwrap_or(u32::MAX))
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("table", &self.0.tables.table).finish_non_exhaustive()
    }
}

//! Sessions in a PostgreSQL database, shared by any number of machines.
//!
//! In and out: the store contract, each step as one statement. Never: a transaction that outlives its call, a second try of a
//! write that may have been done.

use std::{fmt, str::FromStr as _, sync::Arc, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, SqlSafeStr as _, SqlStr,
    postgres::{PgConnectOptions, PgRow},
};
use tokio::time::Instant;

use self::{
    connections::{Call, Connections, Lease, STATEMENT},
    failure::Failure,
    home::Home,
    layout::{Names, Tables},
    rows::Values,
    statements::Statements,
};
use crate::{
    id::public::Selector,
    record::{
        change::{Change, NewRecord},
        meta::{Principal, Unreadable},
    },
    store::{
        contract::{Created, Index, Listed, LoadOptions, Loaded, PrincipalIndex, SessionStore, Updated},
        error::{StoreError, StoreErrorKind},
        scan::{Cursor, Scanned},
        sweep::{self, Sweep},
    },
};

pub use self::layout::OpenError;

mod failure;
mod connections;
mod rows;
mod statements;
mod layout;
mod home;

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
pub struct PostgresStore(Arc<Inner>);

struct Inner {
    home: Home,
    tables: Tables,
    statements: Arc<Statements>,
}

/// How to open a [`PostgresStore`]; every setting has a default.
#[derive(Clone)]
pub struct PostgresOptions {
    connect: PgConnectOptions,
    names: Names,
    max_connections: u32,
    connect_timeout: Duration,
    sweep_every: Option<Duration>,
}

impl PostgresOptions {
    /// The schema of the tables, which must be there; the default is the first of the user's `search_path`.
    #[must_use]
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.names.schema = Some(name.into());
        self
    }

    /// The name of the table; the default is `typed_session`. A second table is called the same with `_layout`.
    #[must_use]
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.names.table = name.into();
        self
    }

    /// How many connections there are at most; the default is 10. They are made when they are needed.
    #[must_use]
    pub const fn max_connections(mut self, most: u32) -> Self {
        self.max_connections = most;
        self
    }

    /// How long a call waits for a connection, for a free one or a new one, before it answers
    /// [`Unavailable`](StoreErrorKind::Unavailable); the default is one second.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How often a task of the store removes expired sessions; the default is every minute. `None`: never, because somebody else
    /// calls [`Sweep::sweep`].
    #[must_use]
    pub const fn sweep_every(mut self, every: Option<Duration>) -> Self {
        self.sweep_every = every;
        self
    }

    /// Connects; creates or migrates the tables first.
    ///
    /// # Errors
    /// When a name is none, the server cannot be reached, or the tables cannot be used or made; each says what to do.
    pub async fn open(self) -> Result<PostgresStore, OpenError> {
        self.names.check()?;
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

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not where and as whom: a URL holds a password.
        f.debug_struct("PostgresOptions")
            .field("names", &self.names)
            .field("max_connections", &self.max_connections)
            .field("connect_timeout", &self.connect_timeout)
            .field("sweep_every", &self.sweep_every)
            .finish_non_exhaustive()
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
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(OpenError::Url);
        }
        // Else a part of the password would be looked up as a host.
        if url.split('?').next().unwrap_or_default().matches('@').count() > 1 {
            return Err(OpenError::AtSign);
        }
        if let Some(unknown) = unknown_parameter(url) {
            return Err(OpenError::Parameter(unknown));
        }
        // The error may quote the URL.
        let connect = PgConnectOptions::from_str(url)
            .map_err(|_| strange_value(url).map_or(OpenError::Url, OpenError::Value))?;
        Ok(PostgresOptions {
            connect: connect.disable_statement_logging(),
            names: Names { schema: None, table: "typed_session".to_owned() },
            max_connections: 10,
            connect_timeout: Duration::from_secs(1),
            sweep_every: Some(Duration::from_mins(1)),
        })
    }

    /// One statement that changes nothing.
    async fn read(&self, sql: &SqlStr, values: Values) -> Result<Vec<PgRow>, StoreError> {
        let call = Call { sql: sql.clone(), arguments: values.done()? };
        let read = move |lease: Lease| {
            let call = call.clone();
            async { lease.one(call).await.map_err(Failure::of_read) }
        };
        self.0.home.run(StoreErrorKind::Unavailable, read).await
    }

    /// One statement that is its own transaction.
    async fn write(&self, sql: &SqlStr, values: Values) -> Result<Vec<PgRow>, StoreError> {
        let call = Call { sql: sql.clone(), arguments: values.done()? };
        self.0.home.run(StoreErrorKind::UnknownOutcome, move |lease| lease.one(call.clone())).await
    }

    /// A write that is `alone` in its principal's name, if it must be.
    async fn write_in_turn(
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

/// What a URL may say behind its question mark.
const PARAMETERS: [&str; 16] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// The first parameter that sqlx would not know. It would log the value, which may be a password behind a misspelt name.
fn unknown_parameter(url: &str) -> Option<String> {
    let (_, parameters) = url.split_once('?')?;
    let names = parameters.split('&').map(|parameter| parameter.split_once('=').map_or("", |(name, _)| name));
    let unknown =
        names.into_iter().find(|name| !PARAMETERS.contains(name) && !name.starts_with("options["))?;
    Some(unknown.to_owned())
}

/// The first parameter that makes no sense also in a URL that has nothing else.
fn strange_value(url: &str) -> Option<String> {
    let (_, parameters) = url.split_once('?')?;
    let alone =
        |parameter: &&str| PgConnectOptions::from_str(&format!("postgres://localhost/?{parameter}")).is_err();
    let (name, _) = parameters.split('&').find(alone)?.split_once('=')?;
    Some(name.to_owned())
}

impl Inner {
    fn turn(&self, principal: &Principal) -> i64 {
        self.tables.lock(&["principal", principal.as_str()])
    }
}

async fn swept(lease: Lease, sql: SqlStr, limit: u32) -> Result<u32, Failure> {
    let arguments = Values::none().and(i64::from(limit)).done()?;
    let rows = lease.one(Call { sql, arguments }).await?;
    Ok(u32::try_from(rows::only::<i64>(&rows)?).unwrap_or(u32::MAX))
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("table", &self.0.tables.table).finish_non_exhaustive()
    }
}

impl SessionStore for PostgresStore {
    async fn load(&self, key: &Selector, _: &LoadOptions) -> Result<Option<Loaded>, StoreError> {
        rows::loaded(&self.read(&self.0.statements.load, Values::of_key(key)).await?)
    }

    async fn create(&self, key: &Selector, new: &NewRecord) -> Result<Created, StoreError> {
        let alone = new.principal.as_ref().filter(|_| new.max_sessions.is_some());
        let rows = self.write_in_turn(alone, &self.0.statements.create, rows::create(key, new)).await?;
        match rows::only::<&str>(&rows)? {
            "created" => Ok(Created::Created),
            "too many" => Ok(Created::TooMany),
            _ => Ok(Created::Exists),
        }
    }

    async fn update(&self, key: &Selector, change: &Change) -> Result<Updated, StoreError> {
        let principal = change.principal.as_ref().and_then(Option::as_ref);
        let alone = principal.filter(|_| change.max_sessions.is_some());
        rows::updated(&self.write_in_turn(alone, &self.0.statements.update, rows::update(key, change)).await?)
    }

    async fn delete(&self, key: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        let Some(principal) = only_if else {
            return self.write(&self.0.statements.delete, Values::of_key(key)).await.map(|_| ());
        };
        let values = Values::of_key(key).and(rows::text(principal));
        let rows = self.write(&self.0.statements.delete_of, values).await?;
        // What cannot be read may be of this principal: the caller hears that it is not known to be gone.
        if rows.is_empty() || rows::only(&rows)? { Ok(()) } else { Err(Unreadable::Garbage.into()) }
    }

    fn index(&self) -> Option<Index<'_>> {
        Some(Index::of(self))
    }

    async fn scan(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        let last = from.and_then(Cursor::last_selector);
        let last = last.map(|key| key.as_bytes().to_vec()).unwrap_or_default();
        let values = Values::none().and(last).and(i64::from(limit));
        Ok(Scanned::in_order(rows::keys(&self.read(&self.0.statements.scan, values).await?), limit))
    }
}

impl PrincipalIndex for PostgresStore {
    async fn sessions_of(&self, principal: &Principal) -> Result<Vec<Listed>, StoreError> {
        Ok(rows::listed(&self.read(&self.0.statements.list, Values::of_principal(principal)).await?))
    }

    async fn delete_all(&self, principal: &Principal, except: Option<&Selector>) -> Result<u64, StoreError> {
        let values = Values::of_principal(principal)
            .and(self.0.turn(principal))
            .and(except.map(|key| key.as_bytes().to_vec()));
        let rows = self.write(&self.0.statements.delete_all, values).await?;
        Ok(u64::try_from(rows::only::<i64>(&rows)?).unwrap_or_default())
    }
}

impl Sweep for PostgresStore {
    async fn sweep(&self, limit: u32) -> Result<u32, StoreError> {
        let sql = self.0.statements.sweep.clone();
        self.0.home.run(StoreErrorKind::Unavailable, move |lease| swept(lease, sql.clone(), limit)).await
    }
}

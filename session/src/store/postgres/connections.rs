//! The connections to PostgreSQL.
//!
//! In: how to connect, and statements. Out: the rows of a statement, or a [`Failure`] that says whether it was executed. Never sends a
//! statement on a connection that has ended, and never sends one again that may have been executed.

use std::{
    fs,
    future::{Future, poll_fn},
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use futures_util::{TryFutureExt as _, future::select_ok};
use sqlx::{
    AssertSqlSafe, Executor, Row, SqlSafeStr as _, SqlStr,
    pool::PoolOptions,
    postgres::{PgArguments, PgConnectOptions, PgListener, PgRow},
};
use tokio::{
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout, timeout_at},
};

use super::{
    failure::{Failure, code, is_handshake, refused},
    turns::Turns,
};
use crate::store::{
    error::{StoreError, StoreErrorKind},
    passwords::Passwords,
    shelf::Shelf,
};

/// How long the server may work on one statement. Longer than a request waits, but not much, so that no statement runs long after its caller
/// has given up.
const ON_SERVER: Duration = Duration::from_secs(3);

/// How long to wait for a statement. The server gives up first, unless it is gone.
pub(super) const STATEMENT: Duration = Duration::from_secs(4);

/// The pause before a statement that was rolled back is sent again.
pub(super) const AGAIN: Duration = Duration::from_millis(20);

/// The first statements on a connection: whether the server is a standby, which schema new tables would be in, and whether the settings
/// of [`direct`] have arrived.
///
/// From then on functions and operators are found only where PostgreSQL's own are. Otherwise whoever may create one in a schema of the
/// search path, which was everybody up to version 14, could overload one of these and run as the application (CVE-2018-1058). Behind a
/// pooler this lasts to the end of these statements: what stayed set on a server's connection would be set for its next client.
const FIRST: &str = "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_schema(), \
    pg_catalog.current_setting('typed_session.direct', true) IS NOT NULL; \
    SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', \
    pg_catalog.current_setting('typed_session.direct', true) IS NULL)";

/// Whom a connection reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reaches {
    /// One server's process, which keeps settings and prepared statements.
    Server,
    /// A pooler, which may send each transaction to another process.
    Pooler,
}

/// One statement with its values.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) sql: SqlStr,
    pub(super) arguments: PgArguments,
}

/// An open connection.
pub(super) struct Open {
    listener: PgListener,
    reaches: Reaches,
}

/// One of the addresses at which the database may be.
struct Server {
    options: PgConnectOptions,
    /// Whether something at the address has refused the settings of [`direct`].
    refuses_settings: AtomicBool,
}

pub(super) struct Connections {
    servers: Vec<Server>,
    /// Which of them was the primary last.
    primary: AtomicUsize,
    passwords: Option<Passwords>,
    /// Those that take the lock of a principal wait here before they take a connection.
    pub(super) turns: Turns,
    pub(super) shelf: Shelf<Open>,
    /// The schema in which the user's new tables would be; `None` if there is none.
    pub(super) schema: OnceLock<Option<String>>,
    /// How long a call waits for a connection.
    pub(super) wait: Duration,
}

impl Connections {
    pub(super) fn new(
        servers: Vec<PgConnectOptions>,
        passwords: Option<Passwords>,
        most: u32,
        wait: Duration,
    ) -> Self {
        // PgBouncer refuses this setting, and no value here is a fraction.
        let servers = servers.into_iter().map(|server| server.extra_float_digits(None));
        let servers =
            servers.map(|options| Server { options, refuses_settings: AtomicBool::new(false) }).collect();
        Self {
            servers,
            primary: AtomicUsize::new(0),
            passwords,
            shelf: Shelf::new(most),
            turns: Turns::new(most),
            schema: OnceLock::new(),
            wait,
        }
    }

    /// Checks that something listens at the only address. A pool would wait for it, and then not say why it failed.
    pub(super) async fn reach(&self) -> Result<(), NoLease> {
        let [Server { options, .. }] = &*self.servers else { return Ok(()) };
        let (host, port) = (options.get_host(), options.get_port());
        let socket = options.get_socket().map(PathBuf::as_path);
        let folder = socket.or_else(|| host.starts_with('/').then(|| Path::new(host)));
        let socket = folder.map(|folder| folder.join(format!(".s.PGSQL.{port}")));
        let address =
            socket.as_ref().map_or_else(|| format!("{host}:{port}"), |path| path.display().to_string());
        let connect = async {
            match socket {
                Some(path) => fs::metadata(path).map(|_| ()),
                None => TcpStream::connect((host, port)).await.map(|_| ()),
            }
        };
        let why = match timeout(self.wait, connect).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        Err(NoLease::Unreachable(format!("{address}: {why}")))
    }

    /// Waits for a free connection.
    pub(super) async fn lease(self: &Arc<Self>, deadline: Instant) -> Result<Lease, NoLease> {
        let permit = self.shelf.permit(deadline).await.map_err(|_| NoLease::Busy)?;
        while let Some(mut open) = self.shelf.take() {
            if is_silent(&mut open.listener).await {
                return Ok(Lease { open, home: Arc::clone(self), permit });
            }
        }
        let open = self.connect(deadline).await.map_err(NoLease::Refused)?;
        Ok(Lease { open, home: Arc::clone(self), permit })
    }

    /// Opens a connection to the primary.
    ///
    /// The server that was it last is asked alone at first. All of them at once are asked only when another one may be it, because each
    /// of them has to let us in before it can say that it is not.
    async fn connect(&self, deadline: Instant) -> Result<Open, sqlx::Error> {
        let password = match &self.passwords {
            None => None,
            Some(passwords) => {
                let asked = timeout_at(deadline, passwords.ask()).await;
                Some(asked.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(sqlx::Error::Configuration)?)
            }
        };
        let password = password.as_deref();
        let last = self.servers.get(self.primary.load(Ordering::Relaxed)).ok_or(sqlx::Error::PoolTimedOut)?;
        if self.servers.len() == 1 {
            return self.connect_to(last, password, deadline).await;
        }
        let alone = Instant::now() + deadline.saturating_duration_since(Instant::now()) / 3;
        if let Ok(open) = self.connect_to(last, password, alone).await {
            return Ok(open);
        }
        let ask = |(at, server)| {
            Box::pin(self.connect_to(server, password, deadline).map_ok(move |open| (at, open)))
        };
        let ((at, open), _) = select_ok(self.servers.iter().enumerate().map(ask)).await?;
        self.primary.store(at, Ordering::Relaxed);
        Ok(open)
    }

    /// Opens a connection to one server. Whether a pooler is in between is found out here, because nobody who writes a URL needs to know.
    async fn connect_to(
        &self,
        server: &Server,
        password: Option<&str>,
        deadline: Instant,
    ) -> Result<Open, sqlx::Error> {
        let options = server.options.clone();
        let options = password.map_or(options.clone(), |password| options.password(password));
        if !server.refuses_settings.load(Ordering::Relaxed) {
            match self.open(direct(&options), deadline).await {
                Err(error) if is_about_settings(&error) => {
                    server.refuses_settings.store(true, Ordering::Relaxed);
                }
                result => return result,
            }
        }
        self.open(options, deadline).await
    }

    async fn open(&self, server: PgConnectOptions, deadline: Instant) -> Result<Open, sqlx::Error> {
        // Of sqlx's types, only a listener can check whether an idle connection has received something, and a listener needs a pool. The
        // pool also waits for a server that is starting.
        let pool = PoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .acquire_timeout(deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1)))
            .connect_lazy_with(server);
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.ignore_pool_close_event(true);
        listener.eager_reconnect(false);
        // A standby lags behind, and would answer reads with sessions that were signed out on the primary (G3).
        let first = timeout_at(deadline, listener.fetch_all(sqlx::raw_sql(FIRST))).await;
        let first = first.map_err(|_| sqlx::Error::PoolTimedOut)??;
        let first = first.first().ok_or(sqlx::Error::RowNotFound)?;
        if first.try_get(0)? {
            return Err(sqlx::Error::Configuration(Box::new(Standby)));
        }
        let schema = first.try_get(1)?;
        self.schema.get_or_init(|| schema);
        Ok(Open { listener, reaches: if first.try_get(2)? { Reaches::Server } else { Reaches::Pooler } })
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum NoLease {
    /// All that there may be are in use.
    Busy,
    /// Nothing listens at the address.
    Unreachable(String),
    Refused(sqlx::Error),
}

impl NoLease {
    /// Whether the server may only not be there yet.
    pub(super) fn is_for_the_moment(&self) -> bool {
        match self {
            Self::Busy | Self::Unreachable(_) | Self::Refused(sqlx::Error::PoolTimedOut) => true,
            Self::Refused(error) if is_standby(error) => true,
            // Starting, ending; too many connections.
            Self::Refused(error @ sqlx::Error::Database(_)) => {
                code(error).is_some_and(|code| code.starts_with("57P") || code.starts_with("53"))
            }
            Self::Refused(error) => matches!(error, sqlx::Error::Io(_)) && !is_handshake(error),
        }
    }
}

impl From<NoLease> for StoreError {
    fn from(none: NoLease) -> Self {
        let unavailable = Self::new(StoreErrorKind::Unavailable);
        match none {
            NoLease::Busy => unavailable.with_source("every connection is busy"),
            NoLease::Unreachable(why) => unavailable.with_source(why),
            NoLease::Refused(error) => refused(error),
        }
    }
}

/// The settings of a connection on which nobody else is. The last one has no meaning but that these have arrived: a pooler may also ignore them.
fn direct(server: &PgConnectOptions) -> PgConnectOptions {
    server.clone().options([
        ("default_transaction_isolation", "read committed".to_owned()),
        ("statement_timeout", ON_SERVER.as_millis().to_string()),
        ("idle_in_transaction_session_timeout", ON_SERVER.as_millis().to_string()),
        ("typed_session.direct", "on".to_owned()),
    ])
}

/// Whether a pooler refuses settings in the first message. PgBouncer has this code, RDS Proxy the other one.
fn is_about_settings(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    let is_meant =
        ["startup parameter", "command-line options"].iter().any(|words| error.message().contains(words));
    is_meant && error.code().is_some_and(|code| ["08P01", "0A000"].contains(&&*code))
}

/// The server is a standby.
#[derive(Debug, thiserror::Error)]
#[error("the server is a standby; sessions need the primary")]
struct Standby;

pub(super) fn is_standby(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Configuration(reason) if reason.is::<Standby>())
}

/// Whether an idle connection has received nothing. A server that ends a connection says so, and a statement must not be sent then: without
/// an answer, its outcome would be unknown. This only looks at what has arrived; it does not wait or send.
async fn is_silent(connection: &mut PgListener) -> bool {
    let mut said = std::pin::pin!(connection.try_recv());
    poll_fn(|context| Poll::Ready(said.as_mut().poll(context).is_pending())).await
}

/// A connection for one caller. Only [`give_back`](Self::give_back) puts it back on the shelf; in every other case it is closed, and the
/// server rolls back what was open.
pub(super) struct Lease {
    open: Open,
    home: Arc<Connections>,
    permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Puts the connection back. It must have no open transaction, and every answer must have been read to its end.
    pub(super) fn give_back(self) {
        let Self { open, home, permit } = self;
        home.shelf.put_back(open);
        drop(permit);
    }

    /// The schema in which the user's new tables would be.
    pub(super) fn schema(&self) -> Option<String> {
        self.home.schema.get().cloned().flatten()
    }

    /// Runs one statement that is its own transaction, gives the connection back, and returns the rows.
    ///
    /// Behind a pooler this takes four round trips, because the settings of a connection last as long as a transaction there.
    pub(super) async fn run_alone(mut self, call: Call) -> Result<Vec<PgRow>, Failure> {
        match self.open.reaches {
            Reaches::Server => {
                let rows = self.run(call, STATEMENT).await?;
                self.give_back();
                Ok(rows)
            }
            Reaches::Pooler => {
                self.begin("", STATEMENT).await?;
                self.finish(call).await
            }
        }
    }

    /// Begins a transaction, and runs `more` in it, which begins with a semicolon or is empty. Nothing that fails here has changed anything.
    pub(super) async fn begin(&mut self, more: &str, longest: Duration) -> Result<(), Failure> {
        let ms = ON_SERVER.as_millis();
        let sql = match self.open.reaches {
            Reaches::Server => format!("BEGIN{more}"),
            // It asks again, because a pooler may have turned to a standby.
            Reaches::Pooler => format!(
                "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL search_path = pg_catalog, pg_temp; \
                 SET LOCAL statement_timeout = {ms}; SET LOCAL idle_in_transaction_session_timeout = {ms}; \
                 SELECT pg_is_in_recovery(){more}"
            ),
        };
        let begun = self.run_plain(AssertSqlSafe(sql).into_sql_str(), longest).await;
        let rows = begun.map_err(Failure::of_read)?;
        let is_primary = || rows.first().is_some_and(|row| matches!(row.try_get(0), Ok(false)));
        if self.open.reaches == Reaches::Pooler && !is_primary() {
            return Err(Failure::Refused(sqlx::Error::Configuration(Box::new(Standby))));
        }
        Ok(())
    }

    /// Runs the last statement of a transaction, commits it, and gives the connection back. What is not committed is rolled back.
    pub(super) async fn finish(mut self, call: Call) -> Result<Vec<PgRow>, Failure> {
        let rows = self.run(call, STATEMENT).await.map_err(Failure::of_read)?;
        self.run_plain("COMMIT".into_sql_str(), STATEMENT).await.map_err(Failure::of_commit)?;
        self.give_back();
        Ok(rows)
    }

    /// Runs one statement, and keeps the connection. Behind a pooler there must be a transaction, or the statement may be prepared on one
    /// server's connection and run on another.
    pub(super) async fn run(&mut self, call: Call, longest: Duration) -> Result<Vec<PgRow>, Failure> {
        let Call { sql, arguments } = call;
        // A name that was given to a statement would be there for other clients too.
        let is_named = self.open.reaches == Reaches::Server;
        self.drain(sqlx::query_with(sql, arguments).persistent(is_named), longest).await
    }

    /// Runs statements without values, and keeps the connection.
    pub(super) async fn run_plain(&mut self, sql: SqlStr, longest: Duration) -> Result<Vec<PgRow>, Failure> {
        self.drain(sqlx::raw_sql(sql), longest).await
    }

    async fn drain<'q, E>(&mut self, query: E, longest: Duration) -> Result<Vec<PgRow>, Failure>
    where
        E: sqlx::Execute<'q, sqlx::Postgres> + 'q,
    {
        // Read to the very end, because the transaction of a statement ends after its rows.
        let (mut rows, mut began) = (Vec::new(), false);
        let mut results = self.open.listener.fetch_many(query);
        let all = async {
            while let Some(result) = poll_fn(|context| results.as_mut().poll_next(context)).await {
                rows.extend(result?.right());
                began = true;
            }
            Ok(())
        };
        let failure = match timeout(longest, all).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Failure::of(error, began)),
            Err(_) => Some(Failure::silence()),
        };
        drop(results);
        match failure {
            None => Ok(rows),
            Some(failure) => {
                if failure.ends_connections() {
                    // The server may be gone, and then the idle connections are dead too.
                    self.home.shelf.clear();
                }
                Err(failure)
            }
        }
    }
}

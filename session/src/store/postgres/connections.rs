//! The connections to PostgreSQL.
//!
//! In: how to connect, and statements. Out: the rows of a statement, or a [`Failure`] that says whether it was executed. Never sends a
//! statement on a connection that has ended, and never sends one again that may have been executed.

use std::{
    fs,
    future::{Future, poll_fn},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    task::Poll,
    time::Duration,
};

use sqlx::{
    Executor, Row, SqlStr,
    pool::PoolOptions,
    postgres::{PgArguments, PgConnectOptions, PgListener, PgRow},
};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};

use super::failure::{Failure, refused};
use crate::store::error::{StoreError, StoreErrorKind};

/// How long the server may work on one statement. Longer than a request waits, but not much, so that no statement runs long after its caller
/// has given up.
const ON_SERVER: Duration = Duration::from_secs(3);

/// How long to wait for a statement. The server gives up first, unless it is gone.
pub(super) const STATEMENT: Duration = Duration::from_secs(4);

/// The pause before a statement that was rolled back is sent again.
pub(super) const AGAIN: Duration = Duration::from_millis(20);

/// Connections that were idle for longer are not used again, because firewalls silently drop them after some minutes.
const LONGEST_IDLE: Duration = Duration::from_mins(1);

/// The first statements on a connection: whether the server is a standby, and which schema new tables would be in.
///
/// From then on functions and operators are found only where PostgreSQL's own are. Otherwise whoever may create one in a schema of the
/// search path, which was everybody up to version 14, could overload one of these and run as the application (CVE-2018-1058).
const FIRST: &str = "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_schema(); SET search_path = pg_catalog, pg_temp";

/// One statement with its values.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) sql: SqlStr,
    pub(super) arguments: PgArguments,
}

pub(super) struct Connections {
    options: PgConnectOptions,
    /// One permit per connection; waiters are served in order.
    permits: Arc<Semaphore>,
    shelf: Mutex<Vec<(PgListener, Instant)>>,
    /// The schema in which the user's new tables would be; `None` if there is none.
    pub(super) schema: OnceLock<Option<String>>,
    /// How long a call waits for a connection.
    pub(super) wait: Duration,
}

impl Connections {
    pub(super) fn new(options: PgConnectOptions, most: u32, wait: Duration) -> Self {
        let settings = [
            ("default_transaction_isolation", "read committed".to_owned()),
            ("statement_timeout", ON_SERVER.as_millis().to_string()),
            ("idle_in_transaction_session_timeout", ON_SERVER.as_millis().to_string()),
        ];
        let most = usize::try_from(most).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            options: options.options(settings),
            permits: Arc::new(Semaphore::new(most)),
            shelf: Mutex::default(),
            schema: OnceLock::new(),
            wait,
        }
    }

    /// Checks that something listens at the address. A pool would wait for it, and then not say why it failed.
    pub(super) async fn reach(&self) -> Result<(), StoreError> {
        let (host, port) = (self.options.get_host(), self.options.get_port());
        let socket = self.options.get_socket().map(PathBuf::as_path);
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
        Err(StoreError::new(StoreErrorKind::Unavailable).with_source(format!("{address}: {why}")))
    }

    pub(super) fn shelf(&self) -> MutexGuard<'_, Vec<(PgListener, Instant)>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a free connection.
    pub(super) async fn lease(self: &Arc<Self>, deadline: Instant) -> Result<Lease, StoreError> {
        let unavailable = |why: &'static str| StoreError::new(StoreErrorKind::Unavailable).with_source(why);
        let permit = timeout_at(deadline, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| unavailable("every connection is busy"))?
            .map_err(|_| unavailable("closed"))?;
        loop {
            let shelved = self.shelf().pop();
            let Some((mut connection, since)) = shelved else { break };
            if since.elapsed() < LONGEST_IDLE && is_silent(&mut connection).await {
                return Ok(Lease { connection, home: Arc::clone(self), permit });
            }
        }
        let connection = self.connect(deadline).await.map_err(refused)?;
        Ok(Lease { connection, home: Arc::clone(self), permit })
    }

    async fn connect(&self, deadline: Instant) -> Result<PgListener, sqlx::Error> {
        // Of sqlx's types, only a listener can check whether an idle connection has received something, and a listener needs a pool. The
        // pool also waits for a server that is starting.
        let pool = PoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .acquire_timeout(deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1)))
            .connect_lazy_with(self.options.clone());
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
        Ok(listener)
    }
}

/// The server is a standby.
#[derive(Debug, thiserror::Error)]
#[error("the server is a standby; sessions need the primary")]
pub(super) struct Standby;

/// Whether an idle connection has received nothing. A server that ends a connection says so, and a statement must not be sent then: without
/// an answer, its outcome would be unknown. This only looks at what has arrived; it does not wait or send.
async fn is_silent(connection: &mut PgListener) -> bool {
    let mut said = std::pin::pin!(connection.try_recv());
    poll_fn(|context| Poll::Ready(said.as_mut().poll(context).is_pending())).await
}

/// A connection for one caller. Only [`give_back`](Self::give_back) puts it back on the shelf; in every other case it is closed, and the
/// server rolls back what was open.
pub(super) struct Lease {
    connection: PgListener,
    home: Arc<Connections>,
    permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Puts the connection back. It must have no open transaction, and every answer must have been read to its end.
    pub(super) fn give_back(self) {
        let Self { connection, home, permit } = self;
        home.shelf().push((connection, Instant::now()));
        drop(permit);
    }

    /// The schema in which the user's new tables would be.
    pub(super) fn schema(&self) -> Option<String> {
        self.home.schema.get().cloned().flatten()
    }

    /// Runs one statement that is its own transaction, gives the connection back, and returns the rows.
    pub(super) async fn run_alone(mut self, call: Call) -> Result<Vec<PgRow>, Failure> {
        let rows = self.run(call, STATEMENT).await?;
        self.give_back();
        Ok(rows)
    }

    /// Runs one statement, and keeps the connection.
    pub(super) async fn run(&mut self, call: Call, longest: Duration) -> Result<Vec<PgRow>, Failure> {
        let Call { sql, arguments } = call;
        self.drain(sqlx::query_with(sql, arguments), longest).await
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
        let mut results = self.connection.fetch_many(query);
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
                    self.home.shelf().clear();
                }
                Err(failure)
            }
        }
    }
}

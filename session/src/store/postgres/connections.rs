//! Connections, and the thread that owns them.
//!
//! In: how to connect. Out: the rows of a statement, or whether it was executed. Never: a statement on a connection that
//! already ended, a second try of one that may have been executed.
//!
//! Every actix worker has a runtime of its own, and a socket lives only as long as the runtime that made it. So all sockets
//! belong to one thread with one runtime; callers wait for its answers in whatever runtime they are. A caller that leaves
//! changes nothing: the statement ends on its thread, and its connection is in order.

use std::{
    future::{Future, poll_fn},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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

/// How long the server works on one statement: longer than a request waits, so that nothing runs much later than anybody asked.
const ON_SERVER: Duration = Duration::from_secs(3);

/// How long we wait for it: the server gives up first, unless it is not there any more.
pub(super) const STATEMENT: Duration = Duration::from_secs(4);

/// The pause before a statement that was rolled back is tried again.
pub(super) const AGAIN: Duration = Duration::from_millis(20);

/// Firewalls forget connections that are silent for some minutes, and tell nobody.
const LONGEST_IDLE: Duration = Duration::from_mins(1);

/// One statement with its values.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) sql: SqlStr,
    pub(super) arguments: PgArguments,
}

pub(super) struct Connections {
    options: PgConnectOptions,
    /// As many as there may be connections; waiters are served in order.
    permits: Arc<Semaphore>,
    shelf: Mutex<Vec<(PgListener, Instant)>>,
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
            wait,
        }
    }

    /// Whether anybody listens there: a pool would wait, and then not say why.
    pub(super) async fn reach(&self) -> Result<(), StoreError> {
        let (host, port) = (self.options.get_host(), self.options.get_port());
        if self.options.get_socket().is_some() || host.starts_with('/') {
            return Ok(());
        }
        let why = match timeout(self.wait, TcpStream::connect((host, port))).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        Err(StoreError::new(StoreErrorKind::Unavailable).with_source(format!("{host}:{port}: {why}")))
    }

    pub(super) fn shelf(&self) -> MutexGuard<'_, Vec<(PgListener, Instant)>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that nobody else has, once one is free.
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
        // Of sqlx's types only a listener can look whether an idle connection has something to say, and it wants a pool. The
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
        // A standby answers reads with a past in which nobody has signed out yet.
        let standby = timeout_at(deadline, listener.fetch_one("SELECT pg_is_in_recovery()")).await;
        if standby.map_err(|_| sqlx::Error::PoolTimedOut)??.try_get(0)? {
            return Err(sqlx::Error::Configuration(Box::new(Standby)));
        }
        Ok(listener)
    }
}

/// The server is a standby.
#[derive(Debug, thiserror::Error)]
#[error("the server is a standby; sessions need the primary")]
pub(super) struct Standby;

/// Whether an idle connection lives. A server that ends one says so, and then nothing must be sent: who sends and gets no answer
/// cannot know that nothing was executed. Looks at what has arrived already; waits for nothing and sends nothing.
async fn is_silent(connection: &mut PgListener) -> bool {
    let mut said = std::pin::pin!(connection.try_recv());
    poll_fn(|context| Poll::Ready(said.as_mut().poll(context).is_pending())).await
}

/// A connection of one's own. Only [`give_back`](Self::give_back) puts it on the shelf; every other end closes it, and the server
/// rolls back what was open.
pub(super) struct Lease {
    connection: PgListener,
    home: Arc<Connections>,
    permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Puts the connection back. It has no open transaction, and every answer was read to its end.
    pub(super) fn give_back(self) {
        let Self { connection, home, permit } = self;
        home.shelf().push((connection, Instant::now()));
        drop(permit);
    }

    /// Runs one statement to the end of its transaction; its rows.
    pub(super) async fn one(mut self, call: Call) -> Result<Vec<PgRow>, Failure> {
        let rows = self.step(call, STATEMENT).await?;
        self.give_back();
        Ok(rows)
    }

    /// Runs one statement, and keeps the connection.
    pub(super) async fn step(&mut self, call: Call, longest: Duration) -> Result<Vec<PgRow>, Failure> {
        let Call { sql, arguments } = call;
        self.drain(sqlx::query_with(sql, arguments), longest).await
    }

    /// Runs statements without values.
    pub(super) async fn plain(&mut self, sql: SqlStr, longest: Duration) -> Result<Vec<PgRow>, Failure> {
        self.drain(sqlx::raw_sql(sql), longest).await
    }

    async fn drain<'q, E>(&mut self, query: E, longest: Duration) -> Result<Vec<PgRow>, Failure>
    where
        E: sqlx::Execute<'q, sqlx::Postgres> + 'q,
    {
        // To the very end: the transaction of a statement ends after its rows.
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
                    // Those that are idle may have no server any more either, and not know it.
                    self.home.shelf().clear();
                }
                Err(failure)
            }
        }
    }
}

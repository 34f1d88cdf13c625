//! The connections to MySQL or MariaDB.
//!
//! In: how to connect, and statements. Out: the rows of each statement, or a [`Failure`] that says whether something may have been changed.
//! Never sends statements again after a `COMMIT` may have been executed.

use std::{future::poll_fn, sync::Arc, time::Duration};

use sqlx::{
    AssertSqlSafe, Executor as _, MySql, MySqlConnection, Row as _,
    mysql::{MySqlConnectOptions, MySqlRow},
    pool::PoolOptions,
};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout, timeout_at},
};

use super::failure::{self, Failure, refused};
use crate::store::{
    error::StoreError,
    home::Leases,
    passwords::Passwords,
    reach::{NoLease, password, reach},
    shelf::Shelf,
};

/// How long to wait for one message's statements. The server gives up first, after 3 s, unless it is gone.
const STATEMENTS: Duration = Duration::from_secs(4);

/// The first statements on a connection, so that nothing depends on the defaults of the server: no value is cut to fit, no lock is awaited
/// for longer than a request waits, and the last answer tells whether this is a replica.
///
/// `wait_timeout` is longer than a connection is idle here; see also [`SHORT_WAIT`]. A comment that begins with `M!` is for MariaDB, one
/// with a version from 50700 on for MySQL.
const FIRST: [&str; 4] = [
    "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', autocommit = 1, \
        completion_type = 0, sql_safe_updates = 0, wait_timeout = 90, lock_wait_timeout = 3, innodb_lock_wait_timeout = 3 \
        /*M!100600 , max_statement_time = 3 */ /*!80000 , max_execution_time = 3000 */",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE",
    "SELECT CAST(@@global.read_only AS CHAR) IN ('1', 'ON') OR @@innodb_read_only",
];

/// While a transaction is open, the server ends a connection that is silent for this time. A process that froze, or a machine that is gone,
/// keeps a row locked no longer than that.
const SHORT_WAIT: &str = "SET SESSION wait_timeout = 3";
const LONG_WAIT: &str = "SET SESSION wait_timeout = 90";

/// The rows of each statement of one message.
pub(super) type Answers = Vec<Vec<MySqlRow>>;

pub(super) struct Connections {
    options: MySqlConnectOptions,
    passwords: Option<Passwords>,
    shelf: Shelf<MySqlConnection>,
    wait: Duration,
}

impl Connections {
    /// At most `most` connections; `wait` is how long a call waits for one.
    pub(super) fn new(
        options: MySqlConnectOptions,
        passwords: Option<Passwords>,
        most: u32,
        wait: Duration,
    ) -> Self {
        Self { options, passwords, shelf: Shelf::new(most), wait }
    }

    async fn connect(&self, deadline: Instant) -> Result<MySqlConnection, sqlx::Error> {
        let password = password(self.passwords.as_ref(), deadline).await?;
        let options = self.options.clone();
        let options = match password {
            Some(password) => options.password(&password),
            None => options,
        };
        // The pool waits for a server that is starting.
        let pool = PoolOptions::<MySql>::new()
            .max_connections(1)
            .test_before_acquire(false)
            .acquire_timeout(deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1)))
            .connect_lazy_with(options);
        let mut connection = pool.acquire().await?.detach();
        // A replica lags behind, and would answer reads with sessions that were signed out on the primary (G3).
        let first =
            timeout_at(deadline, connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(FIRST.join("; "))))).await;
        let first = first.map_err(|_| sqlx::Error::PoolTimedOut)??;
        if first.first().ok_or(sqlx::Error::RowNotFound)?.try_get(0)? {
            return Err(sqlx::Error::Configuration(Box::new(ReadOnly)));
        }
        Ok(connection)
    }
}

impl Leases for Connections {
    const THREAD: &'static str = "session-mysql";
    type Lease = Lease;
    type Failure = Failure;

    fn wait(&self) -> Duration {
        self.wait
    }

    async fn reach(&self) -> Result<(), NoLease> {
        if self.options.get_socket().is_some() {
            return Ok(());
        }
        reach(self.options.get_host(), self.options.get_port(), self.wait).await
    }

    /// The connection may have ended meanwhile; what is sent first on it changes nothing, or may be sent again.
    async fn lease(self: &Arc<Self>, deadline: Instant) -> Result<Lease, NoLease> {
        let permit = self.shelf.permit(deadline).await.ok_or(NoLease::Busy)?;
        let connection = match self.shelf.take() {
            Some(connection) => connection,
            None => self.connect(deadline).await.map_err(NoLease::Refused)?,
        };
        Ok(Lease { connection, home: Arc::clone(self), _permit: permit })
    }

    fn give_back(lease: Lease) {
        lease.give_back();
    }

    fn close_idle(&self) {
        self.shelf.clear();
    }

    fn is_for_the_moment(none: &NoLease) -> bool {
        none.is_for_the_moment(|error| is_read_only(error) || failure::is_for_the_moment(error))
    }

    fn unavailable(none: NoLease) -> StoreError {
        none.into_error(refused)
    }

    fn may_try_again(failure: &Failure) -> bool {
        failure.may_try_again()
    }
}

/// The server does not write.
#[derive(Debug, thiserror::Error)]
#[error("the server is read-only; sessions need the primary")]
struct ReadOnly;

pub(super) fn is_read_only(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Configuration(reason) if reason.is::<ReadOnly>())
}

/// A connection for one caller. Only [`give_back`](Self::give_back) puts it back on the shelf; in every other case it is closed, and the
/// server rolls back what was open.
pub(super) struct Lease {
    connection: MySqlConnection,
    home: Arc<Connections>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Puts the connection back. It must have no open transaction, and every answer must have been read to its end.
    pub(super) fn give_back(self) {
        self.home.shelf.put_back(self.connection);
    }

    /// Runs one message's statements, gives the connection back, and returns the rows. They change nothing, or may be sent again.
    pub(super) async fn run(mut self, statements: &[String]) -> Result<Answers, Failure> {
        let answers = self.send(statements).await.map_err(|(_, failure)| failure.of_repeatable())?;
        self.give_back();
        Ok(answers)
    }

    /// Begins a transaction after `before`, and runs `statements` in it, all of which change nothing.
    pub(super) async fn begin(
        mut self,
        before: Option<String>,
        statements: Vec<String>,
    ) -> Result<(Transaction, Answers), Failure> {
        let has_turn = before.is_some();
        let begins = before.into_iter().chain([SHORT_WAIT.to_owned(), "START TRANSACTION".to_owned()]);
        let all: Vec<_> = begins.chain(statements).collect();
        let answers = self.send(&all).await.map_err(|(_, failure)| failure.of_repeatable())?;
        Ok((Transaction { lease: self, has_turn }, answers))
    }

    /// Sends statements in one message. A failure comes with the number of statements that were answered before it.
    async fn send(&mut self, statements: &[String]) -> Result<Answers, (usize, Failure)> {
        let (mut answers, mut rows) = (Vec::with_capacity(statements.len()), Vec::new());
        let mut results = self.connection.fetch_many(sqlx::raw_sql(AssertSqlSafe(statements.join("; "))));
        let all = async {
            while let Some(result) = poll_fn(|context| results.as_mut().poll_next(context)).await {
                match result?.right() {
                    Some(row) => rows.push(row),
                    None => answers.push(std::mem::take(&mut rows)),
                }
            }
            Ok(())
        };
        let failure = match timeout(STATEMENTS, all).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Failure::of(error)),
            Err(_) => Some(Failure::silence()),
        };
        drop(results);
        match failure {
            None => Ok(answers),
            Some(failure) => {
                if failure.ends_connections() {
                    // The server may be gone, and then the idle connections are dead too.
                    self.home.shelf.clear();
                }
                Err((answers.len(), failure))
            }
        }
    }
}

/// An open transaction. Dropping it closes the connection, and the server rolls back.
pub(super) struct Transaction {
    lease: Lease,
    has_turn: bool,
}

impl Transaction {
    /// Runs `statements` and commits, in one message.
    pub(super) async fn commit(self, mut statements: Vec<String>) -> Result<(), Failure> {
        let before_commit = statements.len();
        statements.push("COMMIT".to_owned());
        self.end(statements).await.map_err(|(answered, failure)| match failure {
            Failure::Refused(error) if answered >= before_commit => Failure::of_commit(error),
            failure => failure,
        })
    }

    /// Rolls back. If that fails, closing the connection rolls back.
    pub(super) async fn roll_back(self) {
        let _ = self.end(vec!["ROLLBACK".to_owned()]).await;
    }

    async fn end(self, mut statements: Vec<String>) -> Result<(), (usize, Failure)> {
        let Self { mut lease, has_turn } = self;
        if has_turn {
            // Not before the transaction has ended, or the next one in turn would not see what this one has done.
            statements.push("DO RELEASE_ALL_LOCKS()".to_owned());
        }
        statements.push(LONG_WAIT.to_owned());
        lease.send(&statements).await?;
        lease.give_back();
        Ok(())
    }
}

//! The connections to PostgreSQL.
//!
//! In: statements. Out: the rows of a statement, or a [`Failure`] that says whether it was executed. Never sends a statement on a connection
//! that has ended, and never sends one again that may have been executed.

use std::{future::poll_fn, sync::Arc, time::Duration};

use sqlx::{
    AssertSqlSafe, Executor as _, Row as _, SqlSafeStr, SqlStr,
    postgres::{PgArguments, PgRow},
};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout},
};

use super::{
    dial::{Dial, ON_SERVER, Open, Reaches, Standby, is_standby},
    failure::{Failure, code, is_handshake, refused},
};
use crate::store::{error::StoreError, home::Leases, reach::NoLease, shelf::Shelf};

/// How long to wait for a statement. The server gives up first, unless it is gone.
pub(super) const STATEMENT: Duration = Duration::from_secs(4);

/// For how long a server's plan of a statement is good.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Plan {
    /// For any table and values.
    Kept,
    /// For the table and the values of the moment.
    Anew,
}

#[derive(Clone)]
pub(super) struct Statement {
    pub(super) sql: SqlStr,
    pub(super) plan: Plan,
}

impl Statement {
    /// One that is executed once in a while.
    pub(super) fn once(sql: impl SqlSafeStr) -> Self {
        Self { sql: sql.into_sql_str(), plan: Plan::Anew }
    }
}

/// One statement with its values.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) statement: Statement,
    pub(super) arguments: PgArguments,
}

pub(super) struct Connections {
    dial: Dial,
    shelf: Shelf<Open>,
    wait: Duration,
}

impl Connections {
    /// At most `most` connections; `wait` is how long a call waits for one.
    pub(super) fn new(dial: Dial, most: u32, wait: Duration) -> Self {
        Self { dial, shelf: Shelf::new(most), wait }
    }
}

impl Leases for Connections {
    const THREAD: &'static str = "session-postgres";
    type Lease = Lease;
    type Failure = Failure;

    fn wait(&self) -> Duration {
        self.wait
    }

    async fn reach(&self) -> Result<(), NoLease> {
        self.dial.reach(self.wait).await
    }

    async fn lease(self: &Arc<Self>, deadline: Instant) -> Result<Lease, NoLease> {
        let permit = self.shelf.permit(deadline).await.ok_or(NoLease::Busy)?;
        while let Some(mut open) = self.shelf.take() {
            if open.is_silent().await {
                return Ok(Lease { open, home: Arc::clone(self), permit });
            }
        }
        let open = self.dial.connect(deadline).await.map_err(NoLease::Refused)?;
        Ok(Lease { open, home: Arc::clone(self), permit })
    }

    fn give_back(lease: Lease) {
        lease.give_back();
    }

    fn close_idle(&self) {
        self.shelf.clear();
    }

    fn is_for_the_moment(none: &NoLease) -> bool {
        none.is_for_the_moment(|error| match error {
            // Starting, ending; too many connections.
            sqlx::Error::Database(_) => {
                code(error).is_some_and(|code| code.starts_with("57P") || code.starts_with("53"))
            }
            sqlx::Error::Io(_) => !is_handshake(error),
            error => is_standby(error),
        })
    }

    fn unavailable(none: NoLease) -> StoreError {
        none.into_error(refused)
    }

    fn may_try_again(failure: &Failure) -> bool {
        failure.may_try_again()
    }
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
        self.home.dial.schema.get().cloned().flatten()
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
        let Call { statement: Statement { sql, plan }, arguments } = call;
        // A name that was given to a statement would be there for other clients too, and a server keeps the plan of a name.
        let is_named = plan == Plan::Kept && self.open.reaches == Reaches::Server;
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

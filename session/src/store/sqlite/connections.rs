//! Connections that are safe to drop at any moment.
//!
//! In: how to connect. Out: [`Lease`], a connection for one caller, and the meaning of SQLite's errors. Never shelves a connection with an
//! open transaction: only [`Lease::give_back`] puts a connection back. In every other case, such as a dropped future, the
//! connection is closed, and SQLite rolls back what was open.
//!
//! sqlx's own pool and transactions are not used. Its transactions lose count when SQLite rolls back by itself, as it does on a full
//! disk, and the connection is then refused for ever.

use std::{
    ops::{Deref, DerefMut},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep, timeout_at},
};

use crate::store::error::{StoreError, StoreErrorKind};

/// How often a writer tries to get the lock that another process holds. SQLite's own waiting blocks a thread, and backs off to 100 ms, so
/// that it starves beside a process that writes without a pause.
const ASK_AGAIN: Duration = Duration::from_millis(1);

pub(super) struct Connections {
    options: SqliteConnectOptions,
    /// One permit per connection; waiters are served in order.
    permits: Semaphore,
    shelf: Mutex<Vec<SqliteConnection>>,
    wait: Duration,
}

impl Connections {
    pub(super) fn new(options: SqliteConnectOptions, most: usize, wait: Duration) -> Self {
        Self { options, permits: Semaphore::new(most), shelf: Mutex::default(), wait }
    }

    /// Waits for a free connection.
    pub(super) async fn lease(&self) -> Result<Lease<'_>, StoreError> {
        self.lease_until(Instant::now() + self.wait).await
    }

    async fn lease_until(&self, deadline: Instant) -> Result<Lease<'_>, StoreError> {
        let permit = timeout_at(deadline, self.permits.acquire())
            .await
            .map_err(|late| StoreError::new(StoreErrorKind::Unavailable).with_source(late))?
            .map_err(|closed| StoreError::new(StoreErrorKind::Unavailable).with_source(closed))?;
        let shelved = self.shelf().pop();
        let connection = match shelved {
            Some(connection) => connection,
            None => self.connect_until(deadline).await?,
        };
        Ok(Lease { connection, home: self, _permit: permit })
    }

    /// Connects, again and again while the file is busy: closing its last connection locks it for a moment, and so does recovery after a
    /// crash.
    async fn connect_until(&self, deadline: Instant) -> Result<SqliteConnection, StoreError> {
        loop {
            match self.options.connect().await {
                Ok(connection) => return Ok(connection),
                Err(error) if is_busy(&error) && Instant::now() + ASK_AGAIN < deadline => {
                    sleep(ASK_AGAIN).await;
                }
                Err(error) => return Err(before_commit(error)),
            }
        }
    }

    /// Waits for a free connection, then for the file's write lock, and begins a transaction.
    pub(super) async fn begin(&self) -> Result<Lease<'_>, StoreError> {
        let deadline = Instant::now() + self.wait;
        let mut lease = self.lease_until(deadline).await?;
        loop {
            match sqlx::query("BEGIN IMMEDIATE").execute(&mut *lease).await {
                Ok(_) => return Ok(lease),
                Err(error) if is_busy(&error) && Instant::now() + ASK_AGAIN < deadline => {
                    sleep(ASK_AGAIN).await;
                }
                Err(error) => {
                    // After "busy" the connection is in order. After any other error it may not be.
                    if is_busy(&error) {
                        lease.give_back();
                    }
                    return Err(before_commit(error));
                }
            }
        }
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection for one caller. Dropping it closes the connection and rolls back its transaction.
pub(super) struct Lease<'c> {
    // Fields are dropped in order: the connection is closed before the permit is free.
    connection: SqliteConnection,
    home: &'c Connections,
    _permit: SemaphorePermit<'c>,
}

impl Lease<'_> {
    /// Puts the connection back; it must have no open transaction.
    pub(super) fn give_back(self) {
        let Self { connection, home, _permit } = self;
        home.shelf().push(connection);
    }

    /// Commits the transaction. The outcome is unknown if that fails, except on a full disk.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        match sqlx::query("COMMIT").execute(&mut *self).await {
            Ok(_) => {
                self.give_back();
                Ok(())
            }
            // SQLite writes the frame that makes a transaction count last, and there was no room for an earlier one.
            Err(error) if primary_code(&error) == Some(FULL) => Err(before_commit(error)),
            Err(error) => Err(StoreError::new(StoreErrorKind::UnknownOutcome).with_source(error)),
        }
    }

    /// Rolls the transaction back.
    pub(super) async fn rollback(mut self) {
        // If it fails, closing the connection rolls back.
        if sqlx::query("ROLLBACK").execute(&mut *self).await.is_ok() {
            self.give_back();
        }
    }
}

impl Deref for Lease<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

// SQLite's primary result codes, <https://www.sqlite.org/rescode.html>.
const BUSY: u32 = 5;

pub(super) const READ_ONLY: u32 = 8;

const CORRUPT: u32 = 11;

const FULL: u32 = 13;

pub(super) const CANNOT_OPEN: u32 = 14;

const TOO_BIG: u32 = 18;

const NOT_A_DATABASE: u32 = 26;

/// The result code of an error, without the detail in its upper bits.
pub(super) fn primary_code(error: &sqlx::Error) -> Option<u32> {
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    primary_code(error) == Some(BUSY)
}

/// The meaning of an error before `COMMIT` was sent, when nothing has been changed. All values are bound, so no message can contain one.
pub(super) fn before_commit(error: sqlx::Error) -> StoreError {
    let kind = match (&error, primary_code(&error)) {
        (sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_), _)
        | (_, Some(CORRUPT | NOT_A_DATABASE)) => StoreErrorKind::Unreadable,
        (_, Some(FULL | TOO_BIG)) => StoreErrorKind::Full,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind).with_source(error)
}

//! Opening connections to PostgreSQL.
//!
//! In: addresses, passwords and a deadline. Out: an [`Open`] connection to the primary, with settings that do not depend on the server's defaults.
//! Never keeps a connection.

use std::{
    fs,
    future::{Future, poll_fn},
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use futures_util::{TryFutureExt as _, future::select_ok};
use sqlx::{
    Executor as _, Row as _,
    pool::PoolOptions,
    postgres::{PgConnectOptions, PgListener},
};
use tokio::time::{Instant, timeout_at};

use crate::store::{
    passwords::Passwords,
    reach::{NoLease, password, reach},
};

/// How long the server may work on one statement. Longer than a request waits, but not much, so that no statement runs long after its caller
/// has given up.
pub(super) const ON_SERVER: Duration = Duration::from_secs(3);

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
pub(super) enum Reaches {
    /// One server's process, which keeps settings and prepared statements.
    Server,
    /// A pooler, which may send each transaction to another process.
    Pooler,
}

/// An open connection.
pub(super) struct Open {
    pub(super) listener: PgListener,
    pub(super) reaches: Reaches,
}

/// One of the addresses at which the database may be.
struct Server {
    options: PgConnectOptions,
    /// Whether something at the address has refused the settings of [`direct`].
    refuses_settings: AtomicBool,
}

/// How to reach the database.
pub(super) struct Dial {
    servers: Vec<Server>,
    /// Which of them was the primary last.
    primary: AtomicUsize,
    passwords: Option<Passwords>,
    /// The schema in which the user's new tables would be; `None` if there is none.
    pub(super) schema: OnceLock<Option<String>>,
}

impl Dial {
    pub(super) fn new(servers: Vec<PgConnectOptions>, passwords: Option<Passwords>) -> Self {
        // PgBouncer refuses this setting, and no value here is a fraction.
        let servers = servers.into_iter().map(|server| server.extra_float_digits(None));
        let servers =
            servers.map(|options| Server { options, refuses_settings: AtomicBool::new(false) }).collect();
        Self { servers, primary: AtomicUsize::new(0), passwords, schema: OnceLock::new() }
    }

    /// Checks that something listens at the only address.
    pub(super) async fn reach(&self, wait: Duration) -> Result<(), NoLease> {
        let [Server { options, .. }] = &*self.servers else { return Ok(()) };
        let (host, port) = (options.get_host(), options.get_port());
        let socket = options.get_socket().map(PathBuf::as_path);
        let Some(folder) = socket.or_else(|| host.starts_with('/').then(|| Path::new(host))) else {
            return reach(host, port, wait).await;
        };
        let socket = folder.join(format!(".s.PGSQL.{port}"));
        let there = fs::metadata(&socket).map(drop);
        there.map_err(|error| NoLease::Unreachable(format!("{}: {error}", socket.display())))
    }

    /// Opens a connection to the primary.
    ///
    /// The server that was it last is asked alone at first. All of them at once are asked only when another one may be it, because each
    /// of them has to let us in before it can say that it is not.
    pub(super) async fn connect(&self, deadline: Instant) -> Result<Open, sqlx::Error> {
        let password = password(self.passwords.as_ref(), deadline).await?;
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
pub(super) struct Standby;

pub(super) fn is_standby(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Configuration(reason) if reason.is::<Standby>())
}

impl Open {
    /// Whether an idle connection has received nothing. A server that ends a connection says so, and a statement must not be sent then: without
    /// an answer, its outcome would be unknown. This only looks at what has arrived; it does not wait or send.
    pub(super) async fn is_silent(&mut self) -> bool {
        let mut said = std::pin::pin!(self.listener.try_recv());
        poll_fn(|context| Poll::Ready(said.as_mut().poll(context).is_pending())).await
    }
}

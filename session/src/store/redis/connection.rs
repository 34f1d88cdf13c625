//! One connection to one server.
//!
//! In: a stream, and commands of many callers at once. Out: their replies, or [`Fault`], which says whether a command may have been executed.
//! Never sends a command again.

use std::{
    fmt,
    mem::ManuallyDrop,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};

use super::{
    carrier::{Ended, Parcel, Undone, carry},
    resp::{Commands, Reply, ServerError},
};

#[cfg(test)]
mod tests;

/// How many callers may hand over commands before the task takes them. It takes all of them at once, whenever it runs.
const QUEUE: usize = 64;

/// Connections that were idle for longer are not used again, because firewalls silently drop them after some minutes.
pub(super) const LONGEST_IDLE: Duration = Duration::from_secs(60);

/// Why a command has no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The connection ended before the command was sent; it was not executed.
    #[error("the command was not sent: {0}")]
    NotSent(#[source] Ended),
    /// There was no answer; the command may have been executed.
    #[error("the command has no answer: {0}")]
    Lost(#[source] Ended),
    /// The command was executed, but too few replicas have it.
    #[error("too few replicas have the write")]
    Unmet,
    /// The server refused the command.
    #[error(transparent)]
    Refused(#[from] ServerError),
}

impl From<Undone> for Fault {
    fn from(undone: Undone) -> Self {
        match undone {
            Undone::NotSent(ended) => Self::NotSent(ended),
            Undone::Lost(ended) => Self::Lost(ended),
        }
    }
}

/// A connection; clones share it. Dropping a future of [`send`](Self::send) does not take a reply from another caller.
#[derive(Clone)]
pub(super) struct Connection(Arc<Shared>);

struct Shared {
    /// Closed when the task has ended, also with its runtime. The task ends when no connection is left to close it.
    outbox: mpsc::Sender<Parcel>,
    retired: Arc<AtomicBool>,
    checking: AtomicBool,
    opened: Instant,
    /// When the last command was sent, in milliseconds since it was opened.
    used: AtomicU64,
    /// How long the server may take to answer a PING.
    check: Duration,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("usable", &self.is_usable()).finish_non_exhaustive()
    }
}

impl Connection {
    /// A connection over `stream`. It is retired when a reply takes longer than `response_timeout`, or, after a caller gave up, the answer
    /// to a PING longer than `check`.
    pub(super) fn open<S>(stream: S, response_timeout: Duration, check: Duration) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (outbox, inbox) = mpsc::channel(QUEUE);
        let retired = Arc::<AtomicBool>::default();
        tokio::spawn(carry(stream, inbox, response_timeout, retired.clone()));
        Self(Arc::new(Shared {
            outbox,
            retired,
            checking: AtomicBool::new(false),
            opened: Instant::now(),
            used: AtomicU64::new(0),
            check,
        }))
    }

    pub(super) fn is_usable(&self) -> bool {
        !self.has_ended()
            && self.age().saturating_sub(self.0.used.load(Ordering::Relaxed)) < millis(LONGEST_IDLE)
    }

    /// Whether the server, or somebody who learned that it is the wrong one, ended the connection.
    pub(super) fn has_ended(&self) -> bool {
        self.0.retired.load(Ordering::SeqCst) || self.0.outbox.is_closed()
    }

    /// When the connection was opened.
    pub(super) fn opened(&self) -> Instant {
        self.0.opened
    }

    fn age(&self) -> u64 {
        millis(self.0.opened.elapsed())
    }

    /// Accepts no new callers. Commands on their way still get their answers.
    pub(super) fn retire(&self) {
        self.0.retired.store(true, Ordering::SeqCst);
    }

    /// Sends commands with nothing in between; as many answers as commands. An answer may be an error of the server.
    pub(super) async fn send(&self, commands: Commands) -> Result<Vec<Reply>, Fault> {
        self.0.used.store(self.age(), Ordering::Relaxed);
        let waiting = Waiting::on(self);
        let answers = self.hand_over(commands).await;
        waiting.end();
        answers.map_err(Fault::from)
    }

    /// Sends one command.
    pub(super) async fn ask(&self, words: &[&str]) -> Result<Reply, Fault> {
        let answers = self.send(Commands::one(words)).await?;
        match answers.into_iter().next().unwrap_or(Reply::Null) {
            Reply::Error(error) => Err(Fault::Refused(error)),
            answer => Ok(answer),
        }
    }

    async fn hand_over(&self, commands: Commands) -> Result<Vec<Reply>, Undone> {
        let (to, answers) = oneshot::channel();
        let handed_over = self.0.outbox.send(Parcel { commands, to }).await;
        handed_over.map_err(|_| Undone::NotSent(Ended::Unused))?;
        // Without a word, the task was stopped with its runtime.
        answers.await.unwrap_or(Err(Undone::Lost(Ended::Unused)))
    }

    /// Sends a PING, after a caller gave up at its deadline, and retires the connection if there is no answer. Other callers may have more
    /// patience: a stall of two seconds is no reason to lose their answers.
    fn check(&self) {
        let Ok(runtime) = Handle::try_current() else { return };
        if self.0.checking.swap(true, Ordering::SeqCst) {
            return;
        }
        let connection = self.clone();
        runtime.spawn(async move {
            let answer = connection.hand_over(Commands::one(&["PING"]));
            if timeout(connection.0.check, answer).await.is_ok_and(|answer| answer.is_ok()) {
                connection.0.checking.store(false, Ordering::SeqCst);
            } else {
                connection.retire();
            }
        });
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A caller that waits for an answer. Dropping it early means that the caller gave up, so the connection is checked.
struct Waiting<'c>(&'c Connection);

impl<'c> Waiting<'c> {
    const fn on(connection: &'c Connection) -> Self {
        Self(connection)
    }

    const fn end(self) {
        let _ = ManuallyDrop::new(self);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.check();
    }
}

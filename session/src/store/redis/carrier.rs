//! The task that carries the bytes of one connection.
//!
//! In: the commands of many callers, and a stream. Out: to each caller its replies, or why there are none. Never sends anything twice, and
//! never holds more commands than [`MOST`].
//!
//! A server replies in the order of the commands, so a queue of callers is all that matches replies to them. A caller that has left keeps its
//! place in the queue; its replies are dropped when they arrive.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io::Error as IoError,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    sync::{mpsc, oneshot},
    task::yield_now,
    time::{Instant, Sleep, sleep_until},
};

use super::resp::{Commands, Malformed, Replies, Reply};

/// How many callers may wait for replies. More than the requests that a worker has at a time; those that find no room wait for it.
const MOST: usize = 1024;
/// How many more bytes are taken while others have not been written yet. Enough to fill the buffers of a socket.
const BATCH: usize = 64 * 1024;

/// How many callers get their replies before they run. What they ask for next is on its way then while the others wait for theirs: if all
/// ran at once, the server would have nothing to do meanwhile, and they nothing while it works.
const AT_ONCE: usize = 4;

/// Why a connection has ended.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("the Redis server closed the connection")]
    Closed,
    #[error("the Redis server did not answer in time")]
    Silent,
    #[error(
        "what came is not a reply of Redis; see whether the address is that of a Redis server, and whether it expects TLS (`rediss`)"
    )]
    Malformed,
    #[error("the connection to the Redis server broke: {0}")]
    Broken(#[source] Arc<IoError>),
    #[error("the connection to the Redis server is no longer used")]
    Unused,
}

/// Why commands have no replies.
#[derive(Debug)]
pub(super) enum Undone {
    /// No byte of them was sent.
    NotSent(Ended),
    /// They may have been executed.
    Lost(Ended),
}

/// The commands of one caller, and where their replies go.
pub(super) struct Parcel {
    pub(super) commands: Commands,
    pub(super) to: oneshot::Sender<Result<Vec<Reply>, Undone>>,
}

/// A caller whose commands were taken over.
struct Waiting {
    lacks: usize,
    replies: Vec<Reply>,
    /// `None`: the caller was told that there was no answer in time.
    to: Option<oneshot::Sender<Result<Vec<Reply>, Undone>>>,
    due: Instant,
}

struct Carrier<S> {
    stream: S,
    inbox: mpsc::Receiver<Parcel>,
    /// What is to be written, and how much of it has been.
    out: Vec<u8>,
    written: usize,
    flushed: bool,
    replies: Replies,
    /// Whether `replies` may hold a whole one that nobody has got yet.
    has_more: bool,
    waiting: VecDeque<Waiting>,
    response_timeout: Duration,
    /// Whether the connection gets no new callers.
    retired: Arc<AtomicBool>,
    /// Rings no later than the oldest caller's reply is due. It is set again only when it rings, which costs less than for each command.
    alarm: Pin<Box<Sleep>>,
}

/// Carries commands and replies until the connection ends or nobody can send commands any more.
pub(super) async fn carry<S>(
    stream: S,
    inbox: mpsc::Receiver<Parcel>,
    response_timeout: Duration,
    retired: Arc<AtomicBool>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut carrier = Carrier {
        stream,
        inbox,
        out: Vec::new(),
        written: 0,
        flushed: true,
        replies: Replies::default(),
        has_more: false,
        waiting: VecDeque::new(),
        response_timeout,
        retired,
        alarm: Box::pin(sleep_until(Instant::now() + response_timeout)),
    };
    let ended = poll_fn(|context| match carrier.work(context) {
        Ok(()) => Poll::Pending,
        Err(ended) => Poll::Ready(ended),
    })
    .await;
    carrier.end(&ended);
}

impl<S: AsyncRead + AsyncWrite + Unpin> Carrier<S> {
    /// Does all that can be done now, and has the task woken when there is more.
    fn work(&mut self, context: &mut Context<'_>) -> Result<(), Ended> {
        loop {
            let full = self.take(context)?;
            let wrote = self.write(context)?;
            let read = self.read(context)?;
            if self.has_more {
                // Woken after those who have got their replies have run.
                let _ = pin!(yield_now()).poll(context);
                break;
            }
            // A full queue was not given more. It may have room now.
            let has_room = full && wrote;
            if !(read || has_room) {
                break;
            }
        }
        self.check_time(context)
    }

    /// Takes over what callers want to send; returns whether there was no room for all of it.
    fn take(&mut self, context: &mut Context<'_>) -> Result<bool, Ended> {
        let mut due = None;
        while self.waiting.len() < MOST && self.out.len() < BATCH {
            match self.inbox.poll_recv(context) {
                Poll::Ready(Some(Parcel { commands: Commands { bytes, count }, to })) => {
                    if self.out.is_empty() {
                        self.out = bytes;
                    } else {
                        self.out.extend_from_slice(&bytes);
                    }
                    let due = *due.get_or_insert_with(|| Instant::now() + self.response_timeout);
                    self.waiting.push_back(Waiting {
                        lacks: count,
                        replies: Vec::with_capacity(count),
                        to: Some(to),
                        due,
                    });
                }
                Poll::Ready(None) => return Err(Ended::Unused),
                Poll::Pending => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Writes what the stream takes now; returns whether that was anything.
    fn write(&mut self, context: &mut Context<'_>) -> Result<bool, Ended> {
        let mut wrote = false;
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut self.stream).poll_write(context, rest) {
                Poll::Ready(Ok(0)) => return Err(Ended::Closed),
                Poll::Ready(Ok(length)) => self.written += length,
                Poll::Ready(Err(error)) => return Err(broken(error)),
                Poll::Pending => return Ok(wrote),
            }
            (wrote, self.flushed) = (true, false);
        }
        if wrote {
            (self.out, self.written) = (Vec::new(), 0);
        }
        if !self.flushed
            && let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(context)
        {
            flushed.map_err(broken)?;
            self.flushed = true;
        }
        Ok(wrote)
    }

    /// Reads what has arrived, and gives it to the callers that wait for it; returns whether that was anything.
    fn read(&mut self, context: &mut Context<'_>) -> Result<bool, Ended> {
        if !self.has_more {
            match pin!(self.stream.read_buf(self.replies.room())).poll(context) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Ok(0)) => return Err(Ended::Closed),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Err(broken(error)),
            }
        }
        self.has_more = false;
        let mut served = 0;
        while let Some(reply) = self.replies.next().map_err(|Malformed| Ended::Malformed)? {
            // Nobody asked for this reply, so none that follows could be matched to a command.
            let first = self.waiting.front_mut().ok_or(Ended::Malformed)?;
            first.replies.push(reply);
            first.lacks -= 1;
            if first.lacks == 0
                && let Some(Waiting { to: Some(to), replies, .. }) = self.waiting.pop_front()
            {
                // A caller that has left misses nothing.
                to.send(Ok(replies)).ok();
                served += 1;
                if served == AT_ONCE {
                    self.has_more = true;
                    break;
                }
            }
        }
        Ok(true)
    }

    /// Tells callers that have waited for too long. The connection gets no new ones then, but those that came later may still be
    /// answered, each until its own time. Once nobody is left who could be, it ends.
    fn check_time(&mut self, context: &mut Context<'_>) -> Result<(), Ended> {
        loop {
            let Some(oldest) = self.waiting.iter().find(|waiting| waiting.to.is_some()) else {
                return if self.waiting.is_empty() { Ok(()) } else { Err(Ended::Silent) };
            };
            let due = oldest.due;
            if self.alarm.as_mut().poll(context).is_pending() {
                return Ok(());
            }
            let now = self.alarm.deadline();
            if due > now {
                self.alarm.as_mut().reset(due);
                continue;
            }
            self.retired.store(true, Ordering::SeqCst);
            for late in self.waiting.iter_mut().take_while(|waiting| waiting.due <= now) {
                if let Some(to) = late.to.take() {
                    to.send(Err(Undone::Lost(Ended::Silent))).ok();
                }
            }
        }
    }

    /// Tells everyone that the connection has ended, and what became of their commands.
    fn end(mut self, ended: &Ended) {
        self.inbox.close();
        for to in self.waiting.into_iter().filter_map(|waiting| waiting.to) {
            to.send(Err(Undone::Lost(ended.clone()))).ok();
        }
        while let Ok(Parcel { to, .. }) = self.inbox.try_recv() {
            to.send(Err(Undone::NotSent(ended.clone()))).ok();
        }
    }
}

fn broken(error: IoError) -> Ended {
    Ended::Broken(Arc::new(error))
}

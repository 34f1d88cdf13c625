//! The connections to all servers, opened when they are needed.
//!
//! In: a server, and the purpose of the connection. Out: a [`Connection`] that was usable a moment ago. Never queues attempts: callers
//! that need the same connection wait for one attempt, and share its failure.
//!
//! A connection belongs to the runtime that opened it. As long as there are few runtimes, each has its own connections: a busy worker does
//! not delay the replies of others, and no other thread has to be woken. Those that come when a server has its maximum share one, which
//! belongs to a thread of the store. So a runtime that ends takes only its own connections with it.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    runtime::{Handle, Id},
    sync::OnceCell,
    time::Instant,
};

use super::{
    connection::Connection,
    dial::{Dialer, NoConnection},
    endpoint::Endpoint,
};
use crate::store::thread::Thread;

#[cfg(test)]
mod tests;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Purpose {
    Commands,
    /// Commands followed by WAIT, which blocks everything that comes after it.
    Waiting,
}

/// The connections to one server, for one purpose.
#[derive(Default)]
struct Group {
    own: Vec<(Id, Arc<Link>)>,
    /// Belongs to all runtimes that have none of their own, once there are any.
    shared: Option<Arc<Link>>,
}

/// Whom a connection belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// The runtime that asks for it.
    Runtime,
    /// The thread of the store.
    Store,
}

pub(super) struct Links {
    dialer: Dialer,
    /// How many connections a group may have, at least one.
    most: usize,
    known: Mutex<HashMap<(Endpoint, Purpose), Group>>,
    thread: OnceCell<Thread>,
    /// Connections to a server that were opened before this are not used again. One of them has ended, and behind the name there may be
    /// another server now: a worker that only reads would go on reading from the old one, where a logout never arrives (G3).
    since: Mutex<HashMap<Endpoint, Instant>>,
}

#[derive(Default)]
struct Link {
    connection: Mutex<Option<Connection>>,
    /// Held while connecting; when the last attempt failed, and why.
    connecting: tokio::sync::Mutex<Option<(Instant, NoConnection)>>,
}

impl Group {
    /// The link of this runtime: its own one, as long as there are at most as many as `most`.
    fn link(&mut self, runtime: Id, most: usize) -> (Arc<Link>, Owner) {
        if let Some((_, link)) = self.own.iter().find(|(id, _)| *id == runtime) {
            return (Arc::clone(link), Owner::Runtime);
        }
        // Runtimes come and go: forget the links that are no longer used.
        self.own.retain(|(_, link)| Arc::strong_count(link) > 1 || link.usable().is_some());
        if self.shared.is_none() && self.own.len() >= most {
            self.shared = Some(Arc::default());
        }
        let Some(shared) = &self.shared else {
            let link = Arc::default();
            self.own.push((runtime, Arc::clone(&link)));
            return (link, Owner::Runtime);
        };
        // The shared one takes the place of one that a runtime had to itself; what was sent on that is still answered.
        self.own.truncate(most - 1);
        if self.own.len() + 1 < most {
            let link = Arc::default();
            self.own.push((runtime, Arc::clone(&link)));
            return (link, Owner::Runtime);
        }
        (Arc::clone(shared), Owner::Store)
    }
}

/// A poisoned lock is fine: nothing is left half done under these locks.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    fn usable(&self) -> Option<Connection> {
        lock(&self.connection).as_ref().filter(|connection| connection.is_usable()).cloned()
    }

    /// Whether a connection has been ended, and when it was opened.
    fn ended(&self) -> Option<Instant> {
        lock(&self.connection).take_if(|connection| connection.has_ended()).map(|ended| ended.opened())
    }
}

impl Links {
    /// The links to any servers, with at most so many connections to each for each purpose.
    pub(super) fn new(dialer: Dialer, most: NonZeroUsize) -> Self {
        let (known, since) = (Mutex::default(), Mutex::default());
        Self { dialer, most: most.get(), known, thread: OnceCell::new(), since }
    }

    fn link(&self, endpoint: &Endpoint, purpose: Purpose) -> (Arc<Link>, Owner) {
        let mut known = lock(&self.known);
        known.entry((endpoint.clone(), purpose)).or_default().link(Handle::current().id(), self.most)
    }

    /// Notes that a connection that was `opened` to this server has ended: the others that are as old must be opened anew.
    pub(super) fn another_began(&self, endpoint: &Endpoint, opened: Instant) {
        let mut since = lock(&self.since);
        if since.get(endpoint).is_none_or(|since| opened >= *since) {
            since.insert(endpoint.clone(), Instant::now());
        }
    }

    fn is_outdated(&self, endpoint: &Endpoint, connection: &Connection) -> bool {
        lock(&self.since).get(endpoint).is_some_and(|since| connection.opened() < *since)
    }

    async fn dial_on_thread(&self, endpoint: &Endpoint) -> Result<Connection, NoConnection> {
        let thread = self.thread.get_or_try_init(|| Thread::start("session-redis", || ())).await;
        let thread = thread.map_err(|error| NoConnection::new(endpoint, error))?;
        let (dialing, server) = (self.dialer.clone(), endpoint.clone());
        let dialed = thread.ask(|answer| async move { drop(answer.send(dialing.dial(&server).await)) }).await;
        dialed.unwrap_or_else(|| Err(NoConnection::new(endpoint, "the thread of the Redis store has ended")))
    }

    /// A usable connection to `endpoint`.
    pub(super) async fn to(&self, endpoint: &Endpoint, purpose: Purpose) -> Result<Connection, NoConnection> {
        let (link, owner) = self.link(endpoint, purpose);
        if let Some(connection) = link.usable() {
            if !self.is_outdated(endpoint, &connection) {
                return Ok(connection);
            }
            connection.retire();
        }
        if let Some(opened) = link.ended() {
            self.another_began(endpoint, opened);
        }
        let asked = Instant::now();
        let mut failed = link.connecting.lock().await;
        if let Some(connection) = link.usable() {
            return Ok(connection);
        }
        if let Some((_, error)) = failed.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(error.clone());
        }
        let dialed = match owner {
            Owner::Runtime => self.dialer.dial(endpoint).await,
            Owner::Store => self.dial_on_thread(endpoint).await,
        };
        match dialed {
            Ok(connection) => {
                *lock(&link.connection) = Some(connection.clone());
                *failed = None;
                Ok(connection)
            }
            Err(error) => {
                *failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}

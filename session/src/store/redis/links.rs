//! The connections to all servers, opened when they are needed.
//!
//! In: a server, and the purpose of the connection. Out: a [`Connection`] that was usable a moment ago. Never queues attempts: callers
//! that need the same connection wait for one attempt, and share its failure.
//!
//! A connection belongs to the runtime that opened it. Each runtime has its own connections, so a busy worker does not delay the replies
//! of others, and a runtime that ends takes only its own connections with it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    runtime::{Handle, Id},
    time::Instant,
};

use super::{
    connection::Connection,
    dial::{Dialer, NoConnection},
    endpoint::Endpoint,
};

#[cfg(test)]
mod tests;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Purpose {
    Commands,
    /// Commands followed by WAIT, which blocks everything that comes after it.
    Waiting,
}

type Key = (Id, Endpoint, Purpose);

pub(super) struct Links {
    dialer: Dialer,
    known: Mutex<HashMap<Key, Arc<Link>>>,
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
    pub(super) fn new(dialer: Dialer) -> Self {
        Self { dialer, known: Mutex::default(), since: Mutex::default() }
    }

    fn link(&self, endpoint: &Endpoint, purpose: Purpose) -> Arc<Link> {
        let mut links = lock(&self.known);
        let key = (Handle::current().id(), endpoint.clone(), purpose);
        if let Some(link) = links.get(&key) {
            return Arc::clone(link);
        }
        // Runtimes and servers come and go: forget the links that are no longer used.
        links.retain(|_, link| Arc::strong_count(link) > 1 || link.usable().is_some());
        Arc::clone(links.entry(key).or_default())
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

    /// A usable connection to `endpoint`.
    pub(super) async fn to(&self, endpoint: &Endpoint, purpose: Purpose) -> Result<Connection, NoConnection> {
        let link = self.link(endpoint, purpose);
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
        match self.dialer.dial(endpoint).await {
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

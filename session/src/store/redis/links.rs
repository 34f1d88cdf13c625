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
    time::Instant,
};

use tokio::runtime::{Handle, Id};

use super::{
    connection::Connection,
    dial::{Dialer, NoConnection},
    url::Endpoint,
};

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
    links: Mutex<HashMap<Key, Arc<Link>>>,
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
}

impl Links {
    pub(super) fn new(dialer: Dialer) -> Self {
        Self { dialer, links: Mutex::default() }
    }

    fn link(&self, endpoint: &Endpoint, purpose: Purpose) -> Arc<Link> {
        let mut links = lock(&self.links);
        let key = (Handle::current().id(), endpoint.clone(), purpose);
        if let Some(link) = links.get(&key) {
            return Arc::clone(link);
        }
        // Runtimes and servers come and go: forget the links that are no longer used.
        links.retain(|_, link| Arc::strong_count(link) > 1 || link.usable().is_some());
        Arc::clone(links.entry(key).or_default())
    }

    /// A usable connection to `endpoint`.
    pub(super) async fn to(&self, endpoint: &Endpoint, purpose: Purpose) -> Result<Connection, NoConnection> {
        let link = self.link(endpoint, purpose);
        if let Some(connection) = link.usable() {
            return Ok(connection);
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

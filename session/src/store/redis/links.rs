//! The connections to all servers, made when they are needed.
//!
//! In: a server's name and what the connection is for. Out: a [`Connection`] that was usable a moment ago. Never: a queue: who
//! waits for a connection waits for one attempt.
//!
//! A connection belongs to the runtime in which it was made. Each runtime gets its own, so that a worker that is busy holds up
//! nobody else's replies, and one that ends takes nobody else's connection with it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use tokio::runtime::{Handle, Id};

use super::{
    connection::{Connection, Dialer, NoConnection},
    url::Endpoint,
};

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Purpose {
    Commands,
    /// WAIT holds up what comes after it.
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
    /// Held by whoever connects; when that failed last, and why.
    connecting: tokio::sync::Mutex<Option<(Instant, NoConnection)>>,
}

/// Nothing is left half done under these locks.
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
        // Runtimes come and go, and servers do.
        links.retain(|_, link| Arc::strong_count(link) > 1 || link.usable().is_some());
        Arc::clone(links.entry(key).or_default())
    }

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

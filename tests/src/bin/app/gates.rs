//! Gates at which handlers wait for a test, and a count of requests that were dropped before their answer.
//!
//! In: the names of gates. Out: the number of handlers that wait. Never: opens a gate by itself; only another request does.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use actix_web::web::Data;
use tokio::sync::watch;

/// All gates of this process.
#[derive(Default)]
pub(crate) struct Gates {
    named: Mutex<HashMap<String, Arc<Gate>>>,
    dropped: AtomicUsize,
}

#[derive(Default)]
pub(crate) struct Gate {
    open: watch::Sender<bool>,
    waiting: Counter,
    /// The bodies that have not ended.
    pub(crate) bodies: Counter,
}

impl Gates {
    pub(crate) fn named(&self, name: &str) -> Arc<Gate> {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.entry(name.to_owned()).or_default().clone()
    }

    /// The number of requests that actix dropped before their answer, because the client reset its connection.
    pub(crate) fn dropped(&self) -> usize {
        self.dropped.load(Ordering::SeqCst)
    }
}

impl Gate {
    /// Waits until the gate is open.
    pub(crate) async fn pass(&self) {
        let _here = self.waiting.up();
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }

    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.now()
    }
}

/// Counts the [`Here`]s that have not been dropped.
#[derive(Default)]
pub(crate) struct Counter(Arc<AtomicUsize>);

pub(crate) struct Here(Arc<AtomicUsize>);

impl Counter {
    pub(crate) fn up(&self) -> Here {
        self.0.fetch_add(1, Ordering::SeqCst);
        Here(self.0.clone())
    }

    pub(crate) fn now(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A request that has not been answered. It counts as dropped if it is dropped before `answered`.
pub(crate) struct Unanswered(Option<Data<Gates>>);

impl Unanswered {
    pub(crate) const fn at(gates: Data<Gates>) -> Self {
        Self(Some(gates))
    }

    pub(crate) fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(gates) = &self.0 {
            gates.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

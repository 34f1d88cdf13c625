//! A store of actix-session in memory that records its calls, and holds, fails or stalls them. It never ends a record by itself.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time::Duration;
use anyhow::anyhow;
use tokio::sync::Notify;

type State = HashMap<String, String>;

/// What happens to a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// It fails, and changes nothing. The error tells everything that it knows.
    Fails,
    /// The state cannot be written or read.
    Garbles,
    /// It takes effect, and its answer is an error.
    Unanswered,
    /// It never ends.
    Hangs,
    /// It takes some milliseconds.
    Slow,
    /// It waits for [`Shelf::let_go`] before it does anything.
    Held,
    /// The same, and it does it although nobody waits for it any more.
    Late,
}

/// Clones share the records.
#[derive(Clone, Default)]
pub(super) struct Shelf(Arc<Inner>);

#[derive(Default)]
struct Inner {
    records: Mutex<BTreeMap<String, State>>,
    names: AtomicU32,
    calls: Mutex<Vec<&'static str>>,
    seconds: Mutex<Vec<i64>>,
    plan: Mutex<Vec<(&'static str, Fate)>>,
    waits: Notify,
    goes_on: Notify,
}

impl Shelf {
    /// What happens to the next call of this name: `load`, `save`, `update`, `update_ttl` or `delete`.
    pub(super) fn next(&self, call: &'static str, fate: Fate) {
        self.0.plan.lock().unwrap().push((call, fate));
    }

    /// Nothing happens to any call.
    pub(super) fn recovers(&self) {
        self.0.plan.lock().unwrap().clear();
    }

    /// Returns when a call is held.
    pub(super) async fn until_held(&self) {
        self.0.waits.notified().await;
    }

    pub(super) fn let_go(&self) {
        self.0.goes_on.notify_one();
    }

    /// The calls since the last time.
    pub(super) fn calls(&self) -> String {
        std::mem::take(&mut *self.0.calls.lock().unwrap()).join(" ")
    }

    /// For how many seconds records were kept, of each call since the last time.
    pub(super) fn seconds(&self) -> Vec<i64> {
        std::mem::take(&mut self.0.seconds.lock().unwrap())
    }

    pub(super) fn records(&self) -> BTreeMap<String, State> {
        self.0.records.lock().unwrap().clone()
    }

    /// Puts these records in the place of all.
    pub(super) fn put(&self, records: BTreeMap<String, State>) {
        *self.0.records.lock().unwrap() = records;
    }

    /// The only record, with its key.
    pub(super) fn only(&self) -> (String, State) {
        let records = self.records();
        assert_eq!(records.len(), 1);
        records.into_iter().next().unwrap()
    }

    async fn called(&self, call: &'static str) -> Option<Fate> {
        self.0.calls.lock().unwrap().push(call);
        // Nothing that is not `Send` may be asked of such a store to be.
        let local = Rc::new(());
        tokio::task::yield_now().await;
        drop(local);
        let fate = {
            let mut plan = self.0.plan.lock().unwrap();
            let at = plan.iter().position(|(planned, _)| *planned == call);
            at.map(|at| plan.remove(at).1)
        };
        match fate {
            Some(Fate::Hangs) => std::future::pending().await,
            Some(Fate::Slow) => {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                None
            }
            Some(Fate::Held) => {
                self.0.waits.notify_one();
                self.0.goes_on.notified().await;
                None
            }
            fate => fate,
        }
    }

    fn keep(&self, key: String, state: State, ttl: &Duration) -> SessionKey {
        self.0.seconds.lock().unwrap().push(ttl.whole_seconds());
        self.0.records.lock().unwrap().insert(key.clone(), state);
        SessionKey::try_from(key).unwrap()
    }

    /// A new key.
    fn key(&self) -> String {
        // As long as a UUID.
        format!("key-of-the-shelf-{:019}", self.0.names.fetch_add(1, Ordering::Relaxed))
    }
}

/// An error that tells everything.
fn told(key: &str, state: &State) -> anyhow::Error {
    anyhow!("the state {state:?}").context(format!("the record {key} is out of reach"))
}

impl SessionStore for Shelf {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        let key = key.as_ref();
        let found = self.0.records.lock().unwrap().get(key).cloned();
        match self.called("load").await {
            None => Ok(self.0.records.lock().unwrap().get(key).cloned()),
            Some(Fate::Garbles) => Err(LoadError::Deserialization(told(key, &found.unwrap_or_default()))),
            Some(_) => Err(LoadError::Other(told(key, &found.unwrap_or_default()))),
        }
    }

    async fn save(&self, state: State, ttl: &Duration) -> Result<SessionKey, SaveError> {
        let key = self.key();
        match self.called("save").await {
            None => Ok(self.keep(key, state, ttl)),
            Some(Fate::Garbles) => Err(SaveError::Serialization(told(&key, &state))),
            Some(Fate::Unanswered) => {
                self.keep(key.clone(), state.clone(), ttl);
                Err(SaveError::Other(told(&key, &state)))
            }
            Some(_) => Err(SaveError::Other(told(&key, &state))),
        }
    }

    /// As the Redis store of actix-session does: a record that is gone is saved again, under another key.
    async fn update(&self, key: SessionKey, state: State, ttl: &Duration) -> Result<SessionKey, UpdateError> {
        let fate = self.called("update").await;
        if fate == Some(Fate::Late) {
            let (late, ttl) = (self.clone(), *ttl);
            actix_web::rt::spawn(async move {
                late.0.goes_on.notified().await;
                late.keep(key.into(), state, &ttl);
                late.0.waits.notify_one();
            });
            return std::future::pending().await;
        }
        let is_there = self.0.records.lock().unwrap().contains_key(key.as_ref());
        let key = if is_there { String::from(key) } else { self.key() };
        match fate {
            None => Ok(self.keep(key, state, ttl)),
            Some(Fate::Garbles) => Err(UpdateError::Serialization(told(&key, &state))),
            Some(Fate::Unanswered) => {
                self.keep(key.clone(), state.clone(), ttl);
                Err(UpdateError::Other(told(&key, &state)))
            }
            Some(_) => Err(UpdateError::Other(told(&key, &state))),
        }
    }

    async fn update_ttl(&self, key: &SessionKey, ttl: &Duration) -> Result<(), anyhow::Error> {
        match self.called("update_ttl").await {
            None => {
                self.0.seconds.lock().unwrap().push(ttl.whole_seconds());
                Ok(())
            }
            Some(_) => Err(told(key.as_ref(), &State::new())),
        }
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let fate = self.called("delete").await;
        if matches!(fate, None | Some(Fate::Unanswered)) {
            self.0.records.lock().unwrap().remove(key.as_ref());
        }
        if fate.is_some() { Err(told(key.as_ref(), &State::new())) } else { Ok(()) }
    }
}

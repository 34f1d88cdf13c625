//! The simplest possible memory store for actix-session, which has none.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time::Duration;

type State = HashMap<String, String>;

#[derive(Clone, Default)]
pub(super) struct Memory {
    sessions: Arc<Mutex<HashMap<String, State>>>,
    /// Session keys come from a counter instead of from randomness, which is an advantage for this side.
    keys: Arc<AtomicU64>,
}

impl Memory {
    fn with<R>(&self, run: impl FnOnce(&mut HashMap<String, State>) -> R) -> R {
        run(&mut self.sessions.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SessionStore for Memory {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        Ok(self.with(|sessions| sessions.get(key.as_ref()).cloned()))
    }

    async fn save(&self, state: State, _: &Duration) -> Result<SessionKey, SaveError> {
        let key = format!("{:064}", self.keys.fetch_add(1, Ordering::Relaxed));
        self.with(|sessions| sessions.insert(key.clone(), state));
        SessionKey::try_from(key).map_err(|error| SaveError::Other(error.into()))
    }

    async fn update(&self, key: SessionKey, state: State, _: &Duration) -> Result<SessionKey, UpdateError> {
        self.with(|sessions| sessions.get_mut(key.as_ref()).map(|session| *session = state));
        Ok(key)
    }

    async fn update_ttl(&self, _: &SessionKey, _: &Duration) -> Result<(), anyhow::Error> {
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        self.with(|sessions| sessions.remove(key.as_ref()));
        Ok(())
    }
}

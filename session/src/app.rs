//! What all requests of an application share.
//!
//! In: a finished configuration. Out: the store, the keys, the rules. Never: anything of one request.

use std::{
    any::{TypeId, type_name},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use crate::{
    Error, ErrorKind, SessionState, commit::Rules, cookie::CookieSpec, keys::KeyRing, store::BoundedStore,
    visit::Queue,
};

#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) store: BoundedStore,
    pub(crate) keys: KeyRing,
    pub(crate) cookie: CookieSpec,
    pub(crate) rules: Rules,
    pub(crate) eager: bool,
    pub(crate) schemas: Arc<Schemas>,
    pub(crate) queue: Arc<Queue>,
}

impl App {
    /// A random part of `longest`, so that those who collided do not meet again.
    pub(crate) fn jitter(&self, longest: Duration) -> Duration {
        let mut random = [0; 4];
        if self.rules.random.fill(&mut random).is_err() {
            return longest;
        }
        longest.mul_f64(f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX))
    }
}

/// Every schema that this process has met: one name, one type.
#[derive(Debug, Default)]
pub(crate) struct Schemas {
    known: RwLock<Vec<(&'static str, TypeId, &'static str)>>,
}

impl Schemas {
    pub(crate) fn register<T: SessionState>(&self) -> Result<(), Error> {
        let (name, id) = (T::schema().name(), TypeId::of::<T>());
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.iter().any(|(_, other, _)| *other == id) {
            return Ok(());
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match known.iter().find(|(other, ..)| *other == name) {
            Some((_, other, _)) if *other == id => Ok(()),
            Some((.., other)) => Err(Error::new(ErrorKind::SchemaClash).because(format!(
                "`{other}` and `{}` both use the session schema name \"{name}\"; give one of them another `name`",
                type_name::<T>()
            ))),
            None => {
                known.push((name, id, type_name::<T>()));
                Ok(())
            }
        }
    }
}

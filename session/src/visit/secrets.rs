//! Secret fields on their way to where records live, and back: sealed there, plain here.
//!
//! In: records as they are stored, cells as requests write them. Out: the same with secret values opened, and sealed. Never: which fields are
//! secret, which the schemas say, or a write of its own: a revision means that somebody has edited a field.

use std::sync::Arc;

use super::known::Known;
use crate::{
    id::{
        public::Selector,
        random::{NoRandomness, Randomness},
        seal::CellSealer,
    },
    record::{change::CellWrite, json::Json},
    store::{
        contract::{Loaded, Updated},
        error::{StoreError, StoreErrorKind},
    },
};

/// Seals and opens the secret fields of an application.
#[derive(Clone, Debug)]
pub(crate) struct Secrets {
    pub(crate) sealer: CellSealer,
    pub(crate) known: Arc<Known>,
    pub(crate) random: Randomness,
}

impl Secrets {
    /// The record with its secret values opened. One that cannot be opened stays as it is, and then it is unreadable.
    pub(super) fn open(&self, selector: &Selector, loaded: Loaded) -> Loaded {
        // Most have none, and then nothing is copied.
        if !loaded.record.has_sealed() {
            return loaded;
        }
        let opened = loaded.record.with_texts(|key, cell| {
            let value = self.sealer.open(cell.json.sealed()?, selector, key.as_str())?;
            Some(Json::from_store(&value))
        });
        Loaded::new(opened, loaded.now)
    }

    /// The same for the record in the answer to an update.
    pub(super) fn open_answer(&self, selector: &Selector, updated: Updated) -> Updated {
        match updated {
            Updated::Conflict(loaded) => Updated::Conflict(self.open(selector, loaded)),
            updated => updated,
        }
    }

    /// `writes` with the secret values sealed; `None` if there are none. That a field is cleared is not hidden.
    pub(super) fn seal(
        &self,
        selector: &Selector,
        writes: &[CellWrite],
    ) -> Result<Option<Vec<CellWrite>>, StoreError> {
        if !self.known.has_secrets() {
            return Ok(None);
        }
        let seal = |write: &CellWrite| {
            let mut write = write.clone();
            if !write.json.is_null() && self.known.is_secret(&write.key) {
                let (value, wire_key) = (write.json.as_str(), write.key.as_str());
                write.json = Json::of_sealed(&self.sealer.seal(value, selector, wire_key, self.random)?);
            }
            Ok(write)
        };
        let sealed: Result<_, NoRandomness> = writes.iter().map(seal).collect();
        sealed.map(Some).map_err(|error| StoreError::new(StoreErrorKind::Unavailable).with_source(error))
    }
}

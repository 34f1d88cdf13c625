//! The calls of the contract, and what can be wrong with their futures.

use std::sync::atomic::{AtomicBool, Ordering};

use actix_typed_session::{
    change::{Change, NewRecord},
    id::Selector,
    record::{Outcome, Principal, Record},
    store::{Abilities, Created, Loaded, SessionStore, StoreError, StoreErrorKind, Updated},
};

use super::{Fault, Sketch, Stored};

/// Excludes other calls, until it is dropped.
struct Turn<'a>(&'a AtomicBool);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Sketch {
    async fn turn(&self) -> Turn<'_> {
        while self.shared.taken.swap(true, Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        Turn(&self.shared.taken)
    }

    async fn update_in_pieces(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        let _turn = self.turn().await;
        if let Some(record) = self.get(selector)?
            && let Outcome::Done(next) = record.apply(change, self.now())
            && let [first, _, ..] = &*change.write
        {
            let others = next.cells().iter().filter(|(key, _)| *key != first.key).cloned().collect();
            self.put(selector, &Record::from_parts(next.meta().clone(), others));
            tokio::task::yield_now().await;
            self.shared.records.lock().unwrap().insert(*selector, Stored::Good(Box::new(record)));
        }
        self.reply(|| self.update_now(selector, change))
    }

    /// What this handle loaded before, unless it wrote since.
    fn load_cached(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        let mut cached = self.cached.lock().unwrap();
        let alive = |loaded: &&Loaded| !loaded.record.is_expired(self.now());
        if let Some(loaded) = cached.get(selector).filter(alive) {
            return Ok(Some(Loaded::new(loaded.record.clone(), self.now())));
        }
        let loaded = self.load_now(selector)?;
        cached.extend(loaded.clone().map(|loaded| (*selector, loaded)));
        Ok(loaded)
    }
}

impl SessionStore for Sketch {
    async fn load(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        if self.is(Fault::Caches) {
            return self.load_cached(selector);
        }
        if self.is(Fault::WritesInPieces) {
            let _turn = self.turn().await;
            return self.load_now(selector);
        }
        self.load_now(&self.seen_as(selector))
    }

    async fn create(&self, selector: &Selector, record: &NewRecord) -> Result<Created, StoreError> {
        self.cached.lock().unwrap().remove(selector);
        if self.is(Fault::ListsLater) {
            self.shared.unlisted.lock().unwrap().push(*selector);
            let created = self.create_now(selector, record);
            tokio::task::yield_now().await;
            self.shared.unlisted.lock().unwrap().retain(|unlisted| unlisted != selector);
            return Ok(created);
        }
        if let Some(principal) = record.principal.as_ref().filter(|_| self.is(Fault::EvictsBeforeItStores)) {
            if self.shared.records.lock().unwrap().contains_key(selector) {
                return Ok(Created::Exists);
            }
            if !self.admit(selector, principal, record.max_sessions) {
                return Ok(Created::TooMany);
            }
            tokio::task::yield_now().await;
        }
        self.reply(|| Ok(self.create_now(&self.seen_as(selector), record)))
    }

    async fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        self.cached.lock().unwrap().remove(selector);
        if self.is(Fault::WritesInPieces) {
            return self.update_in_pieces(selector, change).await;
        }
        if self.is(Fault::WedgesWhenDropped) {
            while self.shared.taken.swap(true, Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
            tokio::task::yield_now().await;
            let updated = self.update_now(selector, change);
            self.shared.taken.store(false, Ordering::SeqCst);
            return updated;
        }
        let max = change.max_sessions.filter(|_| self.is(Fault::EvictsBeforeItUpdates));
        if let (Some(max), Some(Some(principal))) = (max, &change.principal) {
            // As it should be, but for the pause.
            let record = self.get(selector)?.map(|record| record.apply(change, self.now()));
            if matches!(record, Some(Outcome::Done(_))) && self.admit(selector, principal, Some(max)) {
                tokio::task::yield_now().await;
            }
        }
        if self.is(Fault::Deadlocks) {
            return self.update_or_deadlock(selector, change);
        }
        self.reply(|| self.update_now(selector, change))
    }

    async fn delete(&self, selector: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        self.cached.lock().unwrap().remove(selector);
        if only_if.is_some() && self.is(Fault::UnlistsBeforeItDeletes) {
            self.shared.unlisted.lock().unwrap().push(*selector);
            tokio::task::yield_now().await;
            let deleted = self.delete_now(selector, only_if);
            self.shared.unlisted.lock().unwrap().retain(|unlisted| unlisted != selector);
            return deleted;
        }
        self.delete_now(&self.seen_as(selector), only_if)
    }

    async fn health(&self) -> Result<(), StoreError> {
        match self.fault {
            // It asks for what an empty store does not have.
            Fault::IsIllWhenEmpty if self.shared.records.lock().unwrap().is_empty() => {
                Err(StoreError::new(StoreErrorKind::Unavailable))
            }
            _ => Ok(()),
        }
    }

    fn abilities(&self) -> Abilities<'_> {
        Abilities::none().with_index(self).with_scan(self).with_sweep(self)
    }
}

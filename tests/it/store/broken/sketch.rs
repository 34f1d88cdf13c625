//! A small store, and everything that can be wrong with it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_typed_session::{
    change::{Change, NewRecord},
    id::{Selector, VerifierHash},
    record::{Cell, Json, Limits, Meta, Outcome, Principal, Record, Timestamp, Unreadable},
    store::{
        Abilities, Clock, Created, Cursor, Loaded, ManualClock, Scan, Scanned, SessionStore, StoreError,
        StoreErrorKind, Updated,
    },
};

pub(super) use self::fault::Fault;

mod fault;
mod index;

#[derive(Clone)]
pub(super) enum Stored {
    Good(Box<Record>),
    Bad(Unreadable),
}

#[derive(Clone, Default)]
pub(super) struct Shared {
    pub(super) records: Arc<Mutex<HashMap<Selector, Stored>>>,
    loaded: Arc<Mutex<HashMap<Selector, Record>>>,
    pub(super) cut: Arc<AtomicBool>,
    /// Whether a writer has the turn that a dropped call keeps.
    taken: Arc<AtomicBool>,
    /// What the index does not know yet.
    pub(super) unlisted: Arc<Mutex<Vec<Selector>>>,
}

/// The store. Without a fault it keeps every rule.
#[derive(Clone)]
pub(super) struct Sketch {
    pub(super) fault: Fault,
    pub(super) clock: ManualClock,
    pub(super) shared: Shared,
}

impl Sketch {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn judged_at(&self) -> Timestamp {
        let late = u64::from(self.is(Fault::LateEnd));
        Timestamp::from_millis(self.now().as_millis() - late)
    }

    fn unreadable(&self, why: Unreadable) -> StoreError {
        assert!(!self.is(Fault::PanicsOnGarbage), "this store panics on garbage, on purpose");
        why.into()
    }

    fn get(&self, selector: &Selector) -> Result<Option<Record>, StoreError> {
        match self.shared.records.lock().unwrap().get(selector).cloned() {
            None => Ok(None),
            Some(Stored::Good(record)) => Ok(Some(*record)),
            Some(Stored::Bad(Unreadable::Newer(_))) if self.is(Fault::ReadsNewer) => {
                let limits = Limits::new(Duration::from_secs(9), Duration::from_secs(9));
                let new = NewRecord::new(VerifierHash::from_bytes([0; 32]), limits);
                Ok(Some(Record::create(&new, self.now())))
            }
            Some(Stored::Bad(_)) if self.is(Fault::EmptyOnGarbage) => Ok(None),
            Some(Stored::Bad(why)) => Err(self.unreadable(why)),
        }
    }

    fn put(&self, selector: &Selector, record: &Record) {
        let mut cells = record.cells().to_vec();
        let written = record.meta().revision;
        if self.is(Fault::DropsACell) && cells.iter().filter(|(_, cell)| cell.revision == written).count() > 1
        {
            let last = cells.iter().rposition(|(_, cell)| cell.revision == written).unwrap();
            cells.remove(last);
        }
        if self.is(Fault::DropsExpiredCells) {
            cells.retain(|(_, cell)| cell.expires.is_none_or(|at| self.now() < at));
        }
        if self.is(Fault::DropsCleared) {
            cells.retain(|(_, cell)| !cell.json.is_null());
        }
        if self.is(Fault::ReprintsNumbers) {
            for (_, cell) in &mut cells {
                if let Ok(number) = cell.json.as_str().parse::<f64>() {
                    *cell = Cell::new(cell.revision, cell.expires, Json::from_store(&number.to_string()));
                }
            }
        }
        if self.is(Fault::FoldsKeys) {
            for (key, _) in &mut cells {
                *key = key.as_str().to_lowercase().into();
            }
        }
        let record = Record::from_parts(self.kept(record.meta().clone()), cells);
        self.shared.records.lock().unwrap().insert(*selector, Stored::Good(Box::new(record)));
    }

    /// What the columns of this store keep of a record's meta.
    fn kept(&self, mut meta: Meta) -> Meta {
        if self.is(Fault::CutsLabels) {
            meta.label = meta.label.map(|label| label.chars().take(255).collect::<String>().into());
        }
        if self.is(Fault::WholeSeconds) {
            let second = |time: Timestamp| Timestamp::from_millis(time.as_millis() / 1000 * 1000);
            (meta.created, meta.touched, meta.renewed) =
                (second(meta.created), second(meta.touched), second(meta.renewed));
            meta.authenticated = meta.authenticated.map(second);
        }
        if self.is(Fault::RoundsLimits) {
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            // This is the fault.
            let rounded = |time: Duration| Duration::from_millis(time.as_millis() as f64 as u64);
            meta.limits = Limits::new(rounded(meta.limits.idle), rounded(meta.limits.absolute));
        }
        meta
    }

    /// The answer to a write, which may be lost.
    fn reply<T>(&self, write: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let lost = self.shared.cut.swap(false, Ordering::SeqCst);
        let first = write();
        match (lost, self.fault) {
            (false, _) => first,
            (true, Fault::Resends) => write(),
            (true, Fault::LostIsUnavailable) => Err(StoreError::new(StoreErrorKind::Unavailable)),
            (true, _) => Err(StoreError::new(StoreErrorKind::UnknownOutcome)),
        }
    }

    /// Excludes all other writers of this store, unless a fault says otherwise.
    fn exclusive(&self) -> Option<std::sync::MutexGuard<'static, ()>> {
        static WRITER: Mutex<()> = Mutex::new(());
        let open =
            self.is(Fault::NotAtomic) || self.is(Fault::Resurrects) || self.is(Fault::ConflictFromBefore);
        (!open).then(|| WRITER.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn load_now(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        let alive = |record: &Record| self.is(Fault::LoadsTheDead) || !record.is_expired(self.judged_at());
        let Some(mut record) = self.get(selector)?.filter(alive) else { return Ok(None) };
        if self.is(Fault::TornLoad) {
            std::thread::sleep(Duration::from_millis(1));
            let later = self.get(selector)?.map(|later| later.cells().to_vec()).unwrap_or_default();
            record = Record::from_parts(record.meta().clone(), later);
        }
        if self.is(Fault::TouchesOnRead) {
            let mut meta = record.meta().clone();
            meta.touched = self.now();
            record = Record::from_parts(meta, record.cells().to_vec());
            self.put(selector, &record);
        }
        self.shared.loaded.lock().unwrap().entry(*selector).or_insert_with(|| record.clone());
        Ok(Some(Loaded::new(record, self.now())))
    }

    fn create_now(&self, selector: &Selector, new: &NewRecord) -> Created {
        let _writer = self.exclusive();
        if let Some(principal) = new.principal.as_ref().filter(|_| self.is(Fault::EvictsFirst)) {
            self.admit(selector, principal, new.max_sessions);
        }
        let there = self.shared.records.lock().unwrap().contains_key(selector);
        let garbage = matches!(self.shared.records.lock().unwrap().get(selector), Some(Stored::Bad(_)));
        if there && !self.is(Fault::Overwrites) && !(garbage && self.is(Fault::OverwritesGarbage)) {
            return Created::Exists;
        }
        if new.principal.as_ref().is_some_and(|principal| !self.admit(selector, principal, new.max_sessions))
        {
            return Created::TooMany;
        }
        if self.is(Fault::NotAtomic) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let record = Record::create(new, self.now());
        if !record.is_expired(self.now()) {
            self.put(selector, &record);
        }
        Created::Created
    }

    fn update_now(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        let _writer = self.exclusive();
        let mut change = change.clone();
        if self.is(Fault::IgnoresGuards) {
            change.guards.clear();
        }
        if self.is(Fault::IgnoresGeneration) {
            change.expected_generation = None;
        }
        if self.is(Fault::KeepsTheOldSession) {
            change.anew = false;
        }
        let Some(record) = self.get(selector)? else {
            if self.is(Fault::Upserts) {
                let limits = Limits::new(Duration::from_secs(9), Duration::from_secs(9));
                let mut new = NewRecord::new(VerifierHash::from_bytes([0; 32]), limits);
                new.cells = change.write;
                self.put(selector, &Record::create(&new, self.now()));
                return Ok(Updated::Done { revision: 1 });
            }
            return Ok(Updated::Gone);
        };
        if matches!(self.fault, Fault::NotAtomic | Fault::Resurrects) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let _writer = self.is(Fault::ConflictFromBefore).then(|| {
            std::thread::sleep(Duration::from_millis(1));
            self.shared.loaded.lock().unwrap()
        });
        let read_late = self.is(Fault::ConflictFromBefore);
        let current =
            if read_late { self.get(selector)?.unwrap_or_else(|| record.clone()) } else { record.clone() };
        match current.apply(&change, self.judged_at()) {
            Outcome::Done(next) => {
                let principal = next.meta().principal.as_ref();
                let more = principal.filter(|_| {
                    self.is(Fault::CountsAgain) || principal != current.meta().principal.as_ref()
                });
                if more.is_some_and(|principal| !self.admit(selector, principal, change.max_sessions)) {
                    if self.is(Fault::WritesThenRefuses) {
                        self.put(selector, &next);
                    }
                    return Ok(Updated::TooMany);
                }
                let revision = next.meta().revision;
                let mut meta = next.meta().clone();
                if self.is(Fault::KeepsOldVerifier) {
                    meta.verifier = current.meta().verifier;
                }
                let mut cells = next.cells().to_vec();
                if self.is(Fault::KeepsCellExpiry) {
                    for (key, cell) in &mut cells {
                        let earlier = current.cell(key.as_str()).and_then(|cell| cell.expires);
                        *cell = Cell::new(cell.revision, earlier.or(cell.expires), cell.json.clone());
                    }
                }
                self.put(selector, &Record::from_parts(meta, cells));
                Ok(Updated::Done { revision: revision + u64::from(self.is(Fault::WrongRevision)) })
            }
            Outcome::Conflict => {
                let mut shown = record;
                if self.is(Fault::StaleConflict) {
                    shown = self.shared.loaded.lock().unwrap().get(selector).cloned().unwrap_or(shown);
                }
                if self.is(Fault::ConflictTouches) {
                    let mut touch = Change::default();
                    touch.touch = change.touch;
                    if let Outcome::Done(next) = current.apply(&touch, self.now()) {
                        self.put(selector, &next);
                    }
                }
                Ok(Updated::Conflict(Loaded::new(shown, self.now())))
            }
            Outcome::Gone if self.is(Fault::KeepsWithoutTime) && !current.is_expired(self.now()) => {
                Ok(Updated::Done { revision: current.meta().revision + 1 })
            }
            Outcome::Gone => {
                self.shared.records.lock().unwrap().remove(selector);
                Ok(Updated::Gone)
            }
        }
    }

    fn delete_now(&self, selector: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        let writer = self.exclusive();
        let matches = match (self.shared.records.lock().unwrap().get(selector), only_if) {
            (None, _) => false,
            (Some(Stored::Bad(why)), None) if self.is(Fault::CannotDeleteGarbage) => {
                return Err((*why).into());
            }
            (Some(_), None) => true,
            (Some(Stored::Good(_)), Some(who)) if self.is(Fault::ComparesAsFirstLoaded) => {
                let loaded = self.shared.loaded.lock().unwrap();
                loaded.get(selector).is_none_or(|record| record.meta().principal.as_ref() == Some(who))
            }
            (Some(Stored::Good(record)), Some(who)) => {
                self.is(Fault::DeletesAnyone)
                    || record.meta().principal.as_ref() == Some(who)
                        && !self.is(Fault::NeverDeletesOnCondition)
            }
            (Some(Stored::Bad(_)), Some(_)) => self.is(Fault::DeletesAnyone),
        };
        if matches {
            if only_if.is_some() && self.is(Fault::DeletesTheNextUser) {
                drop(writer);
                std::thread::sleep(Duration::from_millis(1));
            }
            self.shared.records.lock().unwrap().remove(selector);
            self.shared.loaded.lock().unwrap().remove(selector);
        }
        Ok(())
    }
}

impl SessionStore for Sketch {
    async fn load(&self, selector: &Selector) -> Result<Option<Loaded>, StoreError> {
        self.load_now(selector)
    }

    async fn create(&self, selector: &Selector, record: &NewRecord) -> Result<Created, StoreError> {
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
        self.reply(|| Ok(self.create_now(selector, record)))
    }

    async fn update(&self, selector: &Selector, change: &Change) -> Result<Updated, StoreError> {
        if self.is(Fault::WedgesWhenDropped) {
            while self.shared.taken.swap(true, Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
            tokio::task::yield_now().await;
            let updated = self.update_now(selector, change);
            self.shared.taken.store(false, Ordering::SeqCst);
            return updated;
        }
        self.reply(|| self.update_now(selector, change))
    }

    async fn delete(&self, selector: &Selector, only_if: Option<&Principal>) -> Result<(), StoreError> {
        if only_if.is_some() && self.is(Fault::UnlistsBeforeItDeletes) {
            self.shared.unlisted.lock().unwrap().push(*selector);
            tokio::task::yield_now().await;
            let deleted = self.delete_now(selector, only_if);
            self.shared.unlisted.lock().unwrap().retain(|unlisted| unlisted != selector);
            return deleted;
        }
        self.delete_now(selector, only_if)
    }

    fn abilities(&self) -> Abilities<'_> {
        Abilities::none().with_index(self).with_scan(self)
    }
}

impl Scan for Sketch {
    async fn scan(&self, from: Option<&Cursor>, limit: u32) -> Result<Scanned, StoreError> {
        let of = |selector: &Selector| u128::from_be_bytes(*selector.as_bytes());
        let mut selectors: Vec<Selector> = self.shared.records.lock().unwrap().keys().copied().collect();
        selectors.sort_unstable();
        if let Some(last) = from.map(|from| from.as_str().parse::<u128>().unwrap()) {
            let skipped = usize::from(self.is(Fault::SkipsInScans));
            selectors = selectors.into_iter().filter(|selector| of(selector) > last).skip(skipped).collect();
        }
        selectors.truncate(usize::try_from(limit).unwrap());
        let last = selectors.last().map(|last| if self.is(Fault::ScansForEver) { 0 } else { of(last) });
        Ok(Scanned::new(selectors, last.map(|last| Cursor::new(last.to_string()))))
    }
}

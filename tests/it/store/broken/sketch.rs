//! A small store, and everything that can be wrong with it.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_typed_session::{
    change::{Change, NewRecord},
    id::{PublicId, Selector, VerifierHash},
    record::{Cell, Json, Limits, Meta, Outcome, Principal, Record, Timestamp, Unreadable},
    store::{Clock, Created, Loaded, ManualClock, StoreError, StoreErrorKind, Updated},
};

pub(super) use self::fault::Fault;

mod calls;
mod fault;
mod index;
mod walk;

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
    /// Every sign-in that there has been.
    pub(super) signed_in: Arc<Mutex<HashMap<Selector, Vec<Principal>>>>,
    /// What is being updated.
    pub(super) busy: Arc<Mutex<HashSet<Selector>>>,
    /// When each record ended first.
    ends: Arc<Mutex<HashMap<Selector, Timestamp>>>,
    /// What the index does not know yet.
    pub(super) unlisted: Arc<Mutex<Vec<Selector>>>,
}

/// The store. Without a fault it keeps every rule.
#[derive(Clone)]
pub(super) struct Sketch {
    pub(super) fault: Fault,
    pub(super) clock: ManualClock,
    pub(super) shared: Shared,
    /// What this handle has loaded.
    pub(super) cached: Arc<Mutex<HashMap<Selector, Loaded>>>,
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

    /// The selector that the engine takes this one for.
    fn seen_as(&self, selector: &Selector) -> Selector {
        let text = |selector: &Selector| PublicId::from(*selector).to_string();
        let folded = |other: &&Selector| text(other).eq_ignore_ascii_case(&text(selector));
        let records = self.shared.records.lock().unwrap();
        records.keys().find(folded).copied().filter(|_| self.is(Fault::FoldsSelectors)).unwrap_or(*selector)
    }

    fn get(&self, selector: &Selector) -> Result<Option<Record>, StoreError> {
        let short_lived = |record: &Record| {
            let weeks = u128::from(u32::MAX) + 1;
            let idle = record.meta().limits.idle.as_millis() % weeks;
            self.is(Fault::LivesFewWeeks) && self.now().since(record.meta().touched).as_millis() >= idle
        };
        match self.shared.records.lock().unwrap().get(selector).cloned() {
            None => Ok(None),
            Some(Stored::Good(record)) if short_lived(&record) => Ok(None),
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
        if self.is(Fault::KeepsAThousand) {
            cells.truncate(1_000);
        }
        if self.is(Fault::CutsKeys) {
            for (key, _) in &mut cells {
                *key = key.as_str().chars().take(255).collect::<String>().into();
            }
        }
        if self.is(Fault::FoldsKeys) {
            for (key, _) in &mut cells {
                *key = key.as_str().to_lowercase().into();
            }
        }
        let record = Record::from_parts(self.kept(record.meta().clone()), cells);
        if let Some(principal) = record.meta().principal.clone() {
            self.shared.signed_in.lock().unwrap().entry(*selector).or_default().push(principal);
        }
        self.shared.ends.lock().unwrap().entry(*selector).or_insert(record.meta().expires());
        self.shared.records.lock().unwrap().insert(*selector, Stored::Good(Box::new(record)));
    }

    /// What the columns of this store keep of a record's meta.
    fn kept(&self, mut meta: Meta) -> Meta {
        if self.is(Fault::CutsLabels) {
            meta.label = meta.label.map(|label| label.chars().take(255).collect::<String>().into());
        }
        if self.is(Fault::DropsWhatIsLater) {
            let mut parts: serde_json::Map<_, _> = serde_json::from_str(&meta.to_text().unwrap()).unwrap();
            parts.remove("later");
            meta = Meta::from_text(&serde_json::to_string(&parts).unwrap()).unwrap();
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
        let open = matches!(
            self.fault,
            Fault::NotAtomic | Fault::Resurrects | Fault::ConflictFromBefore | Fault::ConflictsWhenLate
        );
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
        if self.is(Fault::NobodyIsAUser) && new.principal.is_none() && !self.admits_nobody(new.max_sessions) {
            return Created::TooMany;
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
        if self.is(Fault::ComparesAHundred) {
            change.guards.truncate(100);
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
        let slow = matches!(self.fault, Fault::ConflictFromBefore | Fault::ConflictsWhenLate);
        let _writer = slow.then(|| {
            std::thread::sleep(Duration::from_millis(1));
            self.shared.loaded.lock().unwrap()
        });
        let current =
            if slow { self.get(selector)?.unwrap_or_else(|| record.clone()) } else { record.clone() };
        if self.is(Fault::ConflictsWhenLate) && current.meta().revision != record.meta().revision {
            return Ok(Updated::Conflict(Loaded::new(current, self.now())));
        }
        match current.apply(&change, self.judged_at()) {
            Outcome::Done(next) => {
                let principal = next.meta().principal.as_ref();
                let again = matches!(self.fault, Fault::CountsAgain | Fault::AdmitsAgain);
                let more = principal.filter(|_| again || principal != current.meta().principal.as_ref());
                if more.is_some_and(|principal| !self.admit(selector, principal, change.max_sessions)) {
                    if self.is(Fault::WritesThenRefuses) {
                        self.put(selector, &next);
                    }
                    if self.is(Fault::UnlistsTheRefused) && current.meta().principal.is_some() {
                        self.shared.unlisted.lock().unwrap().push(*selector);
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
                let past = self.is(Fault::ConflictsInThePast);
                let at = if past { shown.meta().touched } else { self.now() };
                Ok(Updated::Conflict(Loaded::new(shown, at)))
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

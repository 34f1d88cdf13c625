//! The suite must fail on stores that are broken. Each of these has one fault, and the rule that must find it.

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_typed_session::{
    change::{Change, NewRecord, Renewal},
    id::{RecordKey, VerifierHash},
    record::{Cell, Json, Limits, Meta, Outcome, Principal, Record, Timestamp, Unreadable},
    store::{
        Clock, Created, LoadOptions, Loaded, ManualClock, SessionStore, StoreError, StoreErrorKind, Updated,
        conformance::{self, Damage, Harness},
    },
};

use super::conformance::{BEGIN, block_on};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    None,
    /// `update` on a missing record creates it.
    Upserts,
    IgnoresGuards,
    IgnoresGeneration,
    /// Of several cells written at once, the last is lost.
    DropsACell,
    /// `Conflict` returns what the record was when somebody last loaded it.
    StaleConflict,
    /// `Conflict` returns what the record was before the step began.
    ConflictFromBefore,
    /// A conflict still counts as a touch.
    ConflictTouches,
    /// Alive in the millisecond of its end.
    LateEnd,
    /// `load` forgets to look at the end.
    LoadsTheDead,
    /// Cells that have expired are dropped, and with them the revision that guards compare.
    DropsExpiredCells,
    /// Clearing removes the cell instead of leaving `null`.
    DropsCleared,
    /// A change that leaves no time is stored all the same.
    KeepsWithoutTime,
    Overwrites,
    DeletesAnyone,
    /// The principal is compared, then the record deleted, with room for a load's answer in between: here, never compared.
    NeverDeletesOnCondition,
    /// Loads, waits a moment, writes.
    NotAtomic,
    /// An update puts back what a delete removed meanwhile.
    Resurrects,
    /// JSON goes through numbers of 64 bits.
    ReprintsNumbers,
    EmptyOnGarbage,
    PanicsOnGarbage,
    OverwritesGarbage,
    CannotDeleteGarbage,
    ReadsNewer,
    /// A write whose reply was lost is sent again.
    Resends,
    /// A lost reply is reported as "nothing was changed".
    LostIsUnavailable,
    KeepsOldVerifier,
    WrongRevision,
}

#[derive(Clone)]
enum Stored {
    Good(Record),
    Bad(Unreadable),
}

#[derive(Clone, Default)]
struct Shared {
    records: Arc<Mutex<HashMap<RecordKey, Stored>>>,
    loaded: Arc<Mutex<HashMap<RecordKey, Record>>>,
    cut: Arc<AtomicBool>,
}

/// A store in forty lines, and everything that can be wrong with it.
#[derive(Clone)]
struct Sketch {
    fault: Fault,
    clock: ManualClock,
    shared: Shared,
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

    fn get(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        match self.shared.records.lock().unwrap().get(key).cloned() {
            None => Ok(None),
            Some(Stored::Good(record)) => Ok(Some(record)),
            Some(Stored::Bad(Unreadable::Newer(_))) if self.is(Fault::ReadsNewer) => {
                let limits = Limits { idle: Duration::from_secs(9), absolute: Duration::from_secs(9) };
                let new = NewRecord::new(VerifierHash::from_bytes([0; 32]), limits);
                Ok(Some(Record::create(&new, self.now())))
            }
            Some(Stored::Bad(_)) if self.is(Fault::EmptyOnGarbage) => Ok(None),
            Some(Stored::Bad(why)) => Err(self.unreadable(why)),
        }
    }

    fn put(&self, key: &RecordKey, record: Record) {
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
        let record = Record::from_parts(record.meta().clone(), cells);
        self.shared.records.lock().unwrap().insert(*key, Stored::Good(record));
    }

    /// What a write's caller hears, if its reply was to be lost.
    fn reply<T>(&self, write: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let lost = self.shared.cut.swap(false, Ordering::SeqCst);
        let first = write();
        match (lost, self.fault) {
            (false, _) => first,
            (true, Fault::Resends) => write(),
            (true, Fault::LostIsUnavailable) => Err(StoreErrorKind::Unavailable).map_err(StoreError::new),
            (true, _) => Err(StoreError::new(StoreErrorKind::UnknownOutcome)),
        }
    }

    /// Holds every writer of this store, unless that is the fault.
    fn exclusive(&self) -> Option<std::sync::MutexGuard<'static, ()>> {
        static WRITER: Mutex<()> = Mutex::new(());
        let open =
            self.is(Fault::NotAtomic) || self.is(Fault::Resurrects) || self.is(Fault::ConflictFromBefore);
        (!open).then(|| WRITER.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn load_now(&self, key: &RecordKey) -> Result<Option<Loaded>, StoreError> {
        let alive = |record: &Record| self.is(Fault::LoadsTheDead) || !record.is_expired(self.judged_at());
        let Some(record) = self.get(key)?.filter(alive) else { return Ok(None) };
        self.shared.loaded.lock().unwrap().entry(*key).or_insert_with(|| record.clone());
        Ok(Some(Loaded::new(record, self.now())))
    }

    fn create_now(&self, key: &RecordKey, new: &NewRecord) -> Result<Created, StoreError> {
        let _writer = self.exclusive();
        let there = self.shared.records.lock().unwrap().contains_key(key);
        let garbage = matches!(self.shared.records.lock().unwrap().get(key), Some(Stored::Bad(_)));
        if there && !self.is(Fault::Overwrites) && !(garbage && self.is(Fault::OverwritesGarbage)) {
            return Ok(Created::Exists);
        }
        if self.is(Fault::NotAtomic) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let record = Record::create(new, self.now());
        if !record.is_expired(self.now()) {
            self.put(key, record);
        }
        Ok(Created::Created)
    }

    fn update_now(&self, key: &RecordKey, change: &Change) -> Result<Updated, StoreError> {
        let _writer = self.exclusive();
        let mut change = change.clone();
        if self.is(Fault::IgnoresGuards) {
            change.guards.clear();
        }
        if self.is(Fault::IgnoresGeneration) {
            change.expected_generation = None;
        }
        let Some(record) = self.get(key)? else {
            if self.is(Fault::Upserts) {
                let limits = Limits { idle: Duration::from_secs(9), absolute: Duration::from_secs(9) };
                let mut new = NewRecord::new(VerifierHash::from_bytes([0; 32]), limits);
                new.cells = change.write;
                self.put(key, Record::create(&new, self.now()));
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
            if read_late { self.get(key)?.unwrap_or_else(|| record.clone()) } else { record.clone() };
        match current.apply(&change, self.judged_at()) {
            Outcome::Done(next) => {
                let revision = next.meta().revision;
                self.put(key, *next);
                Ok(Updated::Done { revision: revision + u64::from(self.is(Fault::WrongRevision)) })
            }
            Outcome::Conflict => {
                let mut shown = record;
                if self.is(Fault::StaleConflict) {
                    shown = self.shared.loaded.lock().unwrap().get(key).cloned().unwrap_or(shown);
                }
                if self.is(Fault::ConflictTouches) {
                    let mut touch = Change::default();
                    touch.touch = change.touch;
                    if let Outcome::Done(next) = current.apply(&touch, self.now()) {
                        self.put(key, *next);
                    }
                }
                Ok(Updated::Conflict(Loaded::new(shown, self.now())))
            }
            Outcome::Gone if self.is(Fault::KeepsWithoutTime) && !current.is_expired(self.now()) => {
                Ok(Updated::Done { revision: current.meta().revision + 1 })
            }
            Outcome::Gone => {
                self.shared.records.lock().unwrap().remove(key);
                Ok(Updated::Gone)
            }
        }
    }

    fn delete_now(&self, key: &RecordKey, only_if: Option<&Principal>) -> Result<(), StoreError> {
        let _writer = self.exclusive();
        let matches = match (self.shared.records.lock().unwrap().get(key), only_if) {
            (None, _) => false,
            (Some(Stored::Bad(why)), None) if self.is(Fault::CannotDeleteGarbage) => {
                return Err((*why).into());
            }
            (Some(_), None) => true,
            (Some(Stored::Good(record)), Some(who)) => {
                self.is(Fault::DeletesAnyone)
                    || record.meta().principal.as_ref() == Some(who)
                        && !self.is(Fault::NeverDeletesOnCondition)
            }
            (Some(Stored::Bad(_)), Some(_)) => self.is(Fault::DeletesAnyone),
        };
        if matches {
            self.shared.records.lock().unwrap().remove(key);
            self.shared.loaded.lock().unwrap().remove(key);
        }
        Ok(())
    }
}

impl SessionStore for Sketch {
    async fn load(&self, key: &RecordKey, _: &LoadOptions) -> Result<Option<Loaded>, StoreError> {
        self.load_now(key)
    }

    async fn create(&self, key: &RecordKey, record: &NewRecord) -> Result<Created, StoreError> {
        self.reply(|| self.create_now(key, record))
    }

    async fn update(&self, key: &RecordKey, change: &Change) -> Result<Updated, StoreError> {
        let mut change = change.clone();
        if self.is(Fault::KeepsOldVerifier)
            && let Some(renewal) = &change.renewal
        {
            let mut renewal = Renewal::new(renewal.verifier);
            renewal.keep_previous = true;
            change.renewal = Some(renewal);
        }
        self.reply(|| self.update_now(key, &change))
    }

    async fn delete(&self, key: &RecordKey, only_if: Option<&Principal>) -> Result<(), StoreError> {
        self.delete_now(key, only_if)
    }
}

struct Broken {
    fault: Fault,
    clock: ManualClock,
}

impl Harness for Broken {
    type Store = Sketch;

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        block_on(future)
    }

    async fn store(&self) -> Sketch {
        Sketch { fault: self.fault, clock: self.clock.clone(), shared: Shared::default() }
    }

    async fn pass(&self, _: &Sketch, by: Duration) {
        self.clock.advance(by);
    }

    async fn sibling(&self, store: &Sketch) -> Option<Sketch> {
        Some(store.clone())
    }

    async fn damage(&self, store: &Sketch, key: &RecordKey, damage: Damage) -> bool {
        let why = match damage {
            Damage::Meta | Damage::TruncatedMeta | Damage::NewerLayout => {
                Meta::from_text(std::str::from_utf8(damage.bytes()).unwrap()).unwrap_err()
            }
            _ => return false,
        };
        store.shared.records.lock().unwrap().insert(*key, Stored::Bad(why));
        true
    }

    async fn cut_reply(&self, store: &Sketch) -> bool {
        store.shared.cut.store(true, Ordering::SeqCst);
        true
    }
}

fn broken_rules(fault: Fault) -> Vec<String> {
    let harness = Broken { fault, clock: ManualClock::at(BEGIN) };
    let report = conformance::report(&harness);
    for broken in &report.broken {
        // What a store's author reads: the rule, what was expected, what was seen, and where to look.
        let text = broken.to_string();
        assert!([&broken.expected, &broken.seen, &broken.fix].iter().all(|part| !part.is_empty()), "{text}");
        assert!(text.contains(broken.rule) && text.contains("fix:"), "{text}");
    }
    report.broken.into_iter().map(|broken| broken.rule.to_owned()).collect()
}

#[test]
fn the_sketch_without_a_fault_keeps_every_rule() {
    let harness = Broken { fault: Fault::None, clock: ManualClock::at(BEGIN) };
    assert_eq!(conformance::check_all(&harness), Vec::<&str>::new(), "and every rule was looked at");
}

macro_rules! is_found {
    ($($test:ident: $fault:ident by $($rule:ident)+;)+) => {$(
        #[test]
        fn $test() {
            let broken = broken_rules(Fault::$fault);
            $(assert!(
                broken.iter().any(|rule| rule == stringify!($rule)),
                "{:?} must break `{}`; it breaks {broken:?}", Fault::$fault, stringify!($rule),
            );)+
        }
    )+};
}

is_found! {
    upserts: Upserts by update_on_a_missing_record_creates_nothing generated_changes_agree_with_apply;
    ignored_guards: IgnoresGuards by guards_hold_or_nothing_is_applied overlapping_guarded_increments_are_exact
        a_guard_compares_the_revision_of_an_expired_cell generated_changes_agree_with_apply;
    ignored_generation: IgnoresGeneration by the_expected_generation_holds_or_nothing_is_applied
        one_of_overlapping_renewals_is_done generated_changes_agree_with_apply;
    dropped_cell: DropsACell by create_then_load_gives_the_record every_field_of_a_change_is_stored
        generated_changes_agree_with_apply;
    stale_conflict: StaleConflict by a_conflict_shows_the_current_record overlapping_guarded_increments_are_exact;
    conflict_from_before: ConflictFromBefore by overlapping_guarded_increments_are_exact;
    touching_conflict: ConflictTouches by guards_hold_or_nothing_is_applied generated_changes_agree_with_apply;
    late_end: LateEnd by a_record_is_dead_exactly_at_its_end;
    dead_loaded: LoadsTheDead by a_record_is_dead_exactly_at_its_end;
    dropped_expired_cell: DropsExpiredCells by generated_changes_agree_with_apply;
    dropped_cleared_cell: DropsCleared by every_field_of_a_change_is_stored guards_hold_or_nothing_is_applied;
    kept_without_time: KeepsWithoutTime by update_that_leaves_no_time_deletes;
    overwrites: Overwrites by create_on_an_existing_record_changes_nothing one_of_overlapping_creates_is_created;
    deletes_anyone: DeletesAnyone by delete_may_ask_for_the_principal garbage_is_an_error_and_stays_as_it_is;
    never_deletes: NeverDeletesOnCondition by delete_may_ask_for_the_principal;
    not_atomic: NotAtomic by overlapping_guarded_increments_are_exact overlapping_sets_of_other_cells_are_all_kept
        one_of_overlapping_renewals_is_done one_of_overlapping_creates_is_created;
    resurrects: Resurrects by nothing_comes_back_after_a_delete;
    reprinted_numbers: ReprintsNumbers by cells_are_kept_byte_for_byte;
    empty_on_garbage: EmptyOnGarbage by garbage_is_an_error_and_stays_as_it_is;
    panics_on_garbage: PanicsOnGarbage by garbage_is_an_error_and_stays_as_it_is;
    overwritten_garbage: OverwritesGarbage by garbage_is_an_error_and_stays_as_it_is;
    garbage_for_ever: CannotDeleteGarbage by garbage_is_an_error_and_stays_as_it_is;
    newer_read: ReadsNewer by garbage_is_an_error_and_stays_as_it_is;
    resends: Resends by an_unknown_outcome_is_never_sent_again;
    lost_is_not_unchanged: LostIsUnavailable by an_unknown_outcome_is_never_sent_again;
    kept_verifier: KeepsOldVerifier by every_field_of_a_change_is_stored;
    wrong_revision: WrongRevision by every_field_of_a_change_is_stored;
}

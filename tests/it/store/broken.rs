//! The suite must fail on broken stores. Each of these has one fault, and the test names the rules that must find it.

use std::{
    future::Future,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix_typed_session::{
    id::Selector,
    record::{Meta, Record},
    store::{
        ManualClock,
        conformance::{self, Damage, Harness},
    },
};

use self::sketch::{Fault, Shared, Sketch, Stored};
use super::conformance::{BEGIN, block_on};

mod sketch;

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
        let (fault, clock) = (self.fault, self.clock.clone());
        Sketch { fault, clock, shared: Shared::default(), cached: Arc::default() }
    }

    async fn pass(&self, _: &Sketch, by: Duration) {
        self.clock.advance(by);
    }

    async fn sibling(&self, store: &Sketch) -> Option<Sketch> {
        Some(Sketch { cached: Arc::default(), ..store.clone() })
    }

    async fn damage(&self, store: &Sketch, selector: &Selector, damage: Damage) -> bool {
        let why = match damage {
            Damage::Meta | Damage::TruncatedMeta | Damage::NewerLayout => {
                Meta::from_text(std::str::from_utf8(damage.bytes()).unwrap()).unwrap_err()
            }
            _ => return false,
        };
        store.shared.records.lock().unwrap().insert(*selector, Stored::Bad(why));
        true
    }

    async fn add_later(&self, store: &Sketch, selector: &Selector) -> Option<Vec<u8>> {
        let mut records = store.shared.records.lock().unwrap();
        let Some(Stored::Good(record)) = records.get_mut(selector) else { panic!("there is a record") };
        let text = record.meta().to_text().unwrap().replacen('{', r#"{"later":"added","#, 1);
        **record = Record::from_parts(Meta::from_text(&text).unwrap(), record.cells().to_vec());
        Some(br#""later":"added""#.to_vec())
    }

    async fn raw(&self, store: &Sketch, selector: &Selector) -> Option<Vec<u8>> {
        let text = match store.shared.records.lock().unwrap().get(selector)? {
            Stored::Good(record) => format!("{} {:?}", record.meta().to_text().unwrap(), record.cells()),
            Stored::Bad(why) => why.to_string(),
        };
        Some(text.into_bytes())
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
        // What the author of a store reads: the rule, what was expected, what was seen, and where to look.
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
    kept_session: KeepsTheOldSession by every_field_of_a_change_is_stored generated_changes_agree_with_apply;
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
        one_of_overlapping_renewals_is_done one_of_overlapping_creates_is_created racing_sign_ins_keep_to_the_maximum;
    torn_load: TornLoad by a_record_is_of_one_moment;
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
    ended_listed: ListsTheEnded by a_list_holds_the_live_sessions_of_one_principal
        one_more_than_allowed_is_refused_or_ends_the_oldest;
    others_listed: ListsByPrefix by a_list_holds_the_live_sessions_of_one_principal;
    newest_first: NewestFirst by a_session_is_listed_from_its_sign_in_to_its_end
        one_more_than_allowed_is_refused_or_ends_the_oldest;
    paged_by_age: PagesByAge by pages_miss_no_session_while_others_come_and_go;
    paged_from_the_start: PagesFromTheStart by pages_show_every_session_once;
    counted_a_few: CountsAFew by pages_show_every_session_once;
    no_maximum: NoMaximum by one_more_than_allowed_is_refused_or_ends_the_oldest racing_sign_ins_keep_to_the_maximum;
    counted_again: CountsAgain by one_more_than_allowed_is_refused_or_ends_the_oldest;
    nobody_excepted: ExceptsNobody by delete_all_ends_the_sessions_of_one_principal;
    youngest_spared: SparesTheYoungest by delete_all_ends_the_sessions_of_one_principal delete_all_is_final;
    skipped_in_a_scan: SkipsInScans by a_scan_finds_every_record;
    scanned_for_ever: ScansForEver by a_scan_finds_every_record;
    wedged: WedgesWhenDropped by a_call_that_is_given_up_leaves_the_store_in_order;
    written_in_pieces: WritesInPieces by a_call_that_is_given_up_leaves_the_store_in_order;
    listed_later: ListsLater by a_call_that_is_given_up_leaves_the_store_in_order;
    evicted_first: EvictsFirst by a_sign_in_that_is_not_made_ends_no_session;
    next_user_deleted: DeletesTheNextUser by a_conditional_delete_spares_the_next_user;
    touched_by_loads: TouchesOnRead by a_record_is_dead_exactly_at_its_end;
    least_recent_evicted: EvictsLeastRecent by a_longer_life_does_not_make_a_session_younger;
    dead_counted: CountsTheDead by delete_all_ends_the_sessions_of_one_principal;
    keys_folded: FoldsKeys by cells_are_kept_byte_for_byte;
    principals_folded: FoldsPrincipals by sessions_of_similar_principals_do_not_meet;
    principals_cut: CutsPrincipals by sessions_of_similar_principals_do_not_meet;
    labels_cut: CutsLabels by principal_and_label_are_kept_byte_for_byte;
    whole_seconds: WholeSeconds by a_touch_never_moves_back;
    limits_rounded: RoundsLimits by every_field_of_a_change_is_stored;
    refused_after_writing: WritesThenRefuses by one_more_than_allowed_is_refused_or_ends_the_oldest;
    nothing_for_zero: NothingForZero by pages_show_every_session_once;
    cell_expiry_kept: KeepsCellExpiry by every_field_of_a_change_is_stored;
    renewed_unlisted: UnlistsTheRenewed by a_session_stays_listed_whatever_changes;
    unlisted_before_deleted: UnlistsBeforeItDeletes by a_call_that_is_given_up_leaves_the_store_in_order;
    unlisted_before_all_deleted: UnlistsBeforeItDeletesAll by what_is_given_up_loses_no_session_from_the_index;
    evicted_before_stored: EvictsBeforeItStores by what_is_given_up_loses_no_session_from_the_index;
    compared_as_first_loaded: ComparesAsFirstLoaded by delete_may_ask_for_the_principal;
    stopped_at_short_pages: StopsAtShortPages by pages_and_counts_pass_over_the_expired;
    expired_counted: CountsTheExpired by pages_and_counts_pass_over_the_expired;
    evicted_for_the_dead: EvictsForTheDead by one_more_than_allowed_is_refused_or_ends_the_oldest;
    admitted_again: AdmitsAgain by a_maximum_is_looked_at_only_for_new_sign_ins;
    evicted_one: EvictsOne by a_lowered_maximum_ends_all_that_are_too_many;
    nobody_is_a_user: NobodyIsAUser by a_maximum_is_looked_at_only_for_new_sign_ins;
    refused_unlisted: UnlistsTheRefused by a_refused_sign_in_leaves_a_session_to_its_user;
    lives_few_weeks: LivesFewWeeks by generated_changes_agree_with_apply;
    late_is_a_conflict: ConflictsWhenLate by overlapping_sets_of_other_cells_are_all_kept;
    moved_ended: EndsTheMoved by delete_all_spares_the_next_user;
    moved_ended_in_a_race: EndsTheMovedInARace by delete_all_spares_the_next_user;
    deadlocks: Deadlocks by sessions_may_change_hands_at_once;
    touched_unlisted: UnlistsTheTouched by a_session_is_listed_as_long_as_it_lives;
    evicted_before_updated: EvictsBeforeItUpdates by what_is_given_up_loses_no_session_from_the_index;
    thousand_ended: EndsAThousand by very_many_sessions_are_all_found;
    thousand_listed: ListsAThousand by very_many_sessions_are_all_found;
    created_counted: CountsTheCreated by a_session_is_listed_from_its_sign_in_to_its_end;
    signed_limits: SignedLimits by pages_show_every_session_once;
    selectors_folded: FoldsSelectors by records_do_not_meet;
    paged_by_sign: PagesBySign by pages_show_every_session_once;
    hundred_compared: ComparesAHundred by every_guard_of_many_is_compared;
    thousand_kept: KeepsAThousand by every_guard_of_many_is_compared;
    keys_cut: CutsKeys by cells_are_kept_byte_for_byte;
    conflict_in_the_past: ConflictsInThePast by a_guard_compares_the_revision_of_an_expired_cell
        generated_changes_agree_with_apply;
    cached: Caches by what_one_handle_writes_the_other_reads;
    ill_when_empty: IsIllWhenEmpty by create_then_load_gives_the_record;
    scanned_by_offset: ScansByOffset by a_scan_finds_every_record;
    stopped_at_empty_pages: StopsAtEmptyPages by a_scan_finds_every_record;
    garbage_swept: SweepsGarbage by a_sweep_removes_the_expired_and_nothing_else;
    first_swept: SweepsTheFirst by a_sweep_removes_the_expired_and_nothing_else;
    touched_swept: SweepsTheTouched by a_sweep_removes_the_expired_and_nothing_else;
    sweep_stopped: SweepStopsAtGarbage by a_sweep_removes_the_expired_and_nothing_else;
    spared_counted: CountsTheSpared by a_sweep_removes_the_expired_and_nothing_else;
    dropped_later: DropsWhatIsLater by what_a_later_release_added_stays;
}

//! The store contract as a test suite for the authors of stores.
//!
//! In: a [`Harness`], which makes empty stores and lets their time pass. Out: one test per rule, or a [`Report`]. Never uses actix, a test
//! runtime, or knowledge of a particular store.
//!
//! Read from top to bottom: `harness` is what the author implements, `verdict` the result of a rule, `kit` what the rules are written with. The
//! other files are the rules, by topic; the table at the end of this file lists all of them.
//!
//! ```
//! use std::{future::Future, time::Duration};
//!
//! use actix_typed_session::{
//!     record::Timestamp,
//!     store::{ManualClock, MemoryStore, conformance::Harness},
//! };
//!
//! struct Memory {
//!     runtime: tokio::runtime::Runtime,
//!     clock: ManualClock,
//! }
//!
//! impl Memory {
//!     fn new() -> Self {
//!         let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
//!         Self { runtime, clock: ManualClock::at(Timestamp::from_millis(1_700_000_000_000)) }
//!     }
//! }
//!
//! impl Harness for Memory {
//!     type Store = MemoryStore;
//!
//!     fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
//!         self.runtime.block_on(future)
//!     }
//!
//!     async fn store(&self) -> MemoryStore {
//!         MemoryStore::unbounded().with_clock(self.clock.clone())
//!     }
//!
//!     async fn pass(&self, _: &MemoryStore, by: Duration) {
//!         self.clock.advance(by);
//!     }
//! }
//!
//! // In a test file: one `#[test]` per rule, so that a failure names the rule.
//! actix_typed_session::conformance_tests!(Memory::new());
//!
//! // Or all of it at once.
//! actix_typed_session::store::conformance::check_all(&Memory::new());
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use self::verdict::{Broken, Report};
use self::{
    kit::Bench,
    verdict::{Held, Verdict},
};

pub use self::harness::{Damage, Harness};

mod harness;
mod verdict;
mod kit;
mod life;
mod guards;
mod fields;
mod bytes;
mod generated;
mod races;
mod faults;
mod index;
mod maximum;
mod pages;
mod similar;
mod handed_on;
mod handles;
mod given_up;
mod scan;
mod sweep;

/// Runs every rule, and returns the result of each.
pub fn report<H: Harness>(harness: &H) -> Report {
    let mut report = Report::default();
    for (rule, run) in rules::<H>() {
        match run_one(harness, rule, run) {
            Ok(Held::Held) => report.held.push(rule),
            Ok(Held::Skipped) => report.skipped.push(rule),
            Err(broken) => report.broken.push(broken),
        }
    }
    report
}

/// Runs every rule. Returns the names of those that the harness could not check.
///
/// Call it from a plain `#[test]`; it runs futures with [`Harness::block_on`].
///
/// # Panics
/// When a rule is broken. The message names every broken rule, with what was expected, what was seen, and what to look at.
pub fn check_all<H: Harness>(harness: &H) -> Vec<&'static str> {
    let Report { skipped, broken, .. } = report(harness);
    fail_if_any(&broken);
    skipped
}

/// Runs the rule with this name. [`conformance_tests!`](crate::conformance_tests) expands to calls of this function.
///
/// # Panics
/// When the rule is broken, or no rule has this name.
pub fn check<H: Harness>(harness: &H, rule: &str) {
    let found = rules::<H>().into_iter().find(|(name, _)| *name == rule);
    let broken = match found {
        Some((name, run)) => run_one(harness, name, run).err(),
        None => {
            Some(Broken::new("a rule of the suite", rule, "pick a name from `store::conformance::names()`"))
        }
    };
    fail_if_any(broken.as_slice());
}

/// The names of all rules.
#[must_use]
pub fn names() -> Vec<&'static str> {
    NAMES.to_vec()
}

#[allow(clippy::panic)] // a panic is how a test fails
fn fail_if_any(broken: &[Broken]) {
    if !broken.is_empty() {
        let all: Vec<String> = broken.iter().map(ToString::to_string).collect();
        panic!("{}", all.join("\n"));
    }
}

type Run<H> = fn(&Bench<'_, H>) -> Verdict;

fn run_one<H: Harness>(harness: &H, rule: &'static str, run: Run<H>) -> Verdict {
    let verdict = catch_unwind(AssertUnwindSafe(|| run(&Bench::new(harness, rule)))).unwrap_or_else(|_| {
        Err(Broken::new(
            "an answer or a typed error",
            "a panic (its message is above)",
            "a store returns `StoreError` for whatever it meets",
        ))
    });
    verdict.map_err(|broken| Broken { rule, ..broken })
}

/// The table of rules, from which the suite, the macro and the list of names are made.
macro_rules! table {
    ($dollar:tt $($module:ident: $($rule:ident)+;)+) => {
        const NAMES: &[&str] = &[$($(stringify!($rule)),+),+];

        fn rules<H: Harness>() -> Vec<(&'static str, Run<H>)> {
            vec![$($((stringify!($rule), $module::$rule::<H> as Run<H>)),+),+]
        }

        /// One `#[test]` per rule of the store contract, each with a new harness.
        ///
        /// The argument is an expression that makes a [`Harness`](crate::store::conformance::Harness); see
        /// [`store::conformance`](crate::store::conformance).
        #[macro_export]
        macro_rules! conformance_tests {
            ($dollar harness:expr) => {
                $($(
                    #[test]
                    fn $rule() {
                        $dollar crate::store::conformance::check(&$dollar harness, stringify!($rule));
                    }
                )+)+
            };
        }
    };
}

table! { $
    life:
        create_then_load_gives_the_record
        create_on_an_existing_record_changes_nothing
        create_on_an_expired_record_hands_out_nothing_old
        create_without_time_to_live_leaves_nothing
        update_on_a_missing_record_creates_nothing
        update_on_an_expired_record_is_gone
        update_that_leaves_no_time_deletes
        a_record_is_dead_exactly_at_its_end
        a_touch_never_moves_back
        delete_is_idempotent
        delete_may_ask_for_the_principal
        records_do_not_meet;
    guards:
        guards_hold_or_nothing_is_applied
        a_guard_compares_the_revision_of_an_expired_cell
        every_guard_of_many_is_compared
        the_expected_generation_holds_or_nothing_is_applied
        a_conflict_shows_the_current_record;
    fields:
        every_field_of_a_change_is_stored
        a_cell_is_dead_exactly_at_its_end
        deletes_come_before_writes
        what_a_later_release_added_stays;
    bytes:
        cells_are_kept_byte_for_byte
        principal_and_label_are_kept_byte_for_byte;
    generated:
        generated_changes_agree_with_apply;
    races:
        overlapping_guarded_increments_are_exact
        overlapping_sets_of_other_cells_are_all_kept
        one_of_overlapping_renewals_is_done
        one_of_overlapping_creates_is_created
        nothing_comes_back_after_a_delete
        a_record_is_of_one_moment
        a_conditional_delete_spares_the_next_user;
    faults:
        garbage_is_an_error_and_stays_as_it_is
        an_unknown_outcome_is_never_sent_again;
    index:
        a_list_holds_the_live_sessions_of_one_principal
        a_session_is_listed_from_its_sign_in_to_its_end
        delete_all_ends_the_sessions_of_one_principal
        one_more_than_allowed_is_refused_or_ends_the_oldest
        a_longer_life_does_not_make_a_session_younger
        racing_sign_ins_keep_to_the_maximum
        a_sign_in_that_is_not_made_ends_no_session
        delete_all_is_final;
    maximum:
        a_lowered_maximum_ends_all_that_are_too_many
        a_maximum_is_looked_at_only_for_new_sign_ins
        a_refused_sign_in_leaves_a_session_to_its_user;
    pages:
        pages_show_every_session_once
        very_many_sessions_are_all_found
        pages_miss_no_session_while_others_come_and_go
        pages_and_counts_pass_over_the_expired;
    similar:
        sessions_of_similar_principals_do_not_meet
        a_session_stays_listed_whatever_changes;
    handed_on:
        delete_all_spares_the_next_user
        sessions_may_change_hands_at_once
        a_session_is_listed_as_long_as_it_lives;
    handles:
        what_one_handle_writes_the_other_reads;
    given_up:
        a_call_that_is_given_up_leaves_the_store_in_order
        what_is_given_up_loses_no_session_from_the_index;
    scan:
        a_scan_finds_every_record;
    sweep:
        a_sweep_removes_the_expired_and_nothing_else;
}

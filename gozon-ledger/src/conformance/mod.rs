//! The suite that every store must pass: one named rule per promise.
//!
//! ```text
//! gozon_ledger::ledger_conformance!(fresh); // async fn fresh(Arc<dyn Clock>) -> Box<dyn Subject>
//! ```
//!
//! Each rule gets a fresh, empty ledger and panics when a promise is broken.

// A rule fails by panicking, like any test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod accounts;
pub mod administration;
pub mod concurrency;
mod flawed;
pub mod held_accounts;
pub mod holds;
mod kit;
pub mod limits;
pub(crate) mod model;
pub mod past;
pub mod poster;
pub mod posting;
pub mod program;
pub mod resolutions;
pub mod reversals;
pub mod statements;
mod tamper;
mod tamper_holds;
pub mod transactions;
pub mod verifying;

pub use flawed::{Flaw, Flawed};
pub use kit::{HandClock, Subject, hand_clock};
pub use tamper::{Tamper, tamper_memory};
pub use tamper_holds::HoldTamper;

/// The rules that any ledger must keep, by name.
pub const RULES: &[&str] = crate::ledger_conformance!(@names);

/// The rules about the caller's transaction, by name.
pub const TRANSACTION_RULES: &[&str] = crate::ledger_transaction_conformance!(@names);

/// Makes one `#[tokio::test]` of each rule that any ledger must keep. `$fresh`
/// is an `async fn(Arc<dyn Clock>) -> Box<dyn Subject>`.
#[macro_export]
macro_rules! ledger_conformance {
    ($fresh:path) => {
        $crate::ledger_conformance! { @all [@tests $fresh;] }
    };
    (@names) => {
        $crate::ledger_conformance! { @all [@names] }
    };
    (@all [$($then:tt)*]) => {
        $crate::ledger_conformance! { $($then)*
            accounts: opening_an_account_twice_opens_it_once;
            accounts: an_account_cannot_become_another_account;
            accounts: an_account_that_could_not_open_with_zero_is_refused;
            administration: a_frozen_side_refuses_its_legs;
            administration: a_closed_account_refuses_everything_but_repeats;
            administration: only_an_empty_account_closes;
            administration: limits_can_be_moved;
            administration: a_repeated_change_changes_and_records_nothing;
            administration: changes_are_recorded_with_their_time_and_reason;
            administration: a_change_that_cannot_be_is_refused;
            administration: a_freeze_among_posts_has_a_before_and_an_after;
            posting: a_transfer_moves_every_leg_and_answers_with_the_balances;
            posting: a_transfer_may_have_many_legs_in_several_assets;
            posting: a_repeated_transfer_moves_nothing_and_answers_with_its_first_balances;
            posting: a_repeat_is_recognised_even_if_it_could_not_be_posted_now;
            posting: another_transfer_under_a_used_id_is_a_conflict;
            posting: a_repeat_within_one_batch_moves_once;
            posting: a_refusal_changes_nothing_and_its_neighbours_are_posted;
            posting: a_refused_transfer_may_succeed_later;
            posting: each_transfer_of_a_batch_sees_what_the_ones_before_left;
            posting: what_cannot_be_a_transfer_is_refused_by_name;
            posting: texts_come_back_byte_by_byte;
            posting: a_call_with_too_many_transfers_is_refused;
            limits: no_account_goes_below_its_floor;
            limits: no_account_goes_above_its_ceiling;
            limits: counters_stop_before_they_overflow;
            holds: a_hold_reserves_and_moves_nothing;
            holds: what_a_hold_announces_cannot_be_spent;
            holds: a_posted_hold_moves_what_was_held;
            holds: a_hold_may_be_posted_in_part_and_the_rest_is_released;
            holds: more_than_is_held_is_never_posted;
            holds: a_hold_of_many_legs_is_resolved_as_a_unit;
            holds: a_voided_hold_releases_everything;
            resolutions: a_hold_is_resolved_at_most_once;
            resolutions: holds_and_resolutions_are_replayed_like_every_transfer;
            resolutions: an_expired_hold_is_never_posted;
            resolutions: the_sweeper_returns_what_is_due_and_nothing_else;
            holds: a_hold_is_never_refused_for_a_limit_that_it_was_promised;
            holds: a_hold_keeps_its_place_in_the_counters;
            resolutions: only_a_hold_can_be_resolved;
            resolutions: one_batch_may_hold_and_post_and_take_back;
            resolutions: time_rises_through_holds_even_if_the_clock_goes_back;
            resolutions: of_many_resolutions_at_once_one_wins;
            held_accounts: a_freeze_stops_a_posting_and_never_a_release;
            held_accounts: what_is_held_keeps_its_room_when_accounts_change;
            reversals: a_reversal_moves_everything_back;
            reversals: partial_reversals_never_take_back_more_than_was_moved;
            reversals: a_posted_hold_can_be_taken_back;
            reversals: only_what_moved_money_can_be_taken_back;
            reversals: a_reversal_keeps_the_limits;
            reversals: of_many_reversals_at_once_as_many_win_as_there_is_left;
            concurrency: of_64_parallel_payments_from_an_account_that_can_pay_ten_ten_are_posted;
            concurrency: transfers_in_opposite_directions_do_not_deadlock;
            concurrency: a_storm_of_one_transfer_moves_once;
            concurrency: of_two_transfers_that_claim_one_id_at_once_one_is_posted;
            past: a_balance_as_of_a_version_is_what_was_answered_then;
            past: a_balance_as_of_a_time_is_that_of_one_version;
            past: clocks_that_disagree_do_not_make_time_contradict_versions;
            past: a_statement_between_two_times_has_what_was_recorded_in_between;
            poster: calls_at_once_through_a_poster_keep_a_guarded_account_above_its_floor;
            poster: each_call_to_a_poster_gets_its_own_outcome;
            poster: a_poster_and_direct_posts_share_the_accounts;
            poster: a_poster_that_stops_has_posted_what_it_answered_and_nothing_else;
            statements: a_statement_pages_newest_first_and_leaves_nothing_out;
            statements: a_statement_shows_amounts_in_the_normal_direction;
            statements: time_rises_with_the_version_even_if_the_clock_goes_back;
            verifying: honest_books_are_clean_also_beside_traffic;
            verifying: every_kind_of_tampering_is_found;
            verifying: slices_find_what_a_whole_run_finds;
            verifying: slices_beside_traffic_report_no_honest_post;
            verifying: every_kind_of_tampering_with_holds_is_found;
            program: the_same_program_has_the_same_outcomes_and_history_everywhere;
            program: programs_side_by_side_conserve_money;
        }
    };
    (@names $($module:ident: $rule:ident;)+) => {
        &[$(stringify!($rule)),+]
    };
    (@tests $fresh:path; $($module:ident: $rule:ident;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let (clock, hand) = $crate::conformance::hand_clock();
                let subject = $fresh(clock).await;
                $crate::conformance::$module::$rule(subject.as_ref(), &hand).await;
            }
        )+
    };
}

/// Makes one `#[tokio::test]` of each rule about the caller's transaction.
/// `$fresh` is an `async fn() -> (Db<D>, Ledger<D>, kept)`; `kept` lives as long
/// as the test.
#[macro_export]
macro_rules! ledger_transaction_conformance {
    ($fresh:path) => {
        $crate::ledger_transaction_conformance! { @all [@tests $fresh;] }
    };
    (@names) => {
        $crate::ledger_transaction_conformance! { @all [@names] }
    };
    (@all [$($then:tt)*]) => {
        $crate::ledger_transaction_conformance! { $($then)*
            a_rollback_removes_everything;
            a_refusal_does_not_fail_the_transaction;
            an_account_can_be_opened_and_used_in_one_transaction;
            a_transaction_sees_its_own_postings_and_others_do_not;
            existing_accounts_are_told_from_missing_ones;
            a_large_batch_is_posted_whole;
            the_database_guards_the_limits_by_itself;
        }
    };
    (@names $($rule:ident;)+) => {
        &[$(stringify!($rule)),+]
    };
    (@tests $fresh:path; $($rule:ident;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let (db, ledger, _kept) = $fresh().await;
                $crate::conformance::transactions::$rule(&db, &ledger).await;
            }
        )+
    };
}

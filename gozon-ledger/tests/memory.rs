//! The suite on the ledger in memory, and the suite itself: it must notice
//! every way in which a store can be wrong.
// A test fails by panicking, also in its helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(feature = "conformance")]

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use gozon_core::Clock;
use gozon_ledger::Books;
use gozon_ledger::conformance::{
    Subject, Tamper, accounts, administration, concurrency, hand_clock, held_accounts, holds,
    limits, past, poster, posting, program, resolutions, reversals, statements, tamper_memory,
    verifying,
};
use gozon_ledger::memory::{Fault, MemoryLedger};

struct InMemory(Arc<MemoryLedger>);

#[async_trait]
impl Subject for InMemory {
    fn books(&self) -> Arc<dyn Books> {
        Arc::clone(&self.0) as Arc<dyn Books>
    }

    fn instance(&self, clock: Arc<dyn Clock>) -> Arc<dyn Books> {
        Arc::new(self.0.instance(clock))
    }

    async fn tamper(&self, how: Tamper) {
        tamper_memory(&self.0, how);
    }
}

async fn fresh(clock: Arc<dyn Clock>) -> Box<dyn Subject> {
    Box::new(InMemory(Arc::new(MemoryLedger::new(clock))))
}

gozon_ledger::ledger_conformance!(fresh);

/// Runs a rule on a broken ledger; true if the rule noticed.
macro_rules! noticed {
    ($fault:ident, $module:ident :: $rule:ident) => {{
        let (clock, hand) = hand_clock();
        let broken = MemoryLedger::new(clock).with_fault(Fault::$fault);
        let subject = InMemory(Arc::new(broken));
        let rule = async move { $module::$rule(&subject, &hand).await };
        let caught = tokio::spawn(AssertUnwindSafe(rule)).await.is_err();
        assert!(caught, "{:?} passed {}", Fault::$fault, stringify!($rule));
        println!("{:?} is caught by {}", Fault::$fault, stringify!($rule));
    }};
}

// Below the macro, which it uses.
#[path = "memory/ordinary.rs"]
mod ordinary;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_is_caught_by_the_rule_that_is_there_for_it() {
    noticed!(
        ForgetsIds,
        posting::a_repeated_transfer_moves_nothing_and_answers_with_its_first_balances
    );
    noticed!(ForgetsIds, concurrency::a_storm_of_one_transfer_moves_once);
    noticed!(
        ForgetsIds,
        posting::another_transfer_under_a_used_id_is_a_conflict
    );
    noticed!(ForgetsFloors, limits::no_account_goes_below_its_floor);
    noticed!(ForgetsCeilings, limits::no_account_goes_above_its_ceiling);
    noticed!(
        DoesNotLock,
        concurrency::of_64_parallel_payments_from_an_account_that_can_pay_ten_ten_are_posted
    );
    noticed!(
        ReplaysTodaysBalances,
        posting::a_repeated_transfer_moves_nothing_and_answers_with_its_first_balances
    );
    noticed!(
        TearsTransfers,
        posting::a_transfer_moves_every_leg_and_answers_with_the_balances
    );
    noticed!(
        SpreadsRefusals,
        posting::a_refusal_changes_nothing_and_its_neighbours_are_posted
    );
    noticed!(
        TrustsTheClock,
        statements::time_rises_with_the_version_even_if_the_clock_goes_back
    );
    noticed!(
        OldestFirst,
        statements::a_statement_pages_newest_first_and_leaves_nothing_out
    );
    noticed!(
        RepeatsTheCursor,
        statements::a_statement_pages_newest_first_and_leaves_nothing_out
    );
    noticed!(CutsText, posting::texts_come_back_byte_by_byte);
    noticed!(
        ReopensAccounts,
        accounts::opening_an_account_twice_opens_it_once
    );
    noticed!(
        DoesNotLock,
        poster::a_poster_and_direct_posts_share_the_accounts
    );
    noticed!(
        SpreadsRefusals,
        poster::each_call_to_a_poster_gets_its_own_outcome
    );
    noticed!(
        ForgetsFloors,
        poster::calls_at_once_through_a_poster_keep_a_guarded_account_above_its_floor
    );
    noticed!(
        ForgetsStatus,
        administration::a_frozen_side_refuses_its_legs
    );
    noticed!(
        ForgetsStatus,
        administration::a_closed_account_refuses_everything_but_repeats
    );
    noticed!(
        ForgetsStatus,
        administration::a_freeze_among_posts_has_a_before_and_an_after
    );
    noticed!(
        ForgetsIds,
        administration::a_closed_account_refuses_everything_but_repeats
    );
    noticed!(
        ClosesWithMoney,
        administration::only_an_empty_account_closes
    );
    noticed!(KeepsOldLimits, administration::limits_can_be_moved);
    noticed!(
        RecordsRepeats,
        administration::a_repeated_change_changes_and_records_nothing
    );
    noticed!(
        ForgetsChanges,
        administration::changes_are_recorded_with_their_time_and_reason
    );
    noticed!(
        KnowsOnlyToday,
        past::a_balance_as_of_a_version_is_what_was_answered_then
    );
    noticed!(
        KnowsOnlyToday,
        past::a_balance_as_of_a_time_is_that_of_one_version
    );
    noticed!(
        EndsTimesEarly,
        past::a_balance_as_of_a_time_is_that_of_one_version
    );
    noticed!(
        TrustsTheClock,
        past::clocks_that_disagree_do_not_make_time_contradict_versions
    );
    noticed!(
        EndsTimesLate,
        past::a_statement_between_two_times_has_what_was_recorded_in_between
    );
    noticed!(
        OldestFirst,
        past::a_statement_between_two_times_has_what_was_recorded_in_between
    );
    noticed!(BlindVerify, verifying::every_kind_of_tampering_is_found);
    noticed!(BlindVerify, verifying::slices_find_what_a_whole_run_finds);
    noticed!(
        SkipsAnEntryPerSlice,
        verifying::slices_find_what_a_whole_run_finds
    );
    noticed!(
        ForgetsBetweenSlices,
        verifying::slices_find_what_a_whole_run_finds
    );
    noticed!(
        SkipsAnEntryPerSlice,
        verifying::slices_beside_traffic_report_no_honest_post
    );
    noticed!(
        ForgetsBetweenSlices,
        verifying::slices_beside_traffic_report_no_honest_post
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_about_holds_and_reversals_is_caught_by_the_rule_that_is_there_for_it() {
    noticed!(ForgetsPending, holds::a_hold_reserves_and_moves_nothing);
    noticed!(HoldsMoveMoney, holds::a_hold_reserves_and_moves_nothing);
    noticed!(InflatesHolds, holds::more_than_is_held_is_never_posted);
    noticed!(
        PostsInFull,
        holds::a_hold_may_be_posted_in_part_and_the_rest_is_released
    );
    noticed!(
        PromisesWithoutRoom,
        holds::a_hold_is_never_refused_for_a_limit_that_it_was_promised
    );
    noticed!(KeepsReservations, holds::a_voided_hold_releases_everything);
    noticed!(KeepsReservations, holds::a_posted_hold_moves_what_was_held);
    noticed!(ForgetsReferences, holds::a_posted_hold_moves_what_was_held);
    noticed!(
        ForgetsResolutions,
        resolutions::a_hold_is_resolved_at_most_once
    );
    noticed!(
        DoesNotLock,
        resolutions::of_many_resolutions_at_once_one_wins
    );
    noticed!(
        ForgetsIds,
        resolutions::holds_and_resolutions_are_replayed_like_every_transfer
    );
    noticed!(
        ReplaysWithoutPending,
        resolutions::holds_and_resolutions_are_replayed_like_every_transfer
    );
    noticed!(ForgetsExpiry, resolutions::an_expired_hold_is_never_posted);
    noticed!(
        ExpiresEarly,
        resolutions::the_sweeper_returns_what_is_due_and_nothing_else
    );
    noticed!(
        NeverExpires,
        resolutions::the_sweeper_returns_what_is_due_and_nothing_else
    );
    noticed!(
        TrustsTheClock,
        resolutions::time_rises_through_holds_even_if_the_clock_goes_back
    );
    noticed!(
        ForgetsReversals,
        reversals::partial_reversals_never_take_back_more_than_was_moved
    );
    noticed!(
        ForgetsReferences,
        reversals::a_reversal_moves_everything_back
    );
    noticed!(
        ForgetsStatus,
        held_accounts::a_freeze_stops_a_posting_and_never_a_release
    );
    noticed!(
        ClosesWithMoney,
        held_accounts::what_is_held_keeps_its_room_when_accounts_change
    );
    noticed!(ForgetsPending, reversals::a_reversal_keeps_the_limits);
    noticed!(
        DoesNotLock,
        reversals::of_many_reversals_at_once_as_many_win_as_there_is_left
    );
    noticed!(DoesNotLock, program::programs_side_by_side_conserve_money);
    noticed!(
        BlindVerify,
        verifying::every_kind_of_tampering_with_holds_is_found
    );
}

/// The model needs no rule of its own to see that something is wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_notices_what_the_rules_notice() {
    noticed!(
        ForgetsPending,
        program::the_same_program_has_the_same_outcomes_and_history_everywhere
    );
    noticed!(
        ForgetsExpiry,
        program::the_same_program_has_the_same_outcomes_and_history_everywhere
    );
    noticed!(
        ForgetsResolutions,
        program::the_same_program_has_the_same_outcomes_and_history_everywhere
    );
    noticed!(
        NeverExpires,
        program::the_same_program_has_the_same_outcomes_and_history_everywhere
    );
    noticed!(
        ForgetsFloors,
        program::the_same_program_has_the_same_outcomes_and_history_everywhere
    );
    noticed!(
        TrustsTheClock,
        program::the_same_program_has_the_same_outcomes_and_history_everywhere
    );
}

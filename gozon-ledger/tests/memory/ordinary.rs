//! What the rules about ordinary days must notice.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_an_ordinary_day_is_caught() {
    noticed!(
        DecidesApart,
        posting::each_transfer_of_a_batch_sees_what_the_ones_before_left
    );
    noticed!(DecidesApart, posting::a_repeat_within_one_batch_moves_once);
    noticed!(
        BurnsRefusedIds,
        posting::a_repeat_within_one_batch_moves_once
    );
    noticed!(
        BurnsRefusedIds,
        posting::a_refused_transfer_may_succeed_later
    );
    noticed!(
        BurnsRefusedIds,
        posting::what_cannot_be_a_transfer_is_refused_by_name
    );
    noticed!(
        ChecksFirst,
        posting::a_repeat_is_recognised_even_if_it_could_not_be_posted_now
    );
    noticed!(
        ForgetsIds,
        posting::a_repeat_is_recognised_even_if_it_could_not_be_posted_now
    );
    noticed!(
        DropsSigns,
        posting::what_cannot_be_a_transfer_is_refused_by_name
    );
    noticed!(
        TakesAnyText,
        posting::what_cannot_be_a_transfer_is_refused_by_name
    );
    noticed!(
        TakesTwoLegs,
        posting::a_transfer_may_have_many_legs_in_several_assets
    );
    noticed!(
        TearsTransfers,
        posting::a_transfer_may_have_many_legs_in_several_assets
    );
    noticed!(
        TakesAnyBatch,
        posting::a_call_with_too_many_transfers_is_refused
    );
    noticed!(NetsCounters, limits::counters_stop_before_they_overflow);
    noticed!(
        ShowsDebits,
        statements::a_statement_shows_amounts_in_the_normal_direction
    );
    noticed!(
        OpensAnything,
        accounts::an_account_that_could_not_open_with_zero_is_refused
    );
    noticed!(
        TakesAccountsForOthers,
        accounts::an_account_cannot_become_another_account
    );
    noticed!(
        ReopensAccounts,
        accounts::an_account_cannot_become_another_account
    );
    noticed!(
        TakesAnyText,
        administration::a_change_that_cannot_be_is_refused
    );
    noticed!(
        AlarmsFalsely,
        verifying::honest_books_are_clean_also_beside_traffic
    );
    noticed!(
        ForgetsIds,
        concurrency::of_two_transfers_that_claim_one_id_at_once_one_is_posted
    );
    noticed!(
        NeverTriesAgain,
        concurrency::transfers_in_opposite_directions_do_not_deadlock
    );
    noticed!(
        TearsTransfers,
        poster::a_poster_that_stops_has_posted_what_it_answered_and_nothing_else
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_an_ordinary_day_with_holds_is_caught() {
    noticed!(HoldsMoveMoney, holds::what_a_hold_announces_cannot_be_spent);
    noticed!(
        ForgetsPending,
        holds::a_hold_keeps_its_place_in_the_counters
    );
    noticed!(
        TakesTwoLegs,
        holds::a_hold_of_many_legs_is_resolved_as_a_unit
    );
    noticed!(
        PostsInFull,
        holds::a_hold_of_many_legs_is_resolved_as_a_unit
    );
    noticed!(
        KeepsReservations,
        holds::a_hold_of_many_legs_is_resolved_as_a_unit
    );
    noticed!(TakesAllForHolds, resolutions::only_a_hold_can_be_resolved);
    noticed!(
        DecidesApart,
        resolutions::one_batch_may_hold_and_post_and_take_back
    );
    noticed!(
        BurnsRefusedIds,
        resolutions::one_batch_may_hold_and_post_and_take_back
    );
    noticed!(
        TakesAllForPayments,
        reversals::only_what_moved_money_can_be_taken_back
    );
    noticed!(
        ForgetsReferences,
        reversals::a_posted_hold_can_be_taken_back
    );
    noticed!(PostsInFull, reversals::a_posted_hold_can_be_taken_back);
}

//! What the rules about ordinary days must notice.

use gozon_ledger::conformance::{
    accounts, administration, concurrency, holds, limits, poster, posting, resolutions, reversals,
    statements, verifying,
};
use gozon_ledger::memory::Fault;

use super::Broken;

pub(super) const FAULTS: &[Broken] = broken![
    DecidesApart => posting::each_transfer_of_a_batch_sees_what_the_ones_before_left,
    DecidesApart => posting::a_repeat_within_one_batch_moves_once,
    BurnsRefusedIds => posting::a_repeat_within_one_batch_moves_once,
    BurnsRefusedIds => posting::a_refused_transfer_may_succeed_later,
    BurnsRefusedIds => posting::what_cannot_be_a_transfer_is_refused_by_name,
    ChecksFirst => posting::a_repeat_is_recognised_even_if_it_could_not_be_posted_now,
    ForgetsIds => posting::a_repeat_is_recognised_even_if_it_could_not_be_posted_now,
    DropsSigns => posting::what_cannot_be_a_transfer_is_refused_by_name,
    TakesAnyText => posting::what_cannot_be_a_transfer_is_refused_by_name,
    TakesTwoLegs => posting::a_transfer_may_have_many_legs_in_several_assets,
    TearsTransfers => posting::a_transfer_may_have_many_legs_in_several_assets,
    TakesAnyBatch => posting::a_call_with_too_many_transfers_is_refused,
    NetsCounters => limits::counters_stop_before_they_overflow,
    ShowsDebits => statements::a_statement_shows_amounts_in_the_normal_direction,
    OpensAnything => accounts::an_account_that_could_not_open_with_zero_is_refused,
    TakesAccountsForOthers => accounts::an_account_cannot_become_another_account,
    ReopensAccounts => accounts::an_account_cannot_become_another_account,
    TakesAnyText => administration::a_change_that_cannot_be_is_refused,
    AlarmsFalsely => verifying::honest_books_are_clean_also_beside_traffic,
    ForgetsIds => concurrency::of_two_transfers_that_claim_one_id_at_once_one_is_posted,
    NeverTriesAgain => concurrency::transfers_in_opposite_directions_do_not_deadlock,
    TearsTransfers => poster::a_poster_that_stops_has_posted_what_it_answered_and_nothing_else,
    HoldsMoveMoney => holds::what_a_hold_announces_cannot_be_spent,
    ForgetsPending => holds::a_hold_keeps_its_place_in_the_counters,
    TakesTwoLegs => holds::a_hold_of_many_legs_is_resolved_as_a_unit,
    PostsInFull => holds::a_hold_of_many_legs_is_resolved_as_a_unit,
    KeepsReservations => holds::a_hold_of_many_legs_is_resolved_as_a_unit,
    TakesAllForHolds => resolutions::only_a_hold_can_be_resolved,
    DecidesApart => resolutions::one_batch_may_hold_and_post_and_take_back,
    BurnsRefusedIds => resolutions::one_batch_may_hold_and_post_and_take_back,
    TakesAllForPayments => reversals::only_what_moved_money_can_be_taken_back,
    ForgetsReferences => reversals::a_posted_hold_can_be_taken_back,
    PostsInFull => reversals::a_posted_hold_can_be_taken_back,
];

//! The shop, as its users see it: one suite, embedded and on PostgreSQL and
//! RabbitMQ.

mod journey;
mod money;
mod repeats;
mod statements;
mod watching;

gozon_tests::for_both_modes! {
    an_order_gets_paid = crate::money::an_order_gets_paid;
    an_order_without_enough_money_is_cancelled = crate::money::an_order_without_enough_money_is_cancelled;
    an_order_without_an_account_is_cancelled = crate::money::an_order_without_an_account_is_cancelled;
    of_64_parallel_orders_ten_are_paid_if_there_is_money_for_ten = crate::money::of_64_parallel_orders_ten_are_paid;
    the_same_event_delivered_three_times_charges_once = crate::repeats::the_same_event_delivered_three_times_charges_once;
    a_refused_order_is_not_charged_after_a_later_top_up = crate::repeats::a_refused_order_is_not_charged_after_a_later_top_up;
    every_verdict_that_contradicts_an_order_is_an_alarm = crate::repeats::every_verdict_that_contradicts_an_order_is_an_alarm;
    an_idempotency_key_makes_a_repeat_harmless = crate::repeats::an_idempotency_key_makes_a_repeat_harmless;
    a_paid_orders_journey_is_whole = crate::journey::a_paid_orders_journey_is_whole;
    a_refused_orders_journey_says_why = crate::journey::a_refused_orders_journey_says_why;
    a_journey_is_its_owners_alone = crate::journey::a_journey_is_its_owners_alone;
    deliveries_without_effect_do_not_change_a_journey = crate::journey::deliveries_without_effect_do_not_change_a_journey;
    the_times_are_those_of_the_delivery_that_took_effect = crate::journey::the_times_are_those_of_the_delivery_that_took_effect;
    what_an_older_version_settled_has_no_times = crate::journey::what_an_older_version_settled_has_no_times;
    a_socket_shows_the_order_and_then_its_change = crate::watching::a_socket_shows_the_order_and_then_its_change;
    a_user_never_hears_of_another_users_orders = crate::watching::a_user_never_hears_of_another_users_orders;
}

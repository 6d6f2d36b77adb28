//! The shop, as its users see it: one suite, embedded and on PostgreSQL and
//! RabbitMQ.

mod money;
mod repeats;
mod watching;

gozon_tests::for_both_modes! {
    an_order_gets_paid = crate::money::an_order_gets_paid;
    an_order_without_enough_money_is_cancelled = crate::money::an_order_without_enough_money_is_cancelled;
    an_order_without_an_account_is_cancelled = crate::money::an_order_without_an_account_is_cancelled;
    of_64_parallel_orders_ten_are_paid_if_there_is_money_for_ten = crate::money::of_64_parallel_orders_ten_are_paid;
    the_same_event_delivered_three_times_charges_once = crate::repeats::the_same_event_delivered_three_times_charges_once;
    a_refused_order_is_not_charged_after_a_later_top_up = crate::repeats::a_refused_order_is_not_charged_after_a_later_top_up;
    an_idempotency_key_makes_a_repeat_harmless = crate::repeats::an_idempotency_key_makes_a_repeat_harmless;
    a_socket_shows_the_order_and_then_its_change = crate::watching::a_socket_shows_the_order_and_then_its_change;
    a_user_never_hears_of_another_users_orders = crate::watching::a_user_never_hears_of_another_users_orders;
}

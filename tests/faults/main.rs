//! What happens when something dies: nothing is lost, nothing is charged twice.

mod begins;
mod commits;
mod crashes;
mod endings;
mod paused;
mod restarts;
mod servers;

gozon_tests::for_both_modes! {
    payments_dies_between_commit_and_acknowledgement = crate::crashes::payments_dies_between_commit_and_acknowledgement;
    payments_dies_with_the_effect_uncommitted = crate::crashes::payments_dies_with_the_effect_uncommitted;
    orders_dies_between_commit_and_publish = crate::crashes::orders_dies_between_commit_and_publish;
    the_relay_dies_between_confirm_and_delete = crate::crashes::the_relay_dies_between_confirm_and_delete;
    the_relay_dies_between_delete_and_its_next_message = crate::crashes::the_relay_dies_between_delete_and_its_next_message;
    payments_dies_when_it_has_acknowledged = crate::crashes::payments_dies_when_it_has_acknowledged;
    killed_at_any_moment_under_traffic = crate::restarts::killed_at_any_moment_under_traffic;
    stopped_politely_under_traffic = crate::restarts::stopped_politely_under_traffic;
    open_sockets_do_not_hold_up_an_end_under_traffic = crate::endings::open_sockets_do_not_hold_up_an_end_under_traffic;
    a_lost_event_is_asked_for_again = crate::restarts::a_lost_event_is_asked_for_again;
}

//! What the shop makes of input that it should not get: refused with a reason,
//! or taken as harmless, and nothing changed that was not asked for.
//!
//! The numbers are the rows of the project's list of forty bad inputs. Elsewhere:
//! 35 (bytes behind a declined upgrade) in the gateway's own suite, 39 (a
//! WebSocket client that does not read) beside the orders' sockets, and 40 (a
//! burst over a rate) once there are rates.

mod ask;
mod early;
mod harmless;
mod paging;
mod problem;
mod refused;
mod table;

gozon_tests::for_both_modes! {
    every_refusal_has_its_status_names_its_field_and_changes_nothing = crate::refused::every_refusal_has_its_status_names_its_field_and_changes_nothing;
    what_is_harmless_is_taken_as_it_is = crate::harmless::what_is_harmless_is_taken_as_it_is;
    one_key_used_many_times_at_once_has_one_effect = crate::harmless::one_key_used_many_times_at_once_has_one_effect;
    only_the_extractor_says_who_the_user_is = crate::harmless::only_the_extractor_says_who_the_user_is;
    a_connection_that_cannot_be_served_is_closed = crate::early::a_connection_that_cannot_be_served_is_closed;
    a_websocket_message_over_the_limit_closes_with_1009 = crate::early::a_websocket_message_over_the_limit_closes_with_1009;
    pages_show_every_entry_once_and_newest_first = crate::paging::pages_show_every_entry_once_and_newest_first;
}

//! The suite that every store must pass, as named rules.
//!
//! An adapter implements [`Probe`] and calls [`inbox_conformance!`] in a test
//! module, with an expression that opens an empty database.
//!
//! [`inbox_conformance!`]: crate::inbox_conformance

// Test kit: a failure here is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// The names of the rules are their documentation.
#![allow(missing_docs)]

mod bench;
mod feed;
mod handlers;
mod probe;

pub mod kept;
pub mod marks;
pub mod messages;
pub mod redelivered;
pub mod requests;

pub use bench::{Bench, Recorder, Running, eventually};
pub use feed::Feed;
pub use handlers::{Act, Scripted, envelope};
pub use probe::{Mark, Probe};

/// One test per rule. `$open` is an expression that gives, awaited, a pair of
/// an empty `Db` and something that must live as long as the test.
#[macro_export]
macro_rules! inbox_conformance {
    ($open:expr) => {
        $crate::inbox_conformance! { @rules $open;
            marks: mark_and_effect_commit_together,
            marks: a_repeat_has_no_effect,
            marks: consumers_with_different_names_are_independent,
            marks: batches_in_opposite_orders_do_not_deadlock,
            marks: a_mark_in_flight_is_waited_for,
            marks: only_old_marks_are_deleted,
            messages: poison_does_not_stop_its_neighbours,
            messages: a_panicking_handler_loses_only_its_message,
            messages: messages_are_sent_only_if_the_effect_commits,
            messages: conflicts_repeat_the_work_and_count_nothing,
            messages: a_conflict_without_end_does_not_stop_the_consumer,
            messages: the_trace_goes_on,
            messages: shutdown_finishes_the_batch_in_hand,
            messages: what_is_no_message_is_kept,
            kept: a_retry_waits_for_its_time_and_then_runs,
            kept: attempts_survive_a_rolled_back_handler,
            kept: a_message_is_dead_after_the_last_attempt,
            kept: a_rejected_message_is_dead_at_once,
            kept: instances_share_what_is_due,
            kept: a_late_claimer_changes_nothing,
            kept: a_kept_message_that_cannot_be_read_is_dead,
            redelivered: company_is_noted_and_not_counted,
            redelivered: after_a_crash_each_message_runs_alone,
            redelivered: a_message_that_ends_every_attempt_is_dead,
            redelivered: a_message_is_tried_by_one_consumer_at_a_time,
            redelivered: what_is_done_is_only_acknowledged,
            requests: a_repeat_gets_the_first_answer,
            requests: another_request_under_the_same_key_is_refused,
            requests: a_concurrent_repeat_waits_for_the_first,
            requests: a_repeat_does_not_wait_for_ever,
            requests: a_rollback_frees_the_key,
            requests: an_expired_key_can_be_used_again,
            requests: keys_of_others_are_other_keys,
            requests: only_success_is_stored,
        }
    };
    (@rules $open:expr; $($module:ident: $rule:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let (db, _alive) = $open.await;
                $crate::conformance::$module::$rule(db.clone()).await;
                db.close().await;
            }
        )*
    };
}

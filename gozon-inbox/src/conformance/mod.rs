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
mod subject;

pub mod away;
pub mod dead;
pub mod kept;
pub mod marks;
pub mod messages;
pub mod ordered;
pub mod redelivered;
pub mod requests;

pub use bench::{Bench, Recorder, Running, eventually, with_patience};
pub use feed::Feed;
pub use handlers::{Act, Scripted, envelope};
pub use probe::{Mark, Probe};
pub use subject::{Engine, Job, Ours, Subject};

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use gozon_sqlx::Database;

/// The rules, handed to another macro: `rules!(next!(what comes first))`.
#[doc(hidden)]
#[macro_export]
macro_rules! inbox_rules {
    ($next:ident!($($first:tt)*)) => {
        $crate::$next! { $($first)*;
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
            messages: nothing_is_acknowledged_before_the_commit,
            messages: deliveries_that_end_are_asked_for_again,
            away: messages_are_held_while_the_database_is_away,
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
            dead: dead_letters_come_in_pages,
            dead: a_replayed_message_runs_with_its_full_budget,
            dead: a_replayed_message_that_dies_again_can_be_replayed_again,
            dead: a_discarded_message_is_recorded_and_never_runs,
            dead: what_is_no_message_can_only_be_discarded,
            dead: only_a_dead_letter_can_be_decided_about,
            dead: a_letter_is_decided_about_once,
            dead: each_consumer_decides_about_its_own,
            ordered: later_messages_wait_behind_one_that_is_tried_again,
            ordered: a_dead_letter_holds_its_key_until_it_is_replayed,
            ordered: a_discarded_dead_letter_lets_its_key_go_on,
            ordered: what_waits_survives_its_consumer,
            ordered: a_crash_before_the_next_ones_turn_strands_nobody,
            ordered: what_must_run_alone_does_not_let_later_ones_pass,
            ordered: what_was_noted_waits_as_well,
            ordered: instances_do_not_reorder_a_key,
            ordered: a_message_that_comes_while_its_line_moves_is_not_lost,
            ordered: without_order_nobody_waits,
            requests: a_repeat_gets_the_first_answer,
            requests: another_request_under_the_same_key_is_refused,
            requests: a_concurrent_repeat_waits_for_the_first,
            requests: a_repeat_does_not_wait_for_ever,
            requests: a_rollback_frees_the_key,
            requests: an_expired_key_can_be_used_again,
            requests: keys_of_others_are_other_keys,
            requests: only_success_is_stored,
            requests: an_answer_is_stored_only_if_the_work_commits,
        }
    };
}

/// One test per rule. `$open` is an expression that gives, awaited, a pair of
/// an empty `Db` and something that must live as long as the test.
#[macro_export]
macro_rules! inbox_conformance {
    ($open:expr) => {
        $crate::inbox_rules!(inbox_tests!($open));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! inbox_tests {
    ($open:expr; $($module:ident: $rule:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let (db, _alive) = $open.await;
                let subject = $crate::conformance::Subject::new(db.clone());
                $crate::conformance::$module::$rule(subject).await;
                db.close().await;
            }
        )*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! inbox_table {
    ($database:ty; $($module:ident: $rule:ident),* $(,)?) => {
        vec![$(Rule {
            name: stringify!($rule),
            run: |subject| Box::pin($module::$rule::<$database>(subject)),
        }),*]
    };
}

/// One rule of the suite.
pub struct Rule<D: Database> {
    /// The rule, as the name of its function.
    pub name: &'static str,
    run: Run<D>,
}

type Run<D> = fn(Subject<D>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

impl<D: Database> std::fmt::Debug for Rule<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rule").field(&self.name).finish()
    }
}

/// All rules.
pub fn rules<D: Probe>() -> Vec<Rule<D>> {
    crate::inbox_rules!(inbox_table!(D))
}

/// Tries one rule by its name.
///
/// # Errors
/// How it was broken; also when there is no rule of this name.
pub async fn check<D: Probe>(
    subject: Subject<D>,
    name: &str,
    patience: Duration,
) -> Result<(), String> {
    let Some(rule) = rules().into_iter().find(|rule| rule.name == name) else {
        return Err(format!("there is no rule {name}"));
    };
    // A task of its own, because a broken rule is a panic.
    let trial = tokio::spawn(with_patience(patience, (rule.run)(subject)));
    let Err(lost) = trial.await else {
        return Ok(());
    };
    let panic = lost.into_panic();
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    Err(text.unwrap_or("a panic without words").to_owned())
}

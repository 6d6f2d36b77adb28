//! Which rules there are, and how one is tried.

use std::any::Any;
use std::pin::Pin;
use std::time::Duration;

use gozon_core::conformance::{Report, Verdict, Violation};
use tokio::task::JoinError;
use tokio::time::timeout;

use super::{
    Bench, appending, archive, dead_letters, delaying, leasing, limits, model, reading,
    taking_over, writing,
};
use crate::OutboxDatabase;

/// What waits for ever breaks its rule as well.
const PATIENCE: Duration = Duration::from_secs(120);

/// One rule of the suite.
pub struct Rule<D: OutboxDatabase> {
    /// The rule, as the name of its function.
    pub name: &'static str,
    check: Check<D>,
}

type Check<D> = fn(Bench<D>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

impl<D: OutboxDatabase> Rule<D> {
    /// Tries the rule on a fresh bench, and closes its database.
    ///
    /// # Errors
    /// [`Violation`] says how the rule was broken.
    pub async fn check(&self, bench: Bench<D>) -> Verdict {
        let db = bench.db.clone();
        // A task, so that a panic is an answer.
        let mut task = tokio::spawn((self.check)(bench));
        let verdict = match timeout(PATIENCE, &mut task).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(lost)) => Err(Violation::new(said(lost))),
            Err(_) => {
                task.abort();
                Err(Violation::new(format!("did not end within {PATIENCE:?}")))
            }
        };
        // A broken store may keep a connection; the verdict does not wait for it.
        let _ = timeout(Duration::from_secs(5), db.close()).await;
        verdict
    }
}

impl<D: OutboxDatabase> std::fmt::Debug for Rule<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rule").field(&self.name).finish()
    }
}

pub(super) fn said(lost: JoinError) -> String {
    let Ok(payload) = lost.try_into_panic() else {
        return "was cancelled".to_owned();
    };
    let payload: Box<dyn Any> = payload;
    match (
        payload.downcast_ref::<String>(),
        payload.downcast_ref::<&str>(),
    ) {
        (Some(text), _) => text.clone(),
        (None, Some(text)) => (*text).to_owned(),
        (None, None) => "panicked".to_owned(),
    }
}

macro_rules! rules {
    ($($module:ident::$rule:ident,)+) => {
        vec![$(Rule {
            name: stringify!($rule),
            check: |bench| Box::pin(async move { $module::$rule(&bench).await }),
        },)+]
    };
}

/// All rules, in the order in which they build on each other.
pub fn rules<D: OutboxDatabase>() -> Vec<Rule<D>> {
    rules![
        appending::a_message_comes_out_as_it_went_in,
        appending::the_messages_of_a_slice_keep_their_order,
        appending::a_rollback_removes_the_messages,
        appending::sequence_order_is_commit_order_per_key,
        appending::opposite_orders_of_keys_do_not_deadlock,
        appending::thousands_of_keys_fit_into_one_transaction,
        appending::pending_keys_are_those_that_have_messages,
        appending::a_key_behind_a_long_backlog_is_pending,
        delaying::a_delayed_message_draws_its_number_when_it_is_due,
        delaying::a_promotion_that_waits_for_a_key_lets_leases_be_renewed,
        delaying::a_promotion_passes_a_key_that_is_in_use,
        limits::a_message_that_is_too_large_is_refused,
        limits::a_key_is_kept_up_to_its_limit_and_refused_beyond,
        leasing::no_partition_has_two_owners,
        leasing::a_lease_can_be_taken_only_after_its_term,
        leasing::a_renewed_lease_outlasts_its_first_term,
        leasing::a_released_lease_can_be_taken_at_once,
        leasing::who_is_certainly_alone_takes_leases_at_once,
        leasing::members_are_counted_while_they_live,
        leasing::free_leases_are_counted,
        leasing::a_member_that_leaves_leaves_nothing_behind,
        reading::only_owned_partitions_are_read,
        reading::a_read_under_a_lost_epoch_finds_nothing,
        reading::a_read_keeps_its_limits,
        reading::a_read_keeps_its_bytes,
        reading::what_is_behind_a_held_message_is_not_read,
        reading::a_read_leaves_out_what_it_is_told_to,
        reading::a_read_is_not_a_cursor,
        writing::a_number_is_never_used_twice,
        writing::a_held_key_is_found_by_its_next_owner,
        writing::attempts_are_counted_if_they_were_made,
        writing::a_held_key_leaves_the_ready_set_and_comes_back_in_order,
        writing::what_is_behind_any_held_message_leaves_the_ready_set,
        writing::a_dead_letter_stays_dead,
        writing::every_write_but_a_delete_checks_the_epoch,
        writing::a_lease_taken_again_is_another_lease,
        writing::messages_without_a_key_are_held_one_by_one,
        writing::the_counts_add_up,
        model::whatever_it_is_asked_it_answers_as_the_model,
        taking_over::held_keys_are_loaded_page_by_page,
        taking_over::a_held_key_is_one_entry,
        taking_over::members_stand_in_one_order,
        dead_letters::dead_letters_are_listed_page_by_page,
        dead_letters::a_replayed_dead_letter_keeps_its_place,
        dead_letters::a_discarded_dead_letter_is_kept_with_the_decision,
        dead_letters::only_dead_letters_are_decided_about,
        dead_letters::every_decision_is_recorded,
        dead_letters::who_follows_the_decisions_misses_none,
        dead_letters::a_dead_letter_is_looked_at_without_its_payload,
        archive::an_archived_message_leaves_the_outbox_and_is_found,
        archive::archiving_twice_changes_nothing,
        archive::a_deleted_message_is_not_archived,
        archive::the_archive_of_a_key_is_read_page_by_page,
        archive::the_archive_is_trimmed_in_bites,
        archive::the_counts_per_type_add_up,
    ]
}

/// Tries every rule, each on a bench that `fresh` makes, one after the other.
pub async fn run_all<D, F>(fresh: impl Fn() -> F) -> Report
where
    D: OutboxDatabase,
    F: Future<Output = Bench<D>>,
{
    let mut report = Report::default();
    for rule in rules() {
        report.add(rule.name, rule.check(fresh().await).await);
    }
    report
}

/// Tries one rule by its name.
///
/// # Errors
/// [`Violation`], also when there is no rule of this name.
pub async fn check<D: OutboxDatabase>(bench: Bench<D>, name: &str) -> Verdict {
    match rules().into_iter().find(|rule| rule.name == name) {
        Some(rule) => rule.check(bench).await,
        None => Err(Violation::new(format!("there is no rule {name}"))),
    }
}

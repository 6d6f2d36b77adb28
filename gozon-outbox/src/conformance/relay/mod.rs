//! The rules that whatever relays must keep, each a function by its name.
//!
//! A relay is anything that publishes what an [`OutboxStore`] holds, with its
//! leases. The suite runs it on an outbox and a broker in memory that do what
//! the rule's script says, and watches it: beside what each rule asks for, a
//! rule is broken by any relay that publishes a message beside or before an
//! earlier one of its key, publishes without a lease, deletes what was not
//! confirmed, or buries what was not refused.
//!
//! Run it with the clock paused (`#[tokio::test(start_paused = true)]`, tokio's
//! feature `test-util`): the rules wait for terms and pauses of the default
//! settings to pass, and take everything that happens to happen in tokio's time.
//!
//! ```no_run
//! # use gozon_outbox::{Relay, conformance::{Report, relay::{run_all, Work}}};
//! # async fn example() -> Result<(), Report> {
//! run_all(|store, publisher, config, shutdown| -> Work {
//!     Box::pin(async move {
//!         let relay = Relay::on(store, publisher, config).expect("sound settings");
//!         relay.run(shutdown).await.expect("it ends when it is told to");
//!     })
//! })
//! .await
//! .into_result()
//! # }
//! ```

mod broker;
pub mod fairness;
pub mod leases;
mod link;
mod log;
pub(super) mod memory;
pub mod order;
pub mod outcomes;
mod stage;
pub mod stopping;
pub mod storms;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use gozon_core::Publisher;
use gozon_core::conformance::{Report, Verdict, Violation};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::rules::said;
use crate::OutboxConfig;
use crate::store::OutboxStore;
pub use broker::{Answer, Broker};
pub use link::Weather;
pub use log::Arrival;
pub use stage::{Actor, Stage, pass, spoken};

/// A relay at work.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Makes relays for the suite. Any suitable closure does.
pub trait Relays: Send + Sync {
    /// A relay that works until `shutdown`, and ends when it has drained. A
    /// panic breaks the rule. Dropped, it must leave nothing running.
    fn relay(
        &self,
        store: Arc<dyn OutboxStore>,
        publisher: Arc<dyn Publisher>,
        config: OutboxConfig,
        shutdown: CancellationToken,
    ) -> Work;
}

impl<F> Relays for F
where
    F: Fn(Arc<dyn OutboxStore>, Arc<dyn Publisher>, OutboxConfig, CancellationToken) -> Work
        + Send
        + Sync,
{
    fn relay(
        &self,
        store: Arc<dyn OutboxStore>,
        publisher: Arc<dyn Publisher>,
        config: OutboxConfig,
        shutdown: CancellationToken,
    ) -> Work {
        self(store, publisher, config, shutdown)
    }
}

/// One rule of the suite.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The rule, as the name of its function.
    pub name: &'static str,
    check: Check,
}

type Check = fn(Stage) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// What waits for ever breaks its rule as well.
const PATIENCE: Duration = Duration::from_secs(3_600);

impl Rule {
    /// Tries the rule on a fresh stage.
    ///
    /// # Errors
    /// [`Violation`] says how the rule was broken.
    pub async fn check(&self, relays: &Arc<dyn Relays>) -> Verdict {
        let stage = Stage::new(Arc::clone(relays));
        let watched = stage.clone();
        // A task, so that a panic is an answer.
        let mut task = tokio::spawn((self.check)(stage));
        let verdict = match timeout(PATIENCE, &mut task).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(lost)) => Err(said(lost)),
            Err(_) => {
                task.abort();
                Err(format!("did not end within {PATIENCE:?}"))
            }
        };
        watched.clear().await;
        let seen = watched.violations();
        match (verdict, seen.first()) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(seen)) => Err(Violation::new(seen)),
            (Err(broken), Some(seen)) if !broken.contains(seen) => {
                Err(Violation::new(format!("{broken}; {seen}")))
            }
            (Err(broken), _) => Err(Violation::new(broken)),
        }
    }
}

macro_rules! rules {
    ($($module:ident::$rule:ident,)+) => {
        &[$(Rule {
            name: stringify!($rule),
            check: |stage| Box::pin(async move { $module::$rule(&stage).await }),
        },)+]
    };
}

/// All rules, in the order in which they build on each other.
pub const RULES: &[Rule] = rules![
    order::what_is_committed_is_published_and_deleted,
    order::a_key_has_one_unconfirmed_message_at_most,
    order::other_keys_flow_past_an_unconfirmed_message,
    order::a_held_key_lets_no_successor_through,
    order::a_lower_number_that_commits_later_is_published,
    order::a_delayed_message_is_published_when_it_is_due,
    order::order_survives_random_outcomes,
    outcomes::a_nacked_message_is_kept_and_repeated,
    outcomes::an_unknown_message_is_kept_and_repeated,
    outcomes::a_returned_message_is_kept_and_repeated,
    outcomes::a_message_without_an_answer_is_repeated,
    outcomes::a_message_is_deleted_only_after_it_was_confirmed,
    outcomes::every_attempt_says_when_it_began,
    outcomes::an_outage_buries_nothing_however_long,
    outcomes::a_refused_message_is_buried_and_holds_its_key,
    outcomes::an_unreadable_message_is_buried_and_holds_its_key,
    leases::nothing_is_published_after_the_term,
    leases::a_paused_relay_that_was_replaced_publishes_nothing_more,
    leases::a_dead_relays_messages_are_delivered_by_another,
    leases::the_heir_repeats_what_was_unconfirmed,
    leases::the_heir_knows_the_keys_that_were_held,
    leases::relays_share_the_partitions,
    leases::a_killed_relay_is_replaced_without_a_new_start,
    leases::an_outage_of_the_database_is_waited_out,
    stopping::a_stopping_relay_waits_for_its_answers_and_publishes_nothing_new,
    stopping::a_stopped_relay_leaves_nothing_behind,
    stopping::stopping_ends_even_without_an_answer,
    storms::whatever_happens_everything_arrives_in_order,
    fairness::a_hot_key_does_not_starve_the_others,
    fairness::a_type_that_does_not_get_through_is_published_little,
    fairness::a_type_that_does_not_get_through_leaves_room_for_the_others,
];

/// Tries every rule, each on a fresh stage, one after the other.
pub async fn run_all(relays: impl Relays + 'static) -> Report {
    let relays: Arc<dyn Relays> = Arc::new(relays);
    let mut report = Report::default();
    for rule in RULES {
        report.add(rule.name, rule.check(&relays).await);
    }
    report
}

/// Tries one rule by its name.
///
/// # Errors
/// [`Violation`], also when there is no rule of this name.
pub async fn check(relays: impl Relays + 'static, name: &str) -> Verdict {
    let relays: Arc<dyn Relays> = Arc::new(relays);
    match RULES.iter().find(|rule| rule.name == name) {
        Some(rule) => rule.check(&relays).await,
        None => Err(Violation::new(format!("there is no rule {name}"))),
    }
}

//! What every transport must do, one function per rule.
//!
//! Implement [`Harness`], then ask [`run_all`]:
//!
//! ```
//! # use gozon_core::{InProcess, conformance::transport::*};
//! struct Mine;
//!
//! #[async_trait::async_trait]
//! impl Harness for Mine {
//!     async fn candidate(&self) -> Result<Candidate, HarnessError> {
//!         let transport = InProcess::new();
//!         let closing = transport.clone();
//!         Ok(Candidate::of(transport, move || {
//!             let closing = closing.clone();
//!             Box::pin(async move { closing.close() })
//!         }))
//!     }
//! }
//!
//! # async fn example() -> Result<(), Report> {
//! run_all(&Mine).await.into_result()
//! # }
//! ```
//!
//! The rules wait on events, never on the clock; [`Candidate::with_patience`]
//! only bounds how long something may fail to happen.

pub mod broadcast;
mod candidate;
pub mod content;
mod kit;
pub mod lifecycle;
pub mod ordering;
pub mod publishing;
pub mod receiving;
mod report;
pub mod settling;
pub mod sharing;

use std::future::Future;
use std::pin::Pin;

use async_trait::async_trait;
use tokio::time::timeout;

pub use candidate::Candidate;
pub use kit::{BROADCAST, DURABLE, ORDERED, Verdict, Violation};
pub use report::Report;

/// Why no transport could be made: the harness failed, not a rule.
pub type HarnessError = Box<dyn std::error::Error + Send + Sync>;

/// Makes transports for the suite.
#[async_trait]
pub trait Harness: Send + Sync {
    /// A running transport that shares no subscription with any other: the
    /// rules use the same names ([`DURABLE`], [`ORDERED`], [`BROADCAST`]) again and
    /// again.
    ///
    /// # Errors
    /// When there is none to be had. The rule then counts as failed.
    async fn candidate(&self) -> Result<Candidate, HarnessError>;
}

/// One rule of the suite.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The rule, as the name of its function.
    pub name: &'static str,
    check: Check,
}

type Check = for<'a> fn(&'a Candidate) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

impl Rule {
    /// Tries the rule on a fresh candidate, and closes it.
    ///
    /// # Errors
    /// [`Violation`] says how the rule was broken.
    pub async fn check(&self, harness: &dyn Harness) -> Verdict {
        let candidate = harness
            .candidate()
            .await
            .map_err(|error| Violation::new(format!("no transport to try: {error}")))?;
        // Every step of a rule is bounded by itself; this bounds the unforeseen.
        let bound = candidate.patience() * 20;
        let verdict = timeout(bound, (self.check)(&candidate)).await;
        let closed = timeout(candidate.patience(), candidate.close()).await;
        verdict.unwrap_or_else(|_| Err(Violation::new(format!("did not end within {bound:?}"))))?;
        closed.map_err(|_| Violation::new("the transport did not close"))
    }
}

macro_rules! rules {
    ($($module:ident::$rule:ident,)+) => {
        &[$(Rule {
            name: stringify!($rule),
            check: |candidate| Box::pin($module::$rule(candidate)),
        },)+]
    };
}

/// All rules, in the order in which they build on each other.
pub const RULES: &[Rule] = rules![
    publishing::a_confirmed_message_arrives,
    publishing::outcomes_match_the_batch_in_length_and_order,
    publishing::an_unroutable_message_is_returned_and_never_confirmed,
    publishing::a_repeat_is_confirmed_too,
    publishing::many_concurrent_batches_are_all_answered,
    publishing::batches_do_not_wait_for_each_other,
    publishing::one_key_with_one_message_in_flight_arrives_in_order,
    content::every_attribute_survives,
    content::data_of_any_size_survives,
    sharing::a_subscription_receives_its_types_alone,
    sharing::each_durable_subscription_gets_a_copy,
    sharing::consumers_of_one_subscription_share_its_messages,
    sharing::what_is_published_to_an_absent_consumer_arrives_later_or_is_not_confirmed,
    sharing::what_is_confirmed_was_acknowledged_or_is_kept,
    settling::a_first_delivery_is_not_flagged_redelivered,
    settling::what_is_unsettled_comes_again_after_the_stream_is_dropped,
    settling::a_delivery_dropped_unsettled_comes_again,
    settling::what_is_requeued_comes_again,
    settling::what_is_acknowledged_does_not_come_again,
    settling::an_acknowledgement_settles_one_delivery_alone,
    receiving::prefetch_bounds_what_is_unsettled,
    receiving::an_acknowledgement_makes_room_for_the_next,
    receiving::receive_returns_no_more_than_asked,
    receiving::receive_is_cancel_safe,
    ordering::an_ordered_subscription_delivers_every_message,
    ordering::each_key_keeps_its_order_over_several_consumers,
    ordering::what_follows_a_held_message_goes_to_no_one_else,
    ordering::a_newcomer_waits_for_what_is_held,
    ordering::the_next_consumer_begins_with_what_was_not_acknowledged,
    ordering::what_is_requeued_returns_to_its_place,
    ordering::a_held_partition_holds_up_no_other,
    ordering::a_partition_hands_out_no_more_than_its_share,
    ordering::order_is_declared_once_and_for_all,
    broadcast::a_broadcast_reaches_every_live_instance,
    broadcast::a_broadcast_holds_no_confirmation,
    broadcast::a_broadcast_without_audience_is_answered,
    broadcast::a_broadcast_keeps_nothing_for_the_absent,
    lifecycle::declaring_twice_is_harmless,
    lifecycle::a_subscription_that_makes_no_sense_is_refused,
    lifecycle::closing_ends_streams,
    lifecycle::nothing_is_confirmed_after_closing,
];

/// Tries every rule, each on a fresh candidate, one after the other.
pub async fn run_all(harness: &dyn Harness) -> Report {
    let mut report = Report::default();
    for rule in RULES {
        report.add(rule.name, rule.check(harness).await);
    }
    report
}

/// Tries one rule by its name.
///
/// # Errors
/// [`Violation`], also when there is no rule of this name.
pub async fn check(harness: &dyn Harness, name: &str) -> Verdict {
    match RULES.iter().find(|rule| rule.name == name) {
        Some(rule) => rule.check(harness).await,
        None => Err(Violation::new(format!("there is no rule {name}"))),
    }
}

//! The rules that every outbox store must keep, each a function by its name.
//!
//! Give [`run_all`] a function that makes a fresh, empty database; it migrates
//! and checks one rule after the other, each on a database of its own, and
//! prints the name of each before it starts, so that a failure names its rule.

// A broken rule is reported by a panic, as in any test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod appending;
pub mod leasing;
pub mod reading;
pub mod writing;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gozon_core::{Append, Clock, Envelope, MessageId, NewMessage, SystemClock};
use gozon_sqlx::Db;

use crate::store::{Leases, MemberId, OutboxStore, Read, Row};
use crate::{Outbox, OutboxConfig, OutboxDatabase};

/// A term that does not end during a test.
pub const LONG: Duration = Duration::from_secs(600);
/// A term that ends soon.
pub const SHORT: Duration = Duration::from_millis(150);

/// A fresh outbox, seen from both sides.
pub struct Bench<D: OutboxDatabase> {
    /// The database.
    pub db: Db<D>,
    /// Where services append.
    pub outbox: Outbox<D>,
    /// What the relay works on.
    pub store: Arc<dyn OutboxStore>,
}

impl<D: OutboxDatabase> Clone for Bench<D> {
    fn clone(&self) -> Self {
        Self {
            db: self.db.clone(),
            outbox: self.outbox.clone(),
            store: Arc::clone(&self.store),
        }
    }
}

impl<D: OutboxDatabase> Bench<D> {
    /// Migrates an empty database.
    pub async fn new(db: Db<D>) -> Self {
        let outbox = Outbox::new(db.clone(), OutboxConfig::default()).unwrap();
        outbox.migrate().await.unwrap();
        Self {
            store: D::store(db.clone()),
            db,
            outbox,
        }
    }

    /// Appends and commits.
    pub async fn append(&self, messages: &[NewMessage]) {
        let mut tx = self.db.begin().await.unwrap();
        self.outbox.append(&mut tx, messages).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Takes every partition for a new member.
    pub async fn own_all(&self) -> Leases {
        let member = MemberId::generate();
        let held = self.store.acquire(member, LONG, 1_024, true).await.unwrap();
        Leases { member, held }
    }

    /// Everything that is ready in these partitions.
    pub async fn read(&self, leases: &Leases) -> Vec<Row> {
        self.store.read(&all(leases)).await.unwrap()
    }
}

/// A read without any limit that matters.
pub fn all(leases: &Leases) -> Read {
    Read {
        leases: leases.clone(),
        skip_keys: Vec::new(),
        skip_seqs: Vec::new(),
        per_partition: 10_000,
        per_key: 10_000,
        limit: 10_000,
        bytes: u64::MAX,
    }
}

/// A message that says `text`.
pub fn message(key: Option<&str>, text: &str) -> NewMessage {
    NewMessage {
        envelope: Envelope {
            id: MessageId::generate(),
            source: "/gozon/conformance".to_owned(),
            kind: "probe".to_owned(),
            subject: None,
            time: SystemClock.now(),
            content_type: "text/plain".to_owned(),
            schema: None,
            key: key.map(str::to_owned),
            correlation_id: None,
            causation_id: None,
            traceparent: None,
            tracestate: None,
            data: Bytes::copy_from_slice(text.as_bytes()),
        },
        delay: None,
    }
}

/// What the rows say.
pub fn texts(rows: &[Row]) -> Vec<String> {
    let texts = rows.iter().map(|row| String::from_utf8(row.data.clone()));
    texts.map(Result::unwrap).collect()
}

/// Asks again and again until the answer is yes, for ten seconds at most.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let asking = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let answered = tokio::time::timeout(Duration::from_secs(10), asking).await;
    assert!(answered.is_ok(), "never: {what}");
}

/// Checks every rule, each on a database that `fresh` makes.
///
/// # Panics
/// When a rule is broken; the last name printed is the rule.
pub async fn run_all<D: OutboxDatabase, F: Future<Output = Db<D>>>(fresh: impl Fn() -> F) {
    macro_rules! rules {
        ($($group:ident::$rule:ident),* $(,)?) => {$(
            println!("rule {}", stringify!($rule));
            let bench = Bench::new(fresh().await).await;
            $group::$rule(&bench).await;
            bench.db.close().await;
        )*};
    }
    rules!(
        appending::a_message_comes_out_as_it_went_in,
        appending::the_messages_of_a_slice_keep_their_order,
        appending::a_rollback_removes_the_messages,
        appending::sequence_order_is_commit_order_per_key,
        appending::opposite_orders_of_keys_do_not_deadlock,
        appending::thousands_of_keys_fit_into_one_transaction,
        appending::pending_keys_are_those_that_have_messages,
        appending::a_delayed_message_draws_its_number_when_it_is_due,
        appending::a_promotion_that_waits_for_a_key_lets_leases_be_renewed,
        appending::a_message_that_is_too_large_is_refused,
        leasing::no_partition_has_two_owners,
        leasing::a_lease_can_be_taken_only_after_its_term,
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
        writing::a_dead_letter_stays_dead,
        writing::every_write_but_a_delete_checks_the_epoch,
        writing::a_lease_taken_again_is_another_lease,
        writing::messages_without_a_key_are_held_one_by_one,
        writing::the_counts_add_up,
    );
}

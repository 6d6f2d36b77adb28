//! Every metric of this crate.

use crate::store::OutboxStats;

/// Counter: publish attempts by what became of them. Label `outcome`:
/// `confirmed`, `nacked`, `returned`, `unknown` or `dead`.
pub const RELAYED: &str = "gozon_outbox_relayed_total";
/// Gauge: messages that were not delivered yet, without dead ones, in the whole outbox.
pub const PENDING: &str = "gozon_outbox_pending";
/// Gauge: messages that failed or wait behind one that did, in the whole outbox.
pub const HELD: &str = "gozon_outbox_held";
/// Gauge: messages that the broker refused for their own sake. Alert above 0.
pub const DEAD: &str = "gozon_outbox_dead";
/// Gauge: age of the oldest undelivered message in seconds; 0 when there is
/// none. Alert on this one.
pub const OLDEST_PENDING: &str = "gozon_outbox_oldest_pending_seconds";
/// Counter: changes of partition leases. Label `change`: `acquired`, `shed`,
/// `lost` or `released`.
pub const LEASE_CHANGES: &str = "gozon_outbox_lease_changes_total";
/// Gauge: partitions that this process relays.
pub const OWNED_PARTITIONS: &str = "gozon_outbox_owned_partitions";
/// Counter: database calls of the relay that failed and are repeated.
pub const STORE_FAILURES: &str = "gozon_outbox_store_failures_total";

pub(crate) fn relayed(outcome: &'static str, count: u64) {
    metrics::counter!(RELAYED, "outcome" => outcome).increment(count);
}

pub(crate) fn lease_changes(change: &'static str, count: usize) {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    metrics::counter!(LEASE_CHANGES, "change" => change).increment(count);
}

pub(crate) fn owned_partitions(count: usize) {
    metrics::gauge!(OWNED_PARTITIONS).set(u32::try_from(count).unwrap_or(u32::MAX));
}

pub(crate) fn store_failure() {
    metrics::counter!(STORE_FAILURES).increment(1);
}

pub(crate) fn stats(stats: &OutboxStats) {
    let gauge = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    metrics::gauge!(PENDING).set(gauge(stats.pending));
    metrics::gauge!(HELD).set(gauge(stats.held));
    metrics::gauge!(DEAD).set(gauge(stats.dead));
    let oldest = stats.oldest_pending.unwrap_or_default();
    metrics::gauge!(OLDEST_PENDING).set(oldest.as_secs_f64());
}

//! Every metric of this crate.

use crate::store::{KindStats, OutboxStats};

/// Counter: publish attempts by what became of them. Label `outcome`:
/// `confirmed`, `nacked`, `returned`, `unknown` or `dead`.
pub const RELAYED: &str = "gozon_outbox_relayed_total";
/// Gauge: messages that were not delivered yet, without dead ones, in the whole outbox.
pub const PENDING: &str = "gozon_outbox_pending";
/// Gauge: messages that failed or wait behind one that did, in the whole outbox.
pub const HELD: &str = "gozon_outbox_held";
/// Gauge: keys, and messages without a key, that this process's relay keeps in
/// memory because they failed; at most [`crate::OutboxConfig::max_held`], and what
/// is being written into the table.
pub const HELD_IN_MEMORY: &str = "gozon_outbox_held_in_memory";
/// Gauge: messages that the broker refused for their own sake. Alert above 0.
pub const DEAD: &str = "gozon_outbox_dead";
/// Gauge: age of the oldest undelivered message in seconds; 0 when there is
/// none. Alert on this one.
pub const OLDEST_PENDING: &str = "gozon_outbox_oldest_pending_seconds";
/// Gauge: messages that were not delivered yet, without dead ones, per event type.
/// Label `type`: the event types that stand in the outbox. One relay at a time
/// says it; take the maximum over processes.
pub const PENDING_BY_TYPE: &str = "gozon_outbox_pending_by_type";
/// Gauge: age of the oldest undelivered message in seconds, per event type, that
/// is per destination. Labels as for [`PENDING_BY_TYPE`].
pub const OLDEST_PENDING_BY_TYPE: &str = "gozon_outbox_oldest_pending_by_type_seconds";
/// Counter: messages that were published and went into the archive.
pub const ARCHIVED: &str = "gozon_outbox_archived_total";
/// Counter: messages that the archive no longer keeps.
pub const ARCHIVE_TRIMMED: &str = "gozon_outbox_archive_trimmed_total";
/// Counter: decisions about dead letters that a relay of this process saw;
/// every process sees all of them.
pub const DECISIONS: &str = "gozon_outbox_decisions_seen_total";
/// Counter: signals between processes that share an outbox. Label `signal`: `sent`,
/// `heard`, or `failed` for each time the connection for them was lost or refused.
pub const SIGNALS: &str = "gozon_outbox_signals_total";
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

pub(crate) fn held_in_memory(count: usize) {
    metrics::gauge!(HELD_IN_MEMORY).set(u32::try_from(count).unwrap_or(u32::MAX));
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

/// `left` are types that this process spoke about and that are gone.
pub(crate) fn kinds<'a>(kinds: &[KindStats], left: impl Iterator<Item = &'a str>) {
    let set = |kind: &str, pending: u64, oldest: f64| {
        let pending = u32::try_from(pending).unwrap_or(u32::MAX);
        metrics::gauge!(PENDING_BY_TYPE, "type" => kind.to_owned()).set(pending);
        metrics::gauge!(OLDEST_PENDING_BY_TYPE, "type" => kind.to_owned()).set(oldest);
    };
    for kind in left {
        set(kind, 0, 0.0);
    }
    for stats in kinds {
        let oldest = stats.oldest_pending.unwrap_or_default();
        set(&stats.kind, stats.pending, oldest.as_secs_f64());
    }
}

pub(crate) fn archived(count: usize) {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    metrics::counter!(ARCHIVED).increment(count);
}

pub(crate) fn trimmed(count: u64) {
    metrics::counter!(ARCHIVE_TRIMMED).increment(count);
}

pub(crate) fn signal(signal: &'static str) {
    metrics::counter!(SIGNALS, "signal" => signal).increment(1);
}

pub(crate) fn decisions(count: usize) {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    metrics::counter!(DECISIONS).increment(count);
}

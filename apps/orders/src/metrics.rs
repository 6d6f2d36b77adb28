//! The metrics of the orders service, declared in one place.

use ::metrics::{counter, gauge};

/// Orders accepted.
const ACCEPTED: &str = "gozon_orders_accepted_total";
/// Orders settled. Label `status`: `FINISHED` or `CANCELLED`.
const SETTLED: &str = "gozon_orders_settled_total";
/// `order_created` events sent again by the reconciler. 0 in healthy runs.
const REEMITTED: &str = "gozon_orders_reemitted_total";
/// Verdicts that contradict the order's status. Alert on any: someone paid for
/// a cancelled order, or an order was finished without money.
const CONTRADICTED: &str = "gozon_orders_contradicted_total";
/// Open WebSockets of this instance.
const WATCHERS: &str = "gozon_orders_watchers";
/// WebSockets closed because their client did not read.
const TOO_SLOW: &str = "gozon_orders_watchers_too_slow_total";

pub(crate) fn accepted() {
    counter!(ACCEPTED).increment(1);
}

pub(crate) fn settled(status: &'static str) {
    counter!(SETTLED, "status" => status).increment(1);
}

pub(crate) fn reemitted(count: usize) {
    counter!(REEMITTED).increment(count as u64);
}

pub(crate) fn contradicted() {
    counter!(CONTRADICTED).increment(1);
}

pub(crate) fn watchers(count: usize) {
    // A gauge is a float; 10,000 sockets at most are exact in it.
    gauge!(WATCHERS).set(u32::try_from(count).unwrap_or(u32::MAX));
}

pub(crate) fn too_slow(count: usize) {
    if count > 0 {
        counter!(TOO_SLOW).increment(count as u64);
    }
}

//! The metrics of the payments service, declared in one place.

use ::metrics::counter;

/// Orders decided. Label `outcome`: `paid`, `insufficient_funds`, `no_account`
/// or `repeated` (a stored decision was sent again).
const DECIDED: &str = "gozon_payments_decided_total";
/// Top-ups booked.
const TOPPED_UP: &str = "gozon_payments_topups_total";
/// Accounts opened.
const OPENED: &str = "gozon_payments_accounts_opened_total";

pub(crate) fn decided(outcome: &'static str, count: usize) {
    if count > 0 {
        counter!(DECIDED, "outcome" => outcome).increment(count as u64);
    }
}

pub(crate) fn topped_up() {
    counter!(TOPPED_UP).increment(1);
}

pub(crate) fn opened() {
    counter!(OPENED).increment(1);
}

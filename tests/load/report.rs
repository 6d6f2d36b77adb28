//! One Markdown table.

use std::fmt;
use std::time::Duration;

/// The rows so far.
#[derive(Default)]
pub(crate) struct Report(Vec<(String, String)>);

impl Report {
    pub(crate) fn row(&mut self, measure: impl Into<String>, value: impl Into<String>) {
        self.0.push((measure.into(), value.into()));
    }

    /// The quantiles that the plan names.
    pub(crate) fn latency(&mut self, measure: &str, durations: &[Duration]) {
        let mut sorted = durations.to_vec();
        sorted.sort_unstable();
        let at = |percent: usize| {
            // The smallest value that is not below this share of all.
            let rank = (sorted.len() * percent).div_ceil(100).max(1);
            let micros = sorted.get(rank - 1).map_or(0, Duration::as_micros);
            format!("{}.{:02}", micros / 1000, micros % 1000 / 10)
        };
        let [p50, p90, p99, max] = [50, 90, 99, 100].map(at);
        let value = format!("p50 {p50} ms, p90 {p90}, p99 {p99}, max {max}");
        self.row(format!("{measure} ({} orders)", sorted.len()), value);
    }

    pub(crate) fn rate(&mut self, measure: &str, orders: usize, within: Duration) {
        let millis = within.as_millis();
        let rate = per_order(
            u128::try_from(orders).unwrap_or(0) * 1000,
            within.as_millis(),
        );
        let value = format!(
            "{rate} per second ({orders} in {}.{:03} s)",
            millis / 1000,
            millis % 1000
        );
        self.row(measure, value);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| measure | value |\n|---|---|")?;
        for (measure, value) in &self.0 {
            writeln!(f, "| {measure} | {value} |")?;
        }
        Ok(())
    }
}

/// Rounded to the nearest; 0 when nothing was ordered.
pub(crate) fn per_order(total: u128, orders: impl TryInto<u128>) -> u128 {
    match orders.try_into() {
        Ok(orders) if orders > 0 => (total + orders / 2) / orders,
        _ => 0,
    }
}

//! One Markdown table.

use std::fmt;
use std::time::Duration;

/// The rows so far.
#[derive(Debug, Default)]
pub struct Report(Vec<(String, String)>);

impl Report {
    /// Adds a row as it is.
    pub fn row(&mut self, measure: impl Into<String>, value: impl Into<String>) {
        self.0.push((measure.into(), value.into()));
    }

    /// Adds the median, the tail and the worst of these.
    pub fn latency(&mut self, measure: &str, durations: &[Duration]) {
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
        self.row(format!("{measure} ({} times)", sorted.len()), value);
    }

    /// Adds how many per second, and returns it.
    pub fn rate(&mut self, measure: &str, count: usize, within: Duration) -> u128 {
        let millis = within.as_millis();
        let rate = per_unit(
            u128::try_from(count).unwrap_or(0) * 1000,
            within.as_millis(),
        );
        let value = format!(
            "{rate} per second ({count} in {}.{:03} s)",
            millis / 1000,
            millis % 1000
        );
        self.row(measure, value);
        rate
    }

    /// Adds one number as a share of another, in percent.
    pub fn share(&mut self, measure: &str, part: u128, whole: u128) {
        self.row(measure, format!("{} %", per_unit(part * 100, whole)));
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

/// `total / units`, rounded to the nearest; 0 without units.
pub fn per_unit(total: u128, units: impl TryInto<u128>) -> u128 {
    match units.try_into() {
        Ok(units) if units > 0 => (total + units / 2) / units,
        _ => 0,
    }
}

use std::fmt;

use crate::dead_letters::DeadLetters;

/// Which program this is: what `--help` and log lines call it.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// The binary's name, such as `gozon-orders`.
    pub name: &'static str,
    /// The label `service` of its metrics and logs, such as `orders`.
    pub label: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Normally `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// Where it listens unless `GOZON_BIND` says otherwise.
    pub bind: &'static str,
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation<S> {
    /// Run the service.
    Serve(S),
    /// Ask the running service how it is.
    Healthcheck(S, Probe),
    /// Look at dead letters, or decide about them.
    DeadLetters(S, DeadLetters),
}

/// Which question a health check asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// `/readyz`: can it do its work?
    Ready,
    /// `/livez`: does it answer at all?
    Live,
}

/// Why a program does not start.
#[derive(Debug)]
pub enum Stop {
    /// The text of `--help` or `--version`; exit code 0.
    Help(String),
    /// A wrong setting; exit code 2.
    Wrong(SettingsError),
}

/// A setting that stops the start. One line: the variable, what is wrong, how
/// to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {reason}")]
pub struct SettingsError {
    variable: String,
    reason: String,
}

impl SettingsError {
    /// `reason` says what is wrong and what to do; it must not hold a secret.
    pub fn new(variable: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self {
            variable: variable.into(),
            // One line, whatever a library's message looks like.
            reason: reason.to_string().replace(['\n', '\r'], " "),
        }
    }

    /// The variable, such as `DATABASE_URL`.
    pub fn variable(&self) -> &str {
        &self.variable
    }
}

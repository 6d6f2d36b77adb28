/// How a [`Ledger`](crate::Ledger) works.
#[derive(Debug, Clone)]
pub struct LedgerConfig {
    /// Transfers in one call at most; more are refused with
    /// [`crate::LedgerError::BatchTooLarge`]. At least 1. Default 1,000.
    pub max_batch: usize,
    /// What one transfer may carry.
    pub limits: Limits,
    /// How often `post` tries when another transaction is in its way, the
    /// first time included. At least 1. Default 5. (`post_in` never repeats: the
    /// transaction is the caller's.)
    pub attempts: u32,
    /// Entries on one page of a statement at most; a larger `limit` is cut to
    /// it. At least 1. Default 1,000.
    pub max_page: u32,
    /// Rows that `verify` reads at once. At least 1. Default 1,000.
    pub verify_page: u32,
    /// Findings after which `verify` stops collecting. At least 1. Default 1,000.
    pub max_findings: usize,
}

/// What one transfer may carry.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Legs at most; at least 2. Default 100.
    pub max_legs: usize,
    /// Bytes of metadata at most; 0 allows none. Default 4,096.
    pub max_metadata_bytes: usize,
}

impl Limits {
    /// Bytes of a code at most.
    pub const CODE_BYTES: usize = 64;
    /// Bytes of a reference at most.
    pub const REFERENCE_BYTES: usize = 255;
    /// Bytes of a reason for a change of an account at most.
    pub const REASON_BYTES: usize = 1_024;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_legs: 100,
            max_metadata_bytes: 4_096,
        }
    }
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self {
            max_batch: 1_000,
            limits: Limits::default(),
            attempts: 5,
            max_page: 1_000,
            verify_page: 1_000,
            max_findings: 1_000,
        }
    }
}

impl LedgerConfig {
    /// Says what cannot work.
    ///
    /// # Errors
    /// Names the first field that is wrong and what it must be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let rules = [
            ("max_batch", self.max_batch >= 1, "at least 1"),
            ("limits.max_legs", self.limits.max_legs >= 2, "at least 2"),
            ("attempts", self.attempts >= 1, "at least 1"),
            ("max_page", self.max_page >= 1, "at least 1"),
            ("verify_page", self.verify_page >= 1, "at least 1"),
            ("max_findings", self.max_findings >= 1, "at least 1"),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            None => Ok(()),
            Some((field, _, must)) => Err(ConfigError { field, must }),
        }
    }
}

/// A setting cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ledger setting `{field}` must be {must}")]
pub struct ConfigError {
    /// The field of [`LedgerConfig`].
    pub field: &'static str,
    /// What it must be.
    pub must: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_cannot_work_is_named() {
        let config = LedgerConfig {
            max_page: 0,
            ..LedgerConfig::default()
        };

        assert_eq!(config.validate().unwrap_err().field, "max_page");
        assert!(LedgerConfig::default().validate().is_ok());
    }
}

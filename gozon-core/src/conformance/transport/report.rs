use std::fmt;

use super::Verdict;

/// What became of each rule.
#[derive(Debug, Default)]
pub struct Report(Vec<(&'static str, Verdict)>);

impl Report {
    /// Writes down what became of a rule.
    pub fn add(&mut self, rule: &'static str, verdict: Verdict) {
        self.0.push((rule, verdict));
    }

    /// The names of the broken rules.
    pub fn failed(&self) -> Vec<&'static str> {
        let failed = self.0.iter().filter(|(_, verdict)| verdict.is_err());
        failed.map(|(rule, _)| *rule).collect()
    }

    /// Nothing, when every rule held.
    ///
    /// # Errors
    /// The report itself, when one did not: it reads as the list of the broken
    /// rules with their reasons.
    pub fn into_result(self) -> Result<(), Self> {
        if self.failed().is_empty() {
            Ok(())
        } else {
            Err(self)
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failed().len();
        write!(f, "{failed} of {} rules are broken", self.0.len())?;
        for (rule, verdict) in &self.0 {
            if let Err(violation) = verdict {
                write!(f, "\n  {rule}: {violation}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

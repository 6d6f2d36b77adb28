/// Who decides about a message that was given up, and why. Both are kept with
/// the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// A person, or the tool that acts for one; 1 to 200 characters.
    pub by: String,
    /// For those who come later; 1 to 1,000 characters.
    pub reason: String,
}

impl Signature {
    /// `by` decides so because of `reason`.
    pub fn new(by: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            by: by.into(),
            reason: reason.into(),
        }
    }

    /// Whether both can be kept, in every database, and say something.
    ///
    /// # Errors
    /// Names what is missing or too long.
    pub fn check(&self) -> Result<(), SignatureError> {
        for (field, text, limit) in [("by", &self.by, 200), ("reason", &self.reason, 1_000)] {
            let long = text.chars().count() > limit;
            // PostgreSQL's text holds no NUL.
            if long || text.trim().is_empty() || text.contains('\0') {
                return Err(SignatureError { field, limit });
            }
        }
        Ok(())
    }
}

/// A decision does not say who decides, or why: [`crate::ErrorClass::Reject`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a decision needs `{field}`: 1 to {limit} characters, not NUL, not spaces alone")]
pub struct SignatureError {
    /// The field of [`Signature`].
    pub field: &'static str,
    /// Characters at most.
    pub limit: usize,
}

/// What was decided about a message that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// It is tried once more.
    Replayed,
    /// It is given up for good. The decision holds it.
    Discarded,
}

impl Ruling {
    /// As it stands in tables, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
        }
    }

    /// Reads what stands in a table; `None` if it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Replayed, Self::Discarded]
            .into_iter()
            .find(|ruling| ruling.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_says_who_and_why() {
        let fine = Signature::new("a".repeat(200), "ю".repeat(1_000));
        assert_eq!(fine.check(), Ok(()));

        for (field, wrong) in [
            ("by", Signature::new("  ", "x")),
            ("by", Signature::new("a".repeat(201), "x")),
            ("by", Signature::new("maria\0", "x")),
            ("reason", Signature::new("maria", "")),
            ("reason", Signature::new("maria", "x".repeat(1_001))),
            ("reason", Signature::new("maria", "\0")),
        ] {
            let error = wrong.check().unwrap_err();
            assert_eq!(error.field, field);
            assert!(error.to_string().contains(field), "{error}");
        }
    }

    #[test]
    fn a_ruling_survives_its_table() {
        for ruling in [Ruling::Replayed, Ruling::Discarded] {
            assert_eq!(Ruling::parse(ruling.as_str()), Some(ruling));
        }
        assert_eq!(Ruling::parse("forgotten"), None);
    }
}

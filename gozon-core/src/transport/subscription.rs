use super::TransportError;

/// Who gets the messages of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubscriptionKind {
    /// A queue of its own that outlives everyone. Instances that subscribe
    /// under one name compete: each message goes to one of them.
    Durable,
    /// Each live instance gets a copy. Nothing is kept for the absent.
    Broadcast,
}

/// Which messages someone wants, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// `<service>.<subscription>`, such as `payments.orders`; names the queue.
    pub name: String,
    /// The event types wanted, each exactly.
    pub types: Vec<String>,
    /// Durable or broadcast.
    pub kind: SubscriptionKind,
    /// How many deliveries may be unacknowledged at once, 1–1000.
    pub prefetch: u16,
}

impl Subscription {
    /// A durable subscription with a prefetch of 128.
    pub fn durable(name: impl Into<String>, types: &[&str]) -> Self {
        Self::new(name.into(), types, SubscriptionKind::Durable)
    }

    /// A broadcast subscription with a prefetch of 128.
    pub fn broadcast(name: impl Into<String>, types: &[&str]) -> Self {
        Self::new(name.into(), types, SubscriptionKind::Broadcast)
    }

    fn new(name: String, types: &[&str], kind: SubscriptionKind) -> Self {
        Self {
            name,
            types: types.iter().map(|kind| (*kind).to_owned()).collect(),
            kind,
            prefetch: 128,
        }
    }

    /// Sets how many deliveries may be unacknowledged at once.
    #[must_use]
    pub fn with_prefetch(mut self, prefetch: u16) -> Self {
        self.prefetch = prefetch;
        self
    }

    /// Checks that name, types and prefetch make sense. Transports call it
    /// before they declare anything.
    ///
    /// # Errors
    /// [`TransportError::Config`] names the first field that does not.
    pub fn validate(&self) -> Result<(), TransportError> {
        let wrong = |field, reason: &str| {
            Err(TransportError::Config {
                field,
                reason: reason.to_owned(),
            })
        };
        if self.name.is_empty() {
            return wrong("name", "must not be empty");
        }
        if self.types.is_empty() || self.types.iter().any(String::is_empty) {
            return wrong("types", "name at least one event type, none of them empty");
        }
        if !(1..=1000).contains(&self.prefetch) {
            return wrong("prefetch", "must be from 1 to 1000");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::ErrorClass;

    use super::*;

    #[test]
    fn a_subscription_names_the_field_that_makes_no_sense() {
        let fine = Subscription::durable("payments.orders", &["order_created"]);
        assert!(fine.validate().is_ok());
        assert!(fine.clone().with_prefetch(1).validate().is_ok());
        assert!(fine.clone().with_prefetch(1000).validate().is_ok());

        for (field, wrong) in [
            ("name", Subscription::durable("", &["order_created"])),
            ("types", Subscription::broadcast("orders.live", &[])),
            (
                "types",
                Subscription::durable("payments.orders", &["order_created", ""]),
            ),
            ("prefetch", fine.clone().with_prefetch(0)),
            ("prefetch", fine.with_prefetch(1001)),
        ] {
            let error = wrong.validate().unwrap_err();
            assert!(error.to_string().starts_with(field), "{error}");
            assert_eq!(error.class(), ErrorClass::Reject);
        }
    }

    #[test]
    fn only_what_may_pass_is_worth_a_retry() {
        let reason = String::new;
        let classes = [
            (
                TransportError::Unavailable { reason: reason() },
                ErrorClass::Retry,
            ),
            (
                TransportError::Timeout(Duration::from_secs(1)),
                ErrorClass::Retry,
            ),
            (
                TransportError::Mismatch {
                    what: "queue".into(),
                    reason: reason(),
                },
                ErrorClass::Reject,
            ),
            (TransportError::Closed, ErrorClass::Bug),
        ];
        for (error, class) in classes {
            assert_eq!(error.class(), class, "{error}");
        }
    }
}

use super::TransportError;
use crate::{Envelope, SLOTS};

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
    /// How many deliveries may be unacknowledged at once, 1–1000. With order,
    /// the partitions share it evenly, see [`Subscription::partition_prefetch`].
    pub prefetch: u16,
    /// Over how many partitions the keys are spread to keep their order, see
    /// [`Subscription::with_order`]. None: instances compete, without order.
    pub partitions: Option<u16>,
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
            partitions: None,
        }
    }

    /// Sets how many deliveries may be unacknowledged at once.
    #[must_use]
    pub fn with_prefetch(mut self, prefetch: u16) -> Self {
        self.prefetch = prefetch;
        self
    }

    /// Asks for order per key while several instances consume. Durable
    /// subscriptions only; 1 to [`SLOTS`] partitions, a power of two spreads the
    /// keys most evenly. More partitions than there will ever be instances.
    ///
    /// **Partitions.** A message belongs to partition
    /// [`slot`](Envelope::slot) modulo `partitions`: all messages of a key to
    /// one, those without a key to any. **Order.** The deliveries of a partition
    /// go to one live consumer at a time, in the order in which they were
    /// published. A consumer that comes gets a partition only once its holder
    /// has settled all it holds of it, or has gone; the next one begins with
    /// what was not acknowledged, in order, flagged `redelivered`. **Sharing.**
    /// Each consumer gets all partitions that no other has; how evenly several
    /// share them is the transport's affair. **Batches** may mix partitions;
    /// each keeps its order within and across them. **Giving back.** What is
    /// requeued returns to its place: it comes again before anything later of
    /// its partition that was not handed out yet. Who already holds later ones
    /// of its key requeues those too, whichever first.
    ///
    /// **Changing it.** The number is part of the queue: declared with another
    /// one, or once with order and once without, it is a
    /// [`TransportError::Mismatch`].
    #[must_use]
    pub fn with_order(mut self, partitions: u16) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// How many deliveries of one partition may be unacknowledged at once: an
    /// even share of the prefetch, at least one. Without order, the whole.
    pub fn partition_prefetch(&self) -> u16 {
        let partitions = self.partitions.unwrap_or(1).max(1);
        (self.prefetch / partitions).max(1)
    }

    /// The partition that a message belongs to; none without order.
    pub fn partition_of(&self, message: &Envelope) -> Option<u16> {
        self.partitions
            .map(|partitions| message.slot() % partitions.max(1))
    }

    /// Checks that name, types, prefetch and order make sense. Transports call
    /// it before they declare anything.
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
        let Some(partitions) = self.partitions else {
            return Ok(());
        };
        if self.kind != SubscriptionKind::Durable {
            return wrong("partitions", "only a durable subscription keeps order");
        }
        if !(1..=SLOTS).contains(&partitions) {
            return wrong("partitions", "must be from 1 to 64");
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
        assert!(fine.clone().with_order(1).validate().is_ok());
        assert!(fine.clone().with_order(SLOTS).validate().is_ok());

        for (field, wrong) in [
            ("name", Subscription::durable("", &["order_created"])),
            ("types", Subscription::broadcast("orders.live", &[])),
            (
                "types",
                Subscription::durable("payments.orders", &["order_created", ""]),
            ),
            ("prefetch", fine.clone().with_prefetch(0)),
            ("prefetch", fine.clone().with_prefetch(1001)),
            ("partitions", fine.clone().with_order(0)),
            ("partitions", fine.with_order(SLOTS + 1)),
            (
                "partitions",
                Subscription::broadcast("orders.live", &["changed"]).with_order(4),
            ),
        ] {
            let error = wrong.validate().unwrap_err();
            assert!(error.to_string().starts_with(field), "{error}");
            assert_eq!(error.class(), ErrorClass::Reject);
        }
    }

    #[test]
    fn partitions_share_the_prefetch_evenly_and_none_goes_without() {
        let plain = Subscription::durable("payments.orders", &["order_created"]);
        assert_eq!(plain.partition_prefetch(), 128);
        assert_eq!(plain.clone().with_order(16).partition_prefetch(), 8);
        let narrow = plain.with_prefetch(3).with_order(16);
        assert_eq!(narrow.partition_prefetch(), 1);
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

//! The names of exchange and queues, and what must be declared.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gozon_core::{Subscription, SubscriptionKind, TransportError};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Connection, ExchangeKind};
use uuid::Uuid;

use crate::AmqpConfig;
use crate::fault::Fault;
use crate::link::Role;
use crate::ordered::Ordered;

/// The default of RabbitMQ 4.0 drops a message after 20 returns to the queue;
/// `-1` makes 3.10 drop it at the first. Attempts are counted in the inbox.
const DELIVERY_LIMIT: i32 = 1_000_000_000;

const MAX_NAME_BYTES: usize = 128;

/// What this process declared, and how things are called.
pub(crate) struct Topology {
    prefix: String,
    exchange: ShortString,
    broadcast_types: HashSet<String>,
    known: Mutex<HashMap<String, Subscription>>,
}

impl Topology {
    pub(crate) fn new(config: &AmqpConfig) -> Result<Self, TransportError> {
        let exchange = format!("{}{}", config.prefix, config.exchange);
        Ok(Self {
            prefix: config.prefix.clone(),
            exchange: short("exchange", exchange)?,
            broadcast_types: config.broadcast_types.iter().cloned().collect(),
            known: Mutex::default(),
        })
    }

    pub(crate) fn exchange(&self) -> ShortString {
        self.exchange.clone()
    }

    /// Checks a subscription and keeps it, to be declared again whenever the
    /// connection is rebuilt.
    pub(crate) fn remember(&self, subscription: &Subscription) -> Result<(), TransportError> {
        check(subscription)?;
        let mut known = self.known();
        match known.get(&subscription.name) {
            Some(earlier) if !same(earlier, subscription) => Err(TransportError::Mismatch {
                what: format!("subscription {}", subscription.name),
                reason: format!(
                    "this process declared it as {} before, now as {}",
                    described(earlier),
                    described(subscription)
                ),
            }),
            Some(_) => Ok(()),
            None => {
                known.insert(subscription.name.clone(), subscription.clone());
                Ok(())
            }
        }
    }

    /// Takes back [`Topology::remember`], for what the broker refused.
    pub(crate) fn forget(&self, subscription: &Subscription) {
        self.known().remove(&subscription.name);
    }

    /// Whether messages of this type have, as far as we were told, no other
    /// audience than broadcast subscribers.
    pub(crate) fn is_broadcast_only(&self, kind: &str) -> bool {
        let wanted = |by: SubscriptionKind| {
            self.known()
                .values()
                .any(|known| known.kind == by && known.types.iter().any(|wanted| wanted == kind))
        };
        (self.broadcast_types.contains(kind) || wanted(SubscriptionKind::Broadcast))
            && !wanted(SubscriptionKind::Durable)
    }

    /// Declares the exchange, and for consumers all that is remembered.
    pub(crate) async fn declare_all(
        &self,
        connection: &Connection,
        role: Role,
    ) -> Result<(), Fault> {
        let channel = connection.create_channel().await?;
        self.declare_exchange(&channel).await?;
        close(channel).await;
        if role == Role::Publish {
            return Ok(());
        }
        let known: Vec<_> = self.known().values().cloned().collect();
        for subscription in known {
            if subscription.kind == SubscriptionKind::Broadcast {
                continue;
            }
            let channel = connection.create_channel().await?;
            match self.declare_queues(&channel, &subscription, None).await {
                Ok(_) => close(channel).await,
                // One bad queue must not keep all others from working.
                Err(Fault::Refused(reason)) => {
                    tracing::error!(subscription = subscription.name, reason, "queue mismatch");
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    pub(crate) async fn declare_exchange(&self, channel: &Channel) -> Result<(), Fault> {
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        channel
            .exchange_declare(
                self.exchange(),
                ExchangeKind::Topic,
                durable,
                FieldTable::default(),
            )
            .await?;
        Ok(())
    }

    /// A name for the queue of one broadcast subscriber, a new one each time;
    /// `None` where the queues belong to the subscription.
    pub(crate) fn own_queue(
        &self,
        subscription: &Subscription,
    ) -> Result<Option<ShortString>, Fault> {
        if subscription.kind != SubscriptionKind::Broadcast {
            return Ok(None);
        }
        let (prefix, name) = (&self.prefix, &subscription.name);
        let name = format!("{prefix}{name}.{}", Uuid::new_v4().simple());
        let name = ShortString::try_new(name);
        Ok(Some(
            name.map_err(|error| Fault::Refused(error.to_string()))?,
        ))
    }

    /// Declares a subscription's queues and binds them; answers their names,
    /// one for each partition. `own` is a broadcast subscriber's own.
    pub(crate) async fn declare_queues(
        &self,
        channel: &Channel,
        subscription: &Subscription,
        own: Option<ShortString>,
    ) -> Result<Vec<ShortString>, Fault> {
        let base = format!("{}{}", self.prefix, subscription.name);
        let mut arguments = FieldTable::default();
        let (name, options) = match own {
            None => {
                arguments.insert("x-queue-type".into(), text("quorum"));
                arguments.insert(
                    "x-delivery-limit".into(),
                    AMQPValue::LongInt(DELIVERY_LIMIT),
                );
                if let Some(partitions) = subscription.partitions {
                    let base = base.as_str();
                    return Ordered { base, partitions }
                        .declare(channel, &self.exchange, &subscription.types, &arguments)
                        .await;
                }
                let base = ShortString::try_new(base);
                let base = base.map_err(|error| Fault::Refused(error.to_string()))?;
                (base, QueueDeclareOptions::durable())
            }
            Some(name) => {
                // Said aloud: where quorum is the virtual host's default type,
                // an exclusive queue without it would be refused.
                arguments.insert("x-queue-type".into(), text("classic"));
                (name, QueueDeclareOptions::exclusive().auto_delete())
            }
        };
        channel
            .queue_declare(name.clone(), options, arguments)
            .await?;
        for kind in &subscription.types {
            let key = ShortString::try_new(kind.as_str())
                .map_err(|error| Fault::Refused(error.to_string()))?;
            channel
                .queue_bind(
                    name.clone(),
                    self.exchange(),
                    key,
                    QueueBindOptions::default(),
                    FieldTable::default(),
                )
                .await?;
        }
        Ok(vec![name])
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Subscription>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes a channel that did its work. Its errors do not matter any more.
pub(crate) async fn close(channel: Channel) {
    let _ = channel.close(200, "OK".into()).await;
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

fn short(field: &'static str, value: String) -> Result<ShortString, TransportError> {
    ShortString::try_new(value).map_err(|error| TransportError::Config {
        field,
        reason: error.to_string(),
    })
}

/// The prefetch may differ; it belongs to the consumer, not to the queue.
fn same(one: &Subscription, other: &Subscription) -> bool {
    let types = |subscription: &Subscription| -> HashSet<String> {
        subscription.types.iter().cloned().collect()
    };
    one.kind == other.kind && types(one) == types(other) && one.partitions == other.partitions
}

fn described(subscription: &Subscription) -> String {
    let order = match subscription.partitions {
        Some(partitions) => format!("with {partitions} ordered partitions"),
        None => "without order".to_owned(),
    };
    format!(
        "{:?} of {:?} {order}",
        subscription.kind, subscription.types
    )
}

fn check(subscription: &Subscription) -> Result<(), TransportError> {
    let wrong = |field, reason: &str| {
        Err(TransportError::Config {
            field,
            reason: format!("subscription {:?}: {reason}", subscription.name),
        })
    };
    if subscription.name.is_empty() || subscription.name.len() > MAX_NAME_BYTES {
        return wrong("name", "use 1 to 128 bytes");
    }
    subscription.validate()?;
    // In a binding of a topic exchange these two are wildcards.
    let exact = |kind: &String| (1..=255).contains(&kind.len()) && !kind.contains(['*', '#']);
    if !subscription.types.iter().all(exact) {
        return wrong(
            "types",
            "each is one event type of 1 to 255 bytes, without * and #",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topology() -> Topology {
        Topology::new(&AmqpConfig::new("amqp://localhost").with_broadcast_type("told")).unwrap()
    }

    #[test]
    fn the_same_subscription_twice_is_harmless_and_another_one_is_a_mismatch() {
        let topology = topology();
        let first = Subscription::durable("a.b", &["x", "y"]);
        topology.remember(&first).unwrap();

        topology
            .remember(&Subscription::durable("a.b", &["y", "x"]).with_prefetch(1))
            .unwrap();
        for other in [
            Subscription::durable("a.b", &["x"]),
            Subscription::broadcast("a.b", &["x", "y"]),
            Subscription::durable("a.b", &["x", "y"]).with_order(4),
        ] {
            assert!(matches!(
                topology.remember(&other),
                Err(TransportError::Mismatch { .. })
            ));
        }
    }

    #[test]
    fn a_type_with_a_durable_subscriber_is_not_broadcast_only() {
        let topology = topology();
        assert!(topology.is_broadcast_only("told"));
        assert!(!topology.is_broadcast_only("x"));

        topology
            .remember(&Subscription::broadcast("b", &["x"]))
            .unwrap();
        assert!(topology.is_broadcast_only("x"));

        topology
            .remember(&Subscription::durable("d", &["x", "told"]))
            .unwrap();
        assert!(!topology.is_broadcast_only("x"));
        assert!(!topology.is_broadcast_only("told"));
    }

    #[test]
    fn subscriptions_that_make_no_sense_name_the_field() {
        let topology = topology();
        for (subscription, field) in [
            (Subscription::durable("", &["x"]), "name"),
            (Subscription::durable("a", &[]), "types"),
            (Subscription::durable("a", &["#"]), "types"),
            (
                Subscription::durable("a", &["x"]).with_prefetch(0),
                "prefetch",
            ),
            (
                Subscription::durable("a", &["x"]).with_prefetch(1001),
                "prefetch",
            ),
            (
                Subscription::durable("a", &["x"]).with_order(65),
                "partitions",
            ),
        ] {
            assert!(matches!(
                topology.remember(&subscription),
                Err(TransportError::Config { field: found, .. }) if found == field
            ));
        }
    }
}

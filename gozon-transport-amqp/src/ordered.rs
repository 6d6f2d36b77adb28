//! An ordered subscription at the broker: one queue for each partition, served
//! to one consumer at a time (ADR 10).
//!
//! ```text
//! gozon.events ──type──▶ <name>.ordered ──gozon-slot-*──▶ <name>, <name>.1, <name>.2, …
//!  (topic)                (headers)    └──no slot──▶ <name>.ordered.rest.<partitions> ──▶ <name>
//!                                        (alternate)  (fanout)
//! ```

use gozon_core::SLOTS;
use lapin::options::{
    ExchangeBindOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};
use uuid::Uuid;

use crate::cloud_events::SLOT_HEADER;
use crate::fault::Fault;

/// The names at the broker of one ordered subscription.
pub(crate) struct Ordered<'a> {
    /// The subscription's name behind the prefix.
    pub(crate) base: &'a str,
    pub(crate) partitions: u16,
}

impl Ordered<'_> {
    /// Declares and binds everything; answers the queues, by partition.
    ///
    /// The order matters. Whatever can be refused comes first and leaves nothing
    /// behind; the way in comes last, so that no message finds half the slots
    /// bound. A queue that someone deleted is missing for a moment all the same:
    /// what has its slots waits in the first queue then, and is not lost.
    pub(crate) async fn declare(
        &self,
        channel: &Channel,
        events: &ShortString,
        types: &[String],
        arguments: &FieldTable,
    ) -> Result<Vec<ShortString>, Fault> {
        let (by_slot, rest) = (self.by_slot()?, self.rest()?);
        let mut single = arguments.clone();
        single.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        // Called as a queue without order would be, so that the broker refuses
        // one subscription once with order and once without.
        self.queue(channel, 0, &single).await?;
        let mut alternate = FieldTable::default();
        // RabbitMQ compares of an exchange's arguments this one alone. The name
        // tells the number of partitions, so that another number is refused.
        alternate.insert(
            "alternate-exchange".into(),
            AMQPValue::LongString(rest.as_str().into()),
        );
        exchange(channel, &by_slot, ExchangeKind::Headers, alternate)
            .await
            .map_err(|fault| self.explained(fault))?;

        let mut queues = Vec::with_capacity(usize::from(self.partitions));
        for partition in 0..self.partitions {
            queues.push(self.queue(channel, partition, &single).await?);
        }
        exchange(channel, &rest, ExchangeKind::Fanout, FieldTable::default()).await?;
        bind(channel, &queues[..1], &rest, |_| Ok(FieldTable::default())).await?;
        bind(channel, &queues, &by_slot, |partition| {
            self.slots(partition)
        })
        .await?;
        for kind in types {
            let kind = name(kind.as_str())?;
            channel
                .exchange_bind(
                    by_slot.clone(),
                    events.clone(),
                    kind,
                    ExchangeBindOptions::default(),
                    FieldTable::default(),
                )
                .await?;
        }
        Ok(queues)
    }

    async fn queue(
        &self,
        channel: &Channel,
        partition: u16,
        arguments: &FieldTable,
    ) -> Result<ShortString, Fault> {
        let name = self.name(partition)?;
        channel
            .queue_declare(
                name.clone(),
                QueueDeclareOptions::durable(),
                arguments.clone(),
            )
            .await?;
        Ok(name)
    }

    fn name(&self, partition: u16) -> Result<ShortString, Fault> {
        match partition {
            0 => name(self.base),
            other => name(format!("{}.{other}", self.base)),
        }
    }

    /// Matches a message of any slot of this partition.
    fn slots(&self, partition: u16) -> Result<FieldTable, Fault> {
        let mut table = FieldTable::default();
        table.insert("x-match".into(), AMQPValue::LongString("any".into()));
        for slot in (0..SLOTS).filter(|slot| slot % self.partitions == partition) {
            let header = name(format!("{SLOT_HEADER}{slot}"))?;
            table.insert(header, AMQPValue::Boolean(true));
        }
        Ok(table)
    }

    fn by_slot(&self) -> Result<ShortString, Fault> {
        name(format!("{}.ordered", self.base))
    }

    fn rest(&self) -> Result<ShortString, Fault> {
        name(format!("{}.ordered.rest.{}", self.base, self.partitions))
    }

    fn explained(&self, fault: Fault) -> Fault {
        match fault {
            Fault::Refused(reason) => Fault::Refused(format!(
                "it has another number of partitions at the broker than {}: drain it and delete its \
                 queues and exchanges first ({reason})",
                self.partitions
            )),
            other => other,
        }
    }
}

/// How much this instance wants a partition: instances draw lots for each, and
/// the broker serves whoever drew highest. So, on average, they share evenly
/// without knowing of each other, and one that comes or goes moves only its own
/// partitions. Before RabbitMQ 4.0 whoever came first is served.
pub(crate) fn priority(instance: Uuid, partition: u16) -> i32 {
    let lot = gozon_core::key_hash(&format!("{instance}/{partition}"));
    i32::try_from(lot % 1_000_000).unwrap_or(0)
}

async fn exchange(
    channel: &Channel,
    name: &ShortString,
    kind: ExchangeKind,
    arguments: FieldTable,
) -> Result<(), Fault> {
    let options = ExchangeDeclareOptions {
        durable: true,
        // No one publishes here but the broker.
        internal: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(name.clone(), kind, options, arguments)
        .await?;
    Ok(())
}

async fn bind(
    channel: &Channel,
    queues: &[ShortString],
    exchange: &ShortString,
    arguments: impl Fn(u16) -> Result<FieldTable, Fault>,
) -> Result<(), Fault> {
    for (partition, queue) in (0..).zip(queues) {
        channel
            .queue_bind(
                queue.clone(),
                exchange.clone(),
                "".into(),
                QueueBindOptions::default(),
                arguments(partition)?,
            )
            .await?;
    }
    Ok(())
}

fn name(text: impl AsRef<str>) -> Result<ShortString, Fault> {
    ShortString::try_new(text.as_ref()).map_err(|error| Fault::Refused(error.to_string()))
}
